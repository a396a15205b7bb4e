"""`liverai models`: what is installed, its cards, adding and removing models."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable

from LiverAILib.errors import UserError


def add(commands: argparse._SubParsersAction) -> None:
    """Add `liverai models`."""
    parser = commands.add_parser("models", help="list the installed models, show a model's card, add or remove models")
    parser.add_argument("action", nargs="?", choices=("list", "show", "add", "remove"), default="list")
    parser.add_argument(
        "name", nargs="?", help="model to show or remove; to add: a model folder, a zip file of one, or its URL"
    )
    parser.add_argument("--sha256", metavar="HEX", help="with add: SHA-256 of the zip file; required for a URL")
    parser.set_defaults(run=run_models)


def _every_tenth() -> Callable[[float, str], None]:
    """What prints a line each time that another tenth has arrived."""
    said = -1

    def report(share: float, text: str) -> None:
        nonlocal said
        if int(10 * share) > said:
            said = int(10 * share)
            print(f"[{100 * share:3.0f} %] {text}", file=sys.stderr, flush=True)

    return report


def run_models(args: argparse.Namespace) -> int:
    """`liverai models`."""
    from LiverAILib.data.model import list_models, load_model
    from LiverAILib.data.model_card import SEEN
    from LiverAILib.data.model_store import add_model, remove_model

    if args.action != "list" and not args.name:
        raise UserError(f"models {args.action}: which one? `liverai models` lists the installed ones.")
    if args.sha256 is not None and args.action != "add":
        raise UserError("--sha256: belongs to `liverai models add`.")
    if args.action == "show":
        card = dict(load_model(args.name).card.entries)
        if card.get(SEEN):  # hundreds of checksums of patients, which tell a person nothing
            card[SEEN] = {split: {key: len(own) for key, own in part.items()} for split, part in card[SEEN].items()}
        print(json.dumps(card, indent=2, ensure_ascii=False))
        return 0
    if args.action == "add":
        model = add_model(args.name, sha256=args.sha256, progress=_every_tenth())
        print(f"{model.name}: added ({model.folder}), license: {model.card.license}")
        return 0
    if args.action == "remove":
        print(f"{args.name}: removed ({remove_model(args.name)})")
        return 0
    for model in list_models():
        size = model.card.weights.bytes
        shown = "" if size is None else f", {size / 1e6:.0f} MB" if size >= 1e6 else f", {size / 1e3:.0f} kB"
        simulated = ", trained on simulated cases" if model.simulated else ""
        print(f"{model.name}  ({model.method}, {'/'.join(model.card.modality)}{shown}{simulated})")
        print(f"    {model.card.description}")
        print(f"    license: {model.card.license}")
    return 0
