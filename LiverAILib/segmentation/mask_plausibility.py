"""Whether a mask that a user gave fits the image: the wrong side, mirrored, another patient's.

The thresholds were set on the 45 livers with manual reference in CHAOS MR, CHAOS CT, 3D-IRCADb-01 and LiTS, with the figures in
`docs/masks.md`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from LiverAILib.data.assessment import CaseWarning
from LiverAILib.data.structures import LEFT_KIDNEY, LIVER, RIGHT_KIDNEY, SPLEEN, Structure
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.modality import find_modality

SIDES = {LIVER.name: -1, RIGHT_KIDNEY.name: -1, LEFT_KIDNEY.name: 1, SPLEEN.name: 1}
"""Side of an organ in the canonical image, whose columns run to the patient's left."""

SIDE_MARGIN = 0.03
"""Share of the body's width by which an organ has to lie beyond the middle to be on the wrong side."""

FLIPS = {
    "left to right": (2,),
    "front to back": (1,),
    "upside down": (0,),
    "left to right and front to back": (1, 2),
}
"""Mistakes of axis directions, as axes of a canonical array."""

BETTER_FLIPPED = 1.5
"""A mask is flipped where the values under it spread so many times as much as under its flipped copy."""

ANY_TISSUE = 0.7
"""A mask is beside the liver where the values under it spread nearly as much as those of the whole body (interquartile
ranges)."""

GRID_MM = 4.0
FEWEST_VOXELS = 200
AIR_HU = -300.0
AIR_SHARE = 0.1
"""Share of the range of an MR's values (1st to 99th percentile) up to which a voxel is air."""


@dataclass(frozen=True, eq=False)
class _Scan:
    """A canonical image on a coarse grid: values, the body, and the interquartile range of the body's values."""

    values: np.ndarray
    body: np.ndarray
    spread: float
    step: tuple[int, int, int]

    def coarse(self, array: np.ndarray) -> np.ndarray:
        return array[:: self.step[0], :: self.step[1], :: self.step[2]]


def plausibility_warnings(
    labels: np.ndarray, canonical: Image, given: Collection[Structure]
) -> tuple[CaseWarning, ...]:
    """Warnings about masks that do not fit the image; none for a single slice or an ultrasound image.

    Args:
        labels: uint8 labels in the geometry of `canonical`.
        canonical: The image in canonical axis order.
        given: The structures whose masks a user gave.
    """
    if labels.shape[0] < 2 or find_modality(canonical).modality not in ("MR", "CT"):
        return ()
    scan = _scan(canonical)
    if scan is None:
        return ()
    warnings = []
    for structure in given:
        mask = scan.coarse(labels == structure.label)
        if (np.count_nonzero(mask) < FEWEST_VOXELS and structure is LIVER) or not mask.any():
            continue
        flipped = _better_flip(mask, scan) if structure is LIVER else None
        wrong_side = _on_the_wrong_side(mask, scan, SIDES[structure.name])
        if flipped:
            warnings.append(_flipped(structure, flipped))
        elif wrong_side:
            warnings.append(_wrong_side(structure))
        elif structure is LIVER and (spread := _spread(scan.values[mask])) > ANY_TISSUE * scan.spread:
            warnings.append(_beside(structure, spread / scan.spread))
    return tuple(warnings)


def _scan(canonical: Image) -> _Scan | None:
    """The image every 4 mm and its body; None where there is no body."""
    step = tuple(max(1, round(GRID_MM / spacing)) for spacing in canonical.spacing[::-1])
    values = canonical.array[:: step[0], :: step[1], :: step[2]].astype(np.float32)
    finite = np.isfinite(values)
    if not finite.any():
        return None
    values = np.where(finite, values, values[finite].min())
    if find_modality(canonical).modality == "CT":
        threshold = AIR_HU
    else:
        low, high = np.percentile(values, (1, 99))
        threshold = low + AIR_SHARE * (high - low)
    pieces, count = ndimage.label(ndimage.uniform_filter(values, 3) > threshold)
    if count == 0:
        return None
    body = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    spread = _spread(values[body])
    return _Scan(values, body, spread, step) if spread > 0 else None  # type: ignore[arg-type]


def _spread(values: np.ndarray) -> float:
    """Interquartile range."""
    first, third = np.percentile(values, (25, 75))
    return float(third - first)


def _better_flip(mask: np.ndarray, scan: _Scan) -> str | None:
    """How the mask has to be flipped so that it lies on one tissue, where it does not as it is."""
    own = _spread(scan.values[mask])
    spreads = {name: _spread(scan.values[np.flip(mask, axes)]) for name, axes in FLIPS.items()}
    best = min(spreads, key=lambda name: spreads[name])
    # A flipped copy in even air or fluid would spread least of all.
    inside = scan.body[np.flip(mask, FLIPS[best])].mean() > 0.9
    return best if inside and own > BETTER_FLIPPED * spreads[best] else None


def _on_the_wrong_side(mask: np.ndarray, scan: _Scan, side: int) -> bool:
    """Whether the center of the mask lies beyond the middle of the body in the slices of the mask."""
    columns = np.flatnonzero(scan.body[mask.any(axis=(1, 2))].any(axis=(0, 1)))
    if columns.size < 2:
        return False
    middle, width = (columns[0] + columns[-1]) / 2, columns[-1] - columns[0] + 1
    offset = (np.nonzero(mask)[2].mean() - middle) / width
    return bool(side * offset < -SIDE_MARGIN)


def _flipped(structure: Structure, flip: str) -> CaseWarning:
    return CaseWarning(
        "mask_flipped",
        f"The {structure.title.lower()} mask fits the image much better when it is flipped {flip}: the software that "
        "saved it mirrored it, or it belongs to another image. Check it over the image.",
    )


def _wrong_side(structure: Structure) -> CaseWarning:
    side = "left" if SIDES[structure.name] < 0 else "right"
    return CaseWarning(
        "mask_on_wrong_side",
        f"Most of the {structure.title.lower()} mask lies on the patient's {side}: the mask or the image is mirrored, or "
        "the organs are (situs inversus). Check the sides.",
    )


def _beside(structure: Structure, ratio: float) -> CaseWarning:
    return CaseWarning(
        "mask_on_other_tissue",
        f"The values under the {structure.title.lower()} mask spread {ratio:.2g} times as much as those of the whole body: it "
        "lies on several tissues, as the mask of another image or patient does. Check it over the image.",
    )
