"""Training of the toy method: least squares on the cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from LiverAILib.data.case import Case
from LiverAILib.data.cohort import Cohort, CohortRow
from LiverAILib.training.options import TrainingOptions
from Testing.toy_method import SPEC
from Testing.toy_method.method import BRIGHTNESS, CELLS, ToyNetwork, views_of


def cells_of(row: CohortRow) -> torch.Tensor:
    """The cells of a case's images (images, CELLS, CELLS)."""
    return torch.cat([view.tensor for view in views_of(Case.from_row(row, SPEC.modalities))])


def train_toy(
    cohort: Cohort, output: Path, options: TrainingOptions, log: Callable[[str], None]
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Entries of the model card and the network's state: the smallest weights among those that fit best."""
    rows = cohort.split("train")
    log(f"reading {len(rows)} cases")
    cells = torch.stack([cells_of(row).mean(0).flatten() for row in rows]).double()
    values = torch.tensor([row.value for row in rows], dtype=torch.float64)
    centered = cells - cells.mean(0)
    weight = torch.linalg.lstsq(centered, values[:, None] - values.mean(), rcond=1e-6, driver="gelsd").solution[:, 0]
    bias = values.mean() - cells.mean(0) @ weight
    state = {"weight": weight.reshape(CELLS, CELLS).float(), "bias": bias.float()}
    network = ToyNetwork()
    network.load_state_dict(state)
    validation = cohort.split("validation")
    with torch.no_grad():
        errors = [abs(float(network(cells_of(row))) - float(row.value or 0)) for row in validation]
    card = {
        "description": SPEC.title,
        "modality": ["US"],
        "classes": [BRIGHTNESS],
        "settings": {},
        "training_data": f"{len(rows)} cases of {cohort.path.name}",
        "license": "Apache-2.0",
        "metrics": {"validation_mean_absolute_error": sum(errors) / len(errors)} if errors else {},
    }
    return card, state
