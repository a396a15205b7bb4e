"""Child process of liverai_batch.py: assesses all cases, and lets Slicer write each of them.

Usage: PythonSlicer liverai_batch_worker.py FOLDER LIBRARY_ROOT -- OPTIONS OF liverai_batch.py

A case is handed over as FOLDER/case-..., which `LiverAILib.results.files` writes, with an event "write"; Slicer answers with
FOLDER/case-....json, which holds the record, or a sentence that says why it could not be written.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from LiverAILib.data.assessment import Assessment

POLL_SECONDS = 0.01


@dataclass(frozen=True)
class SlicerWriter:
    """What writes the result of a case: it asks Slicer to, and waits for the answer.

    The worker processes of the batch have a copy each; Slicer hears them all, because they share their standard output.

    Attributes:
        folder: Where cases are handed over.
    """

    folder: str

    def __call__(self, assessment: Assessment, place: Path) -> Mapping[str, Any]:
        """Write `assessment` to `place`; returns its record."""
        from LiverAISlicer.workerprotocol import emit

        from LiverAILib.errors import UserError
        from LiverAILib.results.files import write_assessment

        handed = Path(tempfile.mkdtemp(prefix="case-", dir=self.folder))
        answer = handed.with_suffix(".json")
        write_assessment(assessment, handed, pictures=False)
        emit("write", folder=str(handed), place=str(place), answer=str(answer))
        while not answer.exists():
            time.sleep(POLL_SECONDS)
        result = json.loads(answer.read_text(encoding="utf-8"))
        shutil.rmtree(handed, ignore_errors=True)
        answer.unlink()
        if "error" in result:
            raise UserError(result["error"])
        return result["record"]


def main(arguments: list[str]) -> int:
    """Assess all cases; every error ends in one line and an exit code."""
    folder, root = Path(arguments[0]), arguments[1]
    sys.path[:0] = [root, str(Path(__file__).resolve().parent.parent)]
    from LiverAISlicer.batchoptions import parseArguments
    from LiverAISlicer.workerprotocol import endWithSlicer

    from LiverAILib.cli.batch import run_batch
    from LiverAILib.console import print_any_character
    from LiverAILib.errors import UserError

    print_any_character()
    endWithSlicer(folder)
    options = parseArguments(arguments[2:])
    try:
        if options.scheduler != "local":
            raise UserError(
                f"--scheduler {options.scheduler}: Slicer writes the results here. Use `liverai batch` instead."
            )
        return run_batch(options, SlicerWriter(str(folder)))
    except UserError as error:
        print(f"liverai_batch: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
