"""Liver surface, liver and spleen centers: maps that are planted on one of them, and the paper's shares."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.explain.explained_case import ExplainedCase
from LiverAILib.explain.locations import (
    CENTERS,
    NOT_HIGHLIGHTED,
    OTHER,
    SURFACE_ONLY,
    LocatedMap,
    locate,
    location_table,
)

SIZE = (40, 40, 60)
GRID = np.indices(SIZE) * 3.0  # 3 mm voxels


def ball(center, radius_mm):
    return sum((axis - 3.0 * at) ** 2 for axis, at in zip(GRID, center, strict=True)) < radius_mm**2


LIVER, SPLEEN = ball((20, 20, 18), 48), ball((20, 20, 48), 27)
LIVER_MIDDLE, SPLEEN_MIDDLE = ball((20, 20, 18), 26), ball((20, 20, 48), 16)


def planted(heat, *, masks=None, stage="F0"):
    masks = {"liver": LIVER, "spleen": SPLEEN} if masks is None else masks
    return ExplainedCase("c", "abdomen", stage, stage, stage, heat.astype(float), (3.0, 3.0, 3.0), masks)


@pytest.mark.parametrize(
    ("heat", "pattern"),
    [
        (LIVER & ~LIVER_MIDDLE, SURFACE_ONLY),
        (LIVER_MIDDLE | SPLEEN_MIDDLE, CENTERS),
        (~LIVER & ~SPLEEN, NOT_HIGHLIGHTED),
        (np.zeros(SIZE, bool), NOT_HIGHLIGHTED),
        (SPLEEN_MIDDLE, OTHER),
        (LIVER_MIDDLE, OTHER),
    ],
)
def test_a_planted_map_has_its_pattern(heat, pattern):
    assert locate(planted(heat)).pattern == pattern


def test_without_a_spleen_only_what_the_liver_decides_is_said():
    masks = {"liver": LIVER}
    assert locate(planted(LIVER & ~LIVER_MIDDLE, masks=masks)).pattern == SURFACE_ONLY
    assert locate(planted(LIVER_MIDDLE, masks=masks)).pattern is None
    rows = {row.finding: row for row in location_table([locate(planted(LIVER_MIDDLE, masks=masks))])}
    assert rows["spleen_center"].text == "not assessed"
    assert rows["liver_center"].found == 1
    assert (rows[CENTERS].cases, rows[CENTERS].not_assessed) == (0, 1)


def test_a_case_without_a_true_class_is_left_out():
    assert locate(planted(LIVER, stage=None)) is None


def test_the_papers_shares_are_of_all_maps_of_a_true_stage():
    """122 of 134 and 63 of 82 (82.9, 91.0 %): the paper's 91.0 % is 122/134; no count of 82 gives its 76.4 %."""
    parts = {"liver_surface": True, "liver_center": False, "spleen_center": False}
    nothing = dict.fromkeys(parts, False)
    maps = [LocatedMap(f"c{n}", "abdomen", "F0", parts if n < 122 else nothing) for n in range(134)]
    rows = {row.finding: row for row in location_table(maps)}
    assert round(100 * rows[SURFACE_ONLY].share, 1) == 91.0
    assert round(100 * rows[NOT_HIGHLIGHTED].share, 1) == 9.0
    assert rows[SURFACE_ONLY].text.startswith("91.0 % (84.9-95.3; 122/134)")
    assert not any(round(100 * count / 82, 1) == 76.4 for count in range(83))
