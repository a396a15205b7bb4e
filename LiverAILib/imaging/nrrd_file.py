"""NRRD files: attached or detached header, raw, gzip, bzip2 or text data, in any anatomical space.

The format is that of https://teem.sourceforge.net/nrrd/format.html. SimpleITK accepts a gzipped NRRD whose end is missing, and
ignores the units of the space, which is why these files are read here.
"""

from __future__ import annotations

import bz2
import gzip
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from LiverAILib.errors import UserError
from LiverAILib.imaging.color import color_array
from LiverAILib.imaging.image import DICOM_MODALITY, MODALITY_SOURCE, Image
from LiverAILib.imaging.placement import HeaderReading, placed_image, volume_shape
from LiverAILib.imaging.stored_bytes import beside, check_expansion, damaged, read_exactly, read_to_the_end

MAGIC = b"NRRD"
LONGEST_HEADER = 1 << 24
"""Bytes; a segmentation of hundreds of segments has some 100,000."""

MOST_DIGITS = 15
"""Digits of a size or a number of lines or bytes to skip."""

TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
TYPE_OF_NAME = {name: code for code, names in TYPES.items() for name in names}
SPACES = {"ras": "right-anterior-superior", "las": "left-anterior-superior", "lps": "left-posterior-superior"}
LPS_SIGNS = ({"left": 1.0, "right": -1.0}, {"posterior": 1.0, "anterior": -1.0}, {"superior": 1.0, "inferior": -1.0})
COLOR_KINDS = ("vector", "rgb-color", "rgba-color", "3-color", "4-color")
"""Kinds of a first axis of 3 or 4 bytes that is one of colors, as Slicer and ITK write it."""

MM_OF_UNIT = {"mm": 1.0, "millimeter": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "µm": 0.001, "micron": 0.001}


@dataclass(frozen=True)
class NrrdHeader:
    """The header of an NRRD file.

    Attributes:
        fields: Value by field name in lower case without blanks ("space directions" is "spacedirections").
        pairs: The `key:=value` pairs as they are.
        files: Lines behind `data file: LIST`.
        length: Bytes of the header.
    """

    fields: dict[str, str]
    pairs: dict[str, str]
    files: tuple[str, ...]
    length: int

    def words(self, name: str) -> list[str]:
        """The value of a field, split at blanks; empty where the field is missing."""
        return self.fields.get(name, "").split()


@dataclass
class _Axes:
    """Sizes and steps (in the header's space) of the axes of space, and the place and size of one that is none of them."""

    sizes: list[int] = field(default_factory=list)
    steps: list[np.ndarray] = field(default_factory=list)
    layer_axis: int = 0
    layers: int = 1


def read_nrrd_header(path: Path) -> NrrdHeader:
    """The header of an NRRD file.

    Raises:
        UserError: The file does not begin as one.
    """
    fields: dict[str, str] = {}
    pairs: dict[str, str] = {}
    files: list[str] = []
    with path.open("rb") as stream:
        if not stream.readline(LONGEST_HEADER).startswith(MAGIC):
            raise HeaderReading(path).error("not a readable image (it does not begin as NRRD). Export it again.")
        for raw in iter(lambda: stream.readline(LONGEST_HEADER), b""):
            if stream.tell() > LONGEST_HEADER:
                raise HeaderReading(path).error("its NRRD header does not end. Export the image again.")
            line = raw.decode("utf-8", "replace").rstrip()
            if not line:
                break
            if line.startswith("#"):
                continue
            if fields.get("datafile", "").upper().startswith("LIST"):
                files.append(line)
                continue
            name, _, value = line.partition(":")
            if value.startswith("="):
                pairs[name] = value[1:].strip().replace("\\n", "\n")
            else:
                fields[name.lower().replace(" ", "")] = value.strip()
        return NrrdHeader(fields, pairs, tuple(files), stream.tell())


def read_nrrd(path: Path) -> Image:
    """The image of a `.nrrd` or `.nhdr` file.

    Raises:
        UserError: The file is cut off, its data file is missing, or it is no single gray-scale or color volume with a usable
            geometry.
    """
    first, *others = read_nrrd_layers(path, several=False)
    if not others:
        return first
    colors = np.stack([one.array for one in (first, *others)], axis=-1)
    return replace(first, array=color_array(colors, colors.shape[-1], first.size, HeaderReading(path)))


def read_nrrd_layers(path: Path, *, several: bool = True) -> list[Image]:
    """The images of an NRRD file that has one axis more than space has, as overlapping segments of Slicer do.

    Args:
        path: The file.
        several: Whether there may be more than one; else only the colors of an image are layers.

    Raises:
        UserError: As `read_nrrd`.
    """
    reading = HeaderReading(path)
    header = read_nrrd_header(path)
    sizes = [int(word) for word in header.words("sizes") if re.fullmatch(rf"\d{{1,{MOST_DIGITS}}}", word)]
    if not sizes or len(sizes) != len(header.words("sizes")):
        raise reading.error("not a readable image (no sizes in its NRRD header). Export it again.")
    axes = _axes(header, sizes, reading)
    if axes.layers > 1 and not several and not _is_color(header, axes):
        raise reading.several_values(axes.layers)
    shape = volume_shape(axes.sizes, reading)
    index_to_lps = _index_to_lps(header, axes, reading)
    modality = header.pairs.get("0008|0060", "").strip()  # as SimpleITK keeps it of a DICOM image
    meta = {MODALITY_SOURCE: DICOM_MODALITY} if modality else {}
    array = _voxels(path, header, int(np.prod(sizes, dtype=object)), reading).reshape(sizes[::-1])
    layers = np.moveaxis(array, len(sizes) - 1 - axes.layer_axis, 0) if axes.layers > 1 else array[None]
    return [
        placed_image(
            np.ascontiguousarray(layer).reshape(shape[::-1]),
            index_to_lps,
            reading,
            modality=modality or None,
            meta=meta,
        )
        for layer in layers
    ]


def _is_color(header: NrrdHeader, axes: _Axes) -> bool:
    kind = (header.words("kinds") or [""])[0].lower()
    is_bytes = TYPE_OF_NAME.get(header.fields.get("type", "").lower()) == "u1"
    return is_bytes and axes.layers in (3, 4) and axes.layer_axis == 0 and kind in COLOR_KINDS


def _axes(header: NrrdHeader, sizes: Sequence[int], reading: HeaderReading) -> _Axes:
    """The axes of space, which have a step; others must be of size 1."""
    steps: list[np.ndarray | None]
    if "spacedirections" in header.fields:
        vectors = re.findall(r"none|\([^)]*\)", header.fields["spacedirections"])
        steps = [None if vector == "none" else _vector(vector, reading) for vector in vectors]
    elif "spacings" in header.fields:
        # Without directions the axes of the file are those of space.
        spacings = [_number(word, reading) for word in header.words("spacings")]
        kinds = [kind.lower() for kind in header.words("kinds")] or ["domain"] * len(sizes)
        spatial = [
            not np.isnan(value) or kind in ("domain", "space") for value, kind in zip(spacings, kinds, strict=False)
        ]
        units = iter(np.eye(max(4, len(sizes))))
        steps = [value * next(units)[:3] if own else None for value, own in zip(spacings, spatial, strict=True)]
        reading.orientation_unknown("The header has no space directions")
    else:
        raise reading.error(
            "the header has no geometry (neither space directions nor spacings): sizes in mm and volumes cannot be known. Export "
            "the image again with its voxel spacing."
        )
    if len(steps) != len(sizes):
        raise reading.error(
            f"the header has {len(sizes)} axes and {len(steps)} steps (directions or spacings). Export the image again."
        )
    axes = _Axes()
    for place, (size, step) in enumerate(zip(sizes, steps, strict=True)):
        if step is not None:
            axes.sizes.append(size)
            axes.steps.append(step)
        elif size > 1 and axes.layers > 1:
            raise reading.error(f"the image has {len(sizes)} axes; a single volume is needed. Save one volume.")
        elif size > 1:
            axes.layer_axis, axes.layers = place, size
    return axes


def _index_to_lps(header: NrrdHeader, axes: _Axes, reading: HeaderReading) -> np.ndarray:
    """3x4 matrix from voxel index to LPS mm."""
    matrix = np.zeros((3, 4))
    for axis, step in enumerate(axes.steps[:3]):
        matrix[: min(3, step.size), axis] = step[:3]
    if "spaceorigin" in header.fields:
        origin = _vector(header.fields["spaceorigin"], reading)
    else:
        starts = [_number(word, reading) for word in header.words("axismins")]
        origin = np.array([0.0 if np.isnan(value) else value for value in starts])
    matrix[: min(3, origin.size), 3] = origin[:3]
    return _signs(header, reading)[:, None] * matrix * _mm(header, reading)


def _signs(header: NrrdHeader, reading: HeaderReading) -> np.ndarray:
    """+1 or -1 for each axis of the header's space, so that it becomes LPS."""
    space = header.fields.get("space", "").lower()
    words = SPACES.get(space[:3] if len(space) <= 4 else "", space).split("-")
    if len(words) >= 3 and all(word in signs for word, signs in zip(words, LPS_SIGNS, strict=False)):
        return np.array([signs[word] for word, signs in zip(words, LPS_SIGNS, strict=False)])
    if "spacedirections" in header.fields:
        reading.orientation_unknown(f"The space of the header, '{space or 'none'}', does not say what its axes are")
    return np.ones(3)


def _mm(header: NrrdHeader, reading: HeaderReading) -> float:
    """mm of one unit of the header's space."""
    text = header.fields.get("spaceunits", "") or header.fields.get("units", "")
    units = {word.strip().lower() for word in re.findall(r'"([^"]*)"', text)} - {"", "s", "sec", "ms"}
    if not units:
        return 1.0
    unit = units.pop()
    if units or unit not in MM_OF_UNIT:
        reading.warn(
            "unknown_unit",
            f"The unit of length in the header, {text}, is not known; it was taken for mm. Check the sizes.",
        )
        return 1.0
    return MM_OF_UNIT[unit]


def _vector(text: str, reading: HeaderReading) -> np.ndarray:
    return np.array([_number(word, reading) for word in text.strip(" ()").split(",")])


def _number(word: str, reading: HeaderReading) -> float:
    try:
        return float(word)
    except ValueError:
        raise reading.error(f"the header is damaged ('{word}' is not a number). Export the image again.") from None


def _voxels(path: Path, header: NrrdHeader, count: int, reading: HeaderReading) -> np.ndarray:
    """All values, in the order of the file."""
    kind = TYPE_OF_NAME.get(header.fields.get("type", "").lower())
    if kind is None:
        raise reading.error(
            f"values of the type '{header.fields.get('type', '')}' cannot be read. Export the image as whole numbers or floats."
        )
    order = ">" if header.fields.get("endian", "").lower() == "big" else "<"
    stored = np.dtype(order + kind)
    encoding = header.fields.get("encoding", "").lower()
    files = _data_files(path, header, reading)
    share, rest = divmod(count, len(files))
    if rest:
        raise reading.error(f"{count} voxels cannot be shared by {len(files)} data files. Export the image again.")
    parts = []
    for file in files:
        with file.open("rb") as stream:
            if file == path:
                stream.seek(header.length)
            parts.append(_decoded(stream, encoding, header, share, stored, file, reading))
    values = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return values.astype(stored.newbyteorder("="), copy=False)


def _decoded(
    stream: io.BufferedReader,
    encoding: str,
    header: NrrdHeader,
    count: int,
    stored: np.dtype,
    path: Path,
    reading: HeaderReading,
) -> np.ndarray:
    """`count` values of type `stored` from a stream at the beginning of its data."""
    for _ in range(_whole_number(header, "lineskip", reading)):
        if not stream.readline(LONGEST_HEADER):
            raise damaged(path)
    skipped = _whole_number(header, "byteskip", reading)
    length = count * stored.itemsize
    if encoding == "raw":
        if skipped < 0:  # the data end the file
            skipped = max(0, path.stat().st_size - length) - stream.tell()
        stream.seek(skipped, io.SEEK_CUR)
        return read_exactly(stream, length, path).view(stored)
    if encoding in ("gzip", "gz"):
        packed = gzip.GzipFile(fileobj=stream)
        return read_exactly(packed, max(skipped, 0) + length, path)[max(skipped, 0) :].view(stored)
    if encoding in ("bzip2", "bz2"):
        content = _unpacked_bzip2(stream, max(skipped, 0) + length, path)
    elif encoding in ("txt", "text", "ascii"):
        words = stream.read().split()
        if len(words) < count:
            raise reading.error(f"the file is cut off ({len(words)} of {count} values). Copy or export it again.")
        try:
            return np.array(words[:count], dtype=stored.newbyteorder("="))
        except ValueError:
            raise damaged(path) from None
    else:
        raise reading.error(f"the encoding '{encoding}' of the data cannot be read. Save the image with gzip.")
    content = content[max(skipped, 0) :]
    if len(content) < length:
        raise damaged(path)
    return np.frombuffer(content, stored, count)


def _whole_number(header: NrrdHeader, name: str, reading: HeaderReading) -> int:
    """The whole number of a field, 0 where it is missing."""
    text = header.fields.get(name) or "0"
    if not re.fullmatch(rf"[+-]?\d{{1,{MOST_DIGITS}}}(\.0*)?", text):
        raise reading.error(f"the header is damaged ('{text[:40]}' is no whole number). Export the image again.")
    return int(float(text))


def _unpacked_bzip2(stream: io.BufferedReader, count: int, path: Path) -> bytes:
    """The first `count` bytes of a bzip2 stream, and not more."""
    check_expansion(count, path.stat().st_size, path)
    try:
        with bz2.open(stream) as unpacked:
            content = unpacked.read(count)
            read_to_the_end(unpacked, path)
            return content
    except UserError:
        raise
    except (OSError, ValueError, EOFError):
        raise damaged(path) from None


def _data_files(path: Path, header: NrrdHeader, reading: HeaderReading) -> list[Path]:
    """The files that hold the voxels: the header's own, one beside it, or several in their order."""
    named = header.fields.get("datafile", "")
    if not named:
        return [path]
    names: Iterable[str] = [named]
    if named.upper().startswith("LIST"):
        names = header.files
    elif pattern := re.fullmatch(r"([^%]*%\d{0,3}d[^%]*?)\s+(-?\d+)\s+(-?\d+)\s+(-?\d+)(\s+\d+)?", named):
        form, first, last, step = pattern[1], int(pattern[2]), int(pattern[3]), int(pattern[4]) or 1
        names = (form % number for number in range(first, last + (1 if step > 0 else -1), step))
    files = []
    for name in names:
        files.append(beside(path, name))
        if not files[-1].is_file():
            raise reading.error(
                f"its data file {name} is missing. Copy it into the same folder, or save the image as one .nrrd file."
            )
    if not files:
        raise reading.error("its list of data files is empty. Export the image again.")
    return files
