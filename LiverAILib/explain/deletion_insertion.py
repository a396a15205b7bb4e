"""Deletion and insertion curves (Petsiuk 2018, RISE) against random orders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.integrate import trapezoid

from LiverAILib.explain.map_family import MapFamily

MAX_CELLS = 64
STEPS = 10
RANDOM_ORDERS = 5
BLUR = 0.05
LEAST_CHANGE = 0.01


@dataclass(frozen=True, eq=False)
class PerturbationCurves:
    """Probability of the explained class of one case while parts of its input are taken away or given back.

    Attributes:
        family: Name of the map family.
        case_id: The case.
        target: Explained class, its number.
        cells: Cells that the orders run over.
        fractions: Share of the cells perturbed, 0..1, shape (steps + 1,).
        deletion: Probability while the map's strongest cells are taken away first, shape (steps + 1,).
        insertion: Probability while they are given back first to the blurred input, shape (steps + 1,).
        random: Probability while cells are taken away in random orders, shape (orders, steps + 1). Read backwards, a random
            order gives back in a random order: its area is the baseline of both curves.
    """

    family: str
    case_id: str
    target: int
    cells: int
    fractions: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray
    random: np.ndarray

    def _area(self, curve: np.ndarray) -> float:
        return float(trapezoid(curve, self.fractions))

    @property
    def deletion_auc(self) -> float:
        """Area below the deletion curve: low where the map finds what the network needs."""
        return self._area(self.deletion)

    @property
    def insertion_auc(self) -> float:
        """Area below the insertion curve: high where the map finds what suffices."""
        return self._area(self.insertion)

    @property
    def random_auc(self) -> float:
        """Mean area below the curves of the random orders."""
        return float(np.mean([self._area(curve) for curve in self.random]))

    @property
    def deletion_gain(self) -> float:
        """Random minus deletion area: above 0 where the map's order is better than random."""
        return self.random_auc - self.deletion_auc

    @property
    def insertion_gain(self) -> float:
        """Insertion minus random area: above 0 where the map's order is better than random."""
        return self.insertion_auc - self.random_auc


def deletion_insertion(
    family: MapFamily,
    inputs: torch.Tensor,
    *,
    case_ids: Sequence[str] | None = None,
    targets: Sequence[int] | None = None,
    steps: int = STEPS,
    random_orders: int = RANDOM_ORDERS,
    max_cells: int = MAX_CELLS,
    baseline: str | torch.Tensor = "blur",
    batch_size: int = 16,
    seed: int = 0,
) -> list[PerturbationCurves]:
    """The curves of every case.

    The input is perturbed cell by cell at the resolution of the map itself (a Grad-CAM of ResNet50 has 7 x 7 positions,
    finer steps would only test the interpolation). Cells whose removal changes nothing, such as the empty background of a
    cut-out liver, are in no order: else a map would beat random orders by finding the organ.

    Args:
        family: What makes the maps.
        inputs: (n, channels, *spatial), as the network takes them.
        case_ids: Names, by default 0, 1, ...
        targets: Classes to explain, by default the predicted ones.
        steps: Points of a curve after the first.
        random_orders: Orders of the baseline, drawn for each case.
        max_cells: Finer maps are averaged over a coarser grid of at most so many cells.
        baseline: What a cell becomes: "blur" (Gaussian, 5 % of the side; the least unlike an image), "mean" of the channel, or
            a tensor of the inputs' shape or broadcast to it.
        batch_size: Inputs a forward pass.
        seed: Seed of the random orders.

    Raises:
        ValueError: No input, another number of names or targets, or an unknown baseline.
    """
    names = _names(case_ids, len(inputs))
    wanted = family.targets(inputs, targets)
    curves = []
    for number, name in enumerate(names):
        rng = np.random.default_rng([seed, number])
        one = inputs[number : number + 1]
        target = int(wanted[number])
        replaced = _replacement(
            one, baseline if isinstance(baseline, str) else baseline.expand_as(inputs)[number][None]
        )
        strength, cell_of = cells_of_map(family.maps(one, wanted[number : number + 1])[0], one.shape[2:], max_cells)
        active = _active(one, replaced, cell_of, len(strength))
        # Shuffled before the stable sort, so that ties (a map that is 0 in places) fall in random order.
        shuffled = rng.permutation(active)
        by_map = shuffled[np.argsort(-strength[shuffled], kind="stable")]
        orders = [by_map, by_map[::-1], *(rng.permutation(active) for _ in range(random_orders))]
        counts = np.unique(np.round(np.linspace(0, len(active), steps + 1)).astype(int))
        removed = np.zeros((len(orders), len(counts), len(strength)), bool)
        for row, order in enumerate(orders):
            for column, count in enumerate(counts):
                removed[row, column, order[:count]] = True
        values = _probabilities(family, one, replaced, cell_of, removed, target, batch_size)
        # Taking away the weakest first, read backwards, is giving back the strongest first.
        curves.append(
            PerturbationCurves(
                family.name,
                name,
                target,
                len(active),
                counts / max(len(active), 1),
                values[0],
                values[1][::-1].copy(),
                values[2:],
            )
        )
    return curves


def cells_of_map(heatmap: torch.Tensor, spatial: Sequence[int], max_cells: int) -> tuple[np.ndarray, torch.Tensor]:
    """Cells of a map: their strength, and which cell each input position belongs to.

    Args:
        heatmap: Map (*map_spatial), 2D or 3D.
        spatial: Spatial shape of the input.
        max_cells: Largest number of cells.

    Returns:
        Strength (cells,), and cell numbers (*spatial), int64.
    """
    grid = list(heatmap.shape)
    while math.prod(grid) > max_cells:
        longest = max(range(len(grid)), key=lambda axis: grid[axis])
        grid[longest] = math.ceil(grid[longest] / 2)
    values = heatmap[None, None].float()
    if heatmap.ndim == 2:
        pooled = F.adaptive_avg_pool2d(values, (grid[0], grid[1]))
    else:
        pooled = F.adaptive_avg_pool3d(values, (grid[0], grid[1], grid[2]))
    strength = pooled[0, 0].flatten().numpy()
    cell_of = torch.zeros(tuple(spatial), dtype=torch.int64)
    for axis, (cells, length) in enumerate(zip(grid, spatial, strict=True)):
        along = (torch.arange(length) * cells) // length
        cell_of = cell_of * cells + along.view([-1 if a == axis else 1 for a in range(len(grid))])
    return strength, cell_of


def _names(case_ids: Sequence[str] | None, count: int) -> list[str]:
    if count == 0:
        raise ValueError("there is no input to perturb")
    names = [str(number) for number in range(count)] if case_ids is None else list(case_ids)
    if len(names) != count:
        raise ValueError(f"{len(names)} case_ids for {count} inputs")
    return names


def _replacement(one: torch.Tensor, baseline: str | torch.Tensor) -> torch.Tensor:
    """What the input (1, channels, *spatial) becomes where it is taken away."""
    if isinstance(baseline, torch.Tensor):
        return baseline
    if baseline == "mean":
        return one.mean(tuple(range(2, one.ndim)), keepdim=True).expand_as(one)
    if baseline != "blur":
        raise ValueError(f"baseline is 'blur', 'mean' or a tensor, got {baseline!r}")
    out = one
    for axis in range(2, one.ndim):
        out = _blur_axis(out, axis, BLUR * one.shape[axis])
    return out


def _blur_axis(values: torch.Tensor, axis: int, sigma: float) -> torch.Tensor:
    """Gaussian blur along one axis, the edge value beyond the ends."""
    length = values.shape[axis]
    reach = min(max(1, round(3 * sigma)), length - 1) if length > 1 else 0
    offsets = torch.arange(-reach, reach + 1)
    weights = torch.exp(-0.5 * (offsets / max(sigma, 1e-6)) ** 2)
    weights = weights / weights.sum()
    places = torch.arange(length)
    return sum(
        weight * values.index_select(axis, (places + offset).clamp(0, length - 1))
        for weight, offset in zip(weights.tolist(), offsets.tolist(), strict=True)
    )


def _active(one: torch.Tensor, replaced: torch.Tensor, cell_of: torch.Tensor, cells: int) -> np.ndarray:
    """Numbers of the cells whose replacement changes the input."""
    change = (one - replaced).abs().mean(1).flatten().double()
    summed = torch.zeros(cells, dtype=torch.float64).index_add(0, cell_of.flatten(), change)
    sizes = torch.bincount(cell_of.flatten(), minlength=cells).clamp_min(1)
    mean = (summed / sizes).numpy()
    return np.flatnonzero(mean > LEAST_CHANGE * mean.max()) if mean.max() > 0 else np.arange(cells)


def _probabilities(
    family: MapFamily,
    one: torch.Tensor,
    replaced: torch.Tensor,
    cell_of: torch.Tensor,
    removed: np.ndarray,
    target: int,
    batch_size: int,
) -> np.ndarray:
    """Probability of the target for every set of removed cells (..., cells); duplicate sets are computed once."""
    sets, where = np.unique(removed.reshape(-1, removed.shape[-1]), axis=0, return_inverse=True)
    masks = torch.from_numpy(sets)
    values = []
    for part in masks.split(batch_size):
        perturbed = torch.where(part[:, cell_of][:, None], replaced, one)
        values.append(family.probabilities(perturbed, batch_size=batch_size)[:, target])
    return torch.cat(values).double().numpy()[where.ravel()].reshape(removed.shape[:-1])
