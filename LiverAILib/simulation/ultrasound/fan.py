"""The fan of a curvilinear transducer: samples along beams, and their way into a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

Region = tuple[slice, slice]
"""Samples and beams."""


class Fan:
    """Samples along the beams, axis order (depth, beam).

    x runs to the right of the picture and y away from the transducer, in mm; the middle of the transducer's face is (0, 0).

    Args:
        radius_mm: Radius of curvature of the face.
        half_angle_deg: Half of the angle between the outermost beams.
        depth_mm: Length of the beams.
        step_mm: Distance between samples.
        beams: Number of beams.
    """

    def __init__(
        self, *, radius_mm: float, half_angle_deg: float, depth_mm: float, step_mm: float = 0.25, beams: int = 352
    ) -> None:
        self.radius_mm, self.depth_mm, self.step_mm = radius_mm, depth_mm, step_mm
        self.half_angle = float(np.deg2rad(half_angle_deg))
        samples = round(depth_mm / step_mm)
        self.depth = ((np.arange(samples, dtype=np.float32) + 0.5) * np.float32(step_mm))[:, None]
        self.angle = np.linspace(-self.half_angle, self.half_angle, beams, dtype=np.float32)[None, :]
        distance = self.depth + np.float32(radius_mm)
        self.x = distance * np.sin(self.angle)
        self.y = distance * np.cos(self.angle) - np.float32(radius_mm)

    @property
    def shape(self) -> tuple[int, int]:
        """Samples and beams."""
        return self.x.shape[0], self.x.shape[1]

    @property
    def beam_mm(self) -> np.ndarray:
        """Distance between neighboring beams in mm, (depth, 1)."""
        step = 2 * self.half_angle / (self.angle.size - 1)
        return (self.depth + np.float32(self.radius_mm)) * np.float32(step)

    def region(self, x: tuple[float, float], y: tuple[float, float]) -> Region:
        """The samples and beams around a box of x and y in mm; empty slices where it lies outside."""
        corners_x = np.array([x[0], x[1], x[0], x[1], np.clip(0, *x)])
        corners_y = np.array([y[0], y[0], y[1], y[1], y[0]]) + self.radius_mm
        depth = np.hypot(corners_x, corners_y) - self.radius_mm
        angle = np.arctan2(corners_x, corners_y)
        samples, beams = self.shape
        first, last = np.clip(np.array([depth.min(), depth.max()]) / self.step_mm, 0, samples)
        place = (np.array([angle.min(), angle.max()]) / self.half_angle + 1) / 2 * (beams - 1)
        left, right = np.clip(place, 0, beams)
        return slice(int(first), int(np.ceil(last))), slice(int(left), int(np.ceil(right)))

    def position(self, depth_mm: float, angle_deg: float) -> tuple[float, float]:
        """x and y in mm of a place on a beam."""
        distance, angle = depth_mm + self.radius_mm, np.deg2rad(angle_deg)
        return float(distance * np.sin(angle)), float(distance * np.cos(angle) - self.radius_mm)


@dataclass(frozen=True)
class Frame:
    """Where a fan lies in a picture.

    Attributes:
        rows: Of the picture.
        columns: Of the picture.
        pixel_mm: Size of a pixel.
        face: Row and column of the middle of the transducer's face.
    """

    rows: int
    columns: int
    pixel_mm: float
    face: tuple[float, float]

    @classmethod
    def fitted(
        cls, fan: Fan, *, columns: int, rows: int, top: float, bottom: float = 0.96, width: float = 0.8
    ) -> Frame:
        """The frame in which the fan fills the rows from the share `top` to `bottom` and at most the share `width` of the
        columns."""
        edge_mm = fan.radius_mm * (1 - np.cos(fan.half_angle))
        widest_mm = 2 * (fan.radius_mm + fan.depth_mm) * np.sin(fan.half_angle)
        pixel = max((fan.depth_mm + edge_mm) / ((bottom - top) * rows), widest_mm / (width * columns))
        # The outer beams begin higher in the body than the middle of the face lies in the picture.
        return cls(rows, columns, float(pixel), (top * rows, columns / 2))

    def pixel_of(self, x: float, y: float) -> tuple[float, float]:
        """Row and column of a place in mm."""
        return self.face[0] + y / self.pixel_mm, self.face[1] + x / self.pixel_mm

    def _places(self, fan: Fan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which pixels lie in the fan, and their fractional sample and beam."""
        y = (np.arange(self.rows, dtype=np.float32)[:, None] - np.float32(self.face[0])) * np.float32(self.pixel_mm)
        x = (np.arange(self.columns, dtype=np.float32)[None, :] - np.float32(self.face[1])) * np.float32(self.pixel_mm)
        depth = np.hypot(x, y + np.float32(fan.radius_mm)) - np.float32(fan.radius_mm)
        angle = np.arctan2(x, y + np.float32(fan.radius_mm))
        inside = (depth >= 0) & (depth < fan.depth_mm) & (np.abs(angle) <= fan.half_angle)
        sample = depth[inside] / np.float32(fan.step_mm) - np.float32(0.5)
        beam = (angle[inside] / np.float32(fan.half_angle) + 1) / 2 * np.float32(fan.shape[1] - 1)
        return inside, sample, beam

    def inside(self, fan: Fan) -> np.ndarray:
        """Boolean (rows, columns): the pixels of the fan."""
        return self._places(fan)[0]

    def converted(self, fan: Fan, *values: np.ndarray) -> list[np.ndarray]:
        """Scan conversion of arrays (depth, beam) into float32 (rows, columns), 0 outside of the fan; bilinear."""
        inside, sample, beam = self._places(fan)
        found = []
        for value in values:
            picture = np.zeros((self.rows, self.columns), np.float32)
            picture[inside] = ndimage.map_coordinates(value.astype(np.float32), (sample, beam), order=1, mode="nearest")
            found.append(picture)
        return found
