"""Pseudonyms of cases and files, the same in every run with one key file, and the key file that leads back to the names."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from LiverAILib.atomic_write import atomic_write
from LiverAILib.errors import UserError

SECRET, PSEUDONYMS = "secret", "pseudonyms"
DIGITS = 12
"""Hexadecimal digits of a pseudonym: two of a million cases have the same with a probability of 1 in 500."""


@dataclass
class KeyFile:
    """A secret, from which with a name a pseudonym follows, and the names by pseudonym.

    Attributes:
        path: The file, JSON. Whoever has it can undo the pseudonyms: it lies apart from the results.
        secret: Random bytes.
        names: What each pseudonym stands for.
    """

    path: Path
    secret: bytes
    names: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, *, apart_from: Path) -> KeyFile:
        """The key file at `path`, or a new one; nothing is written yet.

        Args:
            path: The file.
            apart_from: Folder that must not hold it.

        Raises:
            UserError: It lies in that folder, or is no key file.
        """
        if apart_from.resolve() in path.resolve().parents:
            raise UserError(
                f"--pseudonymize {path}: the key file would lie among the results, which then are not pseudonymous. Name a file "
                f"outside of {apart_from}."
            )
        if not path.exists():
            return cls(path, secrets.token_bytes(32))
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            secret, names = bytes.fromhex(content[SECRET]), content[PSEUDONYMS]
        except (OSError, ValueError, KeyError, TypeError):
            secret, names = b"", None
        if len(secret) < 16 or not isinstance(names, Mapping):
            raise UserError(f"--pseudonymize {path}: is no key file. Name the one of earlier runs, or a new one.")
        return cls(path, secret, dict(names))

    def pseudonym(self, name: str, **stands_for: str) -> str:
        """The pseudonym of a name, noted with what it stands for."""
        digest = hmac.new(self.secret, name.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
        pseudonym = f"P{digest[:DIGITS].upper()}"
        self.names[pseudonym] = {"name": name, **stands_for}
        return pseudonym

    def save(self) -> None:
        """Write the file, readable for its owner alone, complete or not at all.

        Raises:
            UserError: It cannot be written.
        """
        content = {SECRET: self.secret.hex(), PSEUDONYMS: self.names}
        with atomic_write(self.path) as unfinished:
            unfinished.touch(mode=0o600)
            unfinished.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8", "surrogateescape")
