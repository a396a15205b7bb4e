"""`liverai cohort`: the splits or folds of a cohort, and several cohorts in one."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from LiverAILib.cli import output
from LiverAILib.errors import UserError


def add(commands: argparse._SubParsersAction) -> None:
    """Add `liverai cohort`."""
    parser = commands.add_parser("cohort", help="divide a cohort into splits or folds, or join several")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    split = actions.add_parser(
        "split",
        help="write a manifest with splits, or with folds",
        description="Draw training, validation and test cases (or folds) by patient, with every class in the same shares, and "
        "write a new manifest. A column group_id keeps several patient_id together.",
    )
    split.add_argument("manifest", type=Path, metavar="CSV", help="cohort manifest")
    split.add_argument("--output", required=True, type=Path, metavar="CSV", help="the new manifest")
    how = split.add_mutually_exclusive_group()
    how.add_argument(
        "--shares",
        metavar="TRAIN,VALIDATION,TEST",
        help="shares or numbers of cases (default: 70,15,15, as Nowak 2021; its numbers were 505,104,104)",
    )
    how.add_argument("--folds", type=int, metavar="N", help="folds instead of splits; test cases get none")
    split.add_argument("--seed", type=int, default=0, help="seed of the draw (default: 0)")
    output.add_labels(split)
    split.add_argument("--overwrite", action="store_true", help="replace the new manifest if it exists")
    shown = split.add_mutually_exclusive_group()
    shown.add_argument("--quiet", action="store_true", help="print nothing but errors")
    shown.add_argument("--json", action="store_true", help="print the numbers of cases as JSON")
    split.set_defaults(run=run_split)
    join = actions.add_parser(
        "join",
        help="write a manifest of all cases of several ones",
        description="Put the cases of several manifests into one, with their splits and folds. A patient may be in one only.",
    )
    join.add_argument("manifests", nargs="+", type=Path, metavar="CSV", help="cohort manifests")
    join.add_argument("--output", required=True, type=Path, metavar="CSV", help="the new manifest")
    output.add_labels(join)
    join.add_argument("--overwrite", action="store_true", help="replace the new manifest if it exists")
    join.add_argument("--quiet", action="store_true", help="print nothing but errors")
    join.set_defaults(run=run_join)


def run_split(args: argparse.Namespace) -> int:
    """`liverai cohort split`."""
    from LiverAILib.data.cohort import FOLD
    from LiverAILib.jobs.split_cohort import counts, split_cohort
    from LiverAILib.training.cohort_split import PUBLISHED_SHARES

    shares = PUBLISHED_SHARES if args.shares is None else _numbers(args.shares)
    cohort = split_cohort(
        args.manifest,
        args.output,
        shares=shares,
        folds=args.folds,
        labels=args.labels,
        seed=args.seed,
        overwrite=args.overwrite,
    )
    found = counts(cohort, "split" if args.folds is None else FOLD)
    if args.json:
        print(json.dumps(found, indent=2))
    elif not args.quiet:
        for name, own in found.items():
            listed = ", ".join(f"{label} {own[label]}" for label in sorted(own))
            print(f"{'' if args.folds is None else 'fold '}{name}: {sum(own.values())} cases ({listed})")
        print(f"manifest: {args.output}")
    return 0


def run_join(args: argparse.Namespace) -> int:
    """`liverai cohort join`."""
    from LiverAILib.jobs.join_cohorts import join_cohorts

    cohort = join_cohorts(args.manifests, args.output, labels=args.labels, overwrite=args.overwrite)
    if not args.quiet:
        print(f"{len(cohort.rows)} cases of {len(args.manifests)} manifests")
        print(f"manifest: {args.output}")
    return 0


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"--shares {text}: not three numbers. Write for example 70,15,15.") from None
