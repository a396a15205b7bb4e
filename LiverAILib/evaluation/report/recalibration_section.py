"""The section on recalibration: probabilities as they are, with a temperature, and with intercept and slope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverAILib.errors import UserError
from LiverAILib.evaluation.calibration import Calibration, calibration
from LiverAILib.evaluation.estimate import Estimate
from LiverAILib.evaluation.figures.calibration import reliability_figure
from LiverAILib.evaluation.held_out import Labeled
from LiverAILib.evaluation.recalibration import (
    METHODS,
    Recalibrated,
    fit_intercept_slope,
    fit_temperature,
    log_probabilities,
    recalibrate,
)
from LiverAILib.evaluation.report.content import Picture, Section, Table, estimates_table, plain
from LiverAILib.evaluation.report.options import Options
from LiverAILib.evaluation.report.predictions import Predictions
from LiverAILib.evaluation.report.probability_tables import probability_tables

AS_IS = "as it is"
TEXT = (
    "A temperature makes probabilities less (above 1) or more extreme; intercept and slope also shift them, which corrects a "
    "method that calls too many or too few cases positive. Neither changes the order of the cases of one fit.",
)


@dataclass(frozen=True)
class Variant:
    """One way to state the probabilities: shape (n, k), and what was fitted, if anything was."""

    name: str
    probabilities: NDArray[np.float64]
    fit: Recalibrated | None


def recalibration_section(
    predictions: Predictions, calibration_cases: Predictions | None, options: Options
) -> tuple[Section, dict[str, Any]] | None:
    """Section and numbers; None where no score is a probability.

    Args:
        predictions: The cases that are tested.
        calibration_cases: Cases of other patients to fit on; None: cross-fitting.
        options: Settings.

    Raises:
        UserError: A patient is both in the fit and in the test.
    """
    tables, pictures, record, text = [], [], {}, list(TEXT)
    others = {} if calibration_cases is None else probability_tables(calibration_cases)
    for number, (name, test) in enumerate(probability_tables(predictions).items()):
        try:
            variants = _variants(test, others.get(name), predictions, options)
        except ValueError as error:
            if str(error).startswith("leakage"):
                raise UserError(f"{predictions.path.name}: {error}") from None
            text.append(f"{name}: not recalibrated, {error}.")
            continue
        key = f"recalibration_{number}"
        found = {variant.name: _reliabilities(test, variant, predictions, options) for variant in variants}
        tables.append(_table(key, name, test, variants, found))
        if number == 0 or predictions.task == "binary":
            pictures += _pictures(key, name, found)
        fitted = others.get(name, test)
        card = _for_the_card(fitted)
        text.append(_sentence(name, variants, test, card))
        record[name] = {
            "fitted": {
                one.name: {"parameters": one.fit.parameters, "note": one.fit.note} for one in variants if one.fit
            },
            "calibration": {variant: plain(own) for variant, own in found.items()},
            "log_loss": {one.name: _log_loss(test, one.probabilities) for one in variants},
            "for_the_card": {**card, "n": fitted.n, "cases": "calibration cases" if name in others else "these cases"},
        }
    if not record:
        return None
    return Section("Calibration before and after", tuple(text), tuple(tables), tuple(pictures)), plain(record)


def _variants(test: Labeled, other: Labeled | None, predictions: Predictions, options: Options) -> list[Variant]:
    found = [Variant(AS_IS, test.probabilities, None)]
    for method in METHODS if test.probabilities.shape[1] == 2 else METHODS[:1]:
        fit = recalibrate(
            test,
            method=method,
            calibration=other,
            folds=predictions.folds,
            n_folds=options.folds,
            seed=options.seed,
        )
        found.append(Variant(method, fit.probabilities, fit))
    return found


def _reliabilities(
    test: Labeled, variant: Variant, predictions: Predictions, options: Options
) -> dict[str, Calibration]:
    """Calibration of each binary question that the probabilities answer, by its name."""
    questions = {"": 1} if predictions.task == "binary" else {">=F2": 2, ">=F3": 3, "F4": 4}
    found = {}
    for name, cut in questions.items():
        truth = test.labels >= cut
        if truth.any() and not truth.all():
            predicted = np.clip(variant.probabilities[:, cut:].sum(axis=1), 0, 1)
            found[name] = calibration(truth, predicted, **options.resampling)
    return found


def _table(
    key: str, name: str, test: Labeled, variants: list[Variant], found: dict[str, dict[str, Calibration]]
) -> Table:
    rows: dict[str, dict[str, Estimate]] = {}
    for variant in variants:
        rows[variant.name] = {
            "log loss": Estimate("log loss", _log_loss(test, variant.probabilities), None, None, test.n)
        }
        for question, one in found[variant.name].items():
            ending = f", {question}" if question else ""
            rows[variant.name] |= {
                f"Brier score{ending}": one.brier,
                f"expected calibration error{ending}": Estimate("ECE", one.expected_error, None, None, test.n),
                f"calibration slope{ending}": one.slope,
                f"calibration intercept{ending}": one.intercept,
            }
    return estimates_table(f"{key}_metrics", f"{name}: before and after", rows)


def _pictures(key: str, name: str, found: dict[str, dict[str, Calibration]]) -> list[Picture]:
    pictures = []
    for question in next(iter(found.values())):
        drawn = {variant: own[question] for variant, own in found.items()}
        ending = question.replace(">=", "from_").lower()
        caption = f"Reliability of {name}{f', {question}' if question else ''}, before and after: observed share over "
        caption += "mean predicted probability, with Wilson intervals."
        pictures.append(Picture(f"{key}_reliability{ending and '_' + ending}", reliability_figure(drawn), caption))
    return pictures


def _for_the_card(fitted: Labeled) -> dict[str, Any]:
    """Parameters from all cases that may be fitted on: what a model's card would take."""
    logits = log_probabilities(fitted.probabilities)
    found: dict[str, Any] = {"temperature": fit_temperature(logits, fitted.labels)}
    if fitted.probabilities.shape[1] == 2 and 0 < fitted.labels.sum() < fitted.n:
        intercept, slope = fit_intercept_slope(logits, fitted.labels)
        found |= {"intercept": intercept, "slope": slope}
    return found


def _sentence(name: str, variants: list[Variant], test: Labeled, card: dict[str, Any]) -> str:
    losses = {one.name: _log_loss(test, one.probabilities) for one in variants}
    best = min(losses, key=lambda variant: losses[variant])
    listed = ", ".join(f"{variant} {loss:.3f}" for variant, loss in losses.items())
    further = f", intercept {card['intercept']:.2f} and slope {card['slope']:.2f}" if "intercept" in card else ""
    note = [one.fit.note for one in variants if one.fit is not None][-1]
    return (
        f"{name}: {note}. Log loss: {listed}; lowest {best}. Fitted on all cases that may be fitted on: "
        f"temperature {card['temperature']:.2f}{further}."
    )


def _log_loss(test: Labeled, probabilities: NDArray[np.float64]) -> float:
    return float(-log_probabilities(probabilities)[np.arange(test.n), test.labels].mean())
