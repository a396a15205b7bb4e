"""What every method has to offer to `assess`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from LiverAILib.data.assessment import GRAD_CAM, HEATMAP_TITLES, CaseWarning, ChosenSlice, Classification, Segmentation
from LiverAILib.data.model import Model
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image

Clock = Callable[[str], None]
"""Called with the name of a step when it ends; the time since the last call is that step's."""


@dataclass(frozen=True)
class ToExplain:
    """What the heat map shall show.

    Attributes:
        target_class: Class whose evidence it shows; the predicted one where None.
        heatmap: How it is made, one of `HEATMAP_TITLES`.
    """

    target_class: str | None = None
    heatmap: str = GRAD_CAM

    def check(self, model: Model) -> None:
        """Refuse a class that the model does not have, and a way to explain that there is not.

        Raises:
            UserError: Names those that there are.
        """
        if self.target_class is not None and self.target_class not in model.classes:
            raise UserError(
                f"--target-class {self.target_class}: unknown class. Use one of {', '.join(model.classes)}."
            )
        if self.heatmap not in HEATMAP_TITLES:
            raise UserError(f"--heatmap {self.heatmap}: unknown. Use one of {', '.join(HEATMAP_TITLES)}.")


@dataclass(frozen=True, eq=False)
class Examination:
    """What a method says of a case: its pipelines' results, the slice it looked at, and what it could not trust."""

    pipelines: Mapping[str, Classification]
    primary: str
    chosen_slice: ChosenSlice | None
    warnings: tuple[CaseWarning, ...] = ()


class Method(ABC):
    """A published method with a trained model, its networks loaded once."""

    def __init__(self, model: Model, device: torch.device) -> None:
        self.model = model
        self.device = device

    @abstractmethod
    def examine(
        self,
        image: Image,
        segmentation: Segmentation,
        *,
        slice_index: int | None,
        explain: ToExplain,
        clock: Clock,
    ) -> Examination:
        """Classify and explain as `explain`, checked before, says; every map comes back in the geometry of `image`."""
