"""``liverai evaluate``: a predictions CSV of any software in, a report folder out.

Importing this module loads nothing heavy; the work is imported when it starts.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LiverAILib.errors import UserError

if TYPE_CHECKING:
    from LiverAILib.evaluation.report.content import Evaluation
    from LiverAILib.evaluation.report.options import Options, PaperSection

DESCRIPTION = """Evaluate predictions of any software: numbers with intervals, tests, figures, CLAIM 2024 checklist and
model card.

The CSV has the columns case_id, patient_id, label, and score (or score:<class>). Optional: fold, and score:<name> for
other methods or readers to compare with (0/1 or stages are readers' calls)."""


def add_arguments(
    parser: argparse.ArgumentParser,
    *,
    predictions_required: bool = True,
    papers: Mapping[str, Callable[[], PaperSection]] | None = None,
) -> None:
    """Add the options of ``liverai evaluate`` to a parser.

    Args:
        parser: The parser.
        predictions_required: Whether ``--predictions`` has to be given.
        papers: The papers that ``--paper`` can name, each loaded by a function.
    """
    papers = papers or {}
    parser.set_defaults(papers=papers)
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--predictions", required=predictions_required, metavar="CSV", help="the predictions")
    add("--output", required=True, metavar="DIR", help="folder to make for the report")
    add("--overwrite", action="store_true", help="replace the output folder if it is not empty")
    add("--positive", metavar="LABEL", help="label of the positive class, where the labels are not 0 and 1")
    add("--task", default="auto", help="auto, binary, stages or values (default: by the labels)")
    add("--method-name", default=None, metavar="NAME", help="name of the evaluated method in the report")
    add("--title", default="", help="title of the report")
    listed = ", ".join(papers) or "none here"
    add("--paper", default="", metavar="NAME", help=f"add this paper's own tests and figures: {listed}")
    _add_statistics(parser)
    _add_further_parts(parser)


def _add_statistics(parser: argparse.ArgumentParser) -> None:
    """Thresholds, intervals, and how several images of a patient count."""
    add = parser.add_argument
    add(
        "--threshold",
        default=None,
        metavar="RULE",
        help="youden, nearest-corner, sensitivity:0.95, fixed:0.5 or a number; of measured values also cut-off, the cut-off "
        "itself (default: youden; of a model: 0.5, or cut-off)",
    )
    add(
        "--in-sample",
        action="store_true",
        help="choose thresholds on the same cases, as the papers did (overstates the method)",
    )
    add(
        "--folds",
        type=int,
        default=5,
        help="folds for cross-fitted thresholds where the file has no fold column (default: 5)",
    )
    add(
        "--images",
        default="",
        metavar="HOW",
        help="several rows per patient: mean, median, max, min (one score per patient) or clustered (default: an error)",
    )
    add("--interval", default="clopper-pearson", help="interval of proportions: clopper-pearson (default) or wilson")
    add(
        "--auc-interval",
        default="delong-logit",
        help="interval of AUCs: delong-logit (default), delong (as in the papers), newcombe or bootstrap",
    )
    add("--level", type=float, default=0.95, help="confidence level (default: 0.95)")
    add("--bootstrap", type=int, default=2000, metavar="N", help="bootstrap replicates (default: 2000)")
    add("--seed", type=int, default=0, help="seed of everything random (default: 0)")


def _add_further_parts(parser: argparse.ArgumentParser) -> None:
    """What the report shows beside the main numbers."""
    add = parser.add_argument
    add("--subgroup", action="append", default=[], metavar="COLUMN", help="report by this column too; may be repeated")
    add(
        "--cutoff",
        action="append",
        type=float,
        default=[],
        metavar="VALUE",
        help="measured values: report diagnosis at this cut-off too; may be repeated (default: those of the paper or model)",
    )
    add(
        "--baseline",
        action="append",
        default=[],
        metavar="NAME",
        help="score:<NAME> is a simple measurement that the method should beat; may be repeated",
    )
    add("--recalibrate", action="store_true", help="add temperature, intercept and slope, before and after")
    add("--conformal", type=float, default=None, metavar="COVERAGE", help="add prediction sets, for example 0.9")
    add(
        "--calibration-predictions",
        metavar="CSV",
        help="predictions of other patients (validation) to fit temperatures and prediction sets on (default: "
        "cross-fitting)",
    )
    add(
        "--quantity",
        help="measured values: what was measured, such as PDFF (default: value, or what the model measures)",
    )
    add("--unit", help="measured values: the unit, such as %% (default: none, or the model's)")
    add(
        "--record",
        metavar="JSON",
        help="what is known about the model and the data, for the model card and the checklist",
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate and write the report; prints where it is.

    Returns:
        0 when the report was written.

    Raises:
        UserError: Some input cannot be used; the one-line message says what is wrong and how to fix it.
    """
    from LiverAILib.evaluation.report.evaluate import check_before, evaluate, write_report
    from LiverAILib.evaluation.report.predictions import read_predictions

    check_before(args.output, overwrite=args.overwrite)
    options = options_of(args)
    reading = {
        "positive": args.positive,
        "method_name": options.method_name,
        "task": args.task,
        "baselines": tuple(args.baseline),
    }
    predictions = read_predictions(args.predictions, subgroups=tuple(args.subgroup), **reading)
    other = read_predictions(args.calibration_predictions, **reading) if args.calibration_predictions else None
    evaluation = evaluate(predictions, options, calibration_cases=other)
    folder = write_report(evaluation, args.output, options=options, overwrite=args.overwrite)
    print_result(evaluation, folder)
    return 0


def print_result(evaluation: Evaluation, folder: Path) -> None:
    """The main numbers, the warnings, and where the report is."""
    for name, text in evaluation.headline:
        print(f"{name}: {text}")
    for warning in evaluation.warnings:
        print(f"note: {warning}")
    print(f"report: {folder / 'report.html'}")


def options_of(args: argparse.Namespace, **changes: Any) -> Options:
    """The settings that the arguments ask for; ``changes`` replace the defaults of this command.

    Raises:
        UserError: An argument is impossible.
    """
    from LiverAILib.evaluation.report.options import Options
    from LiverAILib.evaluation.thresholds import parse_rule

    try:
        rule = parse_rule(args.threshold or changes.pop("threshold", "youden"))
    except ValueError as error:
        raise UserError(f"--threshold: {error}") from None
    paper = _paper(args) or changes.pop("paper", None)
    cutoffs = tuple(args.cutoff) or changes.pop("cutoffs", ()) or (paper.cutoffs if paper else ())
    conformal = changes.pop("conformal", 0.0) if args.conformal is None else args.conformal
    return Options(
        title=args.title or changes.pop("title", ""),
        method_name=args.method_name or changes.pop("method_name", "method"),
        paper=paper,
        rule=rule,
        in_sample=args.in_sample,
        folds=args.folds,
        images=args.images,
        interval=args.interval,
        auc_interval=args.auc_interval,
        level=args.level,
        replicates=args.bootstrap,
        seed=args.seed,
        cutoffs=cutoffs,
        quantity=changes.pop("quantity", "value") if args.quantity is None else args.quantity,
        unit=changes.pop("unit", "") if args.unit is None else args.unit,
        card={**changes.pop("card", {}), **(read_record(args.record) if args.record else {})},
        recalibrate=args.recalibrate or changes.pop("recalibrate", False),
        conformal=conformal,
        software=getattr(args, "software", {}),
        validation=changes.pop("validation", False),
    )


def _paper(args: argparse.Namespace) -> PaperSection | None:
    if not args.paper:
        return None
    if args.paper not in args.papers:
        raise UserError(f"--paper {args.paper!r} is unknown; use one of {', '.join(args.papers) or 'none'}")
    return args.papers[args.paper]()


def read_record(path: Path | str) -> dict:
    """The user's record of model and data (a model's ``model.json`` will do): one JSON object.

    Raises:
        UserError: No such file, not valid JSON, or not an object.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file; --record needs a JSON file")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path.name}: is not valid JSON ({error}); correct it, or leave --record out") from None
    if not isinstance(record, dict):
        raise UserError(
            f"{path.name}: holds a {type(record).__name__}; --record needs one JSON object with named entries"
        )
    return record
