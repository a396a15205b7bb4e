"""MetaImage files: `.mha`, or `.mhd` with its data files, raw, compressed or text.

The format is that of https://itk.org/Wiki/ITK/MetaIO/Documentation. ITK's reader calls every fault of such a file the same, and a
damaged header can end the process.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from LiverAILib.imaging.color import color_array
from LiverAILib.imaging.image import DICOM_MODALITY, MODALITY_SOURCE, Image
from LiverAILib.imaging.placement import HeaderReading, placed_image, volume_shape
from LiverAILib.imaging.stored_bytes import beside, check_expansion, cut_off, damaged, read_exactly

LONGEST_HEADER = 1 << 16
TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
ZLIB_OR_GZIP = 47
"""`wbits` of zlib that tells the two apart itself."""


def is_metaimage(start: bytes) -> bool:
    """Whether a file with these first bytes is a MetaImage."""
    return bool(re.match(rb"\s*(ObjectType|Comment|NDims|ObjectSubType|Name)\s*=", start))


def read_metaimage(path: Path) -> Image:
    """The image of an `.mha` or `.mhd` file.

    Raises:
        UserError: The file is cut off, its data file is missing, or it is no single gray-scale or color volume with a usable
            geometry.
    """
    reading = HeaderReading(path)
    fields, data_start = _header(path, reading)
    sizes = [int(value) for value in _numbers(fields, ("DimSize",), reading) if np.isfinite(value)]
    shape = volume_shape(sizes, reading)
    channels = _whole_number(fields, "ElementNumberOfChannels", reading) or 1
    color = channels in (3, 4) and fields.get("ElementType", "") == "MET_UCHAR"
    if (channels > 1 and not color) or "ARRAY" in fields.get("ElementType", ""):
        raise reading.several_values(channels)
    index_to_lps = _index_to_lps(fields, len(sizes), reading)
    modality = fields.get("0008|0060", "")  # as SimpleITK keeps it of a DICOM image
    meta = {MODALITY_SOURCE: DICOM_MODALITY} if modality else {}
    array = _voxels(fields, data_start, (*shape[::-1], channels) if color else shape[::-1], reading)
    if color:
        array = color_array(array, channels, shape, reading)
    return placed_image(array, index_to_lps, reading, modality=modality or None, meta=meta)


def _header(path: Path, reading: HeaderReading) -> tuple[dict[str, str], int]:
    """The fields, and where in the file the voxels begin; `ElementDataFile` is the last field."""
    fields: dict[str, str] = {}
    with path.open("rb") as stream:
        for raw in iter(lambda: stream.readline(LONGEST_HEADER), b""):
            name, equals, value = raw.decode("utf-8", "replace").partition("=")
            if not equals:
                continue
            fields[name.strip()] = value.strip()
            if name.strip() == "ElementDataFile":
                return fields, stream.tell()
            if stream.tell() > LONGEST_HEADER:
                break
    raise reading.error("not a readable image (no ElementDataFile in its MetaImage header). Export it again.")


def _numbers(fields: dict[str, str], names: tuple[str, ...], reading: HeaderReading) -> list[float]:
    """The numbers of the first field of `names` that is there."""
    text = next((fields[name] for name in names if name in fields), "")
    try:
        return [float(word) for word in text.split()]
    except ValueError:
        raise reading.error(
            f"the header is damaged ({names[0]} = {text} are no numbers). Export the image again."
        ) from None


def _whole_number(fields: dict[str, str], name: str, reading: HeaderReading) -> int:
    """The first number of a field, 0 where it is missing."""
    number = next(iter(_numbers(fields, (name,), reading)), 0.0)
    if not abs(number) < 2**53:
        raise reading.error(f"the header is damaged ({name} = {number:g}). Export the image again.")
    return int(number)


def _index_to_lps(fields: dict[str, str], axes: int, reading: HeaderReading) -> np.ndarray:
    """3x4 matrix from voxel index to LPS mm of the first three axes; a 2D image lies in a slice of 1 mm."""
    spacing = _numbers(fields, ("ElementSpacing", "ElementSize"), reading)
    if not spacing:
        raise reading.error(
            "the header has no geometry (no ElementSpacing): sizes in mm and volumes cannot be known. Export the image again "
            "with its voxel spacing."
        )
    if len(spacing) != axes or not all(np.isfinite(spacing)) or min(spacing) <= 0:
        text = " x ".join(f"{value:g}" for value in spacing)
        raise reading.error(
            f"the voxel spacing in the header is {text} mm; it needs {axes} numbers above 0. Export the image again."
        )
    origin = _numbers(fields, ("Offset", "Position", "Origin"), reading) or [0.0] * axes
    direction = _numbers(fields, ("TransformMatrix", "Rotation", "Orientation"), reading)
    if not direction:
        reading.orientation_unknown("The header has no TransformMatrix")
        direction = np.eye(axes).ravel().tolist()
    if len(direction) != axes**2 or len(origin) != axes:
        raise reading.error(
            f"the header needs {axes} numbers for the origin and {axes**2} numbers for the direction. Export the image again."
        )
    kept = min(axes, 3)
    matrix = np.eye(3, 4)
    # One line an axis: the columns of the matrix.
    matrix[:kept, :kept] = np.reshape(direction, (axes, axes)).T[:kept, :kept] * spacing[:kept]
    matrix[:kept, 3] = origin[:kept]
    return matrix


def _voxels(fields: dict[str, str], data_start: int, shape: tuple[int, ...], reading: HeaderReading) -> np.ndarray:
    """The array (k, j, i), or (k, j, i, channels)."""
    kind = TYPES.get(fields.get("ElementType", ""))
    if kind is None:
        raise reading.error(
            f"values of the type '{fields.get('ElementType', '')}' cannot be read. Export the image as whole numbers or floats."
        )
    most_significant_first = _is_true(fields, "BinaryDataByteOrderMSB") or _is_true(fields, "ElementByteOrderMSB")
    stored = np.dtype((">" if most_significant_first else "<") + kind)
    files = _data_files(reading, fields["ElementDataFile"], data_start)
    count, rest = divmod(int(np.prod(shape, dtype=object)), len(files))
    if rest:
        raise reading.error(f"its voxels cannot be shared by {len(files)} data files. Export the image again.")
    parts = []
    for file in files:
        start = data_start if file == reading.path else _whole_number(fields, "HeaderSize", reading)
        parts.append(_read_part(file, start, count, stored, fields, reading))
    values = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return values.reshape(shape).astype(stored.newbyteorder("="), copy=False)


def _read_part(
    file: Path, start: int, count: int, stored: np.dtype, fields: dict[str, str], reading: HeaderReading
) -> np.ndarray:
    """`count` values of a data file from the byte `start`; from the end where that is negative."""
    length = count * stored.itemsize
    size = file.stat().st_size
    with file.open("rb") as stream:
        stream.seek(min(start, size) if start >= 0 else max(0, size - length))
        if fields.get("BinaryData", "True").lower() == "false":
            words = stream.read().split()
            if len(words) < count:
                raise cut_off(file, len(words), count)
            try:
                return np.array(words[:count], dtype=stored.newbyteorder("="))
            except ValueError:
                raise damaged(file) from None
        if not _is_true(fields, "CompressedData"):
            return read_exactly(stream, length, file).view(stored)
        packed = _whole_number(fields, "CompressedDataSize", reading)
        content = stream.read(packed if packed > 0 else -1)
    if len(content) < packed:
        raise cut_off(file, len(content), packed)
    check_expansion(length, size, file)
    decompressor = zlib.decompressobj(ZLIB_OR_GZIP)
    try:
        unpacked = decompressor.decompress(content, length + 1)
    except zlib.error:
        raise damaged(file) from None
    if len(unpacked) < length or (len(unpacked) == length and not decompressor.eof):
        raise damaged(file)
    return np.frombuffer(bytearray(unpacked), stored, count)


def _is_true(fields: dict[str, str], name: str) -> bool:
    return fields.get(name, "").lower() in ("true", "t", "1")


def _data_files(reading: HeaderReading, named: str, data_start: int) -> list[Path]:
    """The files that hold the voxels: the header's own, one beside it, a list behind the header, or a pattern."""
    path = reading.path
    if named.upper() == "LOCAL":
        return [path]
    names: Iterable[str] = [named]
    if named.upper().startswith("LIST"):
        with path.open("rb") as stream:
            stream.seek(data_start)
            names = [line.decode("utf-8", "replace").strip() for line in stream if line.strip()]
    elif pattern := re.fullmatch(r"([^%]*%\d{0,3}d[^%]*?)\s+(\d+)\s+(\d+)(?:\s+(\d+))?", named):
        numbers = range(int(pattern[2]), int(pattern[3]) + 1, int(pattern[4] or 1) or 1)
        names = (pattern[1] % number for number in numbers)
    files = []
    for name in names:
        files.append(beside(path, name))
        if not files[-1].is_file():
            raise reading.error(
                f"its data file {name} is missing. Copy it into the same folder, or save the image as one .mha file."
            )
    if not files:
        raise reading.error("its list of data files is empty. Export the image again.")
    return files
