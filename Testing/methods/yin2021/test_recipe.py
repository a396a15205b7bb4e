"""The published recipe of Yin 2021, setting by setting, and what the short schedule makes of it."""

from __future__ import annotations

from dataclasses import fields

import pytest

from LiverAILib.imaging.intensity import CT_WINDOW_HU
from LiverAILib.jobs.train import understood_options
from LiverAILib.methods.yin2021.recipe import Yin2021Recipe, recipe_of
from LiverAILib.training.options import TrainingOptions
from LiverAILib.training.recipe import departures
from Testing.models import untrained_yin2021

PUBLISHED = {
    "starts_from": "random weights",
    "window": None,  # as many slices as at inference
    "batch_size": 8,
    "steps": None,  # every case once
    "class_balance": "weights",
    "augmentation": None,
    "validate_every": 1,
    "patience": None,
    "evidence_penalty": 0.0,
}

INPUT = {"image_size": 256, "slices": 32, "slice_mm": 5.0, "stride": 16, "masking": "none"}

NETWORK = {
    "kernel": (1, 5, 5),
    "channels": (16, 32, 64, 128),
    "pooling": (2, 2, 2),
    "hidden": 128,
    "normalization": "none",
    "explained_convolution": 3,
}


def recipe(start=None, **options):
    return recipe_of(TrainingOptions(**options).resolved("yin2021", understood_options()), start)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_setting_of_the_published_recipe(name):
    assert getattr(recipe(schedule="published"), name) == PUBLISHED[name]


def test_the_published_input_network_and_optimizer():
    published = recipe(schedule="published")
    assert CT_WINDOW_HU == (-125, 225)
    assert vars(published.inputs) == INPUT
    assert vars(published.network) == NETWORK
    assert [(one.epochs, one.max_lr_first, one.max_lr_last, one.policy) for one in published.stages] == [
        (200, 1e-4, 1e-4, "constant")
    ]


def test_every_setting_is_compared_with_the_paper():
    compared = {*PUBLISHED, "inputs", "network", "stages"}
    assert {field.name for field in fields(Yin2021Recipe)} == compared
    assert departures(recipe(schedule="published"), Yin2021Recipe()) == []
    said = departures(recipe(schedule="published", class_balance="none"), Yin2021Recipe())
    assert said == ["class balance: none instead of weights"]


def test_our_additions_belong_to_the_short_schedule():
    short = recipe()
    assert short.augmentation is not None
    assert (short.network.normalization, short.window, short.inputs.image_size) == ("batch", 8, 128)
    assert short.stages[0].policy == "one-cycle"


def test_a_published_run_from_a_trained_model_says_that_it_departs(tmp_path):
    model = untrained_yin2021(tmp_path / "model")
    found = departures(recipe(model, schedule="published", initial_weights="model"), Yin2021Recipe())
    assert [line.split(":")[0] for line in found] == ["starts from", "inputs", "network"]
