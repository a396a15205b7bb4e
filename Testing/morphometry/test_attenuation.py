"""Attenuation: planted values, vessels and lesions, contrast agent, and real CT against the reference masks by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from LiverAILib.imaging.files import read_image
from LiverAILib.morphometry.attenuation import attenuation_findings, enhanced, parenchyma
from LiverAILib.morphometry.findings import Anatomy
from Testing.morphometry.phantoms import box_organs, by_key


def anatomy_of(**options) -> Anatomy:
    image, segmentation = box_organs(**options)
    return Anatomy.of(image, segmentation, {})


def test_planted_values_come_out():
    found = by_key(attenuation_findings(anatomy_of(liver=40, spleen=52), {}))
    assert found["liver_attenuation"].value == 40
    assert found["spleen_attenuation"].value == 52
    assert found["liver_minus_spleen_attenuation"].value == -12


def test_noise_border_vessels_and_lesions_do_not_move_the_median():
    anatomy = anatomy_of()
    rng = np.random.default_rng(3)
    array = anatomy.array + rng.normal(0, 15, anatomy.array.shape)
    liver = anatomy.structures["liver"]
    array[:, 10:12][liver[:, 10:12]] = -100  # fat in the outermost 4 mm
    array[2:12, 24:27, 5:45] = 160  # a vessel
    lesions = np.zeros_like(liver)
    lesions[4:10, 30:38, 10:40] = True
    array[lesions] = 15
    planted = replace(anatomy, array=array, structures={**anatomy.structures, "lesions": lesions})
    region = parenchyma(planted, "liver")
    assert region.median == pytest.approx(60, abs=1)
    assert region.sd == pytest.approx(15, abs=1.5)
    assert not (region.roi & lesions).any()
    assert np.mean(array[liver]) < 55  # what the plain mask would have said


@pytest.mark.parametrize(
    ("spleen", "covariates", "meta", "expected"),
    [
        (50, {}, {}, False),
        (120, {}, {}, True),
        (50, {}, {"contrast_agent": "Iomeprol"}, True),
        (120, {"contrast": "no"}, {}, False),
    ],
)
def test_contrast_agent_is_known_from_the_user_the_header_or_the_organs(spleen, covariates, meta, expected):
    anatomy = replace(anatomy_of(spleen=spleen), meta=meta)
    assert enhanced(anatomy, covariates)[0] is expected
    found = attenuation_findings(anatomy, covariates)
    cutoff = by_key(found)["liver_attenuation"].cutoffs[0]
    assert cutoff.conditions[0].met is not expected
    assert bool(found.warnings) is expected


def test_without_organs_to_tell_by_it_is_not_known_and_warned_of():
    anatomy = anatomy_of()
    alone = replace(anatomy, structures={"liver": anatomy.structures["liver"]})
    assert enhanced(alone, {})[0] is None
    found = attenuation_findings(alone, {})
    assert {warning.code for warning in found.warnings} == {"contrast_enhanced"}
    assert [missing.key for missing in found.not_assessed] == ["liver_minus_spleen_attenuation"]


def test_mr_and_rescaled_images_are_not_assessed():
    assert attenuation_findings(anatomy_of(modality="MR"), {}).measurements == ()
    rescaled = attenuation_findings(anatomy_of(liver=1000.0), {})
    assert rescaled.measurements == ()
    assert "rescaled" in rescaled.not_assessed[0].reason


def test_real_ct_with_tumors_left_out_by_hand(data_folder):
    """The plain mean of the reference mask without its tumors; vessels and borders make a difference of a few HU."""
    folder = data_folder / "ct_ircadb"
    image = read_image(folder / "ct.nii.gz")
    liver, *tumors = (read_image(folder / f"{n}.nii.gz").array > 0 for n in ("liver", "livertumor1", "livertumor2"))
    lesions = tumors[0] | tumors[1]
    part = slice(60, 80)  # 20 slices are enough, and faster
    anatomy = Anatomy(image.array[part], image.spacing, "CT", {"liver": liver[part], "lesions": lesions[part]})
    found = by_key(attenuation_findings(anatomy, {}))["liver_attenuation"].value
    by_hand = image.array[part][liver[part] & ~lesions[part]]
    assert found == pytest.approx(by_hand.mean(), abs=5)
    assert found == pytest.approx(np.median(by_hand), abs=3)
    assert found > image.array[part][liver[part]].mean()  # tumors are darker


def test_real_portal_venous_ct_is_seen_to_be_enhanced(data_folder):
    """140 HU in the liver, as the data's description says; PNG masks in the reverse order of the slices."""
    from matplotlib.image import imread

    folder = data_folder / "ct_chaos"
    image = read_image(folder / "DICOM_anon")
    files = sorted((folder / "Ground").glob("*.png"))
    masks = np.stack([imread(file) > 0.5 for file in files])[::-1]
    part = slice(30, 45)
    anatomy = Anatomy(image.array[part], image.spacing, "CT", {"liver": masks[part]}, meta=image.meta)
    assert by_key(attenuation_findings(anatomy, {}))["liver_attenuation"].value == pytest.approx(
        np.median(image.array[part][masks[part]]), abs=4
    )
