"""A network and images that maps are made of."""

from __future__ import annotations

import pytest
import torch

from LiverAILib.networks.classifier import ResNet50Classifier


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(0)
    return ResNet50Classifier(2).eval()


@pytest.fixture(scope="module")
def images():
    return torch.randn(3, 3, 64, 96, generator=torch.Generator().manual_seed(1))
