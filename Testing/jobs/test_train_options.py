"""What can be set of a training run, and what is chosen where nothing is said."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from LiverAILib.cli import build_parser
from LiverAILib.errors import UserError
from LiverAILib.jobs.train_options import TrainingOptions
from LiverAILib.methods.nowak2021.trainer import classifier_runs, validation_calibration


def test_the_command_line_has_every_option_with_the_same_default():
    args = build_parser().parse_args(["train", "nowak2021", "--cohort", "c.csv", "--output", "run"])
    given = TrainingOptions(**{field.name: getattr(args, field.name) for field in fields(TrainingOptions)})
    assert given == TrainingOptions()


@pytest.mark.parametrize(
    ("options", "schedule"),
    [
        ({}, "short"),
        ({"encoder_weights": "imagenet"}, "published"),
        ({"initial_weights": "model"}, "fine-tune"),
        ({"encoder_weights": "imagenet", "schedule": "short"}, "short"),
    ],
)
def test_the_weights_decide_on_the_schedule(options, schedule):
    assert TrainingOptions(**options).settings("nowak2021")["schedule"] == schedule


def test_an_option_that_there_is_not_is_refused():
    with pytest.raises(UserError, match="--lr-spacing cubic: unknown"):
        TrainingOptions(lr_spacing="cubic").settings("nowak2021")


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("segmentation", {"head": "corn"}, "--head: means nothing to segmentation"),
        ("nowak2021", {"masking": "liver"}, "--masking: means nothing to nowak2021"),
        ("yin2021", {"encoder_weights": "imagenet"}, "--encoder-weights: means nothing to yin2021"),
        ("nowak2021", {"encoder_weights": "imagenet", "epochs": 3}, "--epochs: the published schedule has its own"),
        ("nowak2021", {"epochs_divisor": 3}, "this run is 'short'"),
        ("segmentation", {"max_lr": 0.1}, "--max-lr: the short schedule has its own"),
    ],
)
def test_nothing_that_was_asked_for_is_silently_ignored(method, options, message):
    with pytest.raises(UserError, match=message):
        TrainingOptions(**options).settings(method)


def test_the_runs_of_the_schedules():
    def sizes_and_epochs(**options):
        runs = classifier_runs(TrainingOptions(**options).settings("nowak2021"))
        return [(size, [stage.epochs for stage in stages]) for size, stages in runs]

    assert sizes_and_epochs() == [(128, [12]), (224, [4])]
    assert sizes_and_epochs(encoder_weights="imagenet") == [(224, [80, 40, 40, 40, 40, 40])]
    assert sizes_and_epochs(initial_weights="model", epochs=3, image_size=160) == [(160, [3])]


def test_scores_that_are_too_sure_are_mended():
    """Labels are drawn from softmax(scores), then the scores are tripled: the temperature of three classes is three."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(4000, 3, generator=generator) * 2
    labels = torch.multinomial(scores.softmax(1), 1, generator=generator)[:, 0]
    assert validation_calibration(3 * scores, labels) == {"temperature": pytest.approx(3, rel=0.1)}
    # Too few cases, or nothing wrong: left as they are.
    assert validation_calibration(3 * scores[:19], labels[:19]) == {}
    assert validation_calibration(3 * scores, scores.argmax(1)) == {}


def test_two_classes_are_shifted_too():
    """The score of the second class is lowered by two after the labels were drawn: the intercept gives it back."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(4000, 2, generator=generator) * 2
    labels = torch.multinomial(scores.softmax(1), 1, generator=generator)[:, 0]
    found = validation_calibration(scores - torch.tensor([0.0, 2.0]), labels)
    assert found == {"intercept": pytest.approx(2, abs=0.2), "slope": pytest.approx(1, abs=0.1)}
