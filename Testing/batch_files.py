"""The files of a batch, without what differs between two runs that give the same results: time stamps and durations."""

from __future__ import annotations

import re
from pathlib import Path

TIMES = (
    (re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+]00:00"), b"<time>"),
    (re.compile(rb'("|&#34;)seconds\1: \{[^}]*\}'), b"<seconds>"),  # in a record, and in the record within a report
    (re.compile(rb"<td>Seconds</td><td>[^<]*</td>"), b"<seconds>"),
)


def comparable_files(output: Path) -> dict[str, bytes]:
    """Content by name relative to `output`; hidden files are left out."""
    files = {}
    for path in sorted(output.rglob("*")):
        name = path.relative_to(output)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            content = path.read_bytes()
            if path.suffix in (".json", ".html"):
                for pattern, replacement in TIMES:
                    content = pattern.sub(replacement, content)
            files[name.as_posix()] = content
    return files


def unfinished_files(output: Path) -> list[Path]:
    """Temporary folders that a run left behind."""
    return list(output.rglob(".writing-*"))
