"""Cascading randomization of the weights from the last layer on (Adebayo 2018): does the map depend on what was learned?"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from LiverAILib.explain.map_family import MapFamily
from LiverAILib.explain.similarity import rank_correlation, structural_similarity


@dataclass(frozen=True)
class RandomizationStep:
    """One case's map with the layers from the last one down to `layer` randomized, against that of the trained network.

    Attributes:
        family: Name of the map family.
        case_id: The case.
        layer: First of the randomized layer groups; all later ones are randomized too.
        depth: Number of randomized groups.
        complete: Whether every group is randomized.
        spearman: Rank correlation; 0 where the randomized map is constant, and so ranks nothing.
        ssim: Structural similarity of both maps, scaled to 0..1.
        constant: Whether the randomized map is constant.
    """

    family: str
    case_id: str
    layer: str
    depth: int
    complete: bool
    spearman: float
    ssim: float
    constant: bool


def cascading_randomization(
    family: MapFamily,
    inputs: torch.Tensor,
    *,
    case_ids: Sequence[str] | None = None,
    targets: Sequence[int] | None = None,
    seed: int = 0,
) -> list[RandomizationStep]:
    """Similarity of maps for every case and depth.

    Every case has a randomized network of its own, so that cases are independent of each other and an interval over them
    holds for the random weights as well. Layers are reset by their own initialization (`reset_parameters`); parameters of
    modules without one are drawn from a normal distribution with the mean and deviation of the trained ones. The network of
    the family is copied, never changed. Cases whose trained map is constant have nothing to compare and are left out.

    Args:
        family: What makes the maps.
        inputs: (n, channels, *spatial).
        case_ids: Names, by default 0, 1, ...
        targets: Classes to explain, by default those that the trained network predicts.
        seed: Seed of the random weights.
    """
    names = [str(n) for n in range(len(inputs))] if case_ids is None else list(case_ids)
    wanted = family.targets(inputs, targets)
    groups = [name for name, _ in family.groups(family.network)]
    steps = []
    for number, name in enumerate(names):
        one, target = inputs[number : number + 1], wanted[number : number + 1]
        trained = family.maps(one, target)[0].numpy()
        if np.ptp(trained) == 0:
            continue
        network = copy.deepcopy(family.network)
        for depth, layer in enumerate(reversed(groups), 1):
            own_seed = int(np.random.SeedSequence([seed, number, depth]).generate_state(1)[0])
            randomize(dict(family.groups(network))[layer], seed=own_seed)
            twin = MapFamily(family.name, network.eval(), family.explain, family.groups)
            found = twin.maps(one, target)[0].numpy()
            correlation = rank_correlation(trained, found)
            constant = bool(np.isnan(correlation))
            steps.append(
                RandomizationStep(
                    family.name,
                    name,
                    layer,
                    depth,
                    depth == len(groups),
                    0.0 if constant else correlation,
                    structural_similarity(trained, found),
                    constant,
                )
            )
    return steps


@torch.no_grad()
def randomize(group: nn.Module, *, seed: int) -> None:
    """Set the weights of a module to random ones, in place; the global random state stays as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        done: set[int] = set()
        for module in group.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
                done |= {id(parameter) for parameter in module.parameters(recurse=False)}
        for parameter in group.parameters():
            if id(parameter) not in done and parameter.is_floating_point():
                deviation = float(parameter.std()) if parameter.numel() > 1 else float(parameter.abs())
                drawn = torch.randn(parameter.shape) * deviation + float(parameter.mean())
                parameter.copy_(drawn)
