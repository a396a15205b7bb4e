"""Where the files that come with LiverAI lie: bundled models and backbones, the sample description, terminology."""

from __future__ import annotations

import os
from pathlib import Path

MODELS_VARIABLE = "LIVERAI_MODELS"
"""Environment variable with further folders of models, separated as in PATH."""


def resources_folder() -> Path:
    """`Resources` inside an installed package, or beside it in a source checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "Resources"
    return installed if installed.is_dir() else here.parent / "Resources"


def backbones_folder() -> Path:
    """The folder with pretrained weights of backbones that come with LiverAI."""
    return resources_folder() / "Backbones"


def model_folders() -> list[Path]:
    """Folders that hold models, the user's own before the bundled ones."""
    own = [Path(part) for part in os.environ.get(MODELS_VARIABLE, "").split(os.pathsep) if part]
    return [*own, resources_folder() / "Models"]
