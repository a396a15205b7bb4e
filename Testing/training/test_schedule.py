"""Schedules against the tables of the paper and the closed form of the one-cycle policy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from LiverAILib.networks.unet import build_unet, unet_layer_groups
from LiverAILib.training.schedule import (
    NOWAK2021_CLASSIFICATION,
    NOWAK2021_SEGMENTATION,
    XUE2020,
    Stage,
    group_learning_rates,
    one_cycle_optimizer,
    shortened,
)


def test_the_published_stages():
    assert [(s.epochs, s.max_lr_last, s.max_lr_first) for s in NOWAK2021_SEGMENTATION] == [
        (80, 1e-3, None), (40, 5e-4, 5e-6), (40, 5e-4, 5e-5), (40, 5e-4, 5e-4),
    ]  # fmt: skip
    assert [(s.epochs, s.max_lr_last, s.max_lr_first) for s in NOWAK2021_CLASSIFICATION] == [
        (80, 0.1, None), (40, 0.01, None), (40, 1e-3, None), (40, 1e-4, 1e-6), (40, 1e-4, 1e-5), (40, 1e-4, 1e-4),
    ]  # fmt: skip
    assert all(stage.from_best for stage in NOWAK2021_CLASSIFICATION[1:])
    assert not any(stage.from_best for stage in NOWAK2021_SEGMENTATION)


def test_the_rate_rises_linearly_from_the_first_to_the_last_group():
    stage = Stage("4", 40, 1e-4, 1e-6)
    np.testing.assert_allclose(group_learning_rates(stage, 4), [1e-6, 3.4e-5, 6.7e-5, 1e-4])
    np.testing.assert_allclose(group_learning_rates(stage, 3, spacing="log"), [1e-6, 1e-5, 1e-4])
    assert group_learning_rates(Stage("1", 80, 0.1, None), 3) == [None, None, 0.1]
    assert group_learning_rates(Stage("1", 80, 1e-3, None), 4, pretrained=2) == [None, None, 1e-3, 1e-3]


@pytest.mark.parametrize("stage", NOWAK2021_SEGMENTATION, ids=lambda stage: stage.name)
def test_the_layers_of_the_unet_get_the_published_peaks(stage):
    """Encoder stem to head; in the first stage the encoder is frozen, its batch-norm not."""
    network = build_unet(5)
    groups, encoder = unet_layer_groups(network)
    optimizer, _ = one_cycle_optimizer(groups, stage, steps=10, pretrained=encoder)
    if stage.max_lr_first is None:
        expected = [stage.max_lr_last] * len(groups)
        assert not network.encoder.layer3[0].conv1.weight.requires_grad
        assert network.encoder.layer3[0].bn1.weight.requires_grad
    else:
        expected = np.linspace(stage.max_lr_first, stage.max_lr_last, len(groups))
        assert all(parameter.requires_grad for parameter in network.parameters())
    for group in optimizer.param_groups:
        assert group["max_lr"] == pytest.approx(expected[group["layer"]])
    assert {group["layer"] for group in optimizer.param_groups if group["weight_decay"]} == (
        set(range(encoder, 11)) if stage.max_lr_first is None else set(range(11))
    )


def test_a_trial_run_has_all_stages_and_few_epochs():
    assert [stage.epochs for stage in shortened(NOWAK2021_CLASSIFICATION, 20)] == [4, 2, 2, 2, 2, 2]
    assert [stage.epochs for stage in shortened(NOWAK2021_SEGMENTATION, 1000)] == [1, 1, 1, 1]
    assert shortened(NOWAK2021_SEGMENTATION, 1) == NOWAK2021_SEGMENTATION


def network():
    return [nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), nn.Linear(4, 2)]


def test_one_cycle_follows_two_cosines_as_fastai_does():
    groups, steps = network(), 400
    optimizer, scheduler = one_cycle_optimizer(groups, Stage("x", 1, 0.01, 0.01), steps=steps)
    seen = []
    for _ in range(steps):
        seen.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"][0]))
        optimizer.step()
        scheduler.step()
    share = np.arange(steps) / steps
    cosine = lambda a, b, t: a + (b - a) * (1 - np.cos(np.pi * t)) / 2  # noqa: E731
    rate = np.where(
        share < 0.25, cosine(0.01 / 25, 0.01, share / 0.25), cosine(0.01, 0.01 / 1e5, (share - 0.25) / 0.75)
    )
    momentum = np.where(share < 0.25, cosine(0.95, 0.85, share / 0.25), cosine(0.85, 0.95, (share - 0.25) / 0.75))
    np.testing.assert_allclose([s[0] for s in seen], rate, atol=0.01 * 0.01)
    np.testing.assert_allclose([s[1] for s in seen], momentum, atol=0.1 * 0.01)


def test_weight_decay_spares_normalization_and_biases():
    groups = network()
    optimizer, _ = one_cycle_optimizer(groups, Stage("x", 1, 0.01, 0.01), steps=10)
    decay = {id(p): g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    assert decay[id(groups[0][0].weight)] == decay[id(groups[1].weight)] == 0.01
    assert decay[id(groups[0][0].bias)] == decay[id(groups[0][1].weight)] == decay[id(groups[0][1].bias)] == 0


@pytest.mark.parametrize("train_batch_norm", [True, False])
def test_a_frozen_group_stays_as_it_was_but_for_its_batch_norm(train_batch_norm):
    torch.manual_seed(0)
    groups = network()
    before = [p.detach().clone() for p in groups[0].parameters()]
    optimizer, _ = one_cycle_optimizer(
        groups, Stage("1", 1, 0.1, None), steps=10, train_frozen_batch_norm=train_batch_norm
    )
    nn.functional.cross_entropy(groups[1](groups[0](torch.randn(8, 3))), torch.tensor([0, 1] * 4)).backward()
    optimizer.step()
    after = list(groups[0].parameters())
    assert torch.equal(before[0], after[0])
    assert torch.equal(before[1], after[1])
    assert torch.equal(before[2], after[2]) is not train_batch_norm


def test_xue2020_is_plain_sgd_with_momentum_at_one_rate():
    """Two steps on a parameter with gradient 1 by hand: v = 1, then .9 + 1."""
    layer = nn.Linear(1, 1, bias=False)
    optimizer, scheduler = one_cycle_optimizer([layer], XUE2020[0], steps=2)
    start = layer.weight.item()
    for _ in range(2):
        optimizer.zero_grad()
        layer.weight.sum().backward()
        optimizer.step()
        scheduler.step()
    assert layer.weight.item() == pytest.approx(start - 1e-3 * (1 + 1.9))
    assert [group["lr"] for group in optimizer.param_groups] == [1e-3]
