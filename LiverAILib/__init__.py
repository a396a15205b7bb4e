"""LiverAI: liver segmentation, staging of diffuse liver disease and Grad-CAM on MR, CT and ultrasound. Research use only.

`assess(case, model)` is the whole of it. Importing the package loads nothing slow; torch comes in with the first call.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "assess": "LiverAILib.jobs.assess",
    "Assessor": "LiverAILib.jobs.assess",
    "Assessment": "LiverAILib.data.assessment",
    "Case": "LiverAILib.data.case",
    "Image": "LiverAILib.imaging.image",
    "Model": "LiverAILib.data.model",
    "load_model": "LiverAILib.data.model",
    "read_image": "LiverAILib.imaging.files",
    "segment": "LiverAILib.segmentation",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'LiverAILib' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
