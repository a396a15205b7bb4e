"""How a run departs from the published recipe of its method, so that the log and the model card say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from fractions import Fraction
from typing import Any

from LiverAILib.training.options import TrainingOptions
from LiverAILib.training.schedule import Stage

PRETRAINED, TRAINED_MODEL, RANDOM = "pretrained encoder", "trained model", "random weights"
"""What the networks of a run start from."""


def departures(own: Any, published: Any) -> list[str]:
    """The settings of a recipe that are not the published ones: "class balance: sampling instead of none".

    Args:
        own: The recipe of the run, a dataclass.
        published: That of the paper, of the same class.
    """
    return [
        f"{field.name.replace('_', ' ')}: {_shown(getattr(own, field.name))} instead of "
        f"{_shown(getattr(published, field.name))}"
        for field in fields(own)
        if getattr(own, field.name) != getattr(published, field.name)
    ]


def announce(own: Any, published: Any, options: TrainingOptions, *, log: Callable[[str], None]) -> dict[str, list[str]]:
    """Log how a run of the published or extended schedule departs from the paper's recipe.

    Returns:
        The same as an entry of the model card; empty for the other schedules, which are our own.
    """
    if not options.staged:
        return {}
    found = departures(own, published)
    log("published recipe" + (", but:" if found else ""))
    for line in found:
        log(f"  {line}")
    return {"departures_from_paper": found}


def _shown(value: Any) -> str:
    """A setting for people, on one line."""
    if isinstance(value, Stage):
        first = "frozen" if value.max_lr_first is None else f"{value.max_lr_first:g}"
        return f"{value.name}: {value.epochs} epochs at {first}..{value.max_lr_last:g}"
    if isinstance(value, Fraction):
        return f"image size x {value}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    if isinstance(value, tuple):
        return "(" + ", ".join(_shown(one) for one in value) + ")"
    return "the default" if value is None else str(value)
