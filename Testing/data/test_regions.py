"""Rectangles drawn by hand: read from text, kept in a case and a manifest, checked against their images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from LiverAILib.data.case import Case
from LiverAILib.data.cohort import read_cohort
from LiverAILib.data.fingerprint import case_fingerprint
from LiverAILib.data.model import load_model
from LiverAILib.data.regions import Region, parse_regions, region_of_each
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image

LIVER = Region(30, 20, 28, 32)


def single_image(columns: int = 100, rows: int = 80) -> Image:
    return Image(np.arange(rows * columns, dtype=np.uint16).reshape(1, rows, columns), modality="US")


def test_a_region_is_left_top_width_height_in_pixels():
    region = Region.parse(" 30, 20,28,32")
    assert region == LIVER
    assert str(region) == "30,20,28,32"
    part = region.cut(single_image().array[0])
    assert part.shape == (32, 28)
    assert part[0, 0] == 20 * 100 + 30


@pytest.mark.parametrize("text", ["30,20,28", "30,20,0,32", "-1,20,28,32", "30.5,20,28,32", "", "a,b,c,d"])
def test_what_is_no_region_says_what_one_is(text):
    with pytest.raises(ValueError, match="LEFT,TOP,WIDTH,HEIGHT in whole pixels"):
        Region.parse(text)


@pytest.mark.parametrize(
    ("other", "shared"),
    [(Region(57, 51, 5, 5), True), (Region(58, 20, 5, 5), False), (Region(30, 52, 5, 5), False), (LIVER, True)],
)
def test_regions_overlap_where_they_share_a_pixel(other, shared):
    assert LIVER.overlaps(other) is other.overlaps(LIVER) is shared


def test_one_region_counts_for_all_images_or_each_has_its_own():
    images = [single_image(), single_image()]
    other = Region(0, 0, 28, 28)
    assert region_of_each({"liver": (LIVER,)}, "liver", images, case_id="a") == (LIVER, LIVER)
    assert region_of_each({"liver": (LIVER, other)}, "liver", images, case_id="a") == (LIVER, other)
    assert region_of_each({"liver": (LIVER,)}, "kidney", images, case_id="a") is None


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        ((LIVER,) * 3, "case a: 3 regions 'liver' for 2 images. Give one region for all images, or one for each"),
        ((Region(80, 20, 28, 32),), "lies outside of image 1, which has 100 columns and 80 rows"),
        ((LIVER, Region(30, 60, 28, 32)), "lies outside of image 2"),
        ((Region(30, 20, 27, 40),), "has 27x40 pixels; the model looks at 28x28 pixels at the least. Draw it larger"),
    ],
)
def test_a_region_that_does_not_fit_is_refused(regions, message):
    with pytest.raises(UserError, match=message):
        region_of_each({"liver": regions}, "liver", [single_image()] * 2, case_id="a", smallest=28)


def manifest(folder: Path, *, liver: str) -> Path:
    for name in ("one.png", "two.png"):
        PIL.Image.fromarray(single_image().array[0].astype(np.uint8)).save(folder / name)
    path = folder / "cohort.csv"
    path.write_text(
        f'case_id,patient_id,image:liver_kidney,roi:liver,roi:kidney,age_years\na,7,one.png;two.png,"{liver}",,54\n'
    )
    return path


def test_regions_of_a_manifest_are_those_of_the_case(tmp_path):
    row = read_cohort(manifest(tmp_path, liver="30,20,28,32;0,0,28,28")).rows[0]
    case = Case.from_row(row, {"liver_kidney": "US"})
    assert case.regions == {"liver": (LIVER, Region(0, 0, 28, 28))}
    assert dict(case.covariates) == {"age_years": "54"}


def test_a_wrong_region_in_a_manifest_is_named_by_line_and_column(tmp_path):
    with pytest.raises(UserError, match="line 2, column roi:liver: '30,20,28' is no region"):
        read_cohort(manifest(tmp_path, liver="30,20,28"))


def test_another_region_is_another_result():
    model = load_model("yin2021-simulated")
    cases = [Case({"liver_kidney": single_image()}, regions=regions) for regions in ({}, {"liver": LIVER})]
    cases.append(Case({"liver_kidney": single_image()}, regions={"liver": Region(31, 20, 28, 32)}))
    prints = {case_fingerprint(case, model, AssessmentRequest(), segmentation_model=None).sha256 for case in cases}
    assert len(prints) == 3


def test_several_regions_are_separated_by_semicolons():
    assert parse_regions("30,20,28,32 ; 0,0,28,28") == (LIVER, Region(0, 0, 28, 28))
