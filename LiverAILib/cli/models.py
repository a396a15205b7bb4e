"""`liverai models`: what is installed, and its cards."""

from __future__ import annotations

import argparse
import json

from LiverAILib.errors import UserError


def add(commands: argparse._SubParsersAction) -> None:
    """Add `liverai models`."""
    parser = commands.add_parser("models", help="list the installed models, or show a model's card")
    parser.add_argument("action", nargs="?", choices=("list", "show"), default="list")
    parser.add_argument("name", nargs="?", help="model to show")
    parser.set_defaults(run=run_models)


def run_models(args: argparse.Namespace) -> int:
    """`liverai models`."""
    from LiverAILib.data.model import list_models, load_model
    from LiverAILib.data.model_card import SEEN

    if args.action == "show":
        if not args.name:
            raise UserError("models show: which one? Give the name of a model; `liverai models` lists them.")
        card = dict(load_model(args.name).card.entries)
        if card.get(SEEN):  # hundreds of checksums of patients, which tell a person nothing
            card[SEEN] = {split: {key: len(own) for key, own in part.items()} for split, part in card[SEEN].items()}
        print(json.dumps(card, indent=2, ensure_ascii=False))
        return 0
    for model in list_models():
        size = model.card.weights.bytes
        shown = "" if size is None else f", {size / 1e6:.0f} MB" if size >= 1e6 else f", {size / 1e3:.0f} kB"
        simulated = ", trained on simulated cases" if model.simulated else ""
        print(f"{model.name}  ({model.method}, {'/'.join(model.card.modality)}{shown}{simulated})")
        print(f"    {model.card.description}")
        print(f"    license: {model.card.license}")
    return 0
