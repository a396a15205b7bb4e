"""Evaluate predictions and write the report folder: the one function behind ``liverai evaluate``."""

from __future__ import annotations

import csv
import json
import platform
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from LiverAILib.errors import UserError
from LiverAILib.evaluation.figures.style import TWO_COLUMNS, save
from LiverAILib.evaluation.patients import require_one_row_a_patient
from LiverAILib.evaluation.report.baseline_section import baseline_section
from LiverAILib.evaluation.report.card import model_card, open_items
from LiverAILib.evaluation.report.checklist import answers_of_run, checklist
from LiverAILib.evaluation.report.conformal_section import conformal_section
from LiverAILib.evaluation.report.confounder_section import confounder_section
from LiverAILib.evaluation.report.content import Addition, Evaluation, Table, plain
from LiverAILib.evaluation.report.folder import check_target, whole_folder
from LiverAILib.evaluation.report.options import Options
from LiverAILib.evaluation.report.page import page
from LiverAILib.evaluation.report.paper import paper_section
from LiverAILib.evaluation.report.predictions import Predictions
from LiverAILib.evaluation.report.recalibration_section import recalibration_section
from LiverAILib.evaluation.report.tasks import Result, run_task
from LiverAILib.spreadsheet_text import spreadsheet_text

FORMAT = "liverai-evaluation/1"
PACKAGES = ("numpy", "scipy", "scikit-learn", "matplotlib")
SMALL = 20


def evaluate(
    predictions: Predictions,
    options: Options,
    *,
    calibration_cases: Predictions | None = None,
    validation_cases: Predictions | None = None,
    additions: Sequence[Addition] = (),
    warnings: Sequence[str] = (),
) -> Evaluation:
    """All numbers, tables and figures.

    Args:
        predictions: Checked predictions (see `read_predictions`).
        options: Settings.
        calibration_cases: Predictions of other patients (validation cases) to fit temperatures and conformal quantiles
            on; None: cross-fitting over folds of patients.
        validation_cases: Those that the model's state was chosen on, for papers that report them too; None: the
            `calibration_cases`.
        additions: Further parts of the report.
        warnings: Further warnings to read before the numbers.

    Raises:
        UserError: Images would be counted as patients, a class is missing, a paper does not fit, or a patient is
            both a calibration case and a tested one.
    """
    predictions = _rows_of_analysis(predictions, options)
    calibration_cases = calibration_cases and _rows_of_analysis(calibration_cases, options)
    validation_cases = validation_cases and _rows_of_analysis(validation_cases, options)
    result = replace(run_task(predictions, options), validation=validation_cases or calibration_cases)
    sections = list(result.sections)
    record: dict[str, Any] = {
        "format": FORMAT,
        "run": _run(options),
        "data": _data(predictions, options),
        "results": result.record,
    }
    if options.paper is not None:
        section, numbers = paper_section(options.paper, predictions, options, result)
        sections.append(section)
        record["as_in_the_paper"] = numbers
    confounded = confounder_section(predictions, result.diagnoses, options)
    parts = [
        ("confounders", confounded and confounded[:2]),
        ("baselines", baseline_section(predictions, result.diagnoses, options)),
        *((one.key, (one.section, one.record)) for one in additions),
    ]
    if not options.clustered:
        if options.recalibrate:
            parts.append(("recalibration", recalibration_section(predictions, calibration_cases, options)))
        if options.conformal:
            parts.append(("conformal", conformal_section(predictions, calibration_cases, options)))
    for key, part in parts:
        if part is not None:
            sections.append(part[0])
            record[key] = part[1]
    warnings = (*warnings, *(confounded[2] if confounded else ()), *_warnings(predictions, options, result))
    record["warnings"] = list(warnings)
    title = options.title or f"Evaluation of {options.method_name}"
    return Evaluation(title, predictions.task, tuple(result.headline), tuple(sections), record, warnings)


def write_report(evaluation: Evaluation, folder: Path | str, *, options: Options, overwrite: bool = False) -> Path:
    """Write report.html, metrics.json, tables/, figures/, claim_checklist.csv and model_card.md; whole or not at all.

    Args:
        evaluation: What `evaluate` returned.
        folder: The folder to make.
        options: The same settings.
        overwrite: Replace a folder that is not empty.

    Returns:
        The folder.

    Raises:
        UserError: The folder cannot be used.
    """
    target = Path(folder)
    run, data = evaluation.record["run"], evaluation.record["data"]
    claim = checklist(options.card, answers_of_run(run, data))
    card = model_card(
        options.card, run=run, data=data, headline=list(evaluation.headline), thresholds=_thresholds(evaluation)
    )
    open_claim = sum(row[3] == "open" for row in claim.rows)
    record = {**evaluation.record, "open_items": {"claim_checklist": open_claim, "model_card": open_items(card)}}
    with whole_folder(target, overwrite=overwrite) as work:
        (work / "figures").mkdir()
        (work / "tables").mkdir()
        svgs, wide = {}, []
        for section in evaluation.sections:
            for picture in section.pictures:
                save(picture.figure, work / "figures", picture.name)
                svgs[picture.name] = (work / "figures" / f"{picture.name}.svg").read_bytes()
                if picture.figure.get_size_inches()[0] > TWO_COLUMNS * 0.8:
                    wide.append(picture.name)
            for table in section.tables:
                _write_table(work / "tables" / f"{table.name}.csv", table)
        _write_table(work / "claim_checklist.csv", claim)
        (work / "model_card.md").write_text(card, encoding="utf-8")
        text = json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False)
        (work / "metrics.json").write_text(text + "\n", encoding="utf-8")
        html = page(evaluation, svgs=svgs, wide=wide, checklist=claim, card=card, provenance=_provenance(run, data))
        (work / "report.html").write_text(html, encoding="utf-8")
    return target


def check_before(folder: Path | str, *, overwrite: bool = False) -> None:
    """Fail early where the output folder cannot be used."""
    check_target(Path(folder).absolute(), overwrite=overwrite)


def _rows_of_analysis(predictions: Predictions, options: Options) -> Predictions:
    """Patients, unless clustered intervals were asked for."""
    if options.clustered:
        return predictions
    if options.images:
        return predictions.per_patient(options.images)
    try:
        require_one_row_a_patient(predictions.patient_ids)
    except ValueError as error:
        raise UserError(f"{predictions.path.name}: {error} (--images mean, median, max, min or clustered)") from None
    return predictions


def _run(options: Options) -> dict[str, Any]:
    return {
        "created": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "method_name": options.method_name,
        "paper": options.paper.name if options.paper else "",
        "threshold": str(options.rule),
        "threshold_in_sample": options.in_sample,
        "folds": options.folds,
        "images": options.images,
        "interval": options.interval,
        "auc_interval": options.auc_interval,
        "level": options.level,
        "replicates": options.replicates,
        "seed": options.seed,
        "cutoffs": list(options.cutoffs),
        "recalibrate": options.recalibrate,
        "conformal": options.conformal,
        "cases": "validation" if options.validation else "test",
        "software": {
            **options.software,
            "Python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        },
        "card": plain(options.card),
    }


def _data(predictions: Predictions, options: Options) -> dict[str, Any]:
    truth = predictions.truth
    if predictions.task == "binary":
        names = dict(zip((False, True), predictions.classes, strict=True))
        labels = ", ".join(f"{names[side]} {int((truth == side).sum())}" for side in (False, True))
    elif predictions.task == "stages":
        counts = [int((truth == stage).sum()) for stage in predictions.stages]
        labels = ", ".join(f"{name} {count}" for name, count in zip(predictions.stage_names, counts, strict=True))
    else:
        labels = f"{options.quantity} from {truth.min():g} to {truth.max():g} {options.unit}".strip()
    return {
        "file": predictions.path.name,
        "sha256": predictions.sha256,
        "task": predictions.task,
        "rows": predictions.images,
        "patients": predictions.n_patients,
        "labels": labels,
        "aggregate": predictions.aggregate,
        "clustered": options.clustered,
        "folds": 0 if predictions.folds is None else len(set(predictions.folds.tolist())),
        "scores": list(predictions.scores),
        "readers": list(predictions.readers),
        "baselines": list(predictions.baselines),
        "subgroups": list(predictions.subgroups),
        "level": options.level,
    }


def _warnings(predictions: Predictions, options: Options, result: Result) -> tuple[str, ...]:
    found = [*predictions.notes, *result.notes]
    if options.validation:
        found.append(
            "These are the validation cases, on which the state of the model was chosen: the numbers are too good, and are not "
            "those of a test."
        )
    if options.in_sample and options.rule.name != "fixed":
        found.append(
            "Thresholds were chosen on the cases they are judged on, as in the papers: results at thresholds "
            "overstate the method."
        )
    for diagnosis in result.diagnoses.values():
        truth = diagnosis.question.truth
        least = int(min(truth.sum(), (~truth).sum()))
        if least < SMALL:
            found.append(
                f"{diagnosis.question.title}: the smaller class has {least} cases; intervals are wide and "
                "approximations rough."
            )
    if predictions.aggregate:
        found.append(
            f"{predictions.images} rows of {predictions.n} patients: the {predictions.aggregate} of a patient's "
            "scores was evaluated."
        )
    if options.clustered:
        found.append(
            f"{predictions.n} rows of {predictions.n_patients} patients were evaluated as images, with intervals "
            "clustered by patient."
        )
    return tuple(found)


def _thresholds(evaluation: Evaluation) -> list[str]:
    """One sentence for each binary question, from the record."""
    results = evaluation.record["results"]
    blocks = [results[key] for key in ("diagnosis",) if key in results]
    blocks += [*results.get("cuts", {}).values(), *results.get("cutoffs", {}).values()]
    method = evaluation.record["run"]["method_name"]
    sentences = []
    for block in blocks:
        own = block["thresholds"][method]
        values = ", ".join(f"{value:.4g}" if isinstance(value, float) else str(value) for value in own["values"])
        sentences.append(f"{block['title']}: {own['rule']}, {values} ({own['note']})")
    return sentences


def _provenance(run: dict[str, Any], data: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [("created", run["created"]), ("predictions", data["file"]), ("sha256", data["sha256"])]
    rows += [(name, str(data[name])) for name in ("task", "rows", "patients", "labels")]
    rows += [
        (name.replace("_", " "), str(run[name]))
        for name in (
            "threshold",
            "threshold_in_sample",
            "folds",
            "images",
            "interval",
            "auc_interval",
            "level",
            "replicates",
            "seed",
        )
    ]
    rows.append(("software", ", ".join(f"{name} {number}" for name, number in run["software"].items())))
    return [(name, text or "none") for name, text in rows]


def _write_table(path: Path, table: Table) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([spreadsheet_text(cell) for cell in row] for row in (table.columns, *table.rows))
