"""`liverai batch`: every image of a folder, or every row of a manifest. Headless Slicer has the same options and messages."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from LiverAILib.cli import output
from LiverAILib.cli.assess import DEFAULT_MODEL
from LiverAILib.errors import UserError

if TYPE_CHECKING:
    from LiverAILib.jobs.batch.case_job import Writer

INPUT_HELP = (
    "image files and DICOM files, searched in all subfolders, one case an image; or a cohort manifest, whose masks replace "
    "the network's and whose other columns are covariates"
)


def add(commands: argparse._SubParsersAction) -> None:
    """Add `liverai batch`."""
    parser = commands.add_parser("batch", help="assess every image of a folder or manifest")
    parser.add_argument("input", type=Path, metavar="FOLDER|CSV", help=INPUT_HELP)
    add_options(parser)
    parser.set_defaults(run=run_batch)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options beside the input."""
    parser.add_argument("--model", default=DEFAULT_MODEL, help="name of an installed model, or a model folder")
    parser.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="one folder per case, summary.csv, report.html to review all cases, set_aside.csv with the files that are no cases",
    )
    parser.add_argument(
        "--masks", type=Path, metavar="DIR", help="liver masks, named like the images of a folder, to use instead"
    )
    output.add_modality(parser)
    output.add_request(parser)
    output.add_dicom(parser)
    output.add_identifiers(parser)
    parser.add_argument(
        "--no-pictures",
        action="store_true",
        help="no pictures and no report of each case, which take time and disk space; report.html of all cases is written",
    )
    parser.add_argument(
        "--parquet", action="store_true", help="also write summary.parquet (pip install 'LiverAI[scale]')"
    )
    parser.add_argument(
        "--pseudonymize",
        type=Path,
        metavar="KEYFILE",
        help="call cases and files by pseudonyms, the same in every run with this key file, which is made where it is missing, "
        "leads back to the names and must lie outside of the results",
    )
    parser.add_argument(
        "--workers",
        type=_positive,
        metavar="N",
        help="processes that work on it (default: as cores and memory allow; 1: the process itself)",
    )
    parser.add_argument(
        "--threads", type=_positive, metavar="N", help="threads of each process (default: what is left of the cores)"
    )
    parser.add_argument(
        "--worker-memory",
        type=_gigabytes,
        metavar="GB",
        help="end and replace a process that uses more (default: no limit for local processes, 3.2 on a cluster)",
    )
    parser.add_argument(
        "--scheduler",
        default="local",
        metavar="local|dask|slurm|ADDRESS",
        help="where the processes run: on this machine (default), or on a Dask cluster (pip install 'LiverAI[scale]'): on this "
        "machine, in jobs of Slurm, or behind the address of a scheduler, such as tcp://host:8786",
    )
    output.add_output(parser)


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: not a whole number of at least 1")
    return number


def _gigabytes(text: str) -> int:
    try:
        number = round(float(text) * 1e9)
    except (ValueError, OverflowError):
        number = 0
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text}: not a positive number of gigabytes")
    return number


def run_batch(args: argparse.Namespace, write: Writer | None = None) -> int:
    """`liverai batch`: exit code 1 where a case failed.

    Args:
        args: The input and the options.
        write: Writes the result of a case; as `liverai assess` does where None.

    Raises:
        UserError: Nothing could be started.
    """
    from LiverAILib.data.model import load_model
    from LiverAILib.jobs.batch.case_job import ResultWriter
    from LiverAILib.jobs.batch.run import assess_all
    from LiverAILib.jobs.batch.tables import SUMMARY
    from LiverAILib.jobs.batch.workers import Workers
    from LiverAILib.methods import method_of

    refused = ("--dicom", "--keep-identifiers", "--pseudonymize", "--no-pictures")
    option = next((one for one in refused if getattr(args, one[2:].replace("-", "_"))), None)
    if write is not None and option:
        raise UserError(f"{option}: Slicer writes the results here. Use `liverai batch` instead.")
    spec = method_of(load_model(args.model))
    rows = assess_all(
        args.input,
        args.output,
        args.model,
        request=output.request_of(args, spec),
        masks=args.masks,
        modality=args.modality,
        device=args.device,
        write=write or ResultWriter(args.dicom, args.keep_identifiers, not args.no_pictures),
        parquet=args.parquet,
        workers=Workers(args.workers, args.threads, args.scheduler, args.worker_memory),
        pseudonyms=args.pseudonymize,
        progress=output.progress(args),
    )
    failed = [row for row in rows if row["error"]]
    if args.json:
        print(json.dumps(rows, indent=2))
    elif not args.quiet:
        print(f"{len(rows) - len(failed)} of {len(rows)} cases assessed; {args.output / SUMMARY}")
        for row in failed:
            print(f"failed: {row['case_id']}: {row['error']}")
    return 1 if failed else 0
