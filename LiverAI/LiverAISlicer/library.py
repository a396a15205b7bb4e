"""Where `LiverAILib` lies: beside the module in a packaged extension, one folder up in a source checkout."""

from __future__ import annotations

import sys
from pathlib import Path

LIBRARY = "LiverAILib"
PACKAGES = (LIBRARY, "LiverAISlicer")


def libraryRoot() -> Path:
    """Folder that holds the package `LiverAILib`.

    Raises:
        ImportError: The package is neither beside the module nor one folder up.
    """
    moduleFolder = Path(__file__).resolve().parent.parent
    for folder in (moduleFolder, moduleFolder.parent):
        if (folder / LIBRARY / "__init__.py").is_file():
            return folder
    raise ImportError(
        f"{LIBRARY} is neither in {moduleFolder} nor in {moduleFolder.parent}. Install the LiverAI extension again, "
        "or add the folder LiverAI of a whole source checkout to the module paths."
    )


def useLibrary() -> None:
    """Make `import LiverAILib` work. A copy that is already importable from elsewhere does not win over our own."""
    root = str(libraryRoot())
    if root not in sys.path:
        sys.path.insert(0, root)


def forgetLibrary() -> None:
    """Drop the library's modules, so that the next import reads the files again (Reload in developer mode)."""
    for name in list(sys.modules):
        if name.split(".")[0] in PACKAGES:
            del sys.modules[name]
