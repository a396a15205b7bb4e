"""What every method has to offer to `assess`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from LiverAILib.assessment import CaseWarning, ChosenSlice, Classification, Segmentation
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.model import Model

Clock = Callable[[str], None]
"""Called with the name of a step when it ends; the time since the last call is that step's."""


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

    def check_target_class(self, target_class: str | None) -> None:
        """Refuse a class to explain that the model does not have.

        Raises:
            UserError: Names the classes.
        """
        if target_class is not None and target_class not in self.model.classes:
            raise UserError(
                f"--target-class {target_class}: unknown class. Use one of {', '.join(self.model.classes)}."
            )

    @abstractmethod
    def examine(
        self,
        image: Image,
        segmentation: Segmentation,
        *,
        slice_index: int | None,
        target_class: str | None,
        clock: Clock,
    ) -> Examination:
        """Classify and explain; every map comes back in the geometry of `image`."""
