"""Adds a model to the user's folder, for the panel, whose window lives on meanwhile.

Usage: PythonSlicer liverai_models.py LIBRARY_ROOT SOURCE SHA256

SHA256 is empty for a folder. Emits events "progress", and "added" with the name or "error" with a sentence, see
LiverAISlicer/workerprotocol.py. A download that is cut off, or ended with this process, goes on the next time.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Add it."""
    root, source, sha256 = arguments
    sys.path[:0] = [root, str(Path(__file__).resolve().parent.parent)]
    from LiverAISlicer.workerprotocol import emit

    from LiverAILib.console import print_any_character
    from LiverAILib.data.model_store import add_model
    from LiverAILib.errors import UserError

    print_any_character()
    try:
        model = add_model(
            source, sha256=sha256 or None, progress=lambda share, text: emit("progress", share=share, text=text)
        )
    except UserError as error:
        emit("error", text=str(error))
        return 2
    emit("added", name=model.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
