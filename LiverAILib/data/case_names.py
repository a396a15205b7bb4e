"""Case IDs as names of files and folders that every file system takes, readable and never the same for two cases."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable

RESERVED = frozenset('<>:"/\\|?*%')
DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(10))})
"""Names that Windows keeps for devices, with any ending."""

LONGEST = 120
"""Bytes of a name; file systems take 255, and endings, unfinished files and long parent folders need room."""


def file_name(case_id: str) -> str:
    """The case ID as a file name: characters that a file system refuses become `%` and two hexadecimal digits.

    Names that are too long end in a part of their checksum. Different IDs give different names, which may differ in nothing
    but letter case: see `file_names`.
    """
    name = "".join(_escaped(c) if c in RESERVED or ord(c) < 32 or ord(c) == 127 else c for c in case_id)
    if name.partition(".")[0].rstrip(" ").lower() in DEVICES or name[:1] in (".", " ", "~"):
        name = _escaped(name[0]) + name[1:]
    if name[-1:] in (".", " "):
        name = name[:-1] + _escaped(name[-1])
    if len(name.encode()) > LONGEST:
        kept = name.encode()[: LONGEST - 9].decode(errors="ignore").rstrip(". ")
        name = f"{kept}~{_checksum(case_id)}"
    return name or "%"


def single_file_name(case_id: str) -> str:
    """A file name that no other case ID has on any file system, without knowing the others: a checksum follows capitals."""
    name = file_name(case_id)
    return name if name == _folded(name) else f"{name}~{_checksum(case_id)}"


def file_names(case_ids: Iterable[str]) -> dict[str, str]:
    """`file_name` of each case; where two would be one file on Windows or macOS, a part of the checksum is added to both."""
    names = {case_id: file_name(case_id) for case_id in case_ids}
    shared = Counter(_folded(name) for name in names.values())
    return {
        case_id: name if shared[_folded(name)] == 1 else f"{name}~{_checksum(case_id)}"
        for case_id, name in names.items()
    }


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


def _folded(name: str) -> str:
    """Equal for names that a file system without letter case, or one that composes accents, takes for the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _checksum(case_id: str) -> str:
    return hashlib.sha256(case_id.encode()).hexdigest()[:8]
