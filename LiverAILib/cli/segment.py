"""`liverai segment`: the organ masks alone."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from LiverAILib.cli import output
from LiverAILib.errors import UserError


def add(commands: argparse._SubParsersAction) -> None:
    """Add `liverai segment`."""
    parser = commands.add_parser("segment", help="segment the liver and its neighbors")
    parser.add_argument("input", metavar="INPUT", help="NIfTI, NRRD or MHA file, or DICOM folder")
    parser.add_argument(
        "--output", required=True, type=Path, metavar="FILE", help="label map (.seg.nrrd opens in Slicer)"
    )
    parser.add_argument("--model", help="segmentation model (default: the one for the image's modality)")
    output.add_modality(parser)
    parser.add_argument("--series", metavar="NUMBER", help="which series of a DICOM folder: number, UID or description")
    parser.add_argument(
        "--contact-sheet", type=Path, metavar="FILE.png", help="a picture of the slices with the outlines of all organs"
    )
    parser.add_argument(
        "--views",
        type=int,
        default=1,
        metavar="N",
        help="average over N views of the scan (1-6; each takes another pass of the network; the views' disagreement is checked)",
    )
    parser.add_argument(
        "--repeatability",
        type=int,
        nargs="?",
        const=4,
        default=0,
        metavar="N",
        help="repeat on N variants of the scan (resampled, shifted, noised; default 4) and give the volumes' repeatability",
    )
    output.add_output(parser)
    parser.set_defaults(run=run_segment)


def run_segment(args: argparse.Namespace) -> int:
    """`liverai segment`."""
    from LiverAILib.data.model import load_model
    from LiverAILib.data.segmentation_file import write_segmentation
    from LiverAILib.imaging.files import read_image
    from LiverAILib.imaging.image import with_modality
    from LiverAILib.morphometry import volume_measurements
    from LiverAILib.segmentation.choice import choose_model

    _check(args)
    image = with_modality(read_image(args.input, series=args.series, color=False), args.modality)
    from LiverAILib.segmentation.predict import Segmenter
    from LiverAILib.segmentation.quality import image_warnings

    progress = output.progress(args)
    choice = choose_model(image, args.model)
    progress(0.1, f"Segmenting with {choice.name} ({choice.why})")
    segmenter = Segmenter(load_model(choice.name), device=args.device, views=args.views)
    result = segmenter.examine(image)
    warnings = (*image_warnings(image), *result.warnings)
    measurements = volume_measurements(result.segmentation)
    repeatability = None
    if args.repeatability:
        from LiverAILib.segmentation.repeatability import measure_repeatability

        repeatability = measure_repeatability(
            lambda variant: segmenter.segment(variant)[0],
            image,
            first=result.segmentation,
            variants=args.repeatability,
            progress=lambda share, text: progress(0.4 + 0.5 * share, text),
        )
    write_segmentation(result.segmentation, args.output)
    if args.contact_sheet:
        from LiverAILib.results.contact_sheet import contact_sheet, write_contact_sheet

        title = f"{args.input}   {segmenter.model.name} ({choice.why})"
        figure = contact_sheet(image, result.segmentation, title=title, measurements=measurements, warnings=warnings)
        write_contact_sheet(figure, args.contact_sheet)
    progress(1.0, "Done")
    record: dict[str, Any] = {
        **choice.record(),
        "sha256": segmenter.model.checksum,
        "views": args.views,
        "file": str(args.output),
        "measurements": {m.name: {"value": m.value, "unit": m.unit} for m in measurements},
        "repeatability": repeatability.record() if repeatability else None,
        "figures": {**result.metrics.record(), "view_spread": result.view_spread},
        "warnings": [w.text for w in warnings],
        "warning_codes": [w.code for w in warnings],
    }
    if args.json:
        print(json.dumps(record, indent=2))
    elif not args.quiet:
        _print(record, measurements, repeatability, args)
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse what would fail after minutes of work, or overwrite the input."""
    from LiverAILib.imaging.files import WRITTEN_SUFFIXES
    from LiverAILib.output_paths import PICTURE_SUFFIXES, check_keeps_inputs, check_output_file

    if args.repeatability < 0:
        raise UserError(f"--repeatability {args.repeatability}: give how many variants to segment, at least 1.")
    check_output_file(args.output, WRITTEN_SUFFIXES)
    if args.contact_sheet:
        check_output_file(args.contact_sheet, PICTURE_SUFFIXES)
    outputs = [path for path in (args.output, args.contact_sheet) if path]
    check_keeps_inputs(outputs, [args.input, args.model])


def _print(record: dict[str, Any], measurements, repeatability, args: argparse.Namespace) -> None:
    print(f"model: {record['model']} ({record['why']})")
    by_title = {}
    if repeatability:
        by_title = {f"{name.replace('_', ' ').capitalize()} volume": one for name, one in repeatability.organs.items()}
    for measurement in measurements:
        spread = by_title.get(measurement.name)
        more = (
            f" (repeatability coefficient {spread.coefficient_ml:g} mL, {spread.coefficient_percent:g} %)"
            if spread
            else ""
        )
        print(f"{measurement.name}: {measurement.value:g} {measurement.unit}{more}")
    for text in record["warnings"]:
        print(f"warning: {text}")
    print(f"written: {args.output}")
    if args.contact_sheet:
        print(f"written: {args.contact_sheet}")
