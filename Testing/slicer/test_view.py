"""What a person sees: the slice view, drawn by Slicer's own code, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    picture = Path(os.environ.get("LIVERAI_PICTURES", tmp_path_factory.mktemp("view"))) / "slice_view.png"
    done = subprocess.run(
        [sys.executable, str(HERE / "view_scenario.py"), str(picture)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("MEASURED ")]
    if done.returncode < 0:  # VTK crashes where it finds no way to draw at all
        pytest.skip("no off-screen rendering: install libosmesa6, or libegl1 and libgl1-mesa-dri")
    assert done.returncode == 0, done.stderr[-3000:]
    assert picture.stat().st_size > 3000
    return json.loads(lines[0].split(" ", 1)[1])


def test_image_is_visible_with_the_heat_map_over_its_hot_part_only(measured):
    assert measured["plain_is_gray"] < 2
    assert measured["plain_contrast"] > 20
    assert 0.005 < measured["heat_share"] < 0.3
    assert measured["heat_is_colored"] > 0.9
    assert measured["unchanged_share"] > 0.6


def test_no_hard_edge_where_the_map_ends_or_falls_below_the_threshold(measured):
    """A step of the whole map at full opacity would be 40 to 80 levels."""
    assert measured["steepest"] < 8
    assert measured["cut_share"] > 0.05
    assert measured["cut_steepest"] < 8


def test_inside_the_liver_only_shows_nothing_elsewhere_and_a_higher_threshold_less(measured):
    assert 0.005 < measured["in_liver_share"] < measured["heat_share"]
    assert measured["in_liver_outside"] < 12 < measured["heat_outside"]
    assert 0 < measured["thresholded_share"] < 0.6 * measured["heat_share"]


def test_the_colors_have_a_legend_in_the_corner(measured):
    assert measured["legend_share"] > 0.005
    assert measured["legend_in_upper_right_share"] > 0.95


def test_liver_has_an_outline_and_no_filled_area(measured):
    assert 0.002 < measured["outline_share"] < 0.05


def test_hot_spot_is_where_it_was_planted_and_the_slice_is_the_chosen_one(measured):
    """Planted at voxel (18, 20, 6) of the known volume: RAS 40 - 1.5 * 18, 30 - 1.5 * 20, -20 + 6 * 6."""
    assert measured["spot_ras"][0] == pytest.approx(13.0, abs=1.5)
    assert measured["spot_ras"][1] == pytest.approx(0.0, abs=1.5)
    assert measured["offset"] == pytest.approx(16.0, abs=1e-3)


def test_a_signed_map_is_red_for_and_blue_against_and_hides_nothing_in_between(measured):
    """The negative spot was planted 18 voxels of 1.5 mm beside the positive one, along i: RAS x decreases."""
    assert 0.005 < measured["red_share"] < 0.2
    assert 0.005 < measured["blue_share"] < 0.2
    assert measured["red_ras"][:2] == pytest.approx([13.0, 0.0], abs=1.5)
    assert measured["blue_ras"][:2] == pytest.approx([13.0 - 27.0, 0.0], abs=1.5)
    assert measured["signed_unchanged_share"] > 0.6
