"""Names of labels in NIfTI files: the label table of a Connectome Workbench extension, as TotalSegmentator writes it."""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from pathlib import Path

HEADER_BYTES = 352
"""NIfTI-1 header and the four bytes that say whether extensions follow."""

LONGEST = 1 << 20
"""No label table is longer; what comes first in such a file are voxels."""

LABEL = re.compile(r"<Label\s[^>]*?Key=\"(\d+)\"[^>]*>\s*(?:<!\[CDATA\[(.*?)\]\]>|([^<]*?))\s*</Label>", re.DOTALL)


def label_names(path: Path) -> dict[int, str]:
    """Name by label where the header of the NIfTI-1 file has a label table; empty otherwise."""
    if not path.is_file() or not path.name.lower().endswith((".nii", ".nii.gz")):
        return {}
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as stream:
            header = stream.read(HEADER_BYTES)
            if len(header) < HEADER_BYTES or not header[348]:
                return {}
            order = "<" if struct.unpack("<i", header[:4])[0] == 348 else ">"
            length = int(struct.unpack(f"{order}f", header[108:112])[0]) - HEADER_BYTES
            extensions = stream.read(min(max(length, 0), LONGEST))
    except (OSError, EOFError, zlib.error, ValueError, OverflowError):
        return {}  # The reader of the image says what is wrong with it.
    found = {
        int(key): (quoted or plain).strip()
        for key, quoted, plain in LABEL.findall(extensions.decode("utf-8", "replace"))
    }
    return {label: name for label, name in found.items() if label != 0 and name}
