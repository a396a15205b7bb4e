"""Volumes against boxes of known size, and against counting voxels of the real reference masks by hand."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverAILib.data.assessment import Segmentation
from LiverAILib.data.structures import STRUCTURES
from LiverAILib.imaging.files import read_image
from LiverAILib.morphometry.findings import Anatomy
from LiverAILib.morphometry.volumes import body_surface_area, volume_findings
from Testing.conftest import reoriented
from Testing.morphometry.phantoms import box_organs, by_key

LIVER_ML = 40 * 30 * 10 * 2 * 2 * 5 / 1000
SPLEEN_ML = 15 * 15 * 6 * 2 * 2 * 5 / 1000


def findings(image, segmentation, **covariates):
    return volume_findings(segmentation, Anatomy.of(image, segmentation, {}), covariates)


@pytest.mark.parametrize(("axes", "flips"), [((0, 1, 2), (False,) * 3), ((2, 0, 1), (True, False, True))])
def test_volumes_and_their_ratio_do_not_depend_on_the_axis_order(axes, flips):
    image, segmentation = box_organs()
    moved = Segmentation(reoriented(segmentation.image, axes, flips), segmentation.structures, "given")
    found = by_key(findings(reoriented(image, axes, flips), moved))
    assert (found["liver_volume"].value, found["liver_volume"].unit) == (LIVER_ML, "mL")
    assert found["spleen_volume"].value == SPLEEN_ML
    assert found["spleen_to_liver_volume_ratio"].value == pytest.approx(SPLEEN_ML / LIVER_ML, abs=1e-4)


def test_body_size_gives_volumes_by_height_and_surface_area():
    """Mosteller: 170 cm and 70 kg are 1.818 m2."""
    assert body_surface_area(height_cm=170, weight_kg=70) == pytest.approx(1.818, abs=1e-3)
    found = by_key(findings(*box_organs(), height_cm=170, weight_kg=70))
    assert found["liver_volume_by_height"].value == pytest.approx(LIVER_ML / 1.7, abs=0.1)
    assert found["spleen_volume_by_bsa"].value == pytest.approx(SPLEEN_ML / 1.818, abs=0.1)
    assert found["liver_volume_by_bsa"].unit == "mL/m2"
    assert not any("by_" in key for key in by_key(findings(*box_organs(), weight_kg=70)))


def test_without_a_spleen_its_numbers_are_missing_with_the_reason_and_not_zero():
    image, segmentation = box_organs()
    only_liver = np.where(segmentation.image.array == 1, 1, 0).astype(np.uint8)
    found = findings(image, Segmentation(image.with_array(only_liver), (STRUCTURES["liver"],), "given"))
    assert set(by_key(found)) == {"liver_volume"}
    assert {missing.key for missing in found.not_assessed} == {"spleen_volume", "spleen_to_liver_volume_ratio"}
    assert "--mask spleen=FILE" in found.not_assessed[0].reason


def test_a_single_slice_has_an_area_and_no_volume():
    image, segmentation = box_organs()
    labels = segmentation.image.array[5:6]
    thin = type(image)(image.array[5:6], image.spacing, modality="CT")
    found = findings(thin, Segmentation(thin.with_array(labels), segmentation.structures, "given"))
    assert by_key(found)["liver_area"].value == 40 * 30 * 4 / 100
    assert "liver_volume" in {missing.key for missing in found.not_assessed}


def test_the_cutoff_of_the_spleen_knows_whether_the_spleen_is_whole():
    image, segmentation = box_organs(spacing=(4.0, 4.0, 9.0))
    whole = by_key(findings(image, segmentation, age_years=50))["spleen_volume"].cutoffs[0]
    assert whole.applies is True
    labels = segmentation.image.array.copy()
    labels[:4, 25:40, 55:70] = STRUCTURES["spleen"].label
    cut = Segmentation(image.with_array(labels), segmentation.structures, "given")
    assert by_key(findings(image, cut, age_years=50))["spleen_volume"].cutoffs[0].applies is False
    assert by_key(findings(image, segmentation))["spleen_volume"].cutoffs[0].applies is None


@pytest.mark.parametrize("subject", [1, 13, 32])
def test_real_reference_masks_counted_by_hand(data_folder, subject):
    path = data_folder / "mr_t2_chaos" / f"label_{subject}.nii.gz"
    raw = sitk.ReadImage(str(path))
    labels, voxel = sitk.GetArrayFromImage(raw), np.prod(raw.GetSpacing()) / 1000
    mask = read_image(path)
    segmentation = Segmentation(
        mask.with_array(mask.array.astype(np.uint8)), (STRUCTURES["liver"], STRUCTURES["spleen"]), "given"
    )
    found = by_key(findings(read_image(path.with_name(f"image_{subject}.nii.gz")), segmentation))
    assert found["liver_volume"].value == pytest.approx(np.count_nonzero(labels == 1) * voxel, abs=0.06)
    assert found["spleen_volume"].value == pytest.approx(np.count_nonzero(labels == 4) * voxel, abs=0.06)
