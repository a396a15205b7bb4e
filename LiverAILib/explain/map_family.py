"""A way to make heat maps of a network, as the checks of faithfulness call it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from LiverAILib.data.outcome import GRAD_CAM, HIRES_CAM
from LiverAILib.explain.gradcam import SplitNetwork, grad_cam
from LiverAILib.explain.hirescam import EarlySplitNetwork, hires_cam

Explain = Callable[[Any, torch.Tensor, torch.Tensor], torch.Tensor]
"""Raw maps (batch, *map_spatial) of a network, split as the function needs it, for inputs (batch, channels, *spatial) and
targets (batch,)."""
LayerGroups = Callable[[nn.Module], Sequence[tuple[str, nn.Module]]]
"""Names and modules of a network's layer groups, first to last."""


def grad_cam_maps(network: SplitNetwork, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Raw Grad-CAM, as it is shown."""
    return grad_cam(network, inputs, targets)[1]


def hires_cam_maps(network: EarlySplitNetwork, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """HiResCAM of an early stage, averaged over shifts."""
    return hires_cam(network, inputs, targets)[1]


EXPLAIN: dict[str, Explain] = {GRAD_CAM: grad_cam_maps, HIRES_CAM: hires_cam_maps}
"""How each heat map that a user can choose is made."""


def layer_groups(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """The groups that the network itself names (`layer_groups`), else its children that have parameters, first to last."""
    names = {id(module): name for name, module in network.named_modules()}
    groups = getattr(network, "layer_groups", None)
    if groups is None:
        groups = [child for child in network.children() if any(True for _ in child.parameters())]
    return [(names.get(id(group), f"group {number}"), group) for number, group in enumerate(groups)]


@dataclass(frozen=True, eq=False)
class MapFamily:
    """One network with one way to explain it.

    Attributes:
        name: As the report calls it ("segmented Grad-CAM").
        network: Called with (batch, channels, *spatial) it gives class scores before softmax (batch, classes); 2D or 3D, in
            evaluation mode. Never changed: what has to be randomized is copied.
        explain: Makes the maps.
        groups: Layer groups of a network like this one, for the cascading randomization.
    """

    name: str
    network: nn.Module
    explain: Explain = grad_cam_maps
    groups: LayerGroups = layer_groups

    def __post_init__(self) -> None:
        if self.network.training:
            raise ValueError(f"{self.name}: needs the network in evaluation mode: call network.eval() first")

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters(), torch.zeros(0)).device

    def maps(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Raw maps (batch, *map_spatial), float32 on the CPU."""
        made = self.explain(self.network, inputs.to(self.device), targets.to(self.device))
        return made.detach().float().cpu()

    def probabilities(self, inputs: torch.Tensor, *, batch_size: int = 16) -> torch.Tensor:
        """Class probabilities (n, classes), float32 on the CPU, batch by batch and without a graph."""
        with torch.no_grad():
            parts = [self.network(part.to(self.device)).float().softmax(1).cpu() for part in inputs.split(batch_size)]
        return torch.cat(parts)

    def targets(self, inputs: torch.Tensor, targets: Sequence[int] | None = None) -> torch.Tensor:
        """Class to explain of each input (n,): as given, else the predicted one."""
        if targets is None:
            return torch.cat([self.probabilities(one[None]).argmax(1) for one in inputs])
        if len(targets) != len(inputs):
            raise ValueError(f"{self.name}: {len(targets)} targets for {len(inputs)} inputs")
        return torch.as_tensor(list(targets))
