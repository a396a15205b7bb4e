"""The settings of an evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from LiverAILib.errors import UserError
from LiverAILib.evaluation.delong import AUC_METHODS
from LiverAILib.evaluation.intervals import PROPORTION_METHODS
from LiverAILib.evaluation.patients import AGGREGATES
from LiverAILib.evaluation.thresholds import Rule

if TYPE_CHECKING:
    from LiverAILib.evaluation.report.content import Section
    from LiverAILib.evaluation.report.predictions import Predictions
    from LiverAILib.evaluation.report.tasks import Result


@dataclass(frozen=True)
class PaperSection:
    """A paper's own thresholds, tests and figures, which the caller brings along.

    Attributes:
        name: Key of the paper ("nowak2021").
        tasks: Kinds of labels that it fits: "binary", "stages", "values".
        make: Function of predictions, options and result that gives the section and its numbers.
        cutoffs: Cut-offs of measured values where the user gives none.
        validation_half: Whether the section also reports the validation cases (`Result.validation`).
    """

    name: str
    tasks: tuple[str, ...]
    make: Callable[[Predictions, Options, Result], tuple[Section, dict[str, Any]]]
    cutoffs: tuple[float, ...] = ()
    validation_half: bool = False


@dataclass(frozen=True)
class Options:
    """Settings of an evaluation; all of them are kept in the record.

    Attributes:
        title: Title of the report; empty: made from the method's name.
        method_name: Name of the evaluated method.
        paper: A paper whose tests and figures are added, or None.
        rule: How thresholds are chosen.
        in_sample: Choose and judge thresholds on the same cases, "as in the paper".
        folds: Number of folds for cross-fitted thresholds where the file has none.
        images: What to do with several rows per patient: ``""`` (error), an aggregate, or ``"clustered"``.
        interval: Interval of proportions.
        auc_interval: Interval of AUCs.
        level: Confidence level.
        replicates: Bootstrap replicates.
        seed: Seed of everything random.
        cutoffs: For values: report diagnosis at these cut-offs too.
        quantity: For values: what was measured.
        unit: For values: its unit.
        card: What the user's record says about model and data, for the model card and the checklist.
        recalibrate: Add temperature scaling, and intercept with slope, before and after.
        conformal: Add conformal prediction sets with this coverage; 0: none.
        software: Name and version of the software that calls this, for the record.
        validation: Whether the cases are those that the model's state was chosen on, and no test.
    """

    title: str = ""
    method_name: str = "method"
    paper: PaperSection | None = None
    rule: Rule = field(default_factory=lambda: Rule("youden"))
    in_sample: bool = False
    folds: int = 5
    images: str = ""
    interval: str = "clopper-pearson"
    auc_interval: str = "delong-logit"
    level: float = 0.95
    replicates: int = 2000
    seed: int = 0
    cutoffs: tuple[float, ...] = ()
    quantity: str = "value"
    unit: str = ""
    card: dict[str, Any] = field(default_factory=dict)
    recalibrate: bool = False
    conformal: float = 0.0
    software: dict[str, str] = field(default_factory=dict)
    validation: bool = False

    def __post_init__(self) -> None:
        _one_of("--images", self.images, ("", *AGGREGATES, "clustered"))
        _one_of("--interval", self.interval, tuple(PROPORTION_METHODS))
        _one_of("--auc-interval", self.auc_interval, (*AUC_METHODS, "bootstrap"))
        if not 0.5 <= self.level < 1:
            raise UserError(
                f"--level {self.level:g} is not a confidence level; give a number from 0.5 to below 1, such as 0.95"
            )
        if self.replicates < 100:
            raise UserError(f"--bootstrap {self.replicates} is too few for an interval; use at least 100, better 2000")
        if not 0 <= self.conformal < 1:
            raise UserError(f"--conformal {self.conformal:g} is not a coverage; give a number below 1, such as 0.9")
        if self.folds < 2:
            raise UserError(f"--folds {self.folds} is too few for cross-fitting; use at least 2")

    @property
    def clustered(self) -> bool:
        """True where rows stay images and intervals allow for it."""
        return self.images == "clustered"

    @property
    def resampling(self) -> dict[str, Any]:
        """Settings of every bootstrap interval."""
        return {"level": self.level, "replicates": self.replicates, "seed": self.seed}

    @property
    def band(self) -> dict[str, Any]:
        """Settings of the bands of curves, which need fewer replicates than the limits of a number."""
        return {**self.resampling, "replicates": min(500, self.replicates)}


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UserError(f"{option} {value!r} is unknown; use one of {', '.join(one for one in allowed if one)}")
