"""The embedded samples: simulated cases, made anew from their seed wherever they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from LiverAILib.errors import UserError
from LiverAILib.methods.spec import MethodSpec


def sample_title(spec: MethodSpec) -> str:
    """What the sample of a method is.

    Raises:
        UserError: The method has none.
    """
    from LiverAILib.simulation.cohort import KINDS

    return KINDS[_kind(spec)].sample_title


def sample_files(spec: MethodSpec, folder: Path) -> Mapping[str, list[Path]]:
    """Files by role of a case that fits a method, simulated into `folder`.

    Raises:
        UserError: The method has no sample, or the files cannot be written.
    """
    from LiverAILib.simulation.cohort import KINDS

    return KINDS[_kind(spec)].sample(folder)


def _kind(spec: MethodSpec) -> str:
    if not spec.simulation:
        raise UserError(f"{spec.name}: nothing is simulated for this method. Give images of yours.")
    return spec.simulation
