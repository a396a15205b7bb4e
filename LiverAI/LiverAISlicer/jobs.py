"""What the panel hands to the background process and what comes back, as files: no pickle, no rounding.

A job is a folder with `job.json`, `image.npy` and, where the user gave masks, `liver.npy`, `spleen.npy`, ...; its result
is the folder `result` that `LiverAILib.results.files` writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from LiverAILib.data.case import PARTS, Case
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.data.structures import LIVER, STRUCTURES
from LiverAILib.imaging.image import READ_WARNINGS, Image

JOB, IMAGE, RESULT = "job.json", "image.npy", "result"


@dataclass(frozen=True, eq=False)
class Job:
    """One assessment to do.

    Attributes:
        caseId: How the case is called in the result.
        image: The input.
        liverMask: Mask on the image's grid, or None.
        model: Name or folder of the model.
        request: Slice, class and kind of heat map.
        device: "auto", "cpu", "cuda" or "mps".
        otherMasks: Masks of further organs and parts in the user's segmentation by name ("spleen"), for the measurements.
        covariates: Age, laboratory values, ... with the unit in the name (`age_years`).
    """

    caseId: str
    image: Image
    model: str
    liverMask: Image | None = None
    request: AssessmentRequest = field(default_factory=AssessmentRequest)
    device: str = "auto"
    otherMasks: Mapping[str, Image] = field(default_factory=dict)
    covariates: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def masks(self) -> dict[str, Image]:
        """All masks by the name of their structure, as `Case` takes them."""
        liver = {} if self.liverMask is None else {LIVER.name: self.liverMask}
        return {**liver, **self.otherMasks}

    def case(self, role: str) -> Case:
        """The job as `assess` takes it; `role` is that of the image ("t2", "ct")."""
        return Case({role: self.image}, self.caseId, self.masks, self.covariates)


def writeJob(job: Job, folder: Path) -> None:
    """Write a job to `folder`, which must not exist; it appears there whole."""
    unfinished = folder.with_name(folder.name + ".tmp")
    unfinished.mkdir(parents=True)
    np.save(unfinished / IMAGE, job.image.array, allow_pickle=False)
    for name, mask in job.masks.items():
        np.save(unfinished / f"{name}.npy", mask.array, allow_pickle=False)
    description = {
        "caseId": job.caseId,
        "model": str(job.model),
        "request": asdict(job.request),
        "device": job.device,
        "covariates": dict(job.covariates),
        "spacing": job.image.spacing,
        "origin": job.image.origin,
        "direction": job.image.direction,
        "modality": job.image.modality,
        "meta": {key: value if key == READ_WARNINGS else str(value) for key, value in job.image.meta.items()},
    }
    (unfinished / JOB).write_text(json.dumps(description), encoding="utf-8")
    unfinished.rename(folder)


def readJob(folder: Path) -> Job:
    """The job that `writeJob` wrote."""
    description = json.loads((folder / JOB).read_text(encoding="utf-8"))
    image = Image(
        np.load(folder / IMAGE, allow_pickle=False),
        description["spacing"],
        description["origin"],
        description["direction"],
        description["modality"],
        description["meta"],
    )
    masks = {
        name: image.with_array(np.load(folder / f"{name}.npy", allow_pickle=False), modality=None)
        for name in (*STRUCTURES, *PARTS)
        if (folder / f"{name}.npy").exists()
    }
    mask = masks.pop(LIVER.name, None)
    fields = {name: description[name] for name in ("caseId", "model", "device", "covariates")}
    request = AssessmentRequest(**description["request"])
    return Job(image=image, liverMask=mask, otherMasks=masks, request=request, **fields)
