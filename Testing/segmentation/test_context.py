"""The context network's grid, its windows, and how its answer joins that of the slice network."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from LiverAILib.data.structures import STRUCTURES
from LiverAILib.segmentation.context import (
    VOXEL_MM,
    WINDOW,
    context_agreement,
    context_probabilities,
    on_slices,
    pool,
    to_context_grid,
)

LIVER = (STRUCTURES["liver"],)


class BrightVoxels(torch.nn.Module):
    """Stands for a trained network: bright voxels are liver, and it remembers the volumes that it was shown."""

    stride = 16

    def __init__(self) -> None:
        super().__init__()
        self.anything = torch.nn.Parameter(torch.zeros(1))
        self.shown: list[tuple[int, ...]] = []

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.shown.append(tuple(inputs.shape))
        return torch.cat([0.5 - inputs, inputs - 0.5], 1) * 20


def test_the_grid_has_its_voxel_size_and_keeps_means():
    volume = torch.rand(20, 60, 80)
    small = to_context_grid(volume, (10.0, 2.0, 1.0))
    assert small.shape == (20 * 10 / VOXEL_MM[0], 60 * 2 / VOXEL_MM[1], 80 * 1 / VOXEL_MM[2])
    assert float(small.mean()) == pytest.approx(float(volume.mean()), abs=0.005)


def test_voxels_lie_where_simpleitk_puts_them():
    k, j, i = np.mgrid[:12, :40, :48].astype(np.float32)
    ramp = 0.01 * k + 0.003 * j + 0.002 * i
    small = to_context_grid(torch.from_numpy(ramp), (7.5, 1.5, 1.5)).numpy()
    image = sitk.GetImageFromArray(ramp)
    image.SetSpacing((1.5, 1.5, 7.5))
    # Both grids cover the same box: the first centers lie half a voxel inside of it.
    true_spacing = [n * s / m for n, s, m in zip(image.GetSize(), image.GetSpacing(), small.shape[::-1], strict=True)]
    origin = [t / 2 - s / 2 for t, s in zip(true_spacing, image.GetSpacing(), strict=True)]
    expected = sitk.GetArrayFromImage(
        sitk.Resample(image, small.shape[::-1], sitk.Transform(), sitk.sitkLinear, origin, true_spacing)
    )
    inside = (slice(2, -2),) * 3
    np.testing.assert_allclose(small[inside], expected[inside], atol=1e-3)


@pytest.mark.parametrize("slices", [20, 64, 65, 150])
def test_windows_cover_every_slice_of_short_and_long_volumes(slices):
    network = BrightVoxels().eval()
    volume = (torch.rand(slices, 24, 40) > 0.5).float()
    found = context_probabilities(network, volume, VOXEL_MM)
    assert found.shape == (2, slices, 24, 40)
    torch.testing.assert_close(found.sum(0), torch.ones(slices, 24, 40))
    assert ((found[1] > 0.5) == (volume > 0.5)).all()
    assert {shape[2] for shape in network.shown} == {WINDOW[0]}
    assert all(size % network.stride == 0 for shape in network.shown for size in shape[3:])


def test_pooling_is_the_weighted_geometric_mean():
    own = torch.tensor([0.1, 0.9]).view(2, 1, 1, 1).repeat(1, 3, 8, 8)
    other = torch.tensor([0.8, 0.2]).view(2, 1, 1, 1).repeat(1, 3, 2, 2)
    pooled = own.clone()
    pool(pooled, other, 0.25)
    expected = torch.tensor([0.1**0.75 * 0.8**0.25, 0.9**0.75 * 0.2**0.25])
    torch.testing.assert_close(pooled[:, 1, 3, 3], expected / expected.sum())
    unchanged = own.clone()
    pool(unchanged, other, 0.0)
    torch.testing.assert_close(unchanged, own)


def test_agreement_is_the_dice_of_both_masks():
    own, other = torch.zeros(2, 4, 8, 8), torch.zeros(2, 4, 4, 4)
    own[1, :, :, :4] = 1
    other[1, :2, :, :2] = 1  # half of it
    for part in (own, other):
        part[0] = 1 - part[1]
    assert context_agreement(own, other, LIVER)["liver"] == pytest.approx(2 * 16 / (32 + 16))


def test_slices_between_are_interpolated():
    context = torch.zeros(1, 2, 1, 1)
    context[0, 1] = 1
    torch.testing.assert_close(on_slices(context, 4).flatten(), torch.tensor([0.0, 0.25, 0.75, 1.0]))
