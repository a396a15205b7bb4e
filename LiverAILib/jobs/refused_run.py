"""A training run that is refused before its first epoch leaves nothing behind, so that it can be corrected in the same folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from LiverAILib.errors import UserError
from LiverAILib.training import distributed

SETTINGS = ("run.json", "folds.csv")
"""What is written before any work."""


@contextmanager
def nothing_left_where_refused(output: Path) -> Iterator[None]:
    """Remove the settings and the empty folders that a refused run has written to `output`; what was there before stays.

    Raises:
        UserError: That of the run.
    """
    resumed = (output / SETTINGS[0]).exists()
    existed = output.exists()
    try:
        yield
    except UserError:
        if distributed.is_main_process() and not resumed and output.is_dir():
            _remove(output, itself=not existed)
        raise


def _remove(output: Path, *, itself: bool) -> None:
    found = list(output.rglob("*"))
    if any(one.is_file() and one.name not in SETTINGS for one in found):
        return  # it has worked
    for one in found:
        if one.is_file():
            one.unlink()
    for folder in sorted((one for one in found if one.is_dir()), reverse=True):
        folder.rmdir()
    if itself:
        output.rmdir()
