"""The structures that LiverAI segments: label, color and SNOMED CT code, as Slicer's terminologies have them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Structure:
    """An anatomical structure in a label map.

    Attributes:
        name: Key in manifests and models ("right_kidney").
        title: As shown to a person ("Right kidney").
        label: Value in the label map.
        color: RGB, 0..255, the color of Slicer's General Anatomy list.
        code: SNOMED CT code of the structure.
        meaning: SNOMED CT meaning of the code.
        laterality: SNOMED CT code and meaning of the side, or ("", "").
    """

    name: str
    title: str
    label: int
    color: tuple[int, int, int]
    code: str
    meaning: str
    laterality: tuple[str, str] = ("", "")

    @property
    def terminology_entry(self) -> str:
        """The value of Slicer's segment tag `TerminologyEntry` (or `Segmentation.TerminologyEntry` in older versions)."""
        side = f"SCT^{self.laterality[0]}^{self.laterality[1]}" if self.laterality[0] else "^^"
        return (
            "Segmentation category and type - 3D Slicer General Anatomy list"
            f"~SCT^123037004^Anatomical Structure~SCT^{self.code}^{self.meaning}~{side}"
            "~Anatomic codes - DICOM master list~^^~^^"
        )


LIVER = Structure("liver", "Liver", 1, (221, 130, 101), "10200004", "Liver")
RIGHT_KIDNEY = Structure("right_kidney", "Right kidney", 2, (185, 102, 83), "64033007", "Kidney", ("24028007", "Right"))
LEFT_KIDNEY = Structure("left_kidney", "Left kidney", 3, (185, 102, 83), "64033007", "Kidney", ("7771000", "Left"))
SPLEEN = Structure("spleen", "Spleen", 4, (157, 108, 162), "78961009", "Spleen")

STRUCTURES = {s.name: s for s in (LIVER, RIGHT_KIDNEY, LEFT_KIDNEY, SPLEEN)}
