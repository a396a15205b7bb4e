"""What the panel hands to the background process and what comes back, as files: no pickle, no rounding.

A job is a folder with `job.json`, an `image-<role>-<number>.npy` for each image and, where the user gave masks, `liver.npy`,
`spleen.npy`, ...; its result is the folder `result` that `LiverAILib.results.files` writes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from LiverAILib.data.case import Case
from LiverAILib.data.regions import parse_regions
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.imaging.image import READ_WARNINGS, Image

JOB, RESULT = "job.json", "result"


@dataclass(frozen=True, eq=False)
class Job:
    """One assessment to do.

    Attributes:
        case: Images by role, masks on the grid of the first image, covariates.
        model: Name or folder of the model.
        request: Slice, class and kind of heat map.
        device: "auto", "cpu", "cuda" or "mps".
    """

    case: Case
    model: str
    request: AssessmentRequest = field(default_factory=AssessmentRequest)
    device: str = "auto"

    @property
    def image(self) -> Image:
        """The first image of the first role, on whose grid the masks are."""
        return next(iter(self.case.images.values()))[0]


def writeJob(job: Job, folder: Path) -> None:
    """Write a job to `folder`, which must not exist; it appears there whole."""
    unfinished = folder.with_name(folder.name + ".tmp")
    unfinished.mkdir(parents=True)
    images = []
    for role, given in job.case.images.items():
        for number, image in enumerate(given):
            file = f"image-{role}-{number + 1}.npy"
            np.save(unfinished / file, image.array, allow_pickle=False)
            images.append({"role": role, "file": file, **_placement(image)})
    for name, mask in job.case.masks.items():
        np.save(unfinished / f"{name}.npy", mask.array, allow_pickle=False)
    description = {
        "caseId": job.case.case_id,
        "model": str(job.model),
        "request": asdict(job.request),
        "device": job.device,
        "covariates": dict(job.case.covariates),
        "images": images,
        "masks": list(job.case.masks),
        "regions": {name: ";".join(map(str, some)) for name, some in job.case.regions.items()},
    }
    (unfinished / JOB).write_text(json.dumps(description), encoding="utf-8")
    unfinished.rename(folder)


def readJob(folder: Path) -> Job:
    """The job that `writeJob` wrote."""
    description = json.loads((folder / JOB).read_text(encoding="utf-8"))
    images: dict[str, list[Image]] = {}
    for entry in description["images"]:
        array = np.load(folder / entry.pop("file"), allow_pickle=False)
        images.setdefault(entry.pop("role"), []).append(Image(array, **entry))
    first = next(iter(images.values()))[0]
    masks = {
        name: first.with_array(np.load(folder / f"{name}.npy", allow_pickle=False), modality=None)
        for name in description["masks"]
    }
    regions = {name: parse_regions(text) for name, text in description["regions"].items()}
    case = Case(images, description["caseId"], masks, description["covariates"], regions)
    return Job(case, description["model"], AssessmentRequest(**description["request"]), description["device"])


def _placement(image: Image) -> dict[str, Any]:
    """All of an image but its voxels, JSON-able."""
    return {
        "spacing": image.spacing,
        "origin": image.origin,
        "direction": image.direction,
        "modality": image.modality,
        "meta": {key: value if key == READ_WARNINGS else str(value) for key, value in image.meta.items()},
    }
