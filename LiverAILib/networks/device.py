"""Which processor the networks run on, and in which precision."""

from __future__ import annotations

from collections.abc import Callable

import torch

from LiverAILib.errors import UserError

IS_THERE: dict[str, Callable[[], bool]] = {
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
    "cpu": lambda: True,
}
"""Whether a device is here, by name, the fastest first."""


def available_devices() -> dict[str, str]:
    """The devices that are here, the fastest first: name for `choose_device` to a title for a person."""
    return {name: _title(name) for name, is_there in IS_THERE.items() if is_there()}


def _title(name: str) -> str:
    if name == "cuda":
        memory = torch.cuda.get_device_properties(0).total_memory
        return f"{torch.cuda.get_device_name(0)}, {memory / 2**30:.0f} GiB"
    return {"mps": "Apple graphics processor", "cpu": "CPU"}[name]


def choose_device(name: str = "auto") -> torch.device:
    """The torch device for "auto" (the first of cuda, mps, cpu that is there), "cpu", "cuda" or "mps".

    Raises:
        UserError: The device asked for is not there.
    """
    if name == "auto":
        name = next(kind for kind, is_there in IS_THERE.items() if is_there())
    if name not in IS_THERE:
        raise UserError(f"--device {name}: unknown device. Use auto, cpu, cuda or mps.")
    if not IS_THERE[name]():
        raise UserError(
            f"--device {name}: PyTorch {torch.__version__} finds no such device here. Use --device auto or cpu."
        )
    return torch.device(name)


def bfloat16_pays(device: torch.device) -> bool:
    """Whether `device` multiplies bfloat16 in hardware; elsewhere autocast slows a network down."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return device.type == "cpu" and bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())
