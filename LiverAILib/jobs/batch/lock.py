"""One batch at a time writes to an output folder."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from filelock import FileLock, Timeout

from LiverAILib.atomic_write import atomic_text
from LiverAILib.errors import UserError

LOCK, OWNER = ".liverai-batch.lock", ".liverai-batch.json"


@contextmanager
def batch_lock(output: Path) -> Iterator[None]:
    """Keep other batches out of the folder `output` inside the block; the folder is made where it is missing.

    The lock is the operating system's: it is gone as soon as its process has ended, however it ended, and no file has to be
    removed by hand. The file that is locked stays; the one beside it says who has it.

    Raises:
        UserError: Another batch writes to the folder, or it cannot be made.
    """
    lock = FileLock(output / LOCK)
    try:
        output.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"{output}: another batch writes to this folder ({_owner(output)}). Wait until it has ended, or choose another "
            "--output."
        ) from None
    except OSError as error:
        raise UserError(
            f"{output}: cannot be locked against a second batch ({error.strerror}). Choose a folder that is writable."
        ) from None
    try:
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        owner = {"process": os.getpid(), "host": platform.node(), "since": now}
        atomic_text(output / OWNER, json.dumps(owner))
        yield
    finally:
        (output / OWNER).unlink(missing_ok=True)
        lock.release()


def _owner(output: Path) -> str:
    try:
        owner = json.loads((output / OWNER).read_text(encoding="utf-8"))
        return f"process {owner['process']} on {owner['host']}, since {owner['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "it has just begun"
