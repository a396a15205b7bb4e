"""The fit loop: a killed run ends as an uninterrupted one, a seed repeats a run, the best state is kept."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from LiverAILib.training.fit import FitOptions, Task, fit
from LiverAILib.training.schedule import Stage

STAGES = (Stage("a", 3, 0.01, 0.001), Stage("b", 2, 0.005, 0.005, from_best=True))


def make_task(*, stop_after: int | None = None, scores=None) -> Task:
    """A small regression; raises KeyboardInterrupt in the epoch after `stop_after`."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 1))
    epochs = {"begun": 0}
    given = iter(scores or ())

    def batches(seed):
        epochs["begun"] += 1
        generator = torch.Generator().manual_seed(seed)
        for step in range(4):
            if stop_after is not None and epochs["begun"] > stop_after and step == 2:
                raise KeyboardInterrupt
            x = torch.randn(16, 4, generator=generator)
            yield x, x.sum(1, keepdim=True)

    def loss(network, batch):
        return nn.functional.mse_loss(network(batch[0]), batch[1])

    def validate(network):
        network.eval()
        x = torch.linspace(-1, 1, 40).view(10, 4)
        with torch.no_grad():
            error = float(nn.functional.mse_loss(network(x), x.sum(1, keepdim=True)))
        return {"score": next(given) if scores else -error}

    return Task(network, [network[0], network[1], network[3]], batches, 4, loss, validate)


def same(one, other):
    """Whether two states are equal, bit for bit."""
    return all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize("killed_after", [1, 3, 4])
def test_a_killed_run_ends_as_an_uninterrupted_one(tmp_path, killed_after):
    whole = make_task()
    history = fit(whole, STAGES, output=tmp_path / "whole", seed=1, log=lambda line: None)
    with pytest.raises(KeyboardInterrupt):
        fit(make_task(stop_after=killed_after), STAGES, output=tmp_path / "killed", seed=1, log=lambda line: None)
    resumed = make_task()
    again = fit(resumed, STAGES, output=tmp_path / "killed", seed=1, log=lambda line: None)
    assert [record["loss"] for record in again] == [record["loss"] for record in history]
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name


def test_the_seed_decides(tmp_path):
    losses = {
        (seed, run): [r["loss"] for r in fit(make_task(), STAGES, output=tmp_path / f"{seed}{run}", seed=seed, log=str)]
        for seed in (1, 2)
        for run in "ab"
    }
    assert losses[1, "a"] == losses[1, "b"] != losses[2, "a"]


def test_the_best_state_is_the_one_that_is_left(tmp_path):
    task = make_task(scores=[1.0, 5.0, 2.0, 3.0, 4.0])
    states = []
    fit(task, STAGES, output=tmp_path, log=lambda line: states.append(task.network[0].weight.detach().clone()))
    assert torch.equal(task.network[0].weight, states[1])


@pytest.mark.parametrize(("from_best", "started_from"), [(True, [1, 1, 7]), (False, [2, 5, 8])])
def test_a_stage_starts_from_the_weights_of_the_best_state_or_of_the_previous_stage(tmp_path, from_best, started_from):
    """Four stages of three epochs; the best states are those of epochs 1 and 7 (from 0)."""
    stages = tuple(Stage(name, 3, 0.01, 0.001, from_best=from_best) for name in "abcd")
    task = make_task(scores=[1.0, 5.0, 2.0, 3.0, 4.0, 0.0, 4.5, 6.0, 1.0, 0.0, 0.0, 0.0])
    begun, ended = [], []

    def state():
        return {name: value.clone() for name, value in task.network.state_dict().items()}

    def batches(seed):
        begun.append(state())
        return task.batches(seed)

    def validate(network):
        ended.append(state())
        return task.validate(network)

    fit(replace(task, batches=batches, validate=validate), stages, output=tmp_path, log=lambda line: None)
    for first, before in zip((3, 6, 9), started_from, strict=True):
        assert [n for n, one in enumerate(ended) if same(one, begun[first])] == [before]


def test_the_history_is_on_disk_after_every_epoch(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit(make_task(stop_after=2), STAGES, output=tmp_path, log=lambda line: None)
    assert [r["epoch"] for r in json.loads((tmp_path / "history.json").read_text())] == [1, 2]


def test_a_stage_ends_when_it_gets_no_better(tmp_path):
    """Stage a stops after two validations below its best one; stage b begins anew with its patience."""
    options = FitOptions(patience=2)
    stages = (Stage("a", 9, 0.01, 0.001), Stage("b", 2, 0.005, 0.005))
    scores = [1.0, 5.0, 2.0, 3.0, 6.0, 0.0]
    history = fit(make_task(scores=scores), stages, output=tmp_path, options=options, log=str)
    assert [(r["stage"], r["epoch"]) for r in history] == [("a", 1), ("a", 2), ("a", 3), ("a", 4), ("b", 1), ("b", 2)]


def test_the_start_is_kept_where_nothing_better_follows(tmp_path):
    task = make_task(scores=[9.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    before = task.network[0].weight.detach().clone()
    history = fit(task, STAGES, output=tmp_path, options=FitOptions(start_counts=True), log=str)
    assert history[0] == {"stage": "start", "epoch": 0, "score": 9.0}
    assert torch.equal(task.network[0].weight, before)


def test_without_validation_the_last_state_is_the_best(tmp_path):
    task = replace(make_task(), validate=None)
    states = []
    history = fit(
        task, STAGES, output=tmp_path, log=lambda line: states.append(task.network[0].weight.detach().clone())
    )
    assert torch.equal(task.network[0].weight, states[-1])
    assert not any("score" in record for record in history)


@pytest.mark.parametrize("freeze_batch_norm", [True, False])
def test_frozen_batch_norm_keeps_its_statistics(tmp_path, freeze_batch_norm):
    task = make_task()
    stages = (Stage("frozen", 1, 0.01, None),)
    before = {name: value.clone() for name, value in task.network.state_dict().items()}
    fit(task, stages, output=tmp_path, options=FitOptions(freeze_batch_norm=freeze_batch_norm), log=str)
    after = task.network.state_dict()
    assert torch.equal(before["0.weight"], after["0.weight"])
    for name in ("1.running_mean", "1.weight"):
        assert torch.equal(before[name], after[name]) is freeze_batch_norm
    assert not torch.equal(before["3.weight"], after["3.weight"])
