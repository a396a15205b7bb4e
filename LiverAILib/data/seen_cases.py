"""Which patients a model has seen: what its card has to say so that it is never evaluated on one of them.

A card holds no patient identifier, only checksums. They are pseudonyms: whoever knows a patient's identifier can see
whether the patient was among the training cases, which is what they are for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from LiverAILib.data.cohort import Cohort, CohortRow
from LiverAILib.data.fingerprint import hash_image
from LiverAILib.data.model_card import ModelCard
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image

SHOWN = 5


def patient_checksum(patient_id: str) -> str:
    """Pseudonym of a patient: the first 16 hexadecimal digits of a SHA-256."""
    return hashlib.sha256(f"LiverAI patient {patient_id}".encode()).hexdigest()[:16]


class ImageHashes:
    """Checksums of the images of a cohort, noted while others read them, so that no file is read for its checksum alone."""

    def __init__(self) -> None:
        self._of_file: dict[Path, str] = {}

    def watch(self, cohort: Cohort) -> Cohort:
        """The same cohort; what is read from it is noted."""
        return replace(cohort, rows=tuple(replace(row, on_read=self._note) for row in cohort.rows))

    def of(self, row: CohortRow) -> list[str]:
        """`hash_image` of every image of the case; what has not been read is read now."""
        for role, files in row.images.items():
            if any(file not in self._of_file for file in files):
                replace(row, on_read=self._note).read_images(role)
        return [self._of_file[file] for files in row.images.values() for file in files]

    def _note(self, file: Path, image: Image) -> None:
        if file not in self._of_file:
            self._of_file[file] = hash_image(image)


def seen_cases(
    train: Sequence[CohortRow],
    validation: Sequence[CohortRow],
    *,
    images: bool = True,
    hashes: ImageHashes | None = None,
) -> dict[str, dict[str, list[str]]]:
    """The entry `SEEN` of a model's card: ``{"train": {"patients": [...], "images": [...]}, "validation": {...}}``.

    Args:
        train: Cases that the weights were fitted on; with weights of an earlier model, see `joined` for that one's.
        validation: Cases that the state of the network was chosen on.
        images: Also the checksums of the voxels, which find a patient under another name.
        hashes: Checksums that are known already; the other images are read.
    """
    hashes = hashes or ImageHashes()
    found = {}
    for split, rows in (("train", train), ("validation", validation)):
        names = {name for row in rows for name in (row.patient_id, row.group)}
        found[split] = {"patients": sorted(map(patient_checksum, names))}
        if images:
            found[split]["images"] = sorted({checksum for row in rows for checksum in hashes.of(row)})
    return found


def joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    """What either of two cards has seen: a model that goes on from another one has seen that one's cases too."""
    return {
        split: {
            key: sorted({*first.get(split, {}).get(key, ()), *second.get(split, {}).get(key, ())})
            for key in ("patients", "images")
        }
        for split in ("train", "validation")
    }


@dataclass(frozen=True)
class Seen:
    """What a model has seen, by the splits "train" and "validation".

    Attributes:
        patients: Checksums of patients, and of the groups that they belong to.
        images: Checksums of voxels (`hash_image`).
        known: False where the card does not say; then nothing can be refused.
    """

    patients: Mapping[str, frozenset[str]] = field(default_factory=dict)
    images: Mapping[str, frozenset[str]] = field(default_factory=dict)
    known: bool = False

    @classmethod
    def of(cls, card: ModelCard) -> Seen:
        """What a model's card says."""
        if card.seen is None:
            return cls()
        parts = {split: card.seen.get(split, {}) for split in ("train", "validation")}
        return cls(
            {split: frozenset(part.get("patients", ())) for split, part in parts.items()},
            {split: frozenset(part.get("images", ())) for split, part in parts.items()},
            True,
        )

    def refuse_patients(self, rows: Iterable[CohortRow], model: str, *, splits: Sequence[str]) -> None:
        """Refuse cases of patients that the model has seen in one of `splits`.

        Raises:
            UserError: Names the patients and the fix.
        """
        for split in splits:
            known = self.patients.get(split, frozenset())
            found = sorted(
                {
                    row.patient_id
                    for row in rows
                    if known & {patient_checksum(row.patient_id), patient_checksum(row.group)}
                }
            )
            if found:
                listed = ", ".join(found[:SHOWN]) + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
                what = "was trained on" if split == "train" else "was chosen on (validation)"
                raise UserError(
                    f"{model}: {what} patient {listed}; a model is not evaluated on patients that it has seen. Evaluate "
                    "other patients, or give --other-patients where the same identifiers name other people."
                )

    def refuse_image(self, checksum: str, case_id: str, model: str, *, splits: Sequence[str]) -> None:
        """Refuse an image that the model has seen in one of `splits`, whatever the patient is called here.

        Raises:
            UserError: Names the case and the fix.
        """
        for split in splits:
            if checksum in self.images.get(split, frozenset()):
                raise UserError(
                    f"{model}: case {case_id} is voxel-identical to a {split} case of this model; it cannot be "
                    "evaluated on it. Take the case out of the cohort, or its split."
                )
