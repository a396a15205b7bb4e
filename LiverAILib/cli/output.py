"""What commands print: options of every command that runs networks, and progress."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from LiverAILib.data.outcome import HEATMAP_TITLES
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.methods import MethodSpec


def add_output(parser: argparse.ArgumentParser) -> None:
    """Options of every command that runs networks and talks about it."""
    parser.add_argument(
        "--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="processor for the networks"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quiet", action="store_true", help="print nothing but errors")
    how.add_argument("--json", action="store_true", help="print the result as JSON")
    how.add_argument("--progress", action="store_true", help="print progress as Slicer's command line modules do")


def add_modality(parser: argparse.ArgumentParser) -> None:
    """The option of every command that reads an image whose modality its file may not say."""
    parser.add_argument(
        "--modality", choices=("MR", "CT"), help="what the image is (default: its header, or its intensities)"
    )


def add_request(parser: argparse.ArgumentParser) -> None:
    """The options of every command that assesses: what `AssessmentRequest` holds."""
    parser.add_argument("--slice", type=int, metavar="N", help="slice number (from 0) instead of the automatic choice")
    parser.add_argument(
        "--target-class", metavar="NAME", help="class that the heat map explains (default: the predicted one)"
    )
    add_heatmap(parser)


def request_of(args: argparse.Namespace, spec: MethodSpec) -> AssessmentRequest:
    """The request that the options of `add_request` make to a model of this method."""
    return AssessmentRequest(args.slice, args.target_class, args.heatmap or spec.heatmaps[0])


def add_heatmap(parser: argparse.ArgumentParser) -> None:
    """The option of every command that explains what it classifies."""
    parser.add_argument(
        "--heatmap",
        choices=tuple(HEATMAP_TITLES),
        help="how the heat map is made: as published (default), or finer, which takes a few seconds more",
    )


def add_dicom(parser: argparse.ArgumentParser) -> None:
    """The option of every command that writes assessments."""
    parser.add_argument(
        "--dicom",
        action="store_true",
        help="write DICOM objects too (segmentation, structured report, heat maps), to the subfolder dicom; for DICOM input",
    )


def add_identifiers(parser: argparse.ArgumentParser) -> None:
    """The option of every command that writes records of DICOM images."""
    parser.add_argument(
        "--keep-identifiers",
        action="store_true",
        help="name patient ID, study and series of DICOM images in assessment.json; left out otherwise",
    )


def progress(args: argparse.Namespace) -> Callable[[float, str], None]:
    """What reports progress: Slicer's tags, a line per step on standard error, or nothing."""

    def tags(fraction: float, text: str) -> None:
        print(f"<filter-progress>{fraction:.2f}</filter-progress>\n<filter-comment>{text}</filter-comment>", flush=True)

    def lines(fraction: float, text: str) -> None:
        print(f"[{100 * fraction:3.0f} %] {text}", file=sys.stderr, flush=True)

    if args.progress:
        return tags
    return (lambda fraction, text: None) if args.quiet or args.json else lines


def add_labels(parser: argparse.ArgumentParser) -> None:
    """Add `--labels`."""
    parser.add_argument(
        "--labels",
        choices=("stage", "cirrhosis"),
        help="what a manifest's column label holds: fibrosis stages 0-4, or cirrhosis 0/1 (columns called stage or cirrhosis "
        "say it themselves)",
    )
