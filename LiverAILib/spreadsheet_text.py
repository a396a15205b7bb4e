"""Text for cells of a CSV file that a person opens in a spreadsheet, which takes some text for a formula and runs it."""

from __future__ import annotations

import re

FORMULA_START = ("=", "+", "-", "@", "\t", "\r")
NUMBERS = re.compile(r"[-+][\d\s.,;:()%eEto+\u2013-]*")
"""Numbers, intervals ("-0.1 (-0.2 to 0.1)"): nothing in them can call anything."""


def spreadsheet_text(cell: object) -> object:
    """`cell`, with an apostrophe before text that a spreadsheet would take for a formula; numbers stay as they are."""
    if not isinstance(cell, str) or not cell.startswith(FORMULA_START) or NUMBERS.fullmatch(cell):
        return cell
    return f"'{cell}"
