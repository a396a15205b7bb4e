"""The published recipe of Nowak 2021's segmentation network, setting by setting, and what the other schedules add to it."""

from __future__ import annotations

from dataclasses import asdict, fields

import pytest

from LiverAILib.errors import UserError
from LiverAILib.jobs.train import understood_options
from LiverAILib.segmentation.training.recipe import SegmentationRecipe, recipe_of
from LiverAILib.training.options import TrainingOptions
from LiverAILib.training.recipe import departures
from Testing.models import untrained_segmentation, with_settings

TABLE_2 = [
    # stage, epochs, max LR of the last layer of the decoder, max LR of the first layer of the encoder
    ("1", 80, 0.001, None),
    ("2", 40, 0.0005, 0.000005),
    ("3", 40, 0.0005, 0.00005),
    ("4", 40, 0.0005, 0.0005),
]

OURS = {"ct_share", "context_lr", "context"}
"""Settings of our additions, which the published recipe does not reach."""
PUBLISHED = {
    "context_epochs": 0,
    "starts_from": "pretrained encoder",
    "encoder": "resnet34",
    "organs": ("liver",),
    "adjacent_slices": 1,
    "samples": "one slice a patient",
    "image_size": (256, 256),
    "batch_size": 8,
    "steps": None,  # every slice once
    "synthetic_share": 0.0,
    "refine_epochs": 0,
    "validate_every": 1,
    "patience": None,
    "lr_spacing": "linear",
    "freeze_batch_norm": False,
}


def recipe(start=None, **options):
    return recipe_of(TrainingOptions(**options).resolved("segmentation", understood_options()), start)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_setting_of_the_published_recipe(name):
    assert getattr(recipe(encoder_weights="imagenet"), name) == PUBLISHED[name]


def test_the_published_stages_each_start_from_the_previous_one():
    stages = recipe(encoder_weights="imagenet").stages
    assert [(one.name, one.epochs, one.max_lr_last, one.max_lr_first) for one in stages] == TABLE_2
    assert not any(one.from_best for one in stages)
    assert {one.policy for one in stages} == {"one-cycle"}


def test_the_published_augmentation_is_rotation_zoom_contrast_and_brightness_without_mirroring():
    published = recipe(encoder_weights="imagenet")
    used = {**asdict(published.geometry), **asdict(published.intensity)}
    assert {name: value for name, value in used.items() if value} == {
        "rotation_degrees": 10,
        "zoom": (0.9, 1.1),
        "contrast": 0.1,
        "brightness": 0.1,
    }


def test_every_setting_is_compared_with_the_paper():
    assert {field.name for field in fields(SegmentationRecipe)} == {
        *PUBLISHED,
        *OURS,
        "stages",
        "geometry",
        "intensity",
    }
    assert departures(recipe(encoder_weights="imagenet"), SegmentationRecipe()) == []
    said = departures(recipe(encoder_weights="imagenet", batch_size=2), SegmentationRecipe())
    assert said == ["batch size: 2 instead of 8"]


@pytest.mark.parametrize(("schedule", "refined"), [("short", 15), ("extended", 0)])
def test_our_additions_belong_to_other_schedules(schedule, refined):
    added = recipe(schedule=schedule, encoder_weights="imagenet")
    assert added.organs == ("liver", "right_kidney", "left_kidney", "spleen")
    assert (added.adjacent_slices, added.samples, added.steps, added.synthetic_share) == (3, "random slices", 50, 0.5)
    assert added.refine_epochs == refined
    assert (added.stages == recipe(encoder_weights="imagenet").stages) is (schedule == "extended")


def test_another_encoder_is_named_as_torchvision_and_timm_do():
    assert recipe(backbone="resnet18").encoder == "resnet18"
    assert recipe(backbone="tf_efficientnet_lite0").encoder == "tu-tf_efficientnet_lite0"
    with pytest.raises(UserError, match=r"--backbone resnet35: .*Use resnet34"):
        recipe(backbone="resnet35")


def test_further_training_keeps_the_organs_and_the_input_of_the_model(tmp_path):
    model = with_settings(untrained_segmentation(tmp_path / "model"), adjacent_slices=1)
    further = recipe(model, initial_weights="model")
    assert (further.adjacent_slices, further.starts_from) == (1, "trained model")
    assert len(further.organs) == 4
