"""The image type that every room of the library shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

MODALITY_SOURCE = "modality_source"
"""Key of `Image.meta`: how the modality is known (`DICOM_MODALITY` where it was read from a DICOM header)."""

DICOM_MODALITY = "DICOM Modality"

FRAME_OF_REFERENCE = "frame_of_reference_uid"
"""Key of `Image.meta`: the UID of the DICOM frame of reference, where there is one."""

SERIES_UID = "series_uid"
"""Key of `Image.meta`: the UID of the DICOM series, where there is one."""

SOURCE_FILES = "source_files"
"""Key of `Image.meta`: the paths of the DICOM files whose frames are the slices, in their order."""

IDENTIFIERS = "identifiers"
"""Key of `Image.meta`: what a DICOM header says of the patient, study and series, by DICOM keyword."""

NOT_STORED = (SERIES_UID, FRAME_OF_REFERENCE, SOURCE_FILES, IDENTIFIERS)
"""Entries of `Image.meta` that no file of a result holds unless it is asked for: UIDs lead to the patient in every archive that
has the images."""

READ_WARNINGS = "read_warnings"
"""Key of `Image.meta`: what the reader found that a person has to know, a sequence of (code, text)."""

REGIONS = "ultrasound_regions"
"""Key of `Image.meta`: the regions of a DICOM ultrasound image, each as (top, bottom, left, right, spatial format, data type):
half-open pixel indexes and the codes of RegionSpatialFormat and RegionDataType (PS3.3, C.8.5.5)."""

IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def as_direction(matrix: np.ndarray) -> tuple[tuple[float, float, float], ...]:
    """The rows of a 3 x 3 matrix as `Image.direction` holds them."""
    return tuple((float(x), float(y), float(z)) for x, y, z in matrix)


@dataclass(frozen=True, eq=False)
class Image:
    """A 3D image and where its voxels lie in the patient; a single picture is a volume of one slice.

    Attributes:
        array: Voxel values, axis order (k, j, i): slices, rows, columns, as SimpleITK and Slicer give them; a color image has
            a fourth axis of length 3 (red, green, blue).
        spacing: Distance between voxel centers in mm along (i, j, k).
        origin: Center of voxel (0, 0, 0) in mm, LPS (DICOM and ITK convention: +x left, +y posterior, +z superior).
        direction: 3x3 matrix, LPS; column n is the unit vector of axis n of (i, j, k).
        modality: "MR", "CT", "US" or None where the file does not say.
        meta: What else the file says about the image (series description, path, ...). What identifies the patient is in the
            entries of `NOT_STORED` alone.

    Examples:
        >>> import numpy as np
        >>> from LiverAILib import Image
        >>> image = Image(np.zeros((30, 256, 320), np.int16), spacing=(1.25, 1.25, 6.0), modality="MR")
        >>> image.size
        (320, 256, 30)
        >>> image.index_to_lps @ (0, 0, 1, 1)  # x, y, z in mm of the center of voxel (0, 0, 1)
        array([0., 0., 6., 1.])
    """

    array: np.ndarray
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: tuple[tuple[float, float, float], ...] = IDENTITY
    modality: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.array.ndim != 3 and not (self.array.ndim == 4 and self.array.shape[3] == 3):
            raise ValueError(
                f"An Image needs an array of 3 axes (k, j, i), or 4 with 3 colors as the last, got shape {self.array.shape}"
            )
        if min(self.spacing) <= 0:
            raise ValueError(f"Spacing must be positive, got {self.spacing} mm")
        object.__setattr__(self, "spacing", tuple(float(s) for s in self.spacing))
        object.__setattr__(self, "origin", tuple(float(o) for o in self.origin))
        direction = np.asarray(self.direction, dtype=float).reshape(3, 3)
        object.__setattr__(self, "direction", tuple(tuple(float(v) for v in row) for row in direction))

    @property
    def size(self) -> tuple[int, int, int]:
        """Number of voxels along (i, j, k)."""
        k, j, i = self.array.shape[:3]
        return i, j, k

    @property
    def color(self) -> bool:
        """Whether a voxel has red, green and blue."""
        return self.array.ndim == 4

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in mL."""
        return float(np.prod(self.spacing)) / 1000.0

    @property
    def index_to_lps(self) -> np.ndarray:
        """4x4 matrix from voxel index (i, j, k, 1) to LPS mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.asarray(self.direction) * np.asarray(self.spacing)
        matrix[:3, 3] = self.origin
        return matrix

    def with_array(self, array: np.ndarray, **changes: Any) -> Image:
        """The same place in the patient with other voxel values; the array must have this image's shape."""
        if array.shape[:3] != self.array.shape[:3]:
            raise ValueError(
                f"Expected shape {self.array.shape[:3]} of the image whose geometry is kept, got {array.shape}"
            )
        return replace(self, array=array, **changes)

    @property
    def read_warnings(self) -> tuple[tuple[str, str], ...]:
        """(code, text) of everything that the reader found and a person has to know."""
        return tuple((code, text) for code, text in self.meta.get(READ_WARNINGS, ()))

    def with_read_warning(self, code: str, text: str) -> Image:
        """The same image with one more entry in `read_warnings`."""
        return replace(self, meta={**self.meta, READ_WARNINGS: (*self.read_warnings, (code, text))})

    def same_geometry(self, other: Image, *, tolerance_mm: float = 1e-3) -> bool:
        """True where every voxel of both images lies at the same place within `tolerance_mm`."""
        if self.size != other.size:
            return False
        corners = np.array(
            [[i, j, k, 1] for i in (0, self.size[0]) for j in (0, self.size[1]) for k in (0, self.size[2])]
        )
        gap = corners @ (self.index_to_lps - other.index_to_lps).T
        return bool(np.abs(gap).max() <= tolerance_mm)


def with_modality(image: Image, modality: str | None) -> Image:
    """`image` with the modality that the user gave, or as it is where that is None."""
    if modality is None:
        return image
    return replace(image, modality=modality, meta={**image.meta, MODALITY_SOURCE: "given by the user"})
