"""The section of the report on confounding: is the reference standard tied to scanner, site, source or year?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverAILib.evaluation.confounders import Association, association, auc_of_variables
from LiverAILib.evaluation.estimate import Estimate, format_number, format_p
from LiverAILib.evaluation.report.content import Section, Table, plain
from LiverAILib.evaluation.report.diagnosis import Diagnosis
from LiverAILib.evaluation.report.options import Options
from LiverAILib.evaluation.report.predictions import Predictions

VARIABLES = ("scanner", "site", "source", "year")
"""Columns that say how an image came about, not what is seen on it."""
UNKNOWN, TOGETHER = "(unknown)", "all of them"
Areas = dict[str, dict[str, Estimate]]


def confounder_section(
    predictions: Predictions, diagnoses: Mapping[str, Diagnosis], options: Options
) -> tuple[Section, dict[str, Any], tuple[str, ...]] | None:
    """Section, numbers and warnings; None where the predictions have none of `VARIABLES` with two values, or are values."""
    if predictions.task == "values":
        return None
    found = {name: _known(predictions.subgroups[name]) for name in VARIABLES if name in predictions.subgroups}
    found = {name: values for name, values in found.items() if np.unique(values).size > 1}
    if not found:
        return None
    labels = _labels(predictions)
    tied = {name: association(labels, values, seed=options.seed) for name, values in found.items()}
    areas = {key: _areas(one, found, options) for key, one in diagnoses.items()}
    tables = [_association_table(tied), *(_counts_table(name, one) for name, one in tied.items())]
    tables.insert(1, _auc_table(diagnoses, areas))
    text = (
        "Neither a scanner nor a year is a sign of disease. Where the reference standard goes with one of them, a network can "
        "reach a good AUC by recognizing it, and will not reach it elsewhere. (Yin 2021 supplemented F0 with emergency CT of "
        "trauma patients.)",
        "AUC alone: logistic regression on the categories, fitted on the patients of the other folds. .5 is none.",
    )
    record = {
        "association": {
            name: {"cramers_v": one.cramers_v, "p": one.p_value, "counts": _counts(one)} for name, one in tied.items()
        },
        "auc_alone": plain(areas),
    }
    warnings = _warnings(found, diagnoses, areas)
    title = "Confounding: does the label go with the scanner?"
    return Section(title, text, tuple(tables)), plain(record), warnings


def _known(values: NDArray) -> NDArray:
    return np.array([str(value).strip() or UNKNOWN for value in values.tolist()])


def _labels(predictions: Predictions) -> NDArray:
    if predictions.task == "stages":
        return np.array([f"F{stage}" for stage in predictions.truth.tolist()])
    return np.array([predictions.classes[int(value)] for value in predictions.truth.tolist()])


def _areas(diagnosis: Diagnosis, found: Mapping[str, NDArray], options: Options) -> dict[str, Estimate]:
    """AUC of each variable alone, and of all together where there are several."""
    question = diagnosis.question
    settings: dict[str, Any] = {"patients": question.patients, "level": options.level, "seed": options.seed}
    areas = {name: auc_of_variables(question.truth, {name: own}, **settings) for name, own in found.items()}
    if len(found) > 1:
        areas[TOGETHER] = auc_of_variables(question.truth, found, **settings)
    return areas


def _association_table(tied: Mapping[str, Association]) -> Table:
    rows = tuple(
        (name, str(len(one.second)), format_number(one.cramers_v), format_p(one.p_value)) for name, one in tied.items()
    )
    note = "Cramer's V: 0 none, 1 one decides the other. p by permutation."
    columns = ("variable", "values", "Cramer's V", "p")
    return Table("confounders_association", "Association with the reference standard", columns, rows, note)


def _auc_table(diagnoses: Mapping[str, Diagnosis], areas: Mapping[str, Mapping[str, Estimate]]) -> Table:
    names = list(dict.fromkeys(name for own in areas.values() for name in own))
    rows = tuple(
        (
            diagnosis.question.title,
            *(areas[key][name].text() for name in names),
            diagnosis.metrics[diagnosis.method]["auc"].text(),
        )
        for key, diagnosis in diagnoses.items()
    )
    method = next(iter(diagnoses.values())).method
    columns = ("question", *(f"{name} alone" if name != TOGETHER else name for name in names), method)
    return Table("confounders_auc", "AUC of these variables alone, beside the method's", columns, rows)


def _counts_table(name: str, one: Association) -> Table:
    rows = tuple((value, *(str(count) for count in one.table[:, i].tolist())) for i, value in enumerate(one.second))
    return Table(f"confounders_{name}", f"Cases by {name}", (name, *one.first), rows, folded=len(rows) > 12)


def _counts(one: Association) -> dict[str, dict[str, int]]:
    return {value: dict(zip(one.first, one.table[:, i].tolist(), strict=True)) for i, value in enumerate(one.second)}


def _warnings(
    found: Mapping[str, NDArray], diagnoses: Mapping[str, Diagnosis], areas: Mapping[str, Mapping[str, Estimate]]
) -> tuple[str, ...]:
    """One sentence for each variable that predicts a label better than chance: where it does so best."""
    warnings = []
    for name in found:
        key = max(areas, key=lambda key: areas[key][name].value)
        area = areas[key][name]
        if area.interval is not None and area.interval.low > 0.5:
            warnings.append(
                f"Confounding: the {name} alone reaches an AUC of {area.text(2)} for {diagnoses[key].question.title}. The method "
                f"may have learned the {name} instead of the disease; compare within one {name}."
            )
    return tuple(warnings)
