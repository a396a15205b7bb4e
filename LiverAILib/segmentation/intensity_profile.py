"""How the intensities of a scan compare with those that a model was trained on.

`python -m LiverAILib.segmentation.intensity_profile MANIFEST MODEL_FOLDER` measures the training cases (split "train") and stores
the reference in the settings of the model's card; the weights stay as they are.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from LiverAILib.atomic_write import atomic_text
from LiverAILib.data.model_card import CARD, read_card

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
BODY = 0.05
"""Scaled intensity above which a pixel counts as body and not as air."""


@dataclass(frozen=True)
class IntensityProfile:
    """Quantiles (`QUANTILES`) of the scaled intensities 0..1 of the body, and the median of the liver over that of the body."""

    body: tuple[float, ...]
    liver_ratio: float | None


def intensity_profile(volume: np.ndarray, liver: np.ndarray | None = None) -> IntensityProfile:
    """Profile of a volume as the network sees it, scaled to 0..1, with the mask of its liver (same shape) where there is one."""
    body = volume[volume > BODY]
    if body.size == 0:
        return IntensityProfile((0.0,) * len(QUANTILES), None)
    quantiles = tuple(round(float(q), 4) for q in np.quantile(body, QUANTILES))
    ratio = None
    if liver is not None and liver.any():
        ratio = round(float(np.median(volume[liver]) / np.median(body)), 4)
    return IntensityProfile(quantiles, ratio)


def profile_distance(profile: IntensityProfile, references: Sequence[Sequence[float]]) -> float:
    """Mean absolute difference of the body's quantiles to the nearest of the training cases (0..1).

    Up to the few quantiles it is the Wasserstein-1 distance of the two distributions.
    """
    differences = np.abs(np.asarray(references, float) - np.asarray(profile.body))
    return float(differences.mean(axis=1).min())


def reference_of(profiles: Sequence[IntensityProfile]) -> dict[str, Any]:
    """What a model's card stores of its training cases of one modality.

    "largest_distance" is that of a training case to the nearest other one; None where there is only one case.
    """
    bodies = [list(p.body) for p in profiles]
    apart = [profile_distance(p, bodies[:n] + bodies[n + 1 :]) for n, p in enumerate(profiles) if len(bodies) > 1]
    ratios = [p.liver_ratio for p in profiles if p.liver_ratio is not None]
    return {
        "cases": len(profiles),
        "quantiles": list(QUANTILES),
        "body": bodies,
        "largest_distance": round(max(apart), 4) if apart else None,
        "liver_ratio": [min(ratios), max(ratios)] if ratios else None,
    }


def training_reference(manifest: Path) -> dict[str, dict[str, Any]]:
    """The reference of every modality among the rows of split "train" of a manifest."""
    from LiverAILib.data.cohort import read_cohort
    from LiverAILib.imaging.geometry import to_canonical
    from LiverAILib.imaging.intensity import intensity_scale
    from LiverAILib.segmentation.grid import SliceGrid
    from LiverAILib.segmentation.training.samples import read_training_image

    profiles: dict[str, list[IntensityProfile]] = {}
    for row in read_cohort(manifest).split("train"):
        image = read_training_image(row)
        canonical, order = to_canonical(image)
        grid = SliceGrid.of(canonical.array.shape, canonical.spacing)
        modality = str(image.modality)
        volume = grid.downsample(canonical.array, intensity_scale(canonical, modality)).numpy()
        liver = np.ascontiguousarray(order.apply(row.read_mask("liver", image)))
        inside = grid.downsample(liver, lambda part: part.astype(np.float32)).numpy() > 0.5
        profiles.setdefault(modality, []).append(intensity_profile(volume, inside))
    return {modality: reference_of(found) for modality, found in profiles.items()}


def store_reference(card: Path, reference: Mapping[str, Any]) -> None:
    """Put the reference into the settings of `model.json`; nothing else in the card changes."""
    content = dict(read_card(card).entries)
    content["settings"] = {**content["settings"], "reference_intensities": reference}
    atomic_text(card, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    store_reference(Path(sys.argv[2]) / CARD, training_reference(Path(sys.argv[1])))
