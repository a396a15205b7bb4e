"""The elastogram: a stiffness map in colors over the gray-scale image, with its box, color bar and measurement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from LiverAILib.simulation.texture import smooth_field
from LiverAILib.simulation.ultrasound.fan import Fan, Frame
from LiverAILib.simulation.ultrasound.screen import Screen
from LiverAILib.simulation.ultrasound.section import Section

MAXIMUM_KPA = 40.0
"""Upper end of the color scale, as in Xue 2020."""
OPACITY = 0.78
OUTLINE = (225, 225, 225)


@dataclass(frozen=True)
class ColorBox:
    """The part of the fan whose stiffness is measured: between two depths and two beams.

    Attributes:
        depth_mm: First and last depth.
        angle_deg: First and last angle of a beam.
    """

    depth_mm: tuple[float, float]
    angle_deg: tuple[float, float]

    def inside(self, fan: Fan, frame: Frame) -> np.ndarray:
        """Boolean (rows, columns)."""
        y = (np.arange(frame.rows)[:, None] - frame.face[0]) * frame.pixel_mm + fan.radius_mm
        x = (np.arange(frame.columns)[None, :] - frame.face[1]) * frame.pixel_mm
        depth, angle = np.hypot(x, y) - fan.radius_mm, np.rad2deg(np.arctan2(x, y))
        first, last = self.depth_mm
        left, right = self.angle_deg
        return (depth >= first) & (depth <= last) & (angle >= left) & (angle <= right)

    def outline(self, fan: Fan, frame: Frame) -> tuple[list[float], list[float]]:
        """Rows and columns of the corners of its outline, the curved sides in short pieces."""
        first, last = self.depth_mm
        angles = np.linspace(*self.angle_deg, 12)
        corners = [(first, a) for a in angles] + [(last, a) for a in angles[::-1]]
        places = [frame.pixel_of(*fan.position(depth, float(angle))) for depth, angle in corners]
        return [row for row, _ in places], [column for _, column in places]

    def middle(self, fan: Fan) -> tuple[float, float]:
        """x and y of its middle in mm."""
        return fan.position(sum(self.depth_mm) / 2, sum(self.angle_deg) / 2)


def place_box(section: Section, rng: np.random.Generator, *, capsule_mm: float, tries: int = 12) -> ColorBox:
    """A box 10 to 20 mm below the capsule where it holds liver, few vessels and no shadow, as the examiner would place it."""
    height, half = float(rng.uniform(32, 40)), float(rng.uniform(10.5, 13.5))
    best, most = None, -1.0
    bright = ndimage.gaussian_filter(section.gray, 4, truncate=2) > 0.5 * np.median(section.gray[section.parenchyma])
    good = ndimage.minimum_filter(section.parenchyma & bright, 5)
    for _ in range(tries):
        first = capsule_mm + float(rng.uniform(10, 20))
        middle = float(rng.uniform(-0.45, 0.35)) * np.rad2deg(section.fan.half_angle)
        box = ColorBox((first, first + height), (middle - half, middle + half))
        share = float(good[box.inside(section.fan, section.frame)].mean())
        if best is None or share > most:
            best, most = box, share
    assert best is not None
    return best


def stiffness_map(
    section: Section, box: ColorBox, rng: np.random.Generator, *, mean_kpa: float, unevenness: float
) -> tuple[np.ndarray, np.ndarray]:
    """Stiffness in kPa (rows, columns) with the wanted mean over what the box shows, and where it shows color.

    The field is smooth over about a centimeter; there is no color in vessels and here and there where the shear wave was too
    weak, more often in depth.
    """
    frame = section.frame
    spacing = (frame.pixel_mm, frame.pixel_mm, 1.0)
    shape = (1, frame.rows, frame.columns)
    coarse = smooth_field(rng, shape, spacing, correlation_mm=8.0)[0]
    fine = smooth_field(rng, shape, spacing, correlation_mm=3.0)[0]
    weak = smooth_field(rng, shape, spacing, correlation_mm=3.5)[0]
    inside = box.inside(section.fan, frame)
    depth = (np.arange(frame.rows, dtype=np.float32)[:, None] - np.float32(frame.face[0])) * np.float32(frame.pixel_mm)
    deep = (depth - np.float32(box.depth_mm[0])) / np.float32(box.depth_mm[1] - box.depth_mm[0])
    shown = inside & ~section.vessels & (weak < 2.3 - 0.5 * np.clip(deep, 0, 1))
    field = np.exp(np.float32(unevenness) * (0.8 * coarse + 0.6 * fine))
    return np.float32(mean_kpa) * field / field[shown].mean(), shown


def jet(share: np.ndarray) -> np.ndarray:
    """Blue, cyan, yellow, red for 0 to 1: float32 (..., 3), 0 to 1."""
    value = 4 * np.clip(share, 0, 1)[..., None]
    return np.clip(1.5 - np.abs(value - np.array([3.0, 2.0, 1.0], np.float32)), 0, 1).astype(np.float32)


def draw_color_map(screen: Screen, stiffness_kpa: np.ndarray, shown: np.ndarray) -> None:
    """Lays the colors over the gray-scale image where they are shown."""
    picture = screen.array
    colors = 255 * jet(stiffness_kpa[shown] / MAXIMUM_KPA)
    picture[shown] = np.round(OPACITY * colors + (1 - OPACITY) * picture[shown]).astype(np.uint8)
    screen.put(picture, 0, 0)


def draw_color_bar(screen: Screen, *, row: int, column: int, height: int, width: int) -> None:
    """The color scale with its ends and its unit."""
    ramp = np.round(255 * jet(np.linspace(1, 0, height, dtype=np.float32))).astype(np.uint8)
    screen.put(np.repeat(ramp[:, None], width, 1), row, column)
    middle = screen.size * 0.6
    screen.text(["kPa"], row - screen.size * 1.5, column)
    for value in np.linspace(0, MAXIMUM_KPA, 5):
        place = row + (1 - value / MAXIMUM_KPA) * (height - 1)
        screen.text([f"{value:.0f}"], place - middle, column + width + 3)


def draw_box(screen: Screen, section: Section, box: ColorBox) -> None:
    """The outline of the box."""
    rows, columns = box.outline(section.fan, section.frame)
    screen.polygon(rows, columns, color=OUTLINE)


def draw_measurement(
    screen: Screen, section: Section, box: ColorBox, stiffness_kpa: np.ndarray, shown: np.ndarray, *, radius_mm: float
) -> dict[str, float]:
    """The circle of the measurement with its statistics in kPa, which are returned."""
    frame = section.frame
    x, y = box.middle(section.fan)
    row, column = frame.pixel_of(x, y)
    radius = radius_mm / frame.pixel_mm
    rows, columns = np.arange(frame.rows)[:, None], np.arange(frame.columns)[None, :]
    values = stiffness_kpa[shown & (np.hypot(rows - row, columns - column) <= radius)]
    found = {
        "mean": float(values.mean()),
        "min": float(values.min()),
        "max": float(values.max()),
        "sd": float(values.std()),
    }
    screen.circle(row, column, radius, color=(255, 255, 255))
    lines = [f"{name.upper() if name == 'sd' else name.capitalize()}  {value:.1f} kPa" for name, value in found.items()]
    lines += [f"Diam  {2 * radius_mm:.1f} mm", f"Depth  {y / 10:.1f} cm"]
    screen.text(["Stiffness", *lines], frame.rows * 0.60, 6)
    return found
