"""A case from files: masks by structure, several files of one, covariates."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.data.case import Case
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import write_image
from LiverAILib.imaging.image import Image


@pytest.fixture
def files(tmp_path):
    image = Image(np.arange(24, dtype=np.float32).reshape(2, 3, 4), (2, 2, 5))
    write_image(image, tmp_path / "scan.nii.gz")
    for name, index in (("tumor1", 0), ("tumor2", 3)):
        mask = np.zeros((2, 3, 4), np.uint8)
        mask[1, 1, index] = 2
        write_image(image.with_array(mask), tmp_path / f"{name}.nii.gz")
    return tmp_path


def test_several_masks_of_a_structure_are_united(files):
    lesions = [files / "tumor1.nii.gz", f"{files / 'tumor2.nii.gz'}#2"]
    case = Case.from_file(files / "scan.nii.gz", masks={"lesions": lesions}, covariates={"age_years": 54.0})
    assert list(np.flatnonzero(case.masks["lesions"].array[1, 1])) == [0, 3]
    assert case.covariates == {"age_years": 54.0}
    assert set(case.masks) == {"lesions"}


def test_a_mask_without_the_label_is_refused(files):
    with pytest.raises(UserError, match="no voxel has the label"):
        Case.from_file(files / "scan.nii.gz", masks={"lesions": [f"{files / 'tumor2.nii.gz'}#1"]})
