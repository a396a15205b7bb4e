"""The published recipe of Nowak 2021, setting by setting, and what the other schedules add to it."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from fractions import Fraction

import pytest

from LiverAILib.errors import UserError
from LiverAILib.jobs.train import understood_options
from LiverAILib.methods.nowak2021.recipe import Nowak2021Recipe, recipe_of
from LiverAILib.training.options import TrainingOptions
from LiverAILib.training.recipe import departures

OWN = {"encoder_weights": "imagenet", "segmentation_model": "own"}

TABLE_2 = [
    # stage, epochs, max LR of the output layer, max LR of the first layer
    ("1", 80, 0.1, None),
    ("2", 40, 0.01, None),
    ("3", 40, 0.001, None),
    ("4", 40, 0.0001, 0.000001),
    ("5", 40, 0.0001, 0.00001),
    ("6", 40, 0.0001, 0.0001),
]

PUBLISHED = {
    "starts_from": "pretrained encoder",
    "image_sizes": {"segmented": 224, "full": 448},
    "batch_sizes": {"segmented": 32, "full": 8},
    "steps": None,  # every slice once
    "class_balance": "none",
    "neighbors": 0,
    "training_masks": ("given",),
    "validation_masks": "network",
    "classes": "cirrhosis",
    "head": "softmax",
    "calibrate": False,
    "validate_every": 1,
    "patience": None,
    "lr_spacing": "linear",
    "freeze_batch_norm": False,
    "frozen_views": None,
    "backbone": "resnet50",
    "backbone_groups": None,
    "evidence_penalty": 0.0,
}


def recipe(**options):
    return recipe_of(TrainingOptions(**options).resolved("nowak2021", understood_options()))


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_setting_of_the_published_recipe(name):
    assert getattr(recipe(**OWN), name) == PUBLISHED[name]


def test_the_published_stages_each_start_from_the_best_state_so_far():
    ((share, stages),) = recipe(**OWN).runs
    assert share == 1
    assert [(one.name, one.epochs, one.max_lr_last, one.max_lr_first) for one in stages] == TABLE_2
    assert [one.from_best for one in stages] == [False] + [True] * 5
    assert {one.policy for one in stages} == {"one-cycle"}


def test_the_published_augmentation_is_rotation_zoom_contrast_and_brightness_without_mirroring():
    published = recipe(**OWN)
    used = {**asdict(published.geometry), **asdict(published.intensity)}
    assert {name: value for name, value in used.items() if value} == {
        "rotation_degrees": 10,
        "zoom": (0.9, 1.1),
        "contrast": 0.1,
        "brightness": 0.1,
    }


def test_every_setting_is_compared_with_the_paper():
    assert {field.name for field in fields(Nowak2021Recipe)} == {*PUBLISHED, "runs", "geometry", "intensity"}
    assert departures(recipe(**OWN), Nowak2021Recipe()) == []


def test_segmented_images_have_smaller_matrices_and_larger_batches_with_as_many_pixels():
    published = recipe(**OWN)
    pixels = {name: published.batch_sizes[name] * published.image_sizes[name] ** 2 for name in ("segmented", "full")}
    assert pixels["segmented"] == pixels["full"]
    assert published.sized_runs("segmented")[0][0] < published.sized_runs("full")[0][0]


def test_the_sizes_of_the_pipelines_can_be_set_together_and_apart():
    assert recipe(**OWN, image_size=96).image_sizes == {"segmented": 96, "full": 96}
    assert recipe(**OWN, image_size=96, full_image_size=160).image_sizes == {"segmented": 96, "full": 160}
    assert recipe(**OWN, full_batch_size=4).batch_sizes == {"segmented": 32, "full": 4}


@pytest.mark.parametrize("options", [{}, {"segmentation_model": "own"}])
@pytest.mark.parametrize("schedule", ["short", "extended"])
def test_our_additions_belong_to_other_schedules(schedule, options):
    added = recipe(schedule=schedule, encoder_weights="imagenet", **options)
    both = ("given", "network") if options else ("given",)
    assert (added.class_balance, added.neighbors, added.calibrate, added.training_masks) == ("sampling", 1, True, both)
    assert added.validation_masks == both[-1]


def test_the_extended_schedule_has_the_published_stages_and_the_others_their_own():
    assert recipe(**OWN, schedule="extended").runs == recipe(**OWN).runs
    short = recipe()
    assert [(size, [one.epochs for one in stages]) for size, stages in short.sized_runs("full")] == [
        (128, [12]),
        (224, [4]),
    ]
    peaks = [stages[0].max_lr_last for _, stages in recipe(max_lr=0.01).runs]
    assert peaks == pytest.approx([0.01, 0.003])
    ((share, (stage,)),) = recipe(schedule="fine-tune", epochs=3).runs
    assert (share, stage.epochs, stage.max_lr_last) == (Fraction(1), 3, 3e-4)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"class_balance": "sampling"}, "class balance: sampling instead of none"),
        ({"validation_masks": "given"}, "validation masks: given instead of network"),
        ({"calibrate": True}, "calibrate: True instead of False"),
        ({"head": "fastai"}, "head: fastai instead of softmax"),
        ({"steps": 3}, "steps: 3 instead of the default"),
        ({"full_batch_size": 4}, "batch sizes: segmented 32, full 4 instead of segmented 32, full 8"),
    ],
)
def test_an_option_that_departs_from_the_paper_is_said(options, said):
    assert departures(recipe(**OWN, **options), Nowak2021Recipe()) == [said]


def test_fewer_epochs_are_said_too():
    (said,) = departures(recipe(**OWN, epochs_divisor=40), Nowak2021Recipe())
    assert "1: 2 epochs at frozen..0.1" in said
    assert "1: 80 epochs at frozen..0.1" in said


def test_without_ones_own_segmentation_network_the_published_run_stops_unless_told_otherwise():
    with pytest.raises(
        UserError, match="--schedule published: validates on the masks of your own segmentation network"
    ):
        recipe(encoder_weights="imagenet")
    assert recipe(encoder_weights="imagenet", validation_masks="given").validation_masks == "given"
    with pytest.raises(UserError, match="--validation-masks network: validates on"):
        recipe(validation_masks="network")


def test_further_training_keeps_the_sizes_of_the_model(tmp_path):
    from Testing.models import untrained_nowak2021, with_settings

    model = with_settings(untrained_nowak2021(tmp_path / "model"), image_size={"segmented": 64, "full": 96})
    options = TrainingOptions(initial_weights="model").resolved("nowak2021", understood_options())
    assert recipe_of(options, model).image_sizes == {"segmented": 64, "full": 96}
    assert recipe_of(replace(options, image_size=32), model).image_sizes == {"segmented": 32, "full": 32}
