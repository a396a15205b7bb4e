"""What is known only after an image was read: that it is a label map, or the image of another case."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from LiverAILib.data.case import Case
from LiverAILib.data.cohort import CohortRow
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.jobs.case_search.find_cases import FoundCase
from LiverAILib.jobs.case_search.not_a_case import (
    Duplicates,
    ImageOwner,
    NotACaseError,
    check_is_image,
    image_key,
    is_label_map,
)

SHAPE = (8, 48, 48)
K, J, I = np.indices(SHAPE)  # noqa: E741
BALL = ((K - 4) / 4) ** 2 + ((J - 20) / 14) ** 2 + ((I - 20) / 15) ** 2 < 1
SCAN = np.random.default_rng(0).normal(100, 20, SHAPE).astype(np.float32)


@pytest.mark.parametrize(
    ("what", "array"),
    [
        ("one organ", BALL.astype(np.uint8)),
        ("one organ as floats of 255", BALL * 255.0),
        ("two organs", np.where(BALL, 5, 0) + np.where(I > 40, 7, 0)),
        ("an organ of few slices", np.where(K == 3, BALL, 0)),
        ("255 labels in stripes", np.repeat(np.arange(256), 72).reshape(8, 48, 48)),
        ("more slices than are looked at", np.repeat(BALL.astype(np.uint8), 5, axis=0)),
    ],
)
def test_label_maps(what, array):
    assert is_label_map(array), what


@pytest.mark.parametrize(
    ("what", "array"),
    [
        ("a scan", SCAN),
        ("few values, but noise", np.random.default_rng(0).integers(0, 60, SHAPE)),
        ("a fraction for the organ", BALL * 0.5),
        ("nothing", np.zeros(SHAPE)),
        ("one value", np.ones(SHAPE)),
        ("no background", BALL + 1),
        ("negative values", BALL - 1),
        ("257 values", np.repeat(np.arange(257), 72).reshape(1, 257, 72)),
        ("not a number", np.where(BALL, np.nan, 0.0)),
        ("pairs of equal voxels", np.random.default_rng(0).integers(0, 60, (8, 48, 24)).repeat(2, axis=2)),
    ],
)
def test_images_are_no_label_maps(what, array):
    assert not is_label_map(array), what


def found(name: str, patient: str | None = None) -> FoundCase:
    """A case of a folder, or of a manifest where a patient is given."""
    row = CohortRow(name, patient) if patient else None
    return FoundCase(name, f"{name}.nii.gz", name, read=lambda: Case({}), paths=(Path(name),), row=row)


def case(*arrays: np.ndarray, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Case:
    return Case({"t2": tuple(Image(array, spacing) for array in arrays)})


def test_a_label_map_of_a_folder_is_no_case_and_one_of_a_manifest_is_what_its_author_says():
    with pytest.raises(NotACaseError, match="a label map, no image"):
        check_is_image(found("a"), case(BALL.astype(np.uint8)))
    with pytest.raises(NotACaseError, match="a label map, no image"):
        check_is_image(found("a"), case(SCAN, BALL.astype(np.uint8)))
    check_is_image(found("a", "p1"), case(BALL.astype(np.uint8)))


def test_the_same_voxels_have_one_key_in_any_type_and_geometry():
    key = image_key(case(SCAN))
    assert image_key(case(SCAN.astype(np.float64), spacing=(1.0, 1.0, 1.001))) == key
    two = image_key(case(SCAN, SCAN + 1))
    others = [image_key(case(SCAN + 1)), image_key(case(SCAN.reshape(8, 24, 96))), two]
    assert len({key, *others}) == 4
    assert image_key(case(SCAN, SCAN + 1)) == two


def test_the_first_case_of_a_folder_keeps_its_image_and_is_no_duplicate_of_itself():
    duplicates, first, second = Duplicates(), ImageOwner.of(found("a"), 0), ImageOwner.of(found("b"), 1)
    for _ in range(2):
        duplicates.check("voxels", first)
        duplicates.add("voxels", first)
    duplicates.check("other voxels", second)
    with pytest.raises(NotACaseError, match=r"the same voxels as a\.nii\.gz"):
        duplicates.check("voxels", second)


def test_which_case_keeps_an_image_does_not_depend_on_the_order_in_which_they_are_added():
    cases = [ImageOwner.of(found(name), number) for number, name in enumerate("abc")]
    for order in itertools.permutations(cases):
        duplicates = Duplicates()
        for one in order:
            duplicates.add("voxels", one)
        assert list(duplicates.owners()) == [cases]


def test_rows_of_one_patient_may_share_an_image_and_those_of_two_may_not():
    first = ImageOwner.of(found("a", "p1"), 0)
    ImageOwner.of(found("b", "p1"), 1).check(first)
    third = ImageOwner.of(found("c", "p2"), 2)
    with pytest.raises(UserError, match=r"c\.nii\.gz: the same voxels as a\.nii\.gz, .* another patient \(case a\)"):
        third.check(first)
    duplicates = Duplicates()
    duplicates.add("voxels", first)
    duplicates.check("voxels", third)  # an earlier row of p2 may still come
