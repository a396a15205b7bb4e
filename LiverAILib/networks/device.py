"""Which processor the networks run on, and in which precision."""

from __future__ import annotations

from collections.abc import Callable

import torch

from LiverAILib.errors import UserError


def choose_device(name: str = "auto") -> torch.device:
    """The torch device for "auto" (the first of cuda, mps, cpu that is there), "cpu", "cuda" or "mps".

    Raises:
        UserError: The device asked for is not there.
    """
    available: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
        "cpu": lambda: True,
    }
    if name == "auto":
        name = next(kind for kind, is_there in available.items() if is_there())
    if name not in available:
        raise UserError(f"--device {name}: unknown device. Use auto, cpu, cuda or mps.")
    if not available[name]():
        raise UserError(
            f"--device {name}: PyTorch {torch.__version__} finds no such device here. Use --device auto or cpu."
        )
    return torch.device(name)


def bfloat16_pays(device: torch.device) -> bool:
    """Whether `device` multiplies bfloat16 in hardware; elsewhere autocast slows a network down."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return device.type == "cpu" and bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())
