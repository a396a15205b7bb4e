"""`liverai simulate`: a cohort with a known truth."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, TypeVar

from LiverAILib.errors import UserError
from LiverAILib.methods import list_papers

Number = TypeVar("Number", int, float)


def add(commands: argparse._SubParsersAction) -> None:
    """Add `liverai simulate`."""
    parser = commands.add_parser(
        "simulate", help="make a cohort of simulated liver MR, CT or ultrasound with a known truth"
    )
    parser.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="new folder for images and manifest.csv"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--modality", choices=("mr", "ct"), help="T2-weighted MR (default) or portal venous CT")
    what.add_argument("--method", metavar="NAME", help="cases for a method: nowak2021, yin2021, xue2020 or byra2021")
    parser.add_argument("--matrix", type=int, metavar="N", help="pixels along rows and columns (fewer are quicker)")
    parser.add_argument("--images", type=int, metavar="N", help="images of each role of a patient (xue2020: 5)")
    parser.add_argument(
        "--from",
        dest="sources",
        type=Path,
        metavar="MANIFEST",
        help="plant fibrosis in the healthy MR or CT scans of this manifest, which needs mask:liver (default: all simulated)",
    )
    parser.add_argument("--cases", type=int, default=20, help="how many in all (default: 20)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stages", metavar="0,1,2,3,4", help="stages to simulate (default: all)")
    parser.add_argument("--prevalences", metavar="F0,F1,F2,F3,F4", help="share of each of the stages (default: equal)")
    parser.add_argument(
        "--split", choices=("train", "validation", "test"), help="put every case into this split (default: 70/15/15)"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes side by side")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.set_defaults(run=run_simulate)


def run_simulate(args: argparse.Namespace) -> int:
    """`liverai simulate`."""
    from LiverAILib.jobs.plant_cohort import plant_cohort
    from LiverAILib.simulation.cohort import simulate_cohort
    from LiverAILib.simulation.fibrosis import STAGES

    def progress(fraction: float, text: str) -> None:
        print(f"[{100 * fraction:3.0f} %] {text}", file=sys.stderr, flush=True)

    stages = _numbers("--stages", args.stages, int, "0,4")
    shared: dict[str, Any] = {
        "cases": args.cases,
        "seed": args.seed,
        "stages": STAGES if stages is None else stages,
        "prevalences": _numbers("--prevalences", args.prevalences, float, "4,1,1,1,3"),
        "split": args.split,
        "workers": args.workers,
        "progress": None if args.quiet else progress,
    }
    kind = simulated_kind(args.method) if args.method else args.modality
    if args.sources is None:
        manifest = simulate_cohort(args.output, kind=kind or "mr", matrix=args.matrix, images=args.images, **shared)
    else:
        for option, value in (("--matrix", args.matrix), ("--images", args.images)):
            if value is not None:
                raise UserError(f"{option} {value}: scans of --from keep their size and number. Leave the option out.")
        manifest = plant_cohort(args.sources, args.output, kind=kind, **shared)
    if not args.quiet:
        print(f"manifest: {manifest}")
    return 0


def _numbers(option: str, text: str | None, number: type[Number], example: str) -> list[Number] | None:
    """The numbers of an option, separated by commas; None where it was not given."""
    if not text:
        return None
    try:
        return [number(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"{option} {text}: not numbers separated by commas. Write for example {example}.") from None


def simulated_kind(method: str) -> str:
    """What is simulated for a method.

    Raises:
        UserError: There is no such method, or nothing is simulated for it.
    """
    kinds = {name: spec.simulation for name, spec in list_papers().items() if spec.simulation}
    if method not in kinds:
        raise UserError(f"--method {method}: nothing is simulated for it. Use one of {', '.join(kinds)}.")
    return kinds[method]
