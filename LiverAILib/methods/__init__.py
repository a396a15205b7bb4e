"""The published methods: how a case becomes network input, the network, and what it says of the case. One file a method.

This registry loads no network and no torch: what a method needs is known before it is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from LiverAILib.data.model import Model
from LiverAILib.errors import UserError

if TYPE_CHECKING:
    from LiverAILib.methods.base import Method


@dataclass(frozen=True)
class MethodEntry:
    """What is known of a method before it is loaded.

    Attributes:
        role: Role in a case of the image that it looks at.
        modality: Modality that this image has to have.
        module: Module and class that implement it.
    """

    role: str
    modality: str
    module: tuple[str, str]

    def load(self) -> type[Method]:
        """The class that implements the method; imports torch."""
        module, name = self.module
        return getattr(import_module(module), name)


METHODS = {
    "nowak2021": MethodEntry("t2", "MR", ("LiverAILib.methods.nowak2021.method", "Nowak2021")),
    "yin2021": MethodEntry("ct", "CT", ("LiverAILib.methods.yin2021.method", "Yin2021")),
}


def method_of(model: Model) -> MethodEntry:
    """The entry of the method that `model` belongs to.

    Raises:
        UserError: The model belongs to no method that assesses cases.
    """
    if model.method not in METHODS:
        raise UserError(
            f"{model.name}: a model of method '{model.method}' does not assess cases. Use one of method {', '.join(METHODS)}; "
            "`liverai models` lists what is installed."
        )
    return METHODS[model.method]
