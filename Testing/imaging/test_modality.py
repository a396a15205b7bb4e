"""Modality and Hounsfield units from headers and intensities, on the real scans and on what people make of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.intensity import intensity_scale
from LiverAILib.imaging.modality import find_modality, modality_from_intensities


@pytest.fixture(scope="module")
def ct(data_folder) -> np.ndarray:
    """Every fourth voxel of a real portal venous CT, in HU."""
    return read_image(data_folder / "ct_ircadb" / "ct.nii.gz").array[::4, ::4, ::4].astype(np.int16)


STORED = {
    "in HU": lambda hu: hu,
    "clipped to -125..275 HU": lambda hu: np.clip(hu, -125, 275),
    "clipped and shifted to 0..400": lambda hu: np.clip(hu, -125, 275) + 125,
    "without the rescale intercept": lambda hu: np.clip(hu + 1024, 0, None).astype(np.uint16),
    "without air around the body": lambda hu: hu[:, 45:75, 40:90][:, :, :],
    "with -2000 outside the field of view": lambda hu: np.pad(hu, ((0, 0), (9, 9), (9, 9)), constant_values=-2000),
    "as 64-bit float": lambda hu: hu.astype(float),
}


@pytest.mark.parametrize("way", STORED)
def test_a_ct_is_recognized_and_brought_back_to_hu_however_it_is_stored(ct, way):
    stored = STORED[way](ct)
    finding = modality_from_intensities(stored)
    assert finding.modality == "CT"
    back = finding.slope * stored.astype(float) + finding.intercept
    expected = STORED[way](ct) if way.startswith(("without air", "with -2000", "as ")) else ct
    np.testing.assert_allclose(np.clip(back, -125, 275), np.clip(expected, -125, 275), atol=1e-6)


@pytest.mark.parametrize(("way", "in_doubt"), [("in HU", False), ("clipped and shifted to 0..400", True)])
def test_what_could_be_something_else_is_said_with_the_way_out(ct, way, in_doubt):
    finding = modality_from_intensities(STORED[way](ct))
    assert bool(finding.doubt) == in_doubt
    assert not in_doubt or "--modality MR" in finding.doubt


def test_a_ct_scaled_to_0_to_1_is_not_told_from_mr_and_the_doubt_says_so(ct):
    scaled = (np.clip(ct, -125, 275) + 125) / 400
    finding = modality_from_intensities(scaled)
    assert finding.modality == "MR"
    assert "--modality CT" in finding.doubt
    stated = find_modality(Image(scaled, modality="CT"))
    assert "no Hounsfield units" in stated.doubt
    np.testing.assert_allclose(
        intensity_scale(Image(scaled), "CT")(scaled), np.clip((np.clip(ct, -125, 275) + 125) / 350, 0, 1), atol=1e-6
    )


def test_real_mr_is_mr_without_doubt_in_every_number_format(data_folder):
    for file in sorted((data_folder / "mr_t2_chaos").glob("image_*.nii.gz")):
        array = read_image(file).array
        for stored in (array, array.astype(np.uint16), array / array.max(), 4.0 * array):
            finding = modality_from_intensities(stored)
            assert (finding.modality, finding.doubt) == ("MR", ""), file.name


def test_mr_with_standard_scores_or_values_around_1000_is_mr():
    rng = np.random.default_rng(0)
    body = rng.gamma(4, 250, (8, 40, 40))  # mean 1000, wide: no narrow band of soft tissue
    air = np.abs(rng.normal(0, 10, (8, 40, 40)))
    mr = np.concatenate([body, air])
    assert modality_from_intensities(mr).modality == "MR"
    assert modality_from_intensities((mr - mr.mean()) / mr.std()).modality == "MR"


def test_the_header_decides_and_the_finding_says_so(ct):
    read = Image(ct, modality="CT", meta={"modality_source": "DICOM Modality"})
    assert str(find_modality(read)) == "CT: DICOM Modality"
    assert find_modality(read).source == "header"
    assert find_modality(Image(ct, modality="CT")).source == "given"
    assert find_modality(Image(ct)).source == "intensities"
    assert "air below -700 HU" in str(find_modality(Image(ct)))


def test_a_header_that_contradicts_the_intensities_is_doubted(ct):
    finding = find_modality(Image(ct, modality="MR", meta={"modality_source": "DICOM Modality"}))
    assert finding.modality == "MR"
    assert "Hounsfield" in finding.doubt


def test_nothing_to_tell_it_from_is_mr():
    assert modality_from_intensities(np.full((2, 3, 4), np.nan)).modality == "MR"
    assert modality_from_intensities(np.zeros((2, 3, 4))).modality == "MR"


def test_an_image_is_examined_once_also_in_another_axis_order(oblique_image, monkeypatch):
    image = replace(oblique_image, modality=None)
    examined = []
    monkeypatch.setattr(
        "LiverAILib.imaging.modality.modality_from_intensities",
        lambda array: examined.append(array) or modality_from_intensities(array),
    )
    findings = [find_modality(image), find_modality(image), find_modality(to_canonical(image)[0])]
    assert len(examined) == 1
    assert findings[0] is findings[1] is findings[2]
    assert find_modality(replace(image, modality="CT")).modality == "CT"
