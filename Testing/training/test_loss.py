"""The segmentation loss against hand-made answers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from LiverAILib.training.loss import dice_and_cross_entropy, merge_unknown_organs


def test_a_perfect_prediction_costs_nothing_and_its_opposite_much():
    labels = torch.tensor([[[0, 1], [2, 1]]])
    logits = F.one_hot(labels, 3).permute(0, 3, 1, 2).float() * 40
    known = torch.tensor([[True, True]])
    assert dice_and_cross_entropy(logits, labels, known) == pytest.approx(0, abs=1e-3)
    assert dice_and_cross_entropy(logits.roll(1, 1), labels, known) > 10


def test_unknown_organs_count_as_background():
    torch.manual_seed(0)
    logits = torch.randn(1, 4, 2, 2)
    merged = merge_unknown_organs(F.log_softmax(logits, 1), torch.tensor([[True, False, False]])).exp()
    plain = logits.softmax(1)
    torch.testing.assert_close(merged[:, 0], plain[:, 0] + plain[:, 2] + plain[:, 3])
    torch.testing.assert_close(merged[:, 1], plain[:, 1])
    assert merged[:, 2:].max() < 1e-9


def test_an_organ_that_the_reference_does_not_mark_is_not_punished():
    labels = torch.zeros(1, 2, 2, dtype=torch.long)
    logits = torch.zeros(1, 3, 2, 2)
    logits[:, 2] = 40
    assert dice_and_cross_entropy(logits, labels, torch.tensor([[True, False]])) < 0.01
    assert dice_and_cross_entropy(logits, labels, torch.tensor([[True, True]])) > 10
