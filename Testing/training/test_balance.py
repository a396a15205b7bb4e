"""Classes of unequal size: drawn equally often, weighted, or left alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from LiverAILib.training.balance import class_weights, sampler

LABELS = torch.tensor([0] * 16 + [1] * 3 + [4])


def test_every_class_that_there_is_gets_its_share_of_a_batch():
    drawn = LABELS[sampler(LABELS, "sampling")(12, torch.Generator().manual_seed(0))]
    assert torch.bincount(drawn, minlength=5).tolist() == [4, 4, 0, 0, 4]


@pytest.mark.parametrize("balance", ["weights", "none"])
def test_otherwise_every_case_is_drawn_equally_often(balance):
    index = sampler(LABELS, balance)(20_000, torch.Generator().manual_seed(0))
    assert torch.bincount(index).min() > 850
    assert torch.bincount(index).max() < 1150


def test_weights_are_those_of_scikit_learn():
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 4]), y=LABELS.numpy())
    found = class_weights(LABELS, 5, "weights")
    assert found[[0, 1, 4]].tolist() == pytest.approx(expected.tolist())
    assert found[[2, 3]].tolist() == [0, 0]
    assert class_weights(LABELS, 5, "sampling") is None
