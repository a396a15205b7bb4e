"""NIfTI files: NIfTI-1 and NIfTI-2, one file or a pair, either byte order, gzipped or not.

The format is that of nifti1.h and nifti2.h (https://nifti.nimh.nih.gov). SimpleITK reads no NIfTI-2, turns NaN into 0 and
fills a file that is cut off with zeros, which is why the header is read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy.spatial.transform import Rotation

from LiverAILib.imaging.image import Image
from LiverAILib.imaging.placement import SHORTEST_STEP_MM, HeaderReading, placed_image, volume_shape
from LiverAILib.imaging.stored_bytes import first_bytes, open_stream, read_exactly

LONGEST_HEADER = 540

FIELDS_1 = {
    "dim": (40, "8i2"),
    "datatype": (70, "i2"),
    "pixdim": (76, "8f4"),
    "vox_offset": (108, "f4"),
    "scl_slope": (112, "f4"),
    "scl_inter": (116, "f4"),
    "xyzt_units": (123, "u1"),
    "qform_code": (252, "i2"),
    "sform_code": (254, "i2"),
    "quatern": (256, "3f4"),
    "qoffset": (268, "3f4"),
    "srow": (280, "(3,4)f4"),
    "magic": (344, "S3"),
}
FIELDS_2 = {
    "magic": (4, "S3"),
    "datatype": (12, "i2"),
    "dim": (16, "8i8"),
    "pixdim": (104, "8f8"),
    "vox_offset": (168, "i8"),
    "scl_slope": (176, "f8"),
    "scl_inter": (184, "f8"),
    "qform_code": (344, "i4"),
    "sform_code": (348, "i4"),
    "quatern": (352, "3f8"),
    "qoffset": (376, "3f8"),
    "srow": (400, "(3,4)f8"),
    "xyzt_units": (500, "i4"),
}
"""Offset and type of the fields that are read; those of NIfTI-1 are at the same place in ANALYZE 7.5."""

TYPES = {
    2: "u1",
    4: "i2",
    8: "i4",
    16: "f4",
    64: "f8",
    256: "i1",
    512: "u2",
    768: "u4",
    1024: "i8",
    1280: "u8",
}
OTHER_TYPES = {
    1: "single bits",
    32: "complex numbers",
    128: "colors (RGB)",
    1536: "128-bit floats",
    1792: "complex numbers",
    2048: "complex numbers",
    2304: "colors (RGBA)",
}
Order = Literal["<", ">"]
ORDERS: tuple[Order, ...] = ("<", ">")
SINGLE_FILE = (b"n+1", b"n+2")
MM_OF_UNIT = {1: 1000.0, 2: 1.0, 3: 0.001}
"""NIFTI_UNITS_METER, _MM and _MICRON; unknown units are mm."""


def is_nifti(start: bytes) -> bool:
    """Whether a file with these first bytes is NIfTI or ANALYZE."""
    return len(start) >= 4 and any(int.from_bytes(start[:4], order) in (348, 540) for order in ("little", "big"))


def read_nifti(path: Path) -> Image:
    """The image of a `.nii`, `.nii.gz`, or of the pair `.hdr` and `.img` by the name of either.

    Voxels keep their type; scaled ones become float32, or float64 where 32 bits are too few.

    Raises:
        UserError: The file is cut off, or is no single gray-scale volume with a usable geometry.
    """
    reading = HeaderReading(path)
    header_file, data_file = _files(path, reading)
    header, order = _header(first_bytes(header_file, LONGEST_HEADER), reading)
    single = header_file == data_file
    if single and header["magic"] not in SINGLE_FILE:
        raise reading.error(
            "the header is damaged, or that of a pair of files (.hdr and .img). Give the .hdr file, or export the image again."
        )
    sizes = [int(n) for n in header["dim"][1 : 1 + header["dim"][0]]]
    shape = volume_shape([*sizes[:3], *(max(size, 1) for size in sizes[3:])], reading)
    with np.errstate(all="ignore"):  # a damaged header may hold any number; `placed_image` judges the result
        index_to_lps = _index_to_ras(header, shape, reading) * [[-1.0], [-1.0], [1.0], [1.0]]
    shortest = {b"n+1": 352, b"n+2": 544}[header["magic"]] if single else 0
    return placed_image(_voxels(data_file, header, order, shape, shortest), index_to_lps, reading)


def _files(path: Path, reading: HeaderReading) -> tuple[Path, Path]:
    """Files of the header and of the voxels."""
    name = path.name.lower().removesuffix(".gz")
    if not name.endswith((".hdr", ".img")):
        return path, path
    stem = path.name[: len(name) - 4]
    found = []
    for ending in (".hdr", ".img"):
        beside = [
            path.with_name(stem + end + gz)
            for gz in ("", ".gz")
            for end in (ending, ending.upper())
            if path.with_name(stem + end + gz).is_file()
        ]
        if not beside:
            raise reading.error(
                f"the file {stem}{ending} that belongs to it is missing. Copy both into one folder, or save one .nii.gz."
            )
        found.append(beside[0])
    return found[0], found[1]


def _header(start: bytes, reading: HeaderReading) -> tuple[Mapping[str, Any], Order]:
    """The fields and the byte order."""
    order: Order | None
    order = next((o for o in ORDERS if len(start) >= 4 and np.frombuffer(start, f"{o}i4", 1)[0] in (348, 540)), None)
    if order is None:
        raise reading.error("not a NIfTI file (it does not begin with a NIfTI header). Export it again.")
    length = int(np.frombuffer(start, f"{order}i4", 1)[0])
    if len(start) < length:
        raise reading.error("the file is cut off within its header. Copy or export it again.")
    fields = FIELDS_1 if length == 348 else FIELDS_2
    layout = np.dtype(
        {
            "names": list(fields),
            "formats": [np.dtype(kind).newbyteorder(order) for _, kind in fields.values()],
            "offsets": [offset for offset, _ in fields.values()],
            "itemsize": length,
        }
    )
    record = np.frombuffer(start, layout, 1)[0]
    header = {name: record[name] for name in fields}
    if header["magic"] not in (*SINGLE_FILE, b"ni1", b"ni2"):  # ANALYZE 7.5 has other things there
        header |= {"sform_code": 0, "qform_code": 0, "scl_slope": 1.0, "scl_inter": 0.0, "xyzt_units": 0}
    if not 1 <= header["dim"][0] <= 7:
        raise reading.error(f"the header is damaged ({header['dim'][0]} dimensions). Export the image again.")
    if int(header["datatype"]) not in TYPES:
        what = OTHER_TYPES.get(int(header["datatype"]), f"values of the unknown type {header['datatype']}")
        raise reading.error(f"the image holds {what}; one number per voxel is needed. Export the gray-scale series.")
    return header, order


def _voxels(
    path: Path, header: Mapping[str, Any], order: Order, shape: tuple[int, int, int], shortest: int
) -> np.ndarray:
    """The array (k, j, i), scaled as the header says; its bytes begin at `vox_offset`, at the least at `shortest`."""
    stored = np.dtype(order + TYPES[int(header["datatype"])])
    offset = float(header["vox_offset"])
    skipped = max(int(offset) if np.isfinite(offset) else 0, shortest)
    count = int(np.prod(shape, dtype=object)) * stored.itemsize
    with open_stream(path) as stream:
        content = read_exactly(stream, skipped + count, path)[skipped:]
    array = content.view(stored).reshape(shape[::-1])
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not np.isfinite(slope) or not np.isfinite(intercept) or (slope, intercept) == (1.0, 0.0):
        return array.astype(stored.newbyteorder("="), copy=False)
    wide = stored.itemsize > 4 or stored.str[1:] in ("i4", "u4")
    scaled: np.ndarray = array.astype(np.float64 if wide else np.float32)
    with np.errstate(all="ignore"):  # what becomes infinite is found by `fill_not_measured`
        scaled *= slope
        scaled += intercept
    return scaled


def _index_to_ras(header: Mapping[str, Any], shape: tuple[int, int, int], reading: HeaderReading) -> np.ndarray:
    """4x4 matrix from voxel index to RAS mm: the sform, else the qform, else the spacing alone."""
    mm = MM_OF_UNIT.get(int(header["xyzt_units"]) & 7, 1.0)
    scale = np.array([[mm], [mm], [mm], [1.0]])
    sform = scale * np.vstack([header["srow"], [0, 0, 0, 1]]).astype(float) if header["sform_code"] > 0 else None
    qform = scale * _qform(header, reading) if header["qform_code"] > 0 else None
    if sform is None and qform is None:
        reading.orientation_unknown("The header has neither sform nor qform")
        return scale * np.diag([*np.abs(header["pixdim"][1:4]) * [-1, -1, 1], 1.0])
    if sform is None or qform is None:
        return qform if sform is None else sform  # type: ignore[return-value]
    if not _usable(sform) and _usable(qform):
        reading.warn(
            "conflicting_geometry", "The sform of the header is not usable (zero or no numbers); the qform was used."
        )
        return qform
    if _usable(qform):
        _compare(sform, qform, shape, reading)
    return sform


def _qform(header: Mapping[str, Any], reading: HeaderReading) -> np.ndarray:
    """The matrix of quaternion, pixdim and offset (method 2 of nifti1.h)."""
    pixdim = header["pixdim"].astype(float)
    if (pixdim[1:4] < 0).any() and header["sform_code"] <= 0:
        reading.warn(
            "negative_spacing", "The header has a negative pixdim; its size was used. Check the sides of the image."
        )
    b, c, d = header["quatern"].astype(float)
    a = np.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d)))
    quaternion = np.array([b, c, d, a])
    matrix = np.eye(4)
    matrix[:3, 3] = header["qoffset"]
    if not np.isfinite(quaternion).all():
        matrix[:3, :3] = np.nan
        return matrix
    handed = -1.0 if pixdim[0] < 0 else 1.0
    matrix[:3, :3] = Rotation.from_quat(quaternion).as_matrix() * (np.abs(pixdim[1:4]) * [1, 1, handed])
    return matrix


def _usable(matrix: np.ndarray) -> bool:
    return bool(np.isfinite(matrix).all()) and np.linalg.norm(matrix[:3, :3], axis=0).min() > SHORTEST_STEP_MM


def _compare(sform: np.ndarray, qform: np.ndarray, shape: tuple[int, int, int], reading: HeaderReading) -> None:
    """Warn where the two place the volume more than half a voxel apart."""
    corners = np.array([[i, j, k, 1] for i in (0, shape[0] - 1) for j in (0, shape[1] - 1) for k in (0, shape[2] - 1)])
    apart = float(np.linalg.norm(corners @ (sform - qform)[:3].T, axis=1).max())
    if apart <= 0.5 * np.linalg.norm(sform[:3, :3], axis=0).min():
        return
    mirrored = np.linalg.det(sform[:3, :3]) * np.linalg.det(qform[:3, :3]) < 0
    reading.warn(
        "conflicting_geometry",
        f"The sform and the qform of the header place the image differently (corners up to {apart:.1f} mm apart"
        f"{', one is a mirror image of the other' if mirrored else ''}); the sform was used. Check the sides and the position.",
    )
