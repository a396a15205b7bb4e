"""Names that a text must not show, and what is shown instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

SHORTEST = 3
"""Shorter names are parts of ordinary words."""


@dataclass(frozen=True)
class HiddenNames:
    """What stands for each name; it can be pickled.

    Attributes:
        names: Name and what is shown instead, the longest name first.
    """

    names: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, names: Mapping[str, str]) -> HiddenNames:
        """Of a mapping from names to what is shown instead."""
        usable = {name: shown for name, shown in names.items() if len(name) >= SHORTEST and name not in ("...", "/")}
        return cls(tuple(sorted(usable.items(), key=lambda one: (-len(one[0]), one[0]))))

    def hide(self, text: str) -> str:
        """`text` with every name replaced, where it is a whole word."""
        for name, shown in self.names:
            text = re.sub(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", shown, text)
        return text
