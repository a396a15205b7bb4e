"""Pictures of an assessment: which slice they show, and how a heat map lies over it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from LiverAILib.data.assessment import Assessment, ChosenSlice, Segmentation
from LiverAILib.data.outcome import Classification, HeatMap
from LiverAILib.data.structures import LIVER
from LiverAILib.imaging.image import Image
from LiverAILib.results.pictures import assessment_figure, display_gray, fuse, png_bytes
from LiverAILib.results.shown_slice import shown_slice
from Testing.conftest import reoriented


@pytest.fixture
def volumetric() -> Assessment:
    """The assessment of a method that looks at the volume: no chosen slice, the liver largest in slice 2."""
    rng = np.random.default_rng(2)
    image = Image(rng.normal(50, 10, (7, 30, 40)).astype(np.float32), (2.0, 2.0, 5.0), modality="CT")
    labels = np.zeros(image.array.shape, np.uint8)
    for k, half in ((1, 6), (2, 9), (3, 5), (4, 3)):
        labels[k, 15 - half : 15 + half, 8 : 8 + 2 * half] = LIVER.label
    heat = HeatMap(
        image.with_array((labels * rng.random(labels.shape)).astype(np.float32)), "Grad-CAM", "F4", "ct", "", "", "ct"
    )
    return Assessment(
        case_id="volume",
        images={"ct": (image,)},
        method="yin2021",
        model="test",
        segmentation=Segmentation(image.with_array(labels), (LIVER,), "given"),
        outcomes={"ct": Classification({"F0": 0.2, "F4": 0.8}, (heat,))},
        primary="ct",
        chosen_slice=None,
    )


def test_without_a_chosen_slice_the_largest_area_of_liver_is_shown(volumetric):
    shown = shown_slice(volumetric)
    assert (shown.position, shown.index) == (2, 2)
    assert shown.source == "largest area of liver"
    figure = assessment_figure(volumetric)
    assert [axis.get_title() for axis in figure.axes] == ["Slice 2, liver outline", "Grad-CAM, ct: F4 0.80"]
    assert png_bytes(figure).startswith(b"\x89PNG")


def test_the_index_counts_along_the_input_whatever_its_axis_order(volumetric):
    """Stored from superior to inferior with the slices along the first axis, the same slice has number 7 - 1 - 2."""
    axes, flips = (2, 0, 1), (True, False, False)
    labels = reoriented(volumetric.segmentation.image, axes, flips)
    heat = replace(volumetric.heatmap, image=reoriented(volumetric.heatmap.image, axes, flips))
    moved = replace(
        volumetric,
        images={"ct": (reoriented(volumetric.image, axes, flips),)},
        segmentation=Segmentation(labels, (LIVER,), "given"),
        outcomes={"ct": Classification({"F0": 0.2, "F4": 0.8}, (heat,))},
    )
    shown = shown_slice(moved)
    assert (shown.position, shown.index) == (2, 4)
    taken = assessment_figure(moved).axes[1].images[0].get_array()
    np.testing.assert_allclose(taken, assessment_figure(volumetric).axes[1].images[0].get_array())


def test_a_chosen_slice_is_shown_as_it_is(volumetric):
    chosen = replace(volumetric, chosen_slice=ChosenSlice(1, 2, (0, 0, 0), "given"))
    assert (shown_slice(chosen).index, shown_slice(chosen).source) == (1, "given")


def test_a_slice_without_liver_can_be_shown(volumetric):
    chosen = replace(volumetric, chosen_slice=ChosenSlice(0, 2, (0, 0, 0), "given"))
    assert png_bytes(assessment_figure(chosen)).startswith(b"\x89PNG")


def test_heat_covers_the_image_the_more_the_hotter_and_not_where_there_is_none():
    section = np.full((1, 4), 0.5)
    heat = np.array([[0.0, 1.0, 2.0, 4.0]])
    fused = fuse(section, heat, maximum=4.0)
    np.testing.assert_array_equal(fused[0, 0], [0.5, 0.5, 0.5])
    distance = np.abs(fused - 0.5).max(axis=-1)[0]
    assert (np.diff(distance) > 0).all()
    np.testing.assert_array_equal(fuse(section, np.zeros((1, 4))), np.full((1, 4, 3), 0.5))


def test_ct_is_shown_in_the_abdominal_window():
    np.testing.assert_allclose(display_gray(np.array([[-1000.0, 50.0, 3000.0]]), modality="CT"), [[0, 0.5, 1]])
