"""How far the maps of a family can be trusted: four checks with stated rules, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from LiverAILib.explain.intervals import CONFIDENCE, Interval, mean

if TYPE_CHECKING:
    import torch

    from LiverAILib.explain.deletion_insertion import PerturbationCurves
    from LiverAILib.explain.map_family import MapFamily
    from LiverAILib.explain.randomization import RandomizationStep
    from LiverAILib.explain.repeatability import Repeatability

YES, NO, UNDECIDED, NOT_ASSESSED = "yes", "no", "undecided", "not assessed"


@dataclass(frozen=True)
class VerdictRules:
    """When a check is passed; defaults of this library, since the field has no agreed limits.

    Attributes:
        uncorrelated: Maps of a randomized network depend on nothing learned where their mean rank correlation with those of
            the trained network lies within +- this.
        repeatable: Least mean rank correlation under small shifts.
        confidence: Of the t intervals over cases that decide.
    """

    uncorrelated: float = 0.3
    repeatable: float = 0.7
    confidence: float = CONFIDENCE


@dataclass(frozen=True)
class Check:
    """One question about a map family.

    Attributes:
        family: Name of the map family.
        question: What is asked.
        answer: "yes", "no", "undecided" (the interval holds the limit) or "not assessed" (fewer than two cases).
        estimate: What the answer rests on; None where nothing could be computed.
        rule: The rule, in words.
        measure: What the estimate is, in words.
    """

    family: str
    question: str
    answer: str
    estimate: Interval | None
    rule: str
    measure: str


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """All that was measured of a map family, case by case.

    Attributes:
        family: Name of the map family.
        curves: Deletion and insertion.
        randomization: Cascading randomization.
        repeats: Repeatability under small shifts.
        rules: What the verdict rests on.
        settings: Settings of the checks.
    """

    family: str
    curves: Sequence[PerturbationCurves]
    randomization: Sequence[RandomizationStep]
    repeats: Sequence[Repeatability]
    rules: VerdictRules = field(default_factory=VerdictRules)
    settings: dict[str, object] = field(default_factory=dict)

    @property
    def checks(self) -> tuple[Check, ...]:
        """Deletion, insertion, weights and repeatability."""
        return (*self._order_checks(), self._weights_check(), self._repeat_check())

    @property
    def verdict(self) -> str:
        """ "yes" where all checks say so, "no" where one says no, else "undecided" or "not assessed"."""
        answers = [check.answer for check in self.checks]
        for answer in (NO, NOT_ASSESSED, UNDECIDED):
            if answer in answers:
                return answer
        return YES

    def _order_checks(self) -> list[Check]:
        checks = []
        for name in ("deletion", "insertion"):
            gains = [getattr(curves, f"{name}_gain") for curves in self.curves]
            estimate = mean(gains, confidence=self.rules.confidence) if gains else None
            checks.append(
                Check(
                    self.family,
                    f"better than random order ({name})",
                    above(estimate, 0.0),
                    estimate,
                    "yes where the whole interval lies above 0, no where none of it does",
                    "mean gain in area over random orders, paired over cases",
                )
            )
        return checks

    def _weights_check(self) -> Check:
        values = [step.spearman for step in self.randomization if step.complete]
        estimate = mean(values, confidence=self.rules.confidence) if values else None
        limit = self.rules.uncorrelated
        return Check(
            self.family,
            "depends on the weights",
            within(estimate, limit),
            estimate,
            f"yes where the interval lies within +-{limit:g}, no where it lies outside",
            "mean rank correlation of the maps of the trained and of a fully randomized network",
        )

    def _repeat_check(self) -> Check:
        values = [entry.spearman for entry in self.repeats]
        estimate = mean(values, confidence=self.rules.confidence) if values else None
        limit = self.rules.repeatable
        return Check(
            self.family,
            "repeatable",
            above(estimate, limit),
            estimate,
            f"yes where the whole interval lies above {limit:g}, no where none of it does",
            "mean rank correlation of the maps under small shifts, moved back",
        )


def check_faithfulness(
    family: MapFamily,
    inputs: torch.Tensor,
    *,
    case_ids: Sequence[str] | None = None,
    targets: Sequence[int] | None = None,
    rules: VerdictRules | None = None,
    seed: int = 0,
    steps: int = 10,
    random_orders: int = 5,
    baseline: str | torch.Tensor = "blur",
    shift: float = 0.02,
    batch_size: int = 16,
) -> Faithfulness:
    """All checks of a map family on some cases; deterministic for a seed.

    A case costs about (2 + `random_orders`) x `steps` forward passes of the network, and a dozen more.

    Args:
        family: Network and explanation, 2D or 3D.
        inputs: Network inputs (n, channels, *spatial); one per patient, so that the intervals over cases hold.
        case_ids: Names, by default 0, 1, ...
        targets: Classes to explain, by default the predicted ones.
        rules: What decides; see `VerdictRules`.
        seed: Seed of random orders and random weights.
        steps: Points of the deletion and insertion curves after the first.
        random_orders: Random orders a case.
        baseline: What deleted cells become (see `deletion_insertion`).
        shift: Shift as a share of the side (see `repeatability`).
        batch_size: Inputs a forward pass.
    """
    from LiverAILib.explain.deletion_insertion import deletion_insertion
    from LiverAILib.explain.randomization import cascading_randomization
    from LiverAILib.explain.repeatability import repeatability

    wanted = family.targets(inputs, targets).tolist()
    return Faithfulness(
        family.name,
        deletion_insertion(
            family,
            inputs,
            case_ids=case_ids,
            targets=wanted,
            steps=steps,
            random_orders=random_orders,
            baseline=baseline,
            batch_size=batch_size,
            seed=seed,
        ),
        cascading_randomization(family, inputs, case_ids=case_ids, targets=wanted, seed=seed),
        repeatability(family, inputs, case_ids=case_ids, targets=wanted, shift=shift),
        rules or VerdictRules(),
        {
            "seed": seed,
            "steps": steps,
            "random_orders": random_orders,
            "baseline": baseline if isinstance(baseline, str) else "given",
            "shift": shift,
            "cases": len(inputs),
        },
    )


def above(estimate: Interval | None, limit: float) -> str:
    """Whether a mean lies above a limit."""
    if estimate is None or not np.isfinite(estimate.low):
        return NOT_ASSESSED
    if estimate.low > limit:
        return YES
    return NO if estimate.high <= limit else UNDECIDED


def within(estimate: Interval | None, limit: float) -> str:
    """Whether a mean lies within +- a limit."""
    if estimate is None or not np.isfinite(estimate.low):
        return NOT_ASSESSED
    if -limit <= estimate.low and estimate.high <= limit:
        return YES
    return NO if estimate.low > limit or estimate.high < -limit else UNDECIDED
