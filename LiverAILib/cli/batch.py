"""`liverai batch`: every image of a folder, or every row of a manifest."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from LiverAILib.cli import output
from LiverAILib.cli.assess import DEFAULT_MODEL


def add(commands: argparse._SubParsersAction) -> None:
    """Add `liverai batch`."""
    parser = commands.add_parser("batch", help="assess every image of a folder or manifest")
    parser.add_argument(
        "input",
        type=Path,
        metavar="FOLDER|CSV",
        help="image files and folders of DICOM files, one a case; or a cohort manifest, whose masks replace the network's and "
        "whose other columns are covariates",
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, help="name of an installed model, or a model folder")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="one folder a case, and summary.csv")
    output.add_heatmap(parser)
    output.add_output(parser)
    parser.set_defaults(run=run_batch)


def run_batch(args: argparse.Namespace) -> int:
    """`liverai batch`: exit code 1 where a case failed."""
    from LiverAILib.jobs.batch import assess_all

    rows = assess_all(
        args.input,
        args.output,
        args.model,
        heatmap=args.heatmap,
        device=args.device,
        progress=output.progress(args),
    )
    failed = [row for row in rows if row["error"]]
    if args.json:
        print(json.dumps(rows, indent=2))
    elif not args.quiet:
        print(f"{len(rows) - len(failed)} of {len(rows)} cases assessed; {args.output / 'summary.csv'}")
        for row in failed:
            print(f"failed: {row['case_id']}: {row['error']}")
    return 1 if failed else 0
