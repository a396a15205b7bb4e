"""Out-of-distribution detection on the features of a pretrained encoder, which no classifier was trained on.

A classifier keeps what tells its classes apart and forgets the rest: to its last features a real scan may look like a simulated
one. The early layers of a network trained on ImageNet keep contrast, texture, noise and edges. Their means over an image are
compared with those of the training cases, as `out_of_distribution` does it, separately for each source of training cases
(simulated scans; real ones with planted disease): an input is familiar where it lies within the limit of one source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch

from LiverAILib.data.cohort import Cohort, CohortRow
from LiverAILib.data.outcome import DistributionDistance
from LiverAILib.errors import UserError
from LiverAILib.methods.out_of_distribution import (
    FEWEST_VALIDATION,
    FeatureDistribution,
    fit_feature_distribution,
    read_feature_distribution,
)
from LiverAILib.networks.backbones import BUNDLED, Backbone, backbone_checksum, build_backbone

BACKBONE = "tf_efficientnet_lite0"
GROUPS = (4, 6)
"""Layer groups behind which the maps are averaged: a stride of 8 and of 16."""
PART, CHECKSUM = "encoder", "sha256"
PLANTED = "planted"
"""Manifest column that is filled for real scans, with planted disease or untouched (`liverai simulate --from`)."""
ALL = "all"


@dataclass(frozen=True, eq=False)
class EncoderDistance:
    """How far an input lies from the training cases of each source.

    Attributes:
        distributions: Distribution of the features by source.
    """

    distributions: Mapping[str, FeatureDistribution]

    def judge(self, slices: torch.Tensor) -> DistributionDistance:
        """The distance of a case, its slices (n, rows, columns) in 0..1, to the source that it lies nearest to."""
        features = encoder_features(slices).mean(0)
        found = [distribution.judge(features) for distribution in self.distributions.values()]
        return min(found, key=lambda one: one.distance / one.threshold)


@cache
def _encoder() -> Backbone:
    return build_backbone(BACKBONE, weights=BUNDLED).eval().requires_grad_(False)


@torch.no_grad()
def encoder_features(slices: torch.Tensor) -> np.ndarray:
    """Features float32 (n, channels) of slices (n, rows, columns) in 0..1, on the CPU."""
    encoder = _encoder()
    mean, std = (torch.tensor(values)[:, None, None] for values in (encoder.mean, encoder.std))
    found = []
    for part in slices.split(16):
        maps = (part.float().cpu()[:, None] - mean) / std
        pooled = []
        for number, group in enumerate(encoder.layer_groups[: max(GROUPS)], 1):
            maps = group(maps)
            if number in GROUPS:
                pooled.append(maps.mean((2, 3)))
        found.append(torch.cat(pooled, 1))
    return torch.cat(found).numpy()


def source_of(row: CohortRow) -> str:
    """The source of a training case: "planted" for real scans of `liverai simulate --from`, "other" else."""
    return PLANTED if row.covariates.get(PLANTED) else "other"


def case_sources(cohort: Cohort) -> tuple[list[str], list[str]]:
    """Source of each training and of each validation case."""
    training, validation = ([source_of(row) for row in cohort.split(name)] for name in ("train", "validation"))
    return training, validation


def encoder_distance_state(
    training: np.ndarray,
    validation: np.ndarray,
    prefix: str,
    *,
    training_sources: Sequence[str],
    validation_sources: Sequence[str],
) -> dict[str, torch.Tensor]:
    """The tensors of an `EncoderDistance`, for the weights of a model.

    Args:
        training: Features of training cases (n, channels).
        validation: Those of held-out cases (m, channels), by which each limit is set.
        prefix: Begins the names of the tensors.
        training_sources: Source of each training case; one that has fewer than `FEWEST_VALIDATION` training or validation cases
            makes that all are fitted together.
        validation_sources: The same of the validation cases.
    """
    own, held = np.asarray(training_sources), np.asarray(validation_sources)
    names = sorted(set(own) | set(held))
    if min(min((own == name).sum(), (held == name).sum()) for name in names) < FEWEST_VALIDATION:
        own, held, names = np.full(len(own), ALL), np.full(len(held), ALL), [ALL]
    checksum = bytes.fromhex(backbone_checksum(_encoder()))
    state = {f"{prefix}{PART}.{CHECKSUM}": torch.tensor(list(checksum), dtype=torch.uint8)}
    for name in names:
        fitted = fit_feature_distribution(training[own == name], validation[held == name])
        state |= fitted.state(f"{prefix}{PART}.{name}.")
    return state


def read_encoder_distance(state: Mapping[str, Any], prefix: str, *, where: str) -> EncoderDistance | None:
    """What `encoder_distance_state` stored; None where the model has none.

    Raises:
        UserError: The encoder in the box is another one than the model's.
    """
    start = f"{prefix}{PART}."
    if start + CHECKSUM not in state:
        return None
    if bytes(state[start + CHECKSUM].to(torch.uint8).tolist()).hex() != backbone_checksum(_encoder()):
        raise UserError(f"{where}: was made with another version of {BACKBONE}. Install the model and LiverAI again.")
    names = sorted({key[len(start) :].split(".")[0] for key in state if key.startswith(start)} - {CHECKSUM})
    read = {name: read_feature_distribution(state, f"{start}{name}.") for name in names}
    return EncoderDistance({name: one for name, one in read.items() if one is not None})


def farther(*found: DistributionDistance | None) -> DistributionDistance | None:
    """Of several distances of an input the one that exceeds its threshold most; None where there is none."""
    known = [one for one in found if one is not None]
    return max(known, key=lambda one: one.distance / one.threshold, default=None)
