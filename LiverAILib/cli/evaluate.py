"""`liverai evaluate`: a model or a run on a cohort, or the predictions of any software."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from LiverAILib import __version__
from LiverAILib.cli import output
from LiverAILib.errors import UserError
from LiverAILib.methods import list_papers, method_of

if TYPE_CHECKING:
    from LiverAILib.evaluation.report.options import Options
    from LiverAILib.jobs.cohort_evaluation.labels import Labels
    from LiverAILib.jobs.cohort_evaluation.subject import Subject

DESCRIPTION = """Evaluate a model, or the models of a cross-validation, on a cohort: every case is assessed, then numbers with
intervals, tests, figures, explanations, CLAIM 2024 checklist and model card. The same command goes on after an interruption.

Or evaluate the predictions of any software (--predictions): a CSV with the columns case_id, patient_id, label, and score (or
score:<class>). Optional: fold, and score:<name> for other methods or readers to compare with."""


def add(commands: argparse._SubParsersAction) -> None:
    """Add `liverai evaluate`."""
    from LiverAILib.evaluation import command

    parser = commands.add_parser("evaluate", help="metrics, tests, figures and report of a model, or from predictions")
    parser.add_argument("model", nargs="?", metavar="MODEL|RUN", help="name or folder of a model, or a run folder")
    papers = {name: spec.load_paper_section for name, spec in list_papers().items() if spec.paper_section}
    command.add_arguments(parser, predictions_required=False, papers=papers)
    parser.description = DESCRIPTION
    add = parser.add_argument_group("a model on a cohort").add_argument
    add("--cohort", metavar="CSV", help="cohort manifest")
    add(
        "--split",
        default="test",
        help='split that a single model is tested on (default: test; "all" for every case; validation: the cases that chose its '
        "state, which the report says)",
    )
    add(
        "--masks",
        default="network",
        choices=("network", "given"),
        help="liver masks: the segmentation network's (default, as in Nowak 2021) or the manifest's",
    )
    add(
        "--segmentation-model",
        metavar="NAME",
        help="masks of this segmentation model instead of the one that the model was validated with (the report warns of it)",
    )
    output.add_labels(parser)
    output.add_heatmap(parser)
    add(
        "--target-class",
        metavar="NAME",
        help="class that the heat maps explain (default: the predicted one; Nowak 2021's table 3: --target-class cirrhosis)",
    )
    add(
        "--reader",
        default="",
        metavar="NAME",
        help="reader to compare with in the figure of who was right (default: the first)",
    )
    add("--no-explain", action="store_true", help="no tables and pictures of the heat maps")
    add("--explain-cases", type=int, default=12, metavar="N", help="cases for the checks of faithfulness (default: 12)")
    add(
        "--calibration",
        default="auto",
        choices=("auto", "validation", "cross"),
        help="what temperatures and prediction sets are fitted on: the validation cases, or the other folds of the tested "
        "ones (default: auto, the former where there are 20)",
    )
    add(
        "--other-patients",
        action="store_true",
        help="patients with the names of training patients are other people (images are compared all the same)",
    )
    add("--limit", type=int, default=0, metavar="N", help="only the first N cases")
    output.add_output(parser)
    parser.set_defaults(run=run_evaluate, software={"LiverAI": __version__})


def run_evaluate(args: argparse.Namespace) -> int:
    """`liverai evaluate`: exit code 1 where a case could not be assessed."""
    from LiverAILib.evaluation import command

    if bool(args.predictions) == bool(args.model):
        raise UserError("evaluate: give a model or run with --cohort, or --predictions CSV; one of the two.")
    if args.predictions:
        from LiverAILib.output_paths import check_keeps_inputs

        check_keeps_inputs([Path(args.output)], [args.predictions, args.calibration_predictions, args.record])
        return command.run(args)
    if not args.cohort:
        raise UserError(f"evaluate {args.model}: on which cases? Give a cohort manifest with --cohort.")
    if args.calibration_predictions or args.baseline or args.subgroup or args.positive or args.task != "auto":
        raise UserError(
            "evaluate: --positive, --task, --baseline, --subgroup and --calibration-predictions belong to --predictions; a "
            "model's cohort says all of them."
        )
    from LiverAILib.jobs.cohort_evaluation.cohort_settings import CohortSettings
    from LiverAILib.jobs.evaluate import evaluate_cohort

    settings = CohortSettings(
        split="" if args.split == "all" else args.split,
        masks=args.masks,
        segmentation_model=args.segmentation_model,
        labels=args.labels,
        explain=not args.no_explain,
        heatmap=args.heatmap or "",
        target_class=args.target_class,
        reader=args.reader,
        checked_cases=args.explain_cases,
        calibration=args.calibration,
        other_patients=args.other_patients,
        limit=args.limit,
        device=args.device,
    )
    found = evaluate_cohort(
        args.model,
        args.cohort,
        args.output,
        settings=settings,
        options=lambda subject, labels: _options(args, subject, labels),
        progress=output.progress(args),
    )
    output_of(args, found)
    return 1 if found.failed else 0


def output_of(args: argparse.Namespace, found) -> None:
    """Print the main numbers, or all of them as JSON."""
    import json

    from LiverAILib.evaluation import command

    if args.json:
        print(json.dumps(found.evaluation.record, indent=2))
    elif not args.quiet:
        command.print_result(found.evaluation, found.report)
        for case, reason in found.failed.items():
            print(f"failed: {case}: {reason}")


def _options(args: argparse.Namespace, subject: Subject, labels: Labels) -> Options:
    """The settings of the report: what the arguments leave open is the method's own."""
    from LiverAILib.evaluation import command
    from LiverAILib.jobs.evaluate import card_of

    model = subject.first
    spec = method_of(model)
    paper = spec.load_paper_section() if spec.paper_section else None
    # The paper's own section is for its own question: a Nowak model of stages goes beyond the paper.
    if paper is not None and (labels.task not in paper.tasks or args.images == "clustered"):
        paper = None
    classes = labels.task != "values"
    return command.options_of(
        args,
        threshold="0.5" if classes else "cut-off",
        method_name=str(model.card.primary_pipeline or subject.name),
        paper=paper,
        title=f"{subject.name} on {Path(args.cohort).resolve().parent.name}/{Path(args.cohort).name}",
        card=card_of(model),
        validation=args.split == "validation" and not subject.cross_validated,
        recalibrate=classes,
        conformal=0.9 if classes else 0.0,
        quantity=spec.answer.title,
        unit=spec.answer.unit,
        cutoffs=spec.answer.cutoffs,
    )
