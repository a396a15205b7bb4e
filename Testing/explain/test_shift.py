"""Moving inputs against rolling a padded copy."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from LiverAILib.explain.shift import translate


@pytest.mark.parametrize("move", [(2, 0), (-3, 0), (0, 1), (2, -1)])
def test_moving_is_rolling_inside_and_the_edge_value_beyond(move):
    image = torch.rand(1, 1, 9, 8)
    padded = F.pad(image, (4, 4, 4, 4), mode="replicate")
    expected = padded.roll(move, dims=(2, 3))[..., 4:-4, 4:-4]
    torch.testing.assert_close(translate(image, move), expected)
