"""The parser with all commands, and what happens when one fails."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from LiverAILib import __version__
from LiverAILib.cli import assess, batch, cohort, evaluate, models, segment, simulate, train
from LiverAILib.console import print_any_character
from LiverAILib.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    print_any_character()
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
    assess.add_assess(commands)
    segment.add(commands)
    batch.add(commands)
    cohort.add(commands)
    train.add(commands)
    evaluate.add(commands)
    simulate.add(commands)
    assess.add_demo(commands)
    models.add(commands)
    return parser
