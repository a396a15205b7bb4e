"""The segmentation loss against hand-made answers."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from LiverAILib.networks.corn import log_class_probabilities
from LiverAILib.training.loss import corn_loss, cross_entropy, dice_and_cross_entropy, merge_unknown_organs


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


def test_class_weights_count_as_in_torch():
    torch.manual_seed(1)
    scores, labels = torch.randn(7, 3), torch.tensor([0, 2, 1, 1, 0, 2, 2])
    weights = torch.tensor([0.2, 3.0, 1.0])
    torch.testing.assert_close(cross_entropy(scores, labels), F.cross_entropy(scores, labels))
    expected = F.cross_entropy(scores, labels, weight=weights)
    torch.testing.assert_close(cross_entropy(scores, labels, weights=weights), expected)


def test_the_ordinal_loss_is_the_papers_sum_term_by_term():
    """Shi, Cao, Raschka 2023: log-likelihood of each conditional task over its subset, divided by the sizes of all subsets."""
    torch.manual_seed(2)
    logits, labels = torch.randn(8, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 4, 4, 1, 0])
    total, members = 0.0, 0
    for task in range(4):
        for case in range(8):
            if labels[case] > task - 1:
                probability = 1 / (1 + math.exp(-float(logits[case, task])))
                total += math.log(probability if labels[case] > task else 1 - probability)
                members += 1
    assert float(corn_loss(logits, labels)) == pytest.approx(-total / members)
    # The likelihood of a class is the product of its conditional terms, so the sum is that of the classes.
    likelihood = log_class_probabilities(logits).gather(1, labels[:, None]).sum()
    assert float(likelihood) == pytest.approx(total)
