"""What can be set of a training run, and what is chosen where nothing is said."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from LiverAILib.cli import build_parser
from LiverAILib.errors import UserError
from LiverAILib.jobs.train import understood_options
from LiverAILib.methods.nowak2021.trainer import validation_calibration
from LiverAILib.training.options import METHOD_SPECIFIC, TrainingOptions


def resolved(method="nowak2021", **options):
    return TrainingOptions(**options).resolved(method, understood_options())


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
    assert resolved(**options).schedule == schedule


@pytest.mark.parametrize(
    "name", ["lr_spacing", "schedule", "class_balance", "classes", "head", "masking", "validation_masks"]
)
def test_an_unknown_value_is_refused(name):
    with pytest.raises(UserError, match=f"--{name.replace('_', '-')} cubic: unknown"):
        resolved(**{name: "cubic"})


def test_every_method_specific_option_is_understood_by_some_method():
    assert frozenset().union(*understood_options().values()) == METHOD_SPECIFIC


def test_the_record_of_a_run_holds_every_option_and_the_method():
    record = resolved(epochs=3).record("nowak2021")
    assert list(record) == [*(field.name for field in fields(TrainingOptions)), "method"]
    assert record | {"epochs": None, "schedule": None} == {**vars(TrainingOptions()), "method": "nowak2021"}


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("segmentation", {"head": "corn"}, "--head: is no option of segmentation, only of nowak2021"),
        (
            "yin2021",
            {"schedule": "extended"},
            "--schedule extended: is no option of yin2021, only of segmentation and nowak2021",
        ),
        ("segmentation", {"calibrate": False}, "--calibrate: is no option of segmentation"),
        ("nowak2021", {"schedule": "extended", "epochs": 3}, "--epochs: is fixed by the extended schedule"),
        ("nowak2021", {"masking": "liver"}, "--masking: is no option of nowak2021, only of yin2021"),
        (
            "yin2021",
            {"encoder_weights": "imagenet"},
            "--encoder-weights: is no option of yin2021, only of segmentation and nowak2021",
        ),
        ("nowak2021", {"encoder_weights": "imagenet", "epochs": 3}, "--epochs: is fixed by the published schedule"),
        ("nowak2021", {"epochs_divisor": 3}, "this run is 'short'"),
        ("nowak2021", {"encoder_weights": "imagenet", "max_lr": 0.1}, "--max-lr: is fixed by the published schedule"),
    ],
)
def test_nothing_that_was_asked_for_is_silently_ignored(method, options, message):
    with pytest.raises(UserError, match=message):
        resolved(method, **options)


def test_overconfident_scores_are_recalibrated():
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
