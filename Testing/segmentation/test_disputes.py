"""Planted disputes between a mask and the context network, whose size is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from LiverAILib.data.structures import STRUCTURES
from LiverAILib.segmentation.disputes import context_disputes

LIVER = (STRUCTURES["liver"],)
VOXEL_MM = (4.0, 2.0, 2.0)


def ball(shape, center_mm, radius_mm, voxel_mm):
    places = np.stack(np.meshgrid(*[np.arange(n) * mm for n, mm in zip(shape, voxel_mm, strict=True)], indexing="ij"))
    return np.square(places - np.array(center_mm)[:, None, None, None]).sum(0) <= radius_mm**2


def probabilities(mask):
    inside = torch.from_numpy(mask).float()
    return torch.stack([1 - inside, inside])


def masks_with(center_mm, radius_mm):
    """A liver of 100 mm on both grids, and a ball beside or in it."""
    fine, coarse = (40, 80, 80), (40, 40, 40)
    liver = [ball(shape, (80, 50, 60), 45, (4, mm, mm)) for shape, mm in ((fine, 2), (coarse, 4))]
    other = [ball(shape, center_mm, radius_mm, (4, mm, mm)) for shape, mm in ((fine, 2), (coarse, 4))]
    return liver, other


def test_colon_in_the_mask_is_extra():
    (own, context), (colon, _) = masks_with((80, 125, 60), 16)
    found = context_disputes(probabilities(own | colon), probabilities(context), LIVER, voxel_mm=VOXEL_MM)["liver"]
    assert found.extra_mm == pytest.approx(16, abs=4)
    assert found.missing_mm < 6


def test_a_part_that_only_the_context_network_sees_is_missing():
    (own, context), (hole, _) = masks_with((80, 60, 60), 20)
    found = context_disputes(probabilities(own & ~hole), probabilities(context), LIVER, voxel_mm=VOXEL_MM)["liver"]
    assert found.missing_mm == pytest.approx(20, abs=4)
    assert found.extra_mm < 6


def test_equal_masks_have_no_dispute_beyond_a_voxel():
    (own, context), _ = masks_with((0, 0, 0), 1)
    found = context_disputes(probabilities(own), probabilities(context), LIVER, voxel_mm=VOXEL_MM)["liver"]
    assert max(found.extra_mm, found.missing_mm) <= 6


def test_nothing_found_by_the_slices_is_all_missing():
    (own, context), _ = masks_with((0, 0, 0), 1)
    found = context_disputes(probabilities(own & False), probabilities(context), LIVER, voxel_mm=VOXEL_MM)["liver"]
    assert found.missing_mm == pytest.approx(45, abs=6)
    assert found.extra_mm == 0
