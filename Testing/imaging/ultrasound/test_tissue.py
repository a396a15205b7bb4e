"""Nothing that is shown or written holds what is burned in beside the tissue."""

from __future__ import annotations

import numpy as np

from LiverAILib.data.assessment import Assessment
from LiverAILib.data.fingerprint import hash_image
from LiverAILib.data.outcome import Classification, HeatMap
from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.ultrasound import find_scan_area, tissue_mask, without_burned_in
from LiverAILib.results.files import read_assessment, write_assessment
from LiverAILib.results.pictures import assessment_figure
from Testing.imaging.ultrasound.pictures import b_mode, side_by_side


def assessment() -> Assessment:
    image = Image(b_mode(seed=1).colors[None], (0.3, 0.3, 1.0), modality="US", meta={"name": "view"})
    map_ = np.zeros(image.array.shape[:3], np.float32)
    map_[0, 200:240, 300:340] = 1
    heat = HeatMap(image.with_array(map_, modality=None, meta={}), "Grad-CAM", "F4", "gray", "", "", "gray_scale")
    place = {"size": image.size, "spacing_mm": image.spacing, "origin_lps_mm": image.origin}
    given = {"role": "gray_scale", "number": 0, "modality": "US", "sha256": hash_image(image), **place}
    return Assessment(
        "case",
        {"gray_scale": (image,)},
        "xue2020",
        "test",
        None,
        {"gray": Classification({"F0": 0.2, "F4": 0.8}, (heat,))},
        "gray",
        provenance={
            "model": {"name": "test", "simulated": False},
            "inputs": [{**given, "direction_lps": image.direction}],
        },
    )


def test_the_tissue_stays_and_everything_else_is_black():
    picture = b_mode(seed=2)
    image = Image(picture.colors[None])
    mask = find_scan_area(image).mask
    shown = without_burned_in(image).array[0]
    np.testing.assert_array_equal(shown[mask], picture.colors[mask])
    assert not shown[~mask].any()


def test_both_panes_of_a_dual_display_stay():
    picture = side_by_side(b_mode(seed=1), b_mode(seed=2))
    mask = tissue_mask(Image(picture.colors[None]))
    assert (mask == (picture.areas[0] | picture.areas[1])).mean() > 0.98


def test_a_picture_without_tissue_is_black():
    picture = b_mode(seed=1)
    picture.colors[picture.areas[0]] = 0
    assert not without_burned_in(Image(picture.colors[None])).array.any()


def test_pictures_of_a_result_show_the_scan_area_alone():
    one = assessment()
    area = find_scan_area(one.image)
    for axis in assessment_figure(one).axes:
        shown = np.asarray(axis.images[0].get_array(), dtype=float)
        assert shown.shape[:2] == (area.box.height, area.box.width)
        assert not shown[~area.mask[area.box.slices]].any()


def test_an_image_that_is_kept_beside_the_result_holds_no_text_and_is_read_back(tmp_path):
    files = write_assessment(assessment(), tmp_path / "out", pictures=False)
    written = read_image(files["image gray_scale 1"])
    mask = find_scan_area(assessment().image).mask
    assert not written.array[0][~mask].any()
    back = read_assessment(tmp_path / "out")
    np.testing.assert_array_equal(back.image.array, written.array)


def test_a_patch_of_tissue_is_all_tissue():
    patch = Image(np.random.default_rng(0).integers(90, 200, (1, 28, 28)).astype(np.uint8), (1, 1, 1), modality="US")
    assert tissue_mask(patch).all()
    assert np.array_equal(without_burned_in(patch).array, patch.array)
