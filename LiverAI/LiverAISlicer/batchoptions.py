"""The options of the headless script, which its child process reads too. Needs no Slicer."""

from __future__ import annotations

import argparse
from pathlib import Path


def parseArguments(arguments: list[str]) -> argparse.Namespace:
    """The options; a `--` that Slicer passes on is skipped."""
    from LiverAILib.cli.batch import INPUT_HELP, add_options

    parser = argparse.ArgumentParser(
        prog="liverai_batch.py", description="Assess every image of a folder or manifest in Slicer."
    )
    parser.add_argument("--input", type=Path, required=True, metavar="FOLDER|CSV", help=INPUT_HELP)
    add_options(parser)
    parser.add_argument("--save-scene", action="store_true", help="also save the scene of each case as scene.mrb")
    parser.add_argument(
        "--in-process",
        action="store_true",
        help="run the networks in Slicer's own process, not in a child process; their libraries can clash with Slicer's",
    )
    return parser.parse_args(arguments[1:] if arguments[:1] == ["--"] else arguments)
