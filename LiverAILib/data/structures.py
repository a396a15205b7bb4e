"""The structures that LiverAI knows: label, color and SNOMED CT code, as Slicer's terminologies have them."""

from __future__ import annotations

from dataclasses import dataclass


def same_name(one: str, other: str) -> bool:
    """Whether two names are equal but for case, underscores and blanks."""
    return _normal(one) == _normal(other)


def _normal(name: str) -> str:
    return " ".join(name.replace("_", " ").split()).casefold()


@dataclass(frozen=True)
class Structure:
    """An anatomical structure in a label map.

    Attributes:
        name: Key in manifests and models ("right_kidney").
        title: As shown to a person ("Right kidney").
        label: Value in LiverAI's label maps; 0 where none of them holds it.
        color: RGB, 0..255. Organs differ for persons who see fewer colors too (Okabe and Ito 2008), over gray images and over
            heat maps.
        code: SNOMED CT code of the structure.
        meaning: SNOMED CT meaning of the code.
        laterality: SNOMED CT code and meaning of the side, or ("", "").
        other_codes: Further SNOMED CT codes that mean the same (one that includes the side, synonyms).
        other_names: Names that other tools give exactly this structure (TotalSegmentator: "kidney_right").
        region: SNOMED CT code of the anatomic region that a segment with `code` must have to be this one, or "".
    """

    name: str
    title: str
    label: int
    color: tuple[int, int, int]
    code: str
    meaning: str
    laterality: tuple[str, str] = ("", "")
    other_codes: tuple[str, ...] = ()
    region: str = ""
    other_names: tuple[str, ...] = ()

    def is_called(self, name: str) -> bool:
        """Whether a name is exactly that of this structure, but for case, underscores and blanks."""
        return any(same_name(name, one) for one in (self.name, self.title, *self.other_names))

    @property
    def terminology_entry(self) -> str:
        """The value of Slicer's segment tag `TerminologyEntry` (or `Segmentation.TerminologyEntry` in older versions)."""
        side = f"SCT^{self.laterality[0]}^{self.laterality[1]}" if self.laterality[0] else "^^"
        return (
            "Segmentation category and type - 3D Slicer General Anatomy list"
            f"~SCT^123037004^Anatomical Structure~SCT^{self.code}^{self.meaning}~{side}"
            "~Anatomic codes - DICOM master list~^^~^^"
        )


RIGHT, LEFT = ("24028007", "Right"), ("7771000", "Left")
LIVER_COLOR, KIDNEY_COLOR, SPLEEN_COLOR = (0, 200, 140), (0, 114, 210), (204, 121, 167)
VEIN_COLOR = (86, 180, 233)

LIVER = Structure("liver", "Liver", 1, LIVER_COLOR, "10200004", "Liver")
RIGHT_KIDNEY = Structure(
    "right_kidney",
    "Right kidney",
    2,
    KIDNEY_COLOR,
    "64033007",
    "Kidney",
    RIGHT,
    ("9846003",),
    other_names=("kidney_right",),
)
LEFT_KIDNEY = Structure(
    "left_kidney",
    "Left kidney",
    3,
    KIDNEY_COLOR,
    "64033007",
    "Kidney",
    LEFT,
    ("18639004",),
    other_names=("kidney_left",),
)
SPLEEN = Structure("spleen", "Spleen", 4, SPLEEN_COLOR, "78961009", "Spleen")

STRUCTURES = {s.name: s for s in (LIVER, RIGHT_KIDNEY, LEFT_KIDNEY, SPLEEN)}
"""What the segmentation networks mark, in the order of the labels."""

CAUDATE = Structure(
    "caudate", "Caudate lobe", 0, LIVER.color, "71133005", "Structure of caudate lobe of liver (body structure)"
)
RIGHT_LOBE = Structure("right_lobe", "Right lobe", 0, LIVER.color, "", "")
LEFT_LOBE = Structure("left_lobe", "Left lobe", 0, LIVER.color, "", "")
PORTAL_VEIN = Structure("portal_vein", "Portal vein", 0, VEIN_COLOR, "32764006", "Portal vein")
VESSELS = Structure("vessels", "Vessels", 0, VEIN_COLOR, "", "", other_names=("liver_vessels",))
LESIONS = Structure(
    "lesions",
    "Lesions",
    0,
    (144, 238, 144),
    "4147007",
    "Mass",
    other_codes=("52988006", "108369006"),
    region=LIVER.code,
    other_names=("liver_lesions", "liver_tumor"),
)

PART_STRUCTURES = {s.name: s for s in (CAUDATE, RIGHT_LOBE, LEFT_LOBE, PORTAL_VEIN, VESSELS, LESIONS)}
"""What measurements and explanations use beside the organs; no network marks them. The lobes and the vessels have no code in
Slicer's terminology."""

STOMACH = Structure("stomach", "Stomach", 0, (216, 132, 105), "69695003", "Stomach")
JUNCTION = Structure(
    "gastroesophageal_junction",
    "Gastro-esophageal junction",
    0,
    (211, 171, 143),
    "25271004",
    "Esophagogastric junction",
)
SPINAL_MUSCLE = Structure("spinal_muscle", "Spinal muscles", 0, (192, 104, 88), "", "")

REGION_STRUCTURES = {s.name: s for s in (STOMACH, JUNCTION, SPINAL_MUSCLE)}
"""What heat maps are compared with beside the organs and their parts (Nowak 2021, table 3)."""

KNOWN_STRUCTURES = {**STRUCTURES, **PART_STRUCTURES, **REGION_STRUCTURES}


def structure_named(name: str) -> Structure:
    """The known structure of that name, or one without a code, as further masks of a manifest have ("evidence")."""
    return KNOWN_STRUCTURES.get(name) or Structure(
        name, name.replace("_", " ").capitalize(), 0, (128, 174, 128), "", ""
    )
