"""The hepatorenal index on pictures whose gray values are known, and on published ones."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from LiverAILib.data.regions import Region
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.image import Image
from LiverAILib.morphometry import hepatorenal_findings

LIVER, KIDNEY = Region(10, 20, 20, 20), Region(60, 20, 20, 20)


def picture(liver: int, kidney: int, *, color: bool = False) -> Image:
    gray = np.full((100, 100), 30, np.uint8)
    LIVER.cut(gray)[:] = liver
    KIDNEY.cut(gray)[:] = kidney
    return Image((np.repeat(gray[..., None], 3, axis=2) if color else gray)[None], modality="US")


@pytest.mark.parametrize("color", [False, True])
def test_the_index_is_the_ratio_of_the_mean_gray_values(color):
    found = hepatorenal_findings([picture(150, 100, color=color)], {"liver": (LIVER,), "kidney": (KIDNEY,)}, "a")
    (index,) = found.measurements
    assert (index.value, index.unit, index.key) == (1.5, "", "hepatorenal_index")
    assert [cutoff.reached(index.value) for cutoff in index.cutoffs] == [True, False, False]
    assert "Webb" in index.cutoffs[0].source
    assert found.warnings == ()


def test_of_several_images_it_is_the_mean():
    images = [picture(150, 100), picture(110, 100)]
    found = hepatorenal_findings(images, {"liver": (LIVER,), "kidney": (KIDNEY,)}, "a")
    assert found.measurements[0].value == pytest.approx(1.3)
    assert "mean of 2 images" in found.measurements[0].how


def test_without_a_kidney_region_it_is_not_assessed():
    found = hepatorenal_findings([picture(150, 100)], {"liver": (LIVER,)}, "a")
    assert found.measurements == ()
    assert "No region 'kidney' was drawn" in found.not_assessed[0].reason
    assert hepatorenal_findings([picture(150, 100)], {}, "a").not_assessed == ()


def test_regions_at_different_depths_and_saturated_ones_are_warned_of():
    deep = hepatorenal_findings([picture(150, 100)], {"liver": (LIVER,), "kidney": (Region(60, 60, 20, 20),)}, "a")
    assert [warning.code for warning in deep.warnings] == ["regions_at_different_depth"]
    assert "40 % of the image's height apart" in deep.warnings[0].text
    bright = hepatorenal_findings([picture(255, 100)], {"liver": (LIVER,), "kidney": (KIDNEY,)}, "a")
    assert [warning.code for warning in bright.warnings] == ["saturated_region"]


@pytest.mark.parametrize(
    ("kidney", "gray", "message"),
    [(Region(25, 20, 20, 20), 100, "overlap"), (KIDNEY, 0, "is black"), (Region(90, 20, 20, 20), 100, "outside")],
)
def test_regions_that_cannot_be_compared_are_refused(kidney, gray, message):
    with pytest.raises(UserError, match=message):
        hepatorenal_findings([picture(150, gray)], {"liver": (LIVER,), "kidney": (kidney,)}, "a")


def test_the_index_of_published_images_is_the_published_one(data_folder):
    """Byra 2018: coordinates of the squares and the index beside ten full images."""
    folder = data_folder / "us_byra"
    with (folder / "roi28" / "labels.csv").open(newline="") as stream:
        rows = {int(row["patient_id"]): row for row in csv.DictReader(stream) if row["file"].endswith("_0.png")}
    files = sorted((folder / "full").glob("*.jpeg"))
    assert len(files) == 10
    for file in files:
        row = rows[int(file.name.split("_")[1])]
        regions = {
            name: (Region(int(row[f"x_{name}"]), int(row[f"y_{name}"]), 28, 28),) for name in ("liver", "kidney")
        }
        found = hepatorenal_findings([read_image(file)], regions, file.name)
        assert found.measurements[0].value == pytest.approx(float(row["hepatorenal_index"]), abs=0.005)
