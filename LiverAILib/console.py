"""What programs print: no character of a file name ends a run."""

from __future__ import annotations

import sys


def print_any_character() -> None:
    """Let standard output and error write what their encoding does not have (a code page of Windows) as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # Slicer's console has no encoding
            stream.reconfigure(errors="backslashreplace")
