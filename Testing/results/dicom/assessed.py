"""Assessments of DICOM images with known masks and maps, and dciodvfy, which checks objects against the standard."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from LiverAILib.data.assessment import Assessment, CaseWarning, Segmentation
from LiverAILib.data.fingerprint import hash_image
from LiverAILib.data.measurement import Measurement, NotAssessed
from LiverAILib.data.outcome import Classification, HeatMap, Quantity
from LiverAILib.data.structures import STRUCTURES
from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.image import Image
from Testing.imaging.dicom_files import write_series

PATIENT = {
    "PatientID": "MRN-4711",
    "PatientName": "Müller^Zoë",
    "PatientBirthDate": "19600102",
    "PatientSex": "F",
    "AccessionNumber": "ACC-12",
    "StudyDate": "20200101",
    "StudyTime": "101010",
    "StudyID": "7",
    "StudyDescription": "Abdomen",
    "ReferringPhysicianName": "Smith^John",
    "SpecificCharacterSet": "ISO_IR 100",
}


def write_patient_series(folder: Path, *, shape: tuple[int, int, int] = (9, 20, 26), **tags: Any) -> Path:
    """A series of random values with a whole patient and study."""
    values = np.random.default_rng(0).integers(-1000, 1000, shape).astype(np.int16)
    write_series(folder, values, **{**PATIENT, **tags})
    return folder


def labels_in(image: Image) -> np.ndarray:
    """uint8 (k, j, i): liver, right kidney and spleen of lopsided shapes, no left kidney."""
    k, j, i = np.indices(image.array.shape[:3])
    labels = np.zeros(image.array.shape[:3], np.uint8)
    labels[(k > 1) & (k < 7) & (j + k > 6) & (j < 15) & (i > 3) & (i < 14)] = 1
    labels[(k == 4) & (j > 15) & (i < 6)] = 2
    labels[(k > 2) & (k < 6) & (j > 8) & (i > 17 + k - j // 4)] = 4
    return labels


def assessed(source: Path | Image, **changes: Any) -> Assessment:
    """An assessment of the image; its heat map lies in slice 4."""
    image = source if isinstance(source, Image) else read_image(source)
    labels = labels_in(image)
    heat = np.zeros(image.array.shape[:3], np.float32)
    middle = min(4, len(heat) - 1)
    heat[middle, 3:12, 4:13] = np.random.default_rng(1).random((9, 9), np.float32)
    heatmap = HeatMap(
        image.with_array(heat), "Grad-CAM", "cirrhosis", "segmented", "weighted sum", "nothing there", "t2"
    )
    entries: dict[str, Any] = {
        "case_id": "case 1",
        "images": {"t2": (image,)},
        "method": "nowak2021",
        "model": "some-model",
        "segmentation": Segmentation(
            image.with_array(labels, modality=None), tuple(STRUCTURES.values()), "some-segmentation"
        ),
        "outcomes": {
            "segmented": Classification({"no cirrhosis": 0.25, "cirrhosis": 0.75}, (heatmap,)),
            "fat": Quantity("Liver fat fraction", 12.3, "%", (9.5, 15.0), "95 % prediction interval"),
        },
        "primary": "segmented",
        "measurements": (
            Measurement("Liver volume", 1234.5, "mL", key="liver_volume"),
            Measurement("Caudate to right lobe ratio", 1 / 3, "", key="caudate_ratio", interval=(0.25, 0.5)),
        ),
        "not_assessed": (NotAssessed("APRI", "AST is not known.", "apri"),),
        "warnings": (CaseWarning("cut_off", "The liver reaches the end of the stack ≥ 5 mm."),),
        "provenance": {
            "fingerprint": "a" * 64,
            "created": "2026-01-02T10:00:00+00:00",
            "liverai": "0.2.0",
            "model": {"name": "some-model", "sha256": "f" * 64, "simulated": True},
            "segmentation": {"source": "some-segmentation", "sha256": "e" * 64},
            "inputs": [
                {
                    "role": "t2",
                    "number": 0,
                    "sha256": hash_image(image),
                    "modality": image.modality,
                    "size": list(image.size),
                    "spacing_mm": list(image.spacing),
                    "origin_lps_mm": list(image.origin),
                    "direction_lps": [list(row) for row in image.direction],
                }
            ],
        },
        "simulated": True,
        **changes,
    }
    return Assessment(**entries)


def violations(file: Path) -> list[str]:
    """What dciodvfy says that breaks the standard; warnings, as of private codes, do not count."""
    tool = shutil.which("dciodvfy")
    if tool is None:
        pytest.skip("dciodvfy is not installed (Debian: dicom3tools)")
    done = subprocess.run([tool, str(file)], capture_output=True, text=True, check=False)
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
