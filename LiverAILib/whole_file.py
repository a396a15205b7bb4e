"""Files that appear whole or not at all: a kill or a full disk leaves nothing half-written behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from LiverAILib.errors import UserError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place when the block ends without an error.

    Raises:
        UserError: It cannot be written. What stood at `path` is then still there.
    """
    unfinished = path.with_name(f".{path.name}.writing")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}). Choose a folder that exists, is writable and has space."
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)
