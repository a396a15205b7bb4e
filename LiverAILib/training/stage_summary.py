"""What each stage of a training run reached on the validation cases, as in Nowak 2021, table 2."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from LiverAILib.training.schedule import Stage

FILE = "stages.json"
TRAINING_STAGES = "training_stages"
"""Entry of a model's card: by run folder, the summaries of its stages."""
NOT_RESULTS = ("stage", "epoch", "loss", "lr", "seconds")


def stage_summary(history: Sequence[Mapping[str, Any]], stages: Sequence[Stage]) -> list[dict[str, Any]]:
    """One record a stage: its settings, epochs run, and the validation results of its best epoch.

    ``improved`` says whether a score of the stage is better than every earlier one, so that the stage left a new best
    state; ``validation`` holds the numbers of its best epoch, empty where nothing was validated.
    """
    found = []
    best = max((one["score"] for one in history if one["stage"] == "start" and "score" in one), default=float("-inf"))
    for stage in stages:
        own = [one for one in history if one["stage"] == stage.name]
        scored = [one for one in own if "score" in one]
        top = max(scored, key=lambda one: one["score"], default=None)
        improved = top is not None and top["score"] > best
        results = {} if top is None else {key: value for key, value in top.items() if key not in NOT_RESULTS}
        found.append({**stage.record(), "epochs_run": len(own), "improved": improved, "validation": results})
        if improved and top is not None:
            best = top["score"]
    return found


def read_stages(run: Path) -> dict[str, list[dict[str, Any]]]:
    """The summaries that `fit` left in a run folder and its subfolders, by folder name; the run's own under ""."""
    found = {}
    for file in sorted(run.glob(f"**/{FILE}")):
        place = file.parent.relative_to(run).as_posix()
        found["" if place == "." else place] = json.loads(file.read_text(encoding="utf-8"))
    return found
