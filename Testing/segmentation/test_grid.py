"""The network's grid and the way back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from LiverAILib.segmentation.grid import SliceGrid, adjacent_slices, most_probable, pad_to_stride


@pytest.mark.parametrize(
    ("thickness", "group"), [(0.5, 10), (1.0, 5), (1.6, 3), (2.0, 2), (2.5, 2), (3.0, 1), (5.0, 1), (7.7, 1), (10.0, 1)]
)
def test_thin_slices_are_averaged_to_at_most_5_mm(thickness, group):
    grid = SliceGrid.of((40, 512, 512), (0.75, 0.75, thickness))
    assert grid.group == group
    assert grid.size == (256, 256)
    assert grid.slices == -(-40 // group)


@pytest.mark.parametrize("group", [1, 2, 3])
def test_a_smooth_ramp_survives_shrinking_and_enlarging(group):
    k, j, i = np.indices((12, 60, 80)).astype(np.float32)
    ramp = 2 * k + 0.5 * j + 0.25 * i
    grid = SliceGrid(ramp.shape, group, (30, 40))
    small = grid.downsample(ramp, lambda part: part.astype(np.float32))
    back = torch.stack([grid.upsample_slice(small[None], position)[0] for position in range(12)]).numpy()
    inner = (slice(group, -group), slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(back[inner], ramp[inner], atol=0.05)


def test_the_scale_sees_a_few_slices_at_a_time():
    seen = []
    grid = SliceGrid((10, 8, 8), 3, (8, 8))
    grid.downsample(np.zeros((10, 8, 8), np.int16), lambda part: seen.append(len(part)) or part.astype(np.float32))
    assert seen == [3, 3, 3, 1]


def test_padding_reaches_the_stride_and_keeps_the_picture():
    padded, size = pad_to_stride(torch.ones(2, 3, 33, 64))
    assert padded.shape == (2, 3, 64, 64)
    assert size == (33, 64)
    assert padded.sum() == 2 * 3 * 33 * 64


def test_the_border_slice_stands_in_for_a_missing_neighbor():
    volume = torch.arange(4).view(4, 1, 1)
    assert adjacent_slices(volume, 0).flatten().tolist() == [0, 0, 1]
    assert adjacent_slices(volume, 2).flatten().tolist() == [1, 2, 3]
    assert adjacent_slices(volume, 3).flatten().tolist() == [2, 3, 3]
    assert adjacent_slices(volume[:1], 0).flatten().tolist() == [0, 0, 0]


def test_the_most_probable_class_is_the_argmax():
    for kind in (torch.float32, torch.bfloat16):
        probabilities = torch.rand(5, 3, 20, 20).softmax(0).to(kind)
        assert torch.equal(most_probable(probabilities).long(), probabilities.argmax(0))


@pytest.mark.parametrize(("size", "shape"), [((20, 30), (6, 47, 61)), ((40, 30), (6, 20, 61)), ((20, 30), (6, 20, 30))])
def test_labels_enlarged_around_the_organs_are_those_of_the_whole_slice(size, shape):
    """Against interpolating everything: upward, downward and at the same size, organs at the border and none."""
    generator = torch.Generator().manual_seed(0)
    logits = F.interpolate(torch.randn(1, 5, 4, 5, 6, generator=generator), size=(4, *size), mode="trilinear")[0] * 6
    logits[0] += 6
    probabilities = logits.softmax(0)
    probabilities[1:, 2] = 0
    grid = SliceGrid(shape, 2, size)
    assert grid.slices == 3
    for position in range(shape[0]):
        expected = grid.upsample_slice(probabilities, position).argmax(0).numpy()
        np.testing.assert_array_equal(grid.upsample_labels(probabilities, position), expected)
    assert grid.upsample_labels(probabilities, 0).any()


def test_a_speck_between_coarse_pixels_marks_none():
    """Pixels of the file larger than those of the network: a single one of these may lie beside the centers of all."""
    probabilities = torch.zeros(2, 1, 40, 40)
    probabilities[0] = 1
    for row in range(40):
        for column in (0, 13, 20):
            speck = probabilities.clone()
            speck[:, 0, row, column] = torch.tensor([0.1, 0.9])
            grid = SliceGrid((1, 11, 11), 1, (40, 40))
            expected = grid.upsample_slice(speck, 0).argmax(0).numpy()
            np.testing.assert_array_equal(grid.upsample_labels(speck, 0), expected)
