"""An output folder that is written as a whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from LiverAILib.errors import UserError


def check_target(target: Path, *, overwrite: bool = False) -> None:
    """Error where the folder cannot become the output; called before any work is done.

    Raises:
        UserError: A file is there, or a folder that is not empty and may not be overwritten.
    """
    if target.exists() and not target.is_dir():
        raise UserError(f"{target}: is a file; --output needs the name of a folder")
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise UserError(
            f"{target}: the folder is not empty; give a new one with --output, or allow it with --overwrite"
        )


@contextmanager
def whole_folder(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder next to the target that takes its place once everything has been written.

    On any error the temporary folder is removed and the target is as it was. With ``overwrite`` an old folder is
    replaced as a whole, so that no file of an earlier run stays.

    Args:
        target: The folder to make.
        overwrite: Replace a folder that is not empty.

    Yields:
        The folder to write into.

    Raises:
        UserError: The target cannot be used, or something in it cannot be written.
    """
    target = target.absolute()
    check_target(target, overwrite=overwrite)
    work = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        work.chmod(0o755)
        yield work
        _replace(target, work)
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error.strerror or error}); choose another --output") from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)


def _replace(target: Path, work: Path) -> None:
    """Give ``work`` the name of ``target``; an old folder is removed afterwards, or restored where that fails."""
    if not target.exists():
        work.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    try:
        target.rename(old / target.name)
        try:
            work.rename(target)
        except OSError:
            (old / target.name).rename(target)
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)
