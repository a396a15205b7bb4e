"""What every method has to offer to `assess`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from LiverAILib.data.assessment import CaseWarning, ChosenSlice, Segmentation
from LiverAILib.data.case import Case
from LiverAILib.data.model import Model
from LiverAILib.data.outcome import Outcome
from LiverAILib.data.request import AssessmentRequest

if TYPE_CHECKING:
    from LiverAILib.methods.view import View

Clock = Callable[[str], None]
"""Called with the name of a step when it ends; the time since the last call is that step's."""


@dataclass(frozen=True, eq=False)
class Examination:
    """What a method says of a case.

    Attributes:
        outcomes: Its answers by name.
        primary: Name of the outcome that is the headline.
        views: By name of the outcome, what its networks saw: one view per image that it looked at.
        chosen_slice: The slice that a 2D method looked at.
        warnings: What it could not trust.
    """

    outcomes: Mapping[str, Outcome]
    primary: str
    views: Mapping[str, tuple[View, ...]] = field(default_factory=dict)
    chosen_slice: ChosenSlice | None = None
    warnings: tuple[CaseWarning, ...] = ()


class Method(ABC):
    """A published method with a trained model, its networks loaded once.

    Attributes:
        model: The trained model.
        device: Where the networks are.
        networks: By name of the outcome, its network in evaluation mode: called with a view's tensor it gives scores.
    """

    networks: Mapping[str, torch.nn.Module]

    def __init__(self, model: Model, device: torch.device) -> None:
        self.model = model
        self.device = device
        self.networks = {}

    @abstractmethod
    def examine(
        self, case: Case, segmentation: Segmentation | None, *, request: AssessmentRequest, clock: Clock
    ) -> Examination:
        """Answer and explain, every map in the geometry of the image that it explains.

        Args:
            case: Has the images that the method's `SPEC` asks for.
            segmentation: In the geometry of the first image; None where the `SPEC` asks for none.
            request: Checked before.
            clock: Told when a step ends.
        """
