"""The command line: `liverai assess | segment | batch | train | evaluate | simulate | demo | models`.

Every command is a few calls of the library. What a user did wrong ends in one line on standard error and exit code 2.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from LiverAILib import __version__
from LiverAILib.errors import UserError

DEFAULT_MODEL = "nowak2021-simulated"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = build_parser()
    args = parser.parse_args(arguments)
    try:
        return args.run(args) or 0
    except UserError as error:
        print(f"liverai: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        print("liverai: interrupted; nothing half-written is left behind", file=sys.stderr)
        return 130


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    parser = argparse.ArgumentParser(
        prog="liverai",
        description="Liver segmentation, staging of diffuse liver disease and Grad-CAM. Research use only.",
    )
    parser.add_argument("--version", action="version", version=f"liverai {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_assess(commands)
    _add_segment(commands)
    _add_batch(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_simulate(commands)
    _add_demo(commands)
    _add_models(commands)
    return parser


def _add_output(parser: argparse.ArgumentParser) -> None:
    """Options of every command that runs networks and talks about it."""
    parser.add_argument(
        "--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="processor for the networks"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quiet", action="store_true", help="print nothing but errors")
    how.add_argument("--json", action="store_true", help="print the result as JSON")
    how.add_argument("--progress", action="store_true", help="print progress as Slicer's command line modules do")


def _add_assess(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("assess", help="segment, classify and explain one case")
    parser.add_argument("input", nargs="+", metavar="INPUT", help="NIfTI, NRRD or MHA file, or DICOM folder")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="name of an installed model, or a model folder")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder for the result")
    parser.add_argument(
        "--segmentation", metavar="FILE", help="liver mask to use instead of the segmentation network's"
    )
    parser.add_argument("--series", metavar="NUMBER", help="which series of a DICOM folder: number, UID or description")
    parser.add_argument("--slice", type=int, metavar="N", help="slice number (from 0) instead of the automatic choice")
    parser.add_argument(
        "--target-class", metavar="NAME", help="class that the heat map explains (default: the predicted one)"
    )
    _add_output(parser)
    parser.set_defaults(run=run_assess)


def run_assess(args: argparse.Namespace) -> int:
    """`liverai assess`."""
    from LiverAILib.assessment_files import check_output_folder, write_assessment
    from LiverAILib.case import Case
    from LiverAILib.methods import method_of
    from LiverAILib.model import load_model

    model = load_model(args.model)
    if len(args.input) > 1:
        raise UserError(
            f"{args.model}: takes one image, {len(args.input)} were given. Use `liverai batch` for a folder of cases."
        )
    case = Case.from_file(args.input[0], role=method_of(model).role, series=args.series, liver_mask=args.segmentation)
    created = not args.output.exists()
    check_output_folder(args.output)
    from LiverAILib.assessor import assess

    try:
        assessment = assess(
            case,
            model,
            slice_index=args.slice,
            target_class=args.target_class,
            device=args.device,
            progress=_progress(args),
        )
    except UserError:
        if created:
            args.output.rmdir()
        raise
    files = write_assessment(assessment, args.output)
    if args.json:
        print(json.dumps(assessment.record(), indent=2))
    elif not args.quiet:
        print(assessment_table(assessment, files))
    return 0


def assessment_table(assessment, files: dict[str, Path]) -> str:
    """The result and the files as a table for the terminal."""
    rows = [("case", assessment.case_id), ("model", f"{assessment.model} ({assessment.method})")]
    for name, result in assessment.pipelines.items():
        values = ", ".join(f"{label} {value:.3f}" for label, value in result.probabilities.items())
        rows.append((f"pipeline {name}" + (" *" if name == assessment.primary else ""), values))
    rows.append(("predicted *", assessment.predicted))
    if assessment.chosen_slice is not None:
        rows.append(("slice", f"{assessment.chosen_slice.index} ({assessment.chosen_slice.source})"))
    rows += [(m.name.lower(), f"{m.value:g} {m.unit}".strip()) for m in assessment.measurements]
    rows += [("warning", warning.text) for warning in assessment.warnings]
    rows += [("note", note) for note in assessment.notes]
    rows.append(("seconds", ", ".join(f"{name} {value:.1f}" for name, value in assessment.seconds.items())))
    rows += [(what, str(path)) for what, path in files.items()]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _progress(args: argparse.Namespace) -> Callable[[float, str], None]:
    """What reports progress: Slicer's tags, a line a step on standard error, or nothing."""

    def tags(fraction: float, text: str) -> None:
        print(f"<filter-progress>{fraction:.2f}</filter-progress>\n<filter-comment>{text}</filter-comment>", flush=True)

    def lines(fraction: float, text: str) -> None:
        print(f"[{100 * fraction:3.0f} %] {text}", file=sys.stderr, flush=True)

    if args.progress:
        return tags
    return (lambda fraction, text: None) if args.quiet or args.json else lines


def _add_segment(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("segment", help="segment the liver and its neighbors")
    parser.add_argument("input", metavar="INPUT", help="NIfTI, NRRD or MHA file, or DICOM folder")
    parser.add_argument(
        "--output", required=True, type=Path, metavar="FILE", help="label map (.seg.nrrd opens in Slicer)"
    )
    parser.add_argument("--model", help="segmentation model (default: the one for the image's modality)")
    parser.add_argument("--series", metavar="NUMBER", help="which series of a DICOM folder: number, UID or description")
    _add_output(parser)
    parser.set_defaults(run=run_segment)


def run_segment(args: argparse.Namespace) -> int:
    """`liverai segment`."""
    from LiverAILib.imaging.files import read_image
    from LiverAILib.model import load_model
    from LiverAILib.morphometry import volume_measurements
    from LiverAILib.segmentation.file import write_segmentation

    image = read_image(args.input, series=args.series)
    from LiverAILib.segmentation.predict import Segmenter, default_model
    from LiverAILib.segmentation.quality import image_warnings

    progress = _progress(args)
    name = args.model or default_model(image)
    progress(0.1, f"Segmenting with {name}" + ("" if args.model else " (the model for this modality)"))
    segmentation, warnings = Segmenter(load_model(name), device=args.device).segment(image)
    write_segmentation(segmentation, args.output)
    progress(1.0, "Done")
    measurements = volume_measurements(segmentation)
    warnings = (*image_warnings(image), *warnings)
    if args.json:
        volumes = {m.name: {"value": m.value, "unit": m.unit} for m in measurements}
        texts = [w.text for w in warnings]
        print(
            json.dumps({"model": name, "file": str(args.output), "measurements": volumes, "warnings": texts}, indent=2)
        )
    elif not args.quiet:
        for measurement in measurements:
            print(f"{measurement.name}: {measurement.value:g} {measurement.unit}")
        for warning in warnings:
            print(f"warning: {warning.text}")
        print(f"written: {args.output}")
    return 0


def _add_batch(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("batch", help="assess every image of a folder")
    parser.add_argument(
        "input", type=Path, metavar="FOLDER", help="image files, and folders of DICOM files, one a case"
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, help="name of an installed model, or a model folder")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="one folder a case, and summary.csv")
    _add_output(parser)
    parser.set_defaults(run=run_batch)


def run_batch(args: argparse.Namespace) -> int:
    """`liverai batch`: exit code 1 where a case failed."""
    from LiverAILib.batch import assess_folder

    rows = assess_folder(args.input, args.output, args.model, device=args.device, progress=_progress(args))
    failed = [row for row in rows if row["error"]]
    if args.json:
        print(json.dumps(rows, indent=2))
    elif not args.quiet:
        print(f"{len(rows) - len(failed)} of {len(rows)} cases assessed; {args.output / 'summary.csv'}")
        for row in failed:
            print(f"failed: {row['case_id']}: {row['error']}")
    return 1 if failed else 0


def _add_train(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("train", help="train a method on a cohort")
    parser.add_argument("method", choices=("segmentation", "nowak2021"))
    parser.add_argument("--cohort", required=True, type=Path, metavar="CSV", help="cohort manifest")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="run folder; run again to resume")
    parser.add_argument("--name", help="name of the trained model (default: that of the output folder)")
    parser.add_argument(
        "--schedule", default="one-stage", choices=("one-stage", "published"), help="stages of training"
    )
    parser.add_argument("--epochs", type=int, help="epochs of the short schedule")
    parser.add_argument("--encoder-weights", metavar="imagenet|FILE", help="pretrained weights; random without")
    parser.add_argument(
        "--segmentation-model", metavar="NAME", help="masks to validate with (nowak2021), as in the paper"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.set_defaults(run=run_train)


def run_train(args: argparse.Namespace) -> int:
    """`liverai train`."""
    from LiverAILib.experiment import train

    log = (lambda line: None) if args.quiet else (lambda line: print(line, flush=True))
    model = train(
        args.method,
        args.cohort,
        args.output,
        name=args.name,
        schedule=args.schedule,
        epochs=args.epochs,
        encoder_weights=args.encoder_weights,
        segmentation_model=args.segmentation_model,
        seed=args.seed,
        log=log,
    )
    if not args.quiet:
        print(f"model: {model.folder}")
    return 0


def _add_evaluate(commands: argparse._SubParsersAction) -> None:
    from LiverAILib.evaluation import command

    parser = commands.add_parser("evaluate", help="metrics, tests, figures and report from predictions")
    command.add_arguments(parser)
    parser.set_defaults(run=command.run)


def _add_simulate(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("simulate", help="make a cohort of simulated T2 liver MR cases with a known truth")
    parser.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="new folder for images and manifest.csv"
    )
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prevalences", metavar="F0,F1,F2,F3,F4", help="share of each stage (default: equal)")
    parser.add_argument("--workers", type=int, default=1, help="processes side by side")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.set_defaults(run=run_simulate)


def run_simulate(args: argparse.Namespace) -> int:
    """`liverai simulate`."""
    from LiverAILib.simulation.cohort import simulate_cohort

    def progress(fraction: float, text: str) -> None:
        print(f"[{100 * fraction:3.0f} %] {text}", file=sys.stderr, flush=True)

    try:
        shares = [float(part) for part in args.prevalences.split(",")] if args.prevalences else None
    except ValueError:
        raise UserError(f"--prevalences {args.prevalences}: not five numbers. Write for example 4,1,1,1,3.") from None
    manifest = simulate_cohort(
        args.output,
        cases=args.cases,
        seed=args.seed,
        prevalences=shares,
        workers=args.workers,
        progress=None if args.quiet else progress,
    )
    if not args.quiet:
        print(f"manifest: {manifest}")
    return 0


def _add_demo(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("demo", help="assess the embedded sample, or an image of yours")
    parser.add_argument(
        "input", nargs="?", metavar="INPUT", help="image file or DICOM folder (default: the embedded sample)"
    )
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--output", type=Path, default=Path("demo-output"), metavar="DIR")
    _add_output(parser)
    parser.set_defaults(run=run_demo, segmentation=None, series=None, slice=None, target_class=None)


def run_demo(args: argparse.Namespace) -> int:
    """`liverai demo`: `assess` on the sample."""
    from LiverAILib.demo import sample_image

    if not args.input:
        args.input = str(sample_image(args.output / "sample"))
        if not (args.quiet or args.json or args.progress):
            print(f"embedded sample (simulated, stage F4): {args.input}", file=sys.stderr)
    args.input = [args.input]
    return run_assess(args)


def _add_models(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("models", help="list the installed models, or show a model's card")
    parser.add_argument("action", nargs="?", choices=("list", "show"), default="list")
    parser.add_argument("name", nargs="?", help="model to show")
    parser.set_defaults(run=run_models)


def run_models(args: argparse.Namespace) -> int:
    """`liverai models`."""
    from LiverAILib.model import list_models, load_model

    if args.action == "show":
        if not args.name:
            raise UserError("models show: which one? Give the name of a model; `liverai models` lists them.")
        print(json.dumps(load_model(args.name).card, indent=2, ensure_ascii=False))
        return 0
    for model in list_models():
        size = model.card["weights"]["bytes"] / 1e6
        simulated = ", trained on simulated cases" if model.simulated else ""
        print(f"{model.name}  ({model.method}, {'/'.join(model.card['modality'])}, {size:.0f} MB{simulated})")
        print(f"    {model.card['description']}")
        print(f"    license: {model.card['license']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
