"""The network that sees the whole abdomen at low resolution."""

from __future__ import annotations

import pytest
import torch

from LiverAILib.networks.context_unet import ContextUnet


def test_logits_have_the_size_of_the_volume():
    network = ContextUnet(3, channels=(2, 4, 8))
    assert network.stride == 4
    assert network(torch.rand(2, 1, 8, 12, 16)).shape == (2, 3, 8, 12, 16)


def test_every_parameter_learns():
    network = ContextUnet(3, channels=(2, 4, 8))
    network(torch.rand(1, 1, 8, 8, 12)).square().sum().backward()
    # The bias of nothing but the last layer and the transposed convolutions; normalization takes off that of the others.
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_a_brighter_scan_gives_the_same_answer(factor):
    network = ContextUnet(3, channels=(4, 8)).eval()
    volume = torch.rand(1, 1, 8, 8, 8)
    # Convolution without bias, then normalization by the scan's own mean and deviation.
    torch.testing.assert_close(network(volume * factor), network(volume), rtol=1e-2, atol=1e-2)
