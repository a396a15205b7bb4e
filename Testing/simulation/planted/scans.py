"""Small healthy scans that disease is planted in; they are simulated, so that tests need no real image."""

from __future__ import annotations

from functools import lru_cache

from LiverAILib.simulation.ct import simulate_ct
from LiverAILib.simulation.patient import SimulatedCase
from LiverAILib.simulation.planted import SourceScan
from LiverAILib.simulation.planted.anatomy import Anatomy, estimate_anatomy
from LiverAILib.simulation.planted.plant import LABELS
from LiverAILib.simulation.t2_mr import simulate_t2_mr


def source(case: SimulatedCase) -> SourceScan:
    """The scan of a simulated case with the masks of its organs."""
    masks = {organ: case.labels.array == label for organ, label in LABELS.items()}
    return SourceScan("case healthy", case.image, masks)


@lru_cache
def mr() -> tuple[SourceScan, Anatomy]:
    """T2-weighted, slices of 12 mm: voxels stay in their slices."""
    scan = source(simulate_t2_mr(0, seed=3, size=(128, 128, 22), spacing=(2.5, 2.5, 12.0)))
    return scan, estimate_anatomy(scan)


@lru_cache
def ct() -> tuple[SourceScan, Anatomy]:
    """CT with slices of 3 mm: parts grow in three dimensions."""
    scan = source(simulate_ct(0, seed=5, size=(112, 112, 76), spacing=(3.2, 3.2, 3.0)))
    return scan, estimate_anatomy(scan)
