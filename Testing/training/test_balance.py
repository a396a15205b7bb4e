"""Classes of unequal size: drawn equally often, weighted, or left alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from LiverAILib.training import distributed
from LiverAILib.training.balance import class_weights, epoch_batches, sampler

LABELS = torch.tensor([0] * 16 + [1] * 3 + [4])


def test_every_class_that_there_is_gets_its_share_of_a_batch():
    drawn = LABELS[sampler(LABELS, "sampling")(12, torch.Generator().manual_seed(0))]
    assert torch.bincount(drawn, minlength=5).tolist() == [4, 4, 0, 0, 4]


@pytest.mark.parametrize("balance", ["weights", "none"])
def test_otherwise_every_case_is_drawn_equally_often(balance):
    index = sampler(LABELS, balance)(20_000, torch.Generator().manual_seed(0))
    assert torch.bincount(index).min() > 850
    assert torch.bincount(index).max() < 1150


@pytest.mark.parametrize("balance", ["weights", "none"])
def test_an_epoch_shows_every_sample_once_in_another_order_each_time(balance):
    epoch, steps = epoch_batches(LABELS, balance, batch_size=8)
    first, other = (list(epoch(torch.Generator().manual_seed(seed))) for seed in (0, 1))
    assert steps == len(first) == 3
    # Nearly equal: a last batch of one sample could not be normalized.
    assert [len(batch) for batch in first] == [7, 7, 6]
    assert sorted(torch.cat(first).tolist()) == list(range(20))
    assert not torch.equal(torch.cat(first), torch.cat(other))


def test_the_number_of_batches_can_be_given():
    epoch, steps = epoch_batches(LABELS, "none", batch_size=8, steps=5)
    batches = list(epoch(torch.Generator().manual_seed(0)))
    assert steps == 5
    assert [len(batch) for batch in batches] == [8] * 5
    assert torch.bincount(torch.cat(batches)).tolist() == [2] * 20


def test_class_equal_batches_are_drawn_with_replacement():
    epoch, steps = epoch_batches(LABELS, "sampling", batch_size=6)
    batches = list(epoch(torch.Generator().manual_seed(0)))
    assert steps == len(batches) == 3
    assert all(torch.bincount(LABELS[batch], minlength=5).tolist() == [2, 2, 0, 0, 2] for batch in batches)


@pytest.mark.parametrize(("samples", "batch_size"), [(20, 8), (21, 8), (3, 1)])
def test_several_processes_share_every_batch_evenly(monkeypatch, samples, batch_size):
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    epoch, steps = epoch_batches(torch.zeros(samples, dtype=torch.long), "none", batch_size=batch_size)
    batches = list(epoch(torch.Generator().manual_seed(0)))
    assert len(batches) == steps
    assert all(len(batch) % 2 == 0 and len(batch) for batch in batches)
    assert set(torch.cat(batches).tolist()) == set(range(samples))


def test_weights_are_those_of_scikit_learn():
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 4]), y=LABELS.numpy())
    found = class_weights(LABELS, 5, "weights")
    assert found[[0, 1, 4]].tolist() == pytest.approx(expected.tolist())
    assert found[[2, 3]].tolist() == [0, 0]
    assert class_weights(LABELS, 5, "sampling") is None
