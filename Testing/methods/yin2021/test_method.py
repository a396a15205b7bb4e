"""Yin 2021: what the network sees of a CT, what it says, and where its map lies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from LiverAILib.data.assessment import Segmentation
from LiverAILib.data.case import Case
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.data.structures import LIVER
from LiverAILib.errors import UserError
from LiverAILib.explain.gradcam import grad_cam
from LiverAILib.imaging.image import Image
from LiverAILib.jobs.assess import Assessor
from LiverAILib.methods.yin2021.method import cumulative
from LiverAILib.methods.yin2021.settings import CLASSES, InputSettings
from LiverAILib.methods.yin2021.view import SliceStack, StackView, prepare_stack, window_starts
from Testing.conftest import reoriented
from Testing.models import untrained_yin2021


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return untrained_yin2021(tmp_path_factory.mktemp("models") / "untrained", slices=8, stride=3)


@pytest.fixture(scope="module")
def assessor(model):
    return Assessor(model, device="cpu")


@pytest.fixture(scope="module")
def phantom() -> tuple[Image, Image]:
    """An oblique CT of slices of 4 mm with a lopsided 'liver' of about 60 mm and the mask of it."""
    rng = np.random.default_rng(0)
    k, j, i = np.indices((20, 40, 56))
    liver = ((k - 11) / 8) ** 2 + ((j - 18) / 12) ** 2 + ((i - 20) / (8 + k / 2)) ** 2 < 1
    array = (rng.normal(-60, 10, liver.shape) + 170 * liver + i).astype(np.int16)
    array[:, :3] = -1000
    angle = np.deg2rad(12)
    direction = [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    image = Image(array, (1.6, 1.4, 4.0), (-40.0, 20.0, 100.0), direction, "CT")
    return image, image.with_array(liver.astype(np.uint8))


def assess(assessor, image, mask, **options):
    return assessor.assess(Case({"ct": image}, masks={"liver": mask}), **options)


def test_a_finer_map_explains_the_same_probabilities(assessor, phantom):
    found = {kind: assess(assessor, *phantom, target_class="F3", heatmap=kind) for kind in ("grad-cam", "hirescam")}
    coarse, fine = found["grad-cam"], found["hirescam"]
    assert fine.probabilities == coarse.probabilities
    assert (coarse.heatmap.method, fine.heatmap.method) == ("Grad-CAM", "HiResCAM")
    assert fine.heatmap.image.same_geometry(coarse.heatmap.image)
    assert fine.heatmap.image.array.min() >= 0
    assert not np.array_equal(fine.heatmap.image.array, coarse.heatmap.image.array)


@pytest.mark.parametrize(
    ("axes", "flips"),
    [
        ((0, 1, 2), (True, False, True)),
        ((2, 1, 0), (False, False, False)),
        ((1, 2, 0), (True, True, False)),
        ((0, 2, 1), (False, True, True)),
        ((2, 0, 1), (True, True, True)),
    ],
)
def test_the_map_follows_the_anatomy_through_the_axis_orders(assessor, phantom, axes, flips):
    image, mask = phantom
    expected = assess(assessor, image, mask)
    moved = reoriented(image, axes, flips)
    result = assess(assessor, moved, reoriented(mask, axes, flips))
    assert result.probabilities == expected.probabilities
    assert expected.heatmap.image.array.max() > 0
    assert result.heatmap.image.same_geometry(moved, tolerance_mm=1e-9)
    np.testing.assert_array_equal(result.heatmap.image.array, reoriented(expected.heatmap.image, axes, flips).array)


def test_it_gives_stages_and_looks_at_no_single_slice(assessor, phantom):
    result = assess(assessor, *phantom)
    assert tuple(result.probabilities) == CLASSES
    assert sum(result.probabilities.values()) == pytest.approx(1, abs=1e-6)
    assert result.chosen_slice is None
    assert result.record()["slice"] is None
    assert result.heatmap.target == result.predicted


def test_probabilities_and_map_are_the_mean_of_the_windows(assessor, phantom):
    """Against a loop over the windows through the plain network; the map where one window covers a slice."""
    image, mask = phantom
    method = assessor.method
    stack, _ = prepare_stack(image, mask.array > 0, method.settings)
    starts = window_starts(len(stack), method.settings)
    assert starts == [0, 3, 4]
    windows = torch.stack([stack[None, start : start + 8] for start in starts])
    expected = method.network(windows).softmax(1).mean(0)
    explained = method._explain(stack, AssessmentRequest(target_class="F2"))
    torch.testing.assert_close(torch.tensor(list(explained.probabilities.values())), expected)
    _, maps = grad_cam(method.network, windows[:1], 2)
    torch.testing.assert_close(explained.maps[0], maps[0, 0])


def test_cumulative_probabilities_are_sums_of_stages():
    found = cumulative(dict(zip(CLASSES, (0.4, 0.1, 0.2, 0.05, 0.25), strict=True)))
    assert found == pytest.approx({">=F2": 0.5, ">=F3": 0.3, "F4": 0.25})


def test_the_window_is_clipped_and_scaled():
    image = Image(np.full((4, 16, 16), -1000, np.int16), (1, 1, 5), modality="CT")
    image.array[:, :4], image.array[:, 4:8], image.array[:, 8:12] = 50, 2000, -125
    liver = np.ones(image.array.shape, bool)
    stack, _ = prepare_stack(image, liver, InputSettings(image_size=16, slices=4))
    for rows, value in ((slice(0, 3), 0.5), (slice(5, 7), 1.0), (slice(9, 11), 0.0), (slice(13, 15), 0.0)):
        assert stack[:, rows].numpy() == pytest.approx(value)


@pytest.mark.parametrize("slice_mm", [1.0, 2.5, 5.0, 8.0])
def test_slices_are_five_mm_thick_whatever_is_stored(slice_mm):
    """A brightness that rises with the height is met at the right height, thin or thick slices."""
    slices = round(400 / slice_mm)
    height = (np.arange(slices) + 0.5) * slice_mm
    array = np.repeat(np.repeat((height / 4)[:, None, None], 8, 1), 8, 2).astype(np.float32)
    array[:, 0] = -1000
    liver = np.zeros(array.shape, bool)
    inside = (height > 100) & (height < 300)
    liver[inside] = True
    stack, place = prepare_stack(Image(array, (1, 1, slice_mm), modality="CT"), liver, InputSettings(image_size=8))
    assert len(stack) == pytest.approx(200 / 5, abs=2)
    seen = (stack[:, 2:].mean((1, 2)).numpy() * 350 - 125) * 4
    bottom = place.first * slice_mm
    expected = bottom + 5 * (np.arange(len(stack)) + 0.5)
    assert seen == pytest.approx(expected, abs=slice_mm / 2 + 0.1)


def test_a_short_liver_is_extended_evenly_then_padded():
    """Ten slices of liver, two stored below and twenty above: 32 slices centered on it, nine of them empty below."""
    array = np.full((32, 8, 8), 50, np.int16)
    array[:, 0] = -1000
    liver = np.zeros(array.shape, bool)
    liver[2:12] = True
    stack, place = prepare_stack(Image(array, (1, 1, 5), modality="CT"), liver, InputSettings(image_size=8))
    assert (place.count, place.first) == (32, -9)
    assert stack[:, 2:].mean((1, 2)).tolist() == pytest.approx([0.0] * 9 + [0.5] * 23)


def test_masking_shows_the_liver_only(phantom):
    image, mask = phantom
    liver = mask.array > 0
    settings = InputSettings(image_size=32, slices=8, masking="liver")
    masked, _ = prepare_stack(image, liver, settings)
    other = image.with_array(np.where(liver | (image.array < -900), image.array, 40).astype(np.int16))
    torch.testing.assert_close(prepare_stack(other, liver, settings)[0], masked)
    whole, _ = prepare_stack(image, liver, replace(settings, masking="none"))
    assert not torch.equal(whole, masked)
    assert (whole >= masked - 1e-6).all()


@pytest.mark.parametrize(("count", "expected"), [(32, [0]), (33, [0, 1]), (48, [0, 16]), (50, [0, 16, 18])])
def test_windows_overlap_by_half_and_reach_the_end(count, expected):
    assert window_starts(count, InputSettings()) == expected


def test_a_map_comes_back_to_where_the_input_came_from():
    """A blob in the network's slices returns to its place in mm, in a volume with other spacing and a wide slice."""
    liver = np.zeros((30, 20, 40), bool)
    liver[5:25, 4:12, 10:30] = True
    stack = SliceStack.around(liver, (1.0, 2.0, 3.0), InputSettings(image_size=10, slices=12))
    maps = torch.zeros(12, 10, 10)
    maps[6, 2, 7] = 1
    volume = stack.upsample(maps)
    peak = np.unravel_index(volume.argmax(), volume.shape)
    assert (peak[0] + 0.5) * 3 == pytest.approx(45 - 30 + 6.5 * 5, abs=3)
    assert (peak[1] + 0.5) * 2 == pytest.approx(2.5 * 4, abs=2)
    assert peak[2] + 0.5 == pytest.approx(7.5 * 4, abs=2)
    height = (np.arange(30) + 0.5) * 3
    assert (volume.any((1, 2)) == (np.abs(height - 47.5) < 5)).all()


def test_an_mr_is_refused(assessor, phantom):
    image, mask = phantom
    with pytest.raises(UserError, match=r"is MR, the model 'untrained' is for CT"):
        assess(assessor, replace(image, modality="MR"), mask)


def test_a_slice_or_an_unknown_class_is_refused(assessor, phantom):
    with pytest.raises(UserError, match="looks at the whole image"):
        assess(assessor, *phantom, slice_index=3)
    with pytest.raises(UserError, match="Use one of F0, F1, F2, F3, F4"):
        assess(assessor, *phantom, target_class="cirrhosis")


def test_no_liver_is_refused_and_few_slices_are_told(assessor, phantom):
    image, mask = phantom
    empty = Segmentation(image.with_array(np.zeros(image.array.shape, np.uint8), modality=None), (LIVER,), "given")
    with pytest.raises(UserError, match="no liver was found"):
        assessor.method.examine(Case({"ct": image}), empty, request=AssessmentRequest(), clock=lambda step: None)
    part = replace(image, array=image.array[9:12])
    result = assess(assessor, part, replace(mask, array=mask.array[9:12]))
    assert "few_slices" in [warning.code for warning in result.warnings]


def test_what_was_seen_is_where_the_map_can_lie(assessor, phantom):
    """The network's slices: 60 mm of liver, all of every slice; the map is 0 beyond them."""
    image, mask = phantom
    seen = StackView.of(image, mask.array > 0, assessor.method.settings).seen()
    by_slice = seen.mean((1, 2))
    assert set(by_slice) == {0.0, 1.0}
    assert by_slice.sum() * 4.0 == pytest.approx(60, abs=4)
    heat = assess(assessor, image, mask).heatmap.image.array
    assert not heat[~seen].any()
