"""The ordinal output against its definition, one product at a time."""

from __future__ import annotations

import itertools

import torch

from LiverAILib.networks.corn import conditional_terms, log_class_probabilities


def test_class_probabilities_are_differences_of_falling_products():
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)) * 2
    probabilities = log_class_probabilities(logits).exp()
    for case in range(len(logits)):
        conditional = [1 / (1 + torch.exp(-logit)) for logit in logits[case]]
        above = [torch.tensor(1.0)]
        for value in conditional:
            above.append(above[-1] * value)
        above.append(torch.tensor(0.0))
        assert all(high >= low for high, low in itertools.pairwise(above))  # rank-consistent
        expected = torch.stack([above[k] - above[k + 1] for k in range(5)])
        torch.testing.assert_close(probabilities[case], expected)


def test_probabilities_sum_to_one_however_sure_the_network_is():
    logits = torch.tensor([[90.0, -90.0, 90.0, 5.0], [-90.0] * 4, [90.0] * 4])
    logs = log_class_probabilities(logits)
    assert torch.isfinite(logs).all()
    torch.testing.assert_close(logs.exp().sum(1), torch.ones(3))
    assert logs.argmax(1).tolist() == [1, 0, 4]


def test_a_task_is_learned_from_the_cases_that_reached_it():
    labels = torch.tensor([0, 2, 4])
    _, members = conditional_terms(torch.zeros(3, 4), labels)
    assert members.tolist() == [
        [True, False, False, False],
        [True, True, True, False],
        [True, True, True, True],
    ]
