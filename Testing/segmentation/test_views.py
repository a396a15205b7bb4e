"""Views and the way back."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from LiverAILib.segmentation.views import VIEWS, View, invert_view, show


def test_the_first_view_is_the_volume_as_it_is():
    volume = torch.rand(2, 16, 20)
    assert torch.equal(show(volume, VIEWS[0]), volume)
    assert torch.equal(invert_view(volume[None], VIEWS[0], (16, 20))[0], volume)


def test_a_rotation_is_that_of_scipy_and_is_undone():
    rows, columns = np.indices((48, 40)).astype(float)
    blob = np.exp(-(((rows - 20) / 6) ** 2 + ((columns - 24) / 4) ** 2))
    view = View(1.5, rotation_degrees=20.0)
    turned = show(torch.from_numpy(blob).float()[None], view)[0].numpy()
    expected = ndimage.rotate(blob, 20.0, reshape=False, order=1)
    np.testing.assert_allclose(turned, expected, atol=0.02)
    liver = torch.from_numpy(turned)[None]
    back = invert_view(torch.stack([1 - liver, liver]), view, (48, 40))
    np.testing.assert_allclose(back[1, 0].numpy(), blob, atol=0.06)  # interpolated twice
    np.testing.assert_allclose(back.sum(0).numpy(), 1, atol=1e-5)


def test_another_resolution_comes_back_to_the_first_ones_size():
    rows, columns = np.indices((30, 40)).astype(np.float32)
    ramp = torch.from_numpy(rows / 30 + columns / 80)[None, None]
    back = invert_view(ramp, View(1.3), (20, 28))
    assert back.shape == (1, 1, 20, 28)
    np.testing.assert_allclose(back.mean(), ramp.mean(), atol=1e-3)


def test_gamma_changes_intensities_only():
    volume = torch.rand(2, 4, 4)
    np.testing.assert_allclose(show(volume, View(1.5, gamma=0.8)), volume**0.8)
