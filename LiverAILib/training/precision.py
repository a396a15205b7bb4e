"""Where a network is trained and with how many bits."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import torch

from LiverAILib.errors import UserError
from LiverAILib.networks.device import bfloat16_pays

PRECISIONS = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Precision:
    """Device of a run, and the format of its matrix products.

    Attributes:
        device: Device of the network.
        dtype: Format under autocast; None computes all in float32.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: torch.dtype | None = None

    @classmethod
    def choose(cls, device: torch.device, name: str = "auto") -> Precision:
        """The format called `name`; "auto" takes bfloat16 where it pays, float16 on other GPUs of NVIDIA, else float32.

        Raises:
            UserError: There is no such format, or the device does not multiply in it.
        """
        if name not in PRECISIONS:
            raise UserError(f"--precision {name}: unknown. Use one of {', '.join(PRECISIONS)}.")
        if name == "auto":
            name = "bfloat16" if bfloat16_pays(device) else "float16" if device.type == "cuda" else "float32"
        if name == "float16" and device.type != "cuda":
            raise UserError(
                f"--precision float16: needs a GPU of NVIDIA, this run is on {device.type}. Use auto or float32."
            )
        return cls(device, None if name == "float32" else getattr(torch, name))

    @property
    def name(self) -> str:
        """Format of the matrix products, as a card says it."""
        return "float32" if self.dtype is None else str(self.dtype).removeprefix("torch.")

    def autocast(self) -> AbstractContextManager[None]:
        """The context in which the network runs forward."""
        return torch.autocast(self.device.type, self.dtype or torch.bfloat16, enabled=self.dtype is not None)

    def scaler(self) -> torch.amp.GradScaler:
        """Scales the loss so that small gradients survive float16; does nothing in other formats."""
        enabled = self.dtype is torch.float16
        return torch.amp.GradScaler(self.device.type if enabled else "cpu", enabled=enabled)
