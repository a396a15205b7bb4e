"""Fingerprints: whether two assessments would have the same result. Every "already done" check compares these only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from LiverAILib import __version__
from LiverAILib.data.case import Case
from LiverAILib.data.model import Model
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.imaging.image import IDENTIFIERS, SERIES_UID, SOURCE_FILES, Image

FORMAT = 1
"""Increased when the content of a fingerprint changes."""

NAMES_ONLY = ("path", "name", SERIES_UID, "series_description", SOURCE_FILES, IDENTIFIERS)
"""Entries of `Image.meta` that only name the image. Whatever else the file says may decide a warning or a measurement."""

DESCRIPTIVE_COLUMNS = ("scanner", "site", "source", "year", "notes", "comment", "comments")
DESCRIPTIVE_PREFIXES = ("reader:", "score:")
"""Columns of a cohort manifest that describe a case for the statistics and take no part in its assessment."""


@dataclass(frozen=True)
class Fingerprint:
    """Everything that decides the result of an assessment, as checksums and settings.

    Attributes:
        parts: JSON-able, by what it is about: "images", "masks", "covariates", "request", "model", ...
    """

    parts: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """Checksum of all parts: equal for two assessments with the same result."""
        return self.sha256_of(*self.parts)

    def sha256_of(self, *names: str) -> str:
        """Checksum of some of the parts, for an intermediate result that depends on these only."""
        return _hash_json({name: self.parts[name] for name in names})

    def record(self) -> dict[str, Any]:
        """JSON-able: the checksum and the parts, so that a person can see what differs."""
        return {"sha256": self.sha256, **self.parts}

    def image_sha256(self, role: str, number: int) -> str:
        """Checksum of the voxels and geometry of an image of the case."""
        return self.parts["images"][role][number]["sha256"]

    def with_parts(self, **parts: Any) -> Fingerprint:
        """The fingerprint of a result that depends on more than an assessment."""
        return Fingerprint({**self.parts, **parts})

    def changes(self, record: Mapping[str, Any]) -> list[str]:
        """Names of the parts in which an earlier `record()` differs."""
        return [name for name, value in json.loads(json.dumps(self.parts)).items() if record.get(name) != value]


def case_fingerprint(
    case: Case,
    model: Model,
    request: AssessmentRequest,
    *,
    segmentation_model: Model | None,
    bfloat16: bool = False,
) -> Fingerprint:
    """The fingerprint of one assessment.

    File names, folders, the device and the order of masks and covariates are not part of it.

    Args:
        case: Its images (one or several a role), masks and covariates.
        model: The classifier.
        request: Slice, class and kind of heat map.
        segmentation_model: The segmentation model that is used; None where the liver mask is given.
        bfloat16: Whether the segmentation network runs in bfloat16, which changes its masks slightly.
    """
    return Fingerprint(
        {
            "format": FORMAT,
            "version": __version__,
            "images": {role: [hash_input(image) for image in found] for role, found in case.images.items()},
            "masks": {name: hash_mask(mask) for name, mask in case.masks.items()},
            "covariates": hash_covariates(case.covariates),
            "request": asdict(request),
            "model": hash_model(model),
            "segmentation_model": None if segmentation_model is None else hash_model(segmentation_model),
            "bfloat16": bfloat16 and segmentation_model is not None,
            # Absent without regions, as in the fingerprints of results that are already there.
            **(
                {"regions": {name: list(map(str, some)) for name, some in case.regions.items()}} if case.regions else {}
            ),
        }
    )


def hash_image(image: Image) -> str:
    """SHA-256 of the voxels and the geometry of an image."""
    digest = hashlib.sha256(np.ascontiguousarray(image.array).tobytes())
    matrix = image.index_to_lps.round(6) + 0.0  # readers differ in the sign of 0
    digest.update(repr((str(image.array.dtype), image.array.shape, matrix.tolist())).encode())
    return digest.hexdigest()


def hash_input(image: Image) -> dict[str, str]:
    """SHA-256 of voxels and geometry, and of modality and what else the file says about an image except its names."""
    facts = {key: str(value) for key, value in image.meta.items() if key not in NAMES_ONLY}
    return {"sha256": hash_image(image), "facts": _hash_json([image.modality, facts])}


def hash_mask(mask: Image) -> str:
    """SHA-256 of where a mask lies: the label value and the type of its voxels do not matter."""
    return hash_image(mask.with_array((mask.array > 0).astype(np.uint8)))


def hash_covariates(covariates: Mapping[str, float | str]) -> str:
    """SHA-256 of the covariates that can decide a result; 54, "54" and "54.0" are the same value, an empty one is none."""
    return _hash_json(
        {
            name: _plain(value)
            for name, value in covariates.items()
            if str(value).strip() and name not in DESCRIPTIVE_COLUMNS and not name.startswith(DESCRIPTIVE_PREFIXES)
        }
    )


def hash_model(model: Model) -> str:
    """SHA-256 of a model: the checksum of its weights and what its card says except descriptions and figures."""
    keys = ("name", "method", "modality", "classes", "settings", "simulated")
    return _hash_json([model.checksum, {key: model.card.entries.get(key) for key in keys}])


def same_model(one: Model, other: Model) -> bool:
    """Whether two models give the same results; a model can be retrained under its name and in its folder."""
    return hash_model(one) == hash_model(other)


def _plain(value: float | str) -> str:
    text = str(value).strip()
    try:
        return repr(float(text))
    except ValueError:
        return text


def _hash_json(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
