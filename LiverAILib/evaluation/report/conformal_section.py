"""The section on conformal prediction sets."""

from __future__ import annotations

from typing import Any

from LiverAILib.errors import UserError
from LiverAILib.evaluation.conformal import (
    SCORES,
    PredictionSets,
    coverage_range,
    prediction_sets,
    set_metrics,
)
from LiverAILib.evaluation.estimate import Estimate
from LiverAILib.evaluation.figures.forest import forest_figure
from LiverAILib.evaluation.held_out import Labeled
from LiverAILib.evaluation.report.content import Picture, Section, Table, estimates_table, plain
from LiverAILib.evaluation.report.options import Options
from LiverAILib.evaluation.report.predictions import Predictions
from LiverAILib.evaluation.report.probability_tables import class_names, probability_tables

SOURCES = (
    "LAC: Sadinle, Lei and Wasserman 2019, smallest sets on average. APS: Romano, Sesia and Candes 2020, without the "
    "random share of the last class and never empty, so slightly too large. Class-conditional (Mondrian): own quantile of each "
    "class; where a class has too few calibration cases it belongs to every set."
)


def conformal_section(
    predictions: Predictions, calibration_cases: Predictions | None, options: Options
) -> tuple[Section, dict[str, Any]] | None:
    """Section and numbers; None where no score is a probability.

    Args:
        predictions: The cases that get a set.
        calibration_cases: Cases of other patients whose scores give the quantiles; None: cross-fitting.
        options: Settings; ``conformal`` is the coverage.

    Raises:
        UserError: A patient is both in the fit and in the test.
    """
    tests = probability_tables(predictions)
    if not tests:
        return None
    others = {} if calibration_cases is None else probability_tables(calibration_cases)
    names = class_names(predictions)
    text = [
        f"A set holds all classes that a case may have: with at least {100 * options.conformal:g} % probability the true one "
        "is among them, as long as new patients are like those the quantiles come from. A set of one class is a call, a set of "
        "several means that the network is undecided.",
    ]
    tables: list[Table] = []
    pictures: list[Picture] = []
    record: dict[str, Any] = {}
    for number, (name, test) in enumerate(tests.items()):
        try:
            sets = _all_sets(test, others.get(name), predictions, options)
        except ValueError as error:
            if str(error).startswith("leakage"):
                raise UserError(f"{predictions.path.name}: {error}") from None
            text.append(f"{name}: no prediction sets, {error}.")
            continue
        if not record:
            text.append(_origin(sets[0]))
        found = {one.name: set_metrics(one, test.labels, names=names, level=options.level) for one in sets}
        tables.append(estimates_table(f"conformal_{number}", f"Prediction sets of {name}", found, note=SOURCES))
        tables.append(_cases(f"conformal_{number}_cases", name, sets[0], test, names, predictions))
        if number == 0:
            picture = forest_figure(_coverages(found), label="coverage", reference=options.conformal)
            caption = (
                f"Coverage of the sets of {name} with Clopper-Pearson intervals; the dashed line is what was asked for."
            )
            pictures.append(Picture("conformal_coverage", picture, caption))
        record[name] = {
            one.name: {
                "metrics": plain(found[one.name]),
                "quantiles": plain(one.quantiles),
                "n_calibration": list(one.n_calibration),
                "note": one.note,
            }
            for one in sets
        }
    if not record:
        return None
    title = f"Prediction sets with {100 * options.conformal:g} % coverage"
    return Section(title, tuple(text), tuple(tables), tuple(pictures)), {"level": options.conformal, "methods": record}


def _all_sets(test: Labeled, other: Labeled | None, predictions: Predictions, options: Options) -> list[PredictionSets]:
    return [
        prediction_sets(
            test,
            level=options.conformal,
            score=score,
            class_conditional=conditional,
            calibration=other,
            folds=predictions.folds,
            n_folds=options.folds,
            seed=options.seed,
            never_empty=score == "aps",
        )
        for score in SCORES
        for conditional in (False, True)
    ]


def _origin(sets: PredictionSets) -> str:
    """Where the quantiles come from, and how far one calibration may be off."""
    least = min(sets.n_calibration)
    text = f"Quantiles {sets.note}."
    reach = coverage_range(least, sets.level)
    if reach is None:
        return f"{text} {least} calibration cases are too few for this coverage: marginal sets hold every class."
    return (
        f"{text} One calibration with {least} cases gives a long-run coverage between {reach[0]:.3f} and {reach[1]:.3f} "
        "(95 % of calibrations)."
    )


def _coverages(found: dict[str, dict[str, Estimate]]) -> dict[str, dict[str, Estimate]]:
    return {
        variant: {
            key.removeprefix("coverage, ").replace("coverage", "all"): one
            for key, one in own.items()
            if "coverage" in key
        }
        for variant, own in found.items()
    }


def _cases(
    key: str, name: str, sets: PredictionSets, test: Labeled, names: tuple[str, ...], predictions: Predictions
) -> Table:
    """The set of every case, folded away."""
    rows = [
        (
            str(case),
            names[label],
            " or ".join(names[c] for c in row.nonzero()[0]) or "(empty)",
            "yes" if row[label] else "no",
        )
        for case, label, row in zip(predictions.case_ids, test.labels, sets.sets, strict=True)
    ]
    return Table(
        key, f"Set of each case, {name}, {sets.name}", ("case_id", "true", "set", "covered"), tuple(rows), folded=True
    )
