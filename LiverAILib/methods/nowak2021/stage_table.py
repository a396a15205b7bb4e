"""Nowak 2021, table 2: what each stage of the training reached on the validation cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from LiverAILib.evaluation.report.content import Table

NETWORKS = ("segmentation", "segmented", "full")
"""The segmentation network, and the classification networks of both pipelines, in the order of the paper's table."""
COLUMNS = ("network", "stage", "epochs", "max LR last layer", "max LR first layer", "on the validation cases")


def stage_table(card: Mapping[str, Any], segmentation: Mapping[str, Any] | None = None) -> Table | None:
    """The table from the stages that the cards of the model and of its segmentation network list; None where neither does.

    Args:
        card: Entries of the model's card.
        segmentation: Entries of the segmentation network's card, where it is known.
    """
    runs = [("segmentation", name, stages) for name, stages in _stages_of(segmentation)]
    runs += [(name, name, stages) for name, stages in _stages_of(card)]
    rows = [row for network, name, stages in sorted(runs, key=_order) for row in _rows(network, name, stages)]
    if not rows:
        return None
    note = (
        "A stage without a better validation score than all stages before it brought no improvement. The segmentation network's "
        "stages are listed where its card has them."
    )
    return Table("paper_table2", "Stages of the training (table 2)", COLUMNS, tuple(rows), note)


def _stages_of(card: Mapping[str, Any] | None) -> list[tuple[str, Sequence[Mapping[str, Any]]]]:
    stages = (card or {}).get("training_stages") or {}
    return [(str(name), own) for name, own in stages.items()] if isinstance(stages, Mapping) else []


def _order(run: tuple[str, str, Any]) -> tuple[int, str]:
    network = run[0]
    place = next((i for i, known in enumerate(NETWORKS) if network.startswith(known)), len(NETWORKS))
    return place, run[1]


def _rows(network: str, name: str, stages: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    shown = "segmentation" if network == "segmentation" else name.replace("_", ", ") + " pixels"
    return [
        (
            shown,
            str(stage.get("name", "")),
            str(stage.get("epochs", "")),
            _rate(stage.get("max_lr_last")),
            _rate(stage.get("max_lr_first")),
            _reached(stage),
        )
        for stage in stages
    ]


def _rate(value: Any) -> str:
    return "frozen" if value is None else f"{value:g}"


def _reached(stage: Mapping[str, Any]) -> str:
    """The validation results of a stage's best epoch, as `fit` notes them: Dice of the liver, or accuracy and cross entropy."""
    if not stage.get("improved"):
        return "no improvement"
    found = stage.get("validation") or {}
    if "dice_liver" in found:
        return f"Dice {found['dice_liver']:.4f}"
    if "validation_accuracy" in found and "score" in found:
        entropy = found.get("validation_cross_entropy", -found["score"])
        return f"accuracy {found['validation_accuracy']:.2f}, cross entropy {entropy:.4f}"
    return ", ".join(f"{key} {value:.4f}" for key, value in found.items() if isinstance(value, float))
