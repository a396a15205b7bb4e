"""The ``score`` columns of a predictions file: the evaluated method, other methods, readers and simple measurements."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from LiverAILib.errors import UserError
from LiverAILib.evaluation.report.csv_rows import MISSING, Rows, number, numbers

STAGE = re.compile(r"^[FS]?([0-4])$", re.IGNORECASE)
CUTOFF = re.compile(r"^(?:(?P<method>.+):)?>=(?P<cutoff>\d+(?:\.\d+)?)$")


STAGE_RANGE = re.compile(r"^[FS]?([0-4])-[FS]?([0-4])$", re.IGNORECASE)
AT_LEAST = re.compile(r"^(?:(?P<name>.+):)?>=[FS]?(?P<cut>[1-4])$", re.IGNORECASE)
"""Column of the score of a binary model for a cut-off between stages: ``>=S2``, of another method ``name:>=S2``."""


def stages_of(text: str) -> tuple[int, ...]:
    """The stages (0-4) that a label or the ending of a column names, several for a range (S0-S1); none where it names none."""
    if found := STAGE.match(text):
        return (int(found.group(1)),)
    if (found := STAGE_RANGE.match(text)) and int(found.group(1)) < int(found.group(2)):
        return tuple(range(int(found.group(1)), int(found.group(2)) + 1))
    return ()


def stage_of(text: str) -> int | None:
    """The stage that `text` names, of a range the lowest; None where it names none."""
    return next(iter(stages_of(text)), None)


def stage_ranges(rows: Rows) -> dict[int, str]:
    """Names of the classes of a file by their lowest stage: F0 to F4, or as columns call them, among them ranges (S0-S1)."""
    names = [name.removeprefix("score:") for name in rows.columns if name.startswith("score:")]
    called = {own[0]: (name.upper(), own) for name in names if (own := stages_of(name)) and not name[0].isdigit()}
    inner = {stage for _, own in called.values() for stage in own[1:]}
    return {stage: called[stage][0] if stage in called else f"F{stage}" for stage in range(5) if stage not in inner}


def cumulative_scores(
    rows: Rows, names: list[str], method_name: str
) -> tuple[dict[str, dict[int, NDArray]], list[str]]:
    """Scores of binary models by method and cut-off (``score:>=S2``), and the names of the other columns."""
    found: dict[str, dict[int, NDArray]] = {}
    for name in names:
        if match := AT_LEAST.match(name):
            found.setdefault(match["name"] or method_name, {})[int(match["cut"])] = numbers(rows, f"score:{name}")
    return found, [name for name in names if not AT_LEAST.match(name)]


def main_scores(
    rows: Rows, task: str, labels: list[str], classes: tuple[str, ...], stages: tuple[int, ...]
) -> tuple[NDArray, NDArray | None, list[str]]:
    """Score of the method, its probabilities (stages only), and the names of the other ``score:`` columns."""
    named = [name.removeprefix("score:") for name in rows.columns if name.startswith("score:")]
    if "score" in rows.columns:
        return numbers(rows, "score"), None, named
    if task == "stages":
        of_stage = {stage: name for name in named if (stage := stage_of(name)) is not None}
        lacking = [stage for stage in stages if stage not in of_stage and stage in _stages_present(labels)]
        if not of_stage or lacking:
            raise UserError(
                f"{rows.path.name}: row 1: there is no column 'score' and no 'score:{(lacking or [0])[0]}'; give "
                "one score, or the "
                "probability of every stage (score:0 ... score:4)"
            )
        table = _stage_table(rows, {stage: f"score:{name}" for stage, name in of_stage.items()}, stages)
        return table @ np.array(stages, dtype=float), table, [name for name in named if name not in of_stage.values()]
    if task == "binary" and classes[1] in named:
        others = [name for name in named if name not in classes]
        return numbers(rows, f"score:{classes[1]}"), None, others
    wanted = f"'score' or 'score:{classes[1]}'" if task == "binary" else "'score'"
    raise UserError(f"{rows.path.name}: row 1: column {wanted} is missing; give the score of the evaluated method")


def other_scores(
    rows: Rows, names: list[str], task: str, stages: tuple[int, ...], method_name: str
) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
    """The other ``score:`` columns, split into methods and readers (0/1 or stage calls only)."""
    scores, readers = {}, {}
    for name in names:
        column = f"score:{name}"
        values = numbers(rows, column)
        if name == method_name:
            rows.faults.append(f"column {column!r} has the name of the method; rename one of them (--method-name)")
        if task == "binary" and np.isin(values, (0, 1)).all():
            readers[name] = values == 1
        elif task == "stages" and np.isin(values, stages).all():
            readers[name] = values.astype(np.int64)
        else:
            scores[name] = values
    return scores, readers


def cutoff_scores(
    rows: Rows, names: list[str], method_name: str
) -> tuple[dict[float, dict[str, NDArray[np.float64]]], list[str]]:
    """Probabilities that a measured value reaches a cut-off (``score:>=5``, of another method ``score:<name>:>=5``).

    Returns:
        By cut-off those of each method, the evaluated one first, and the names of the other columns.
    """
    found: dict[float, dict[str, NDArray[np.float64]]] = {}
    for name in names:
        if match := CUTOFF.match(name):
            own = found.setdefault(float(match["cutoff"]), {})
            own[match["method"] or method_name] = numbers(rows, f"score:{name}")
    for cutoff, scores in found.items():
        if method_name not in scores:
            rows.faults.append(f"has no column 'score:>={cutoff:g}'; give the probability of the evaluated method too")
    ordered = {
        cutoff: {name: own[name] for name in sorted(own, key=lambda name: name != method_name)}
        for cutoff, own in found.items()
    }
    return ordered, [name for name in names if not CUTOFF.match(name)]


def baseline(rows: Rows, name: str) -> NDArray[np.float64]:
    """A measurement; nan where the cell is empty."""
    column = f"score:{name}"
    if column not in rows.columns:
        raise UserError(
            f"{rows.path.name}: has no column {column!r} (--baseline); its columns are {', '.join(rows.columns)}"
        )
    cells = rows.column(column)
    values = [np.nan if cell.lower() in MISSING else number(cell) for cell in cells]
    for i, value in enumerate(values):
        if value is None:
            rows.fault(i, column, f"{cells[i]!r} is not a finite number; use a decimal point, or leave it empty")
    return np.array([np.nan if value is None else value for value in values])


def further_tables(
    rows: Rows, names: list[str], stages: tuple[int, ...]
) -> tuple[dict[str, NDArray[np.float64]], list[str]]:
    """Probabilities of stages by further methods (``score:<name>:<stage>``), and the names of the other columns."""
    parts: dict[str, dict[int, str]] = {}
    for name in names:
        method, _, last = name.rpartition(":")
        stage = stage_of(last)
        if stages and method and stage is not None:
            parts.setdefault(method, {})[stage] = name
    whole = {method: own for method, own in parts.items() if set(own) == set(stages)}
    tables = {
        method: _stage_table(rows, {stage: f"score:{name}" for stage, name in own.items()}, stages)
        for method, own in whole.items()
    }
    used = {name for own in whole.values() for name in own.values()}
    return tables, [name for name in names if name not in used]


def _stage_table(rows: Rows, column_of: dict[int, str], stages: tuple[int, ...]) -> NDArray[np.float64]:
    """Probabilities (n, k) of the stages, 0 for a stage without a column; they have to add up to 1."""
    n = len(rows.cells)
    table = np.column_stack([numbers(rows, column_of[s]) if s in column_of else np.zeros(n) for s in stages])
    for i in np.flatnonzero((np.abs(table.sum(axis=1) - 1) > 1e-3) | (table.min(axis=1) < 0)):
        text = f"probabilities of the stages add up to {table[i].sum():.4f} or are negative; they have to add up to 1"
        rows.fault(int(i), "score:<class>", text)
    rows.stop()
    return table


def _stages_present(labels: list[str]) -> set[int]:
    return {stage for label in labels if (stage := stage_of(label)) is not None}
