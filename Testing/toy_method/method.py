"""The toy method's network, what it sees, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from LiverAILib.data.assessment import Segmentation
from LiverAILib.data.case import Case
from LiverAILib.data.model import Model
from LiverAILib.data.outcome import Quantity
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.imaging.image import Image
from LiverAILib.methods.base import Clock, Examination, Method
from LiverAILib.methods.view import View
from Testing.toy_method import SPEC

CELLS = 8
BRIGHTNESS = "brightness"


class ToyNetwork(nn.Module):
    """One weight a cell, the same for every image, and a bias: (images, CELLS, CELLS) to one number."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(CELLS, CELLS))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, cells: torch.Tensor) -> torch.Tensor:
        return self.bias + (self.weight * cells).sum((-2, -1)).mean(-1)


@dataclass(frozen=True, eq=False)
class CellView(View):
    """An image as the means of CELLS x CELLS cells."""

    image: Image
    tensor: torch.Tensor
    role: str
    number: int = 0

    @classmethod
    def of(cls, image: Image, role: str, number: int) -> CellView:
        pixels = torch.from_numpy(image.array.astype(np.float32))
        return cls(image, F.adaptive_avg_pool2d(pixels, CELLS), role, number)

    def restore(self, map_: torch.Tensor) -> np.ndarray:
        return F.interpolate(map_[None, None], size=self.image.array.shape[1:3])[0].numpy()

    def seen(self) -> np.ndarray:
        return np.ones(self.image.array.shape[:3], bool)

    def support(self) -> np.ndarray:
        return self.seen()


def views_of(case: Case) -> tuple[CellView, ...]:
    """The views of a case's images, in the order of the roles."""
    return tuple(
        CellView.of(image, role.name, number)
        for role in SPEC.images
        for number, image in enumerate(case.images[role.name])
    )


class ToyMethod(Method):
    """Brightness with its signed maps."""

    def __init__(self, model: Model, device: torch.device) -> None:
        super().__init__(model, device)
        network = ToyNetwork()
        network.load_state_dict(model.state())
        self.networks = {BRIGHTNESS: network.eval()}

    def examine(
        self, case: Case, segmentation: Segmentation | None, *, request: AssessmentRequest, clock: Clock
    ) -> Examination:
        network, views = self.networks[BRIGHTNESS], views_of(case)
        with torch.no_grad():
            value = float(network(torch.cat([view.tensor for view in views])))
        maps = tuple(
            view.heatmap(
                network.weight.detach() * view.tensor[0],
                kind=request.heatmap,
                target=BRIGHTNESS,
                outcome=BRIGHTNESS,
                scale="weight times mean of a cell, in %",
                zero="no contribution",
                signed=True,
            )
            for view in views
        )
        clock("measure_brightness")
        outcome = Quantity("Brightness", value, "%", (value - 5, value + 5), "plus or minus 5", maps)
        return Examination({BRIGHTNESS: outcome}, BRIGHTNESS, {BRIGHTNESS: views})
