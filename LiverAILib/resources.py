"""Where the files that come with LiverAI lie: bundled models and backbones, the sample description, terminology."""

from __future__ import annotations

import os
import sys
from pathlib import Path

MODELS_VARIABLE = "LIVERAI_MODELS"
"""Environment variable with further folders of models, separated as in PATH."""

HOME_VARIABLE = "LIVERAI_HOME"
"""Environment variable with the folder for what the user adds, in place of the usual one of the system."""


def resources_folder() -> Path:
    """`Resources` inside an installed package, or beside it in a source checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "Resources"
    return installed if installed.is_dir() else here.parent / "Resources"


def backbones_folder() -> Path:
    """The folder with pretrained weights of backbones that come with LiverAI."""
    return resources_folder() / "Backbones"


def user_folder() -> Path:
    """The folder for what the user adds to LiverAI, shared by all its installations; it need not exist."""
    given = os.environ.get(HOME_VARIABLE)
    if given:
        return Path(given)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "LiverAI"


def user_models_folder() -> Path:
    """Where `liverai models add` puts models."""
    return user_folder() / "Models"


def model_folders() -> list[Path]:
    """Folders that hold models: those of `LIVERAI_MODELS`, those that were added, the bundled ones."""
    own = [Path(part) for part in os.environ.get(MODELS_VARIABLE, "").split(os.pathsep) if part]
    return [*own, user_models_folder(), resources_folder() / "Models"]
