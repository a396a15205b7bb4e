"""A cohort small enough to train on within seconds, its stages visible in the liver's texture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from LiverAILib.imaging.files import write_image
from LiverAILib.imaging.image import Image

SPACING_MM = (1.5, 1.5, 7.0)


def write_tiny_cohort(
    folder: Path,
    splits: Sequence[str] = ("train",) * 4 + ("validation",) * 2,
    stages: Sequence[int] | None = None,
    patients: Sequence[str] | None = None,
    labels: str = "stage",
) -> Path:
    """Write blocks (8, 64, 64) of noise with a bright ellipsoid liver, striped the stronger the higher the stage.

    Stages alternate between F0 and F4 where none are given; `labels` is the column that holds them.

    Returns the manifest; the liver mask lies beside it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stages = stages or [4 * (number % 2) for number in range(len(splits))]
    patients = patients or [f"p{number}" for number in range(len(splits))]
    k, j, i = np.indices((8, 64, 64))
    liver = ((k - 4) / 4) ** 2 + ((j - 30) / 18) ** 2 + ((i - 26) / 20) ** 2 < 1
    lines = [f"case_id,patient_id,split,{labels},image:t2,mask:liver"]
    for number, (split, stage, patient) in enumerate(zip(splits, stages, patients, strict=True)):
        noise = np.random.default_rng(number).normal(60, 8, liver.shape)
        array = noise + liver * (90 + 10 * stage * (i % 4 < 2))
        write_image(Image(array.astype(np.float32), SPACING_MM), folder / f"{number}.nii.gz")
        lines.append(f"c{number},{patient},{split},{stage},{number}.nii.gz,liver.nrrd")
    write_image(Image(liver.astype(np.uint8), SPACING_MM), folder / "liver.nrrd")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder / "manifest.csv"
