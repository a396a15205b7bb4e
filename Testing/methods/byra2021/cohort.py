"""Small cohorts of drawn ultrasound pictures whose brightness follows the fat fraction, and a small backbone for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import timm
import torch
from safetensors.torch import save_file

from LiverAILib.imaging.files import write_image
from LiverAILib.imaging.image import Image
from LiverAILib.methods.byra2021 import VIEWS
from Testing.imaging.ultrasound.pictures import speckle

BACKBONE = "mobilenetv3_small_050"
ROWS, COLUMNS = 120, 160


def picture(fat_percent: float, seed: int) -> Image:
    """Speckle in a rectangle with a dark border; the upper half is brighter the more fat there is."""
    rng = np.random.default_rng(seed)
    colors = np.zeros((ROWS, COLUMNS), np.uint8)
    tissue = speckle((100, 140), rng, level=60).astype(float)
    tissue[:50] *= 1 + fat_percent / 10 + 0.1 * rng.normal()
    colors[10:110, 10:150] = np.clip(tissue, 4, 255)
    return Image(colors[None], modality="US")


def write_cohort(
    folder: Path, fat_percent: Sequence[float], *, split: str, seed: int, lacking: dict[int, str] | None = None
) -> Path:
    """Write the pictures of one participant per fat fraction, and their manifest; `lacking` names a missing view by number."""
    folder.mkdir(parents=True)
    lines = ["case_id,patient_id,split,pdff_percent," + ",".join(f"image:{view}" for view in VIEWS)]
    for number, fat in enumerate(fat_percent):
        cells = []
        for place, view in enumerate(VIEWS):
            if (lacking or {}).get(number) == view:
                cells.append("")
                continue
            name = f"{seed}_{number}_{view}.nrrd"
            write_image(picture(fat, 1000 * seed + 10 * number + place), folder / name)
            cells.append(name)
        lines.append(f"{split}{number},{split}-p{number},{split},{fat:g},{','.join(cells)}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder / "manifest.csv"


def write_backbone(path: Path) -> Path:
    """Random weights of the small backbone; what they compute still follows the brightness."""
    torch.manual_seed(0)
    save_file(timm.create_model(BACKBONE).state_dict(), path)
    return path
