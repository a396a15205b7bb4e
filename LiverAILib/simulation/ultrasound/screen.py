"""What an export shows beside the fan: text lines, depth scale, gray bar, orientation mark."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from LiverAILib.simulation.ultrasound.device import Device
from LiverAILib.simulation.ultrasound.fan import Frame

INSTITUTE = "SIMULATED ULTRASOUND"
TEXT_COLOR = (214, 214, 206)


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


class Screen:
    """A color picture under construction, uint8 (rows, columns, 3), with the scanner's text and scales around the fan."""

    def __init__(self, gray: np.ndarray, tint: tuple[int, int, int]) -> None:
        scaled = gray[..., None] * np.asarray(tint, np.float32)
        self._picture = Picture.fromarray(np.round(scaled).astype(np.uint8))
        self._draw = ImageDraw.Draw(self._picture)
        self.size = max(9, round(gray.shape[0] / 48))

    @property
    def array(self) -> np.ndarray:
        """The picture so far, uint8 (rows, columns, 3)."""
        return np.array(self._picture)

    def put(self, pixels: np.ndarray, row: int, column: int) -> None:
        """Replaces a rectangle by `pixels`, uint8 (rows, columns, 3)."""
        self._picture.paste(Picture.fromarray(np.ascontiguousarray(pixels)), (column, row))

    def text(
        self,
        lines: Sequence[str],
        row: float,
        column: float,
        *,
        color: tuple[int, int, int] = TEXT_COLOR,
        right: bool = False,
    ) -> None:
        """Lines of text from a row and column downwards; right-aligned to the column with `right`."""
        for number, line in enumerate(lines):
            place = (column, row + number * self.size * 1.35)
            self._draw.text(place, line, fill=color, font=_font(self.size), anchor="ra" if right else "la")

    def polygon(self, rows: Sequence[float], columns: Sequence[float], *, color: tuple[int, int, int]) -> None:
        """A closed line through the points."""
        points = list(zip(columns, rows, strict=True))
        self._draw.line([*points, points[0]], fill=color, width=1)

    def circle(self, row: float, column: float, radius: float, *, color: tuple[int, int, int]) -> None:
        """A circle."""
        self._draw.ellipse((column - radius, row - radius, column + radius, row + radius), outline=color, width=2)

    def line(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """A straight line between two places (row, column)."""
        self._draw.line([(start[1], start[0]), (end[1], end[0])], fill=TEXT_COLOR, width=1)


def draw_depth_scale(screen: Screen, frame: Frame, depth_mm: float, column: float) -> None:
    """Ticks every centimeter, long ones with a number every five, at the depth below the transducer's face."""
    for centimeter in range(int(depth_mm // 10) + 1):
        row = frame.face[0] + 10 * centimeter / frame.pixel_mm
        long = centimeter % 5 == 0
        screen.line((row, column - (7 if long else 3)), (row, column))
        if long and centimeter:
            screen.text([str(centimeter)], row - screen.size * 0.6, column + 4)


def draw_gray_bar(
    screen: Screen, tint: tuple[int, int, int], *, row: int, column: int, height: int, width: int
) -> None:
    """The gray map, white on top."""
    ramp = np.linspace(1, 0, height, dtype=np.float32)[:, None, None] * np.asarray(tint, np.float32)
    screen.put(np.repeat(np.round(ramp).astype(np.uint8), width, 1), row, column)


def decorated(gray: np.ndarray, frame: Frame, device: Device, *, depth_mm: float, title: str) -> Screen:
    """The screen of a gray-scale image as the device exports it.

    Args:
        gray: Gray levels 0 to 1 (rows, columns).
        frame: Where the fan lies.
        device: Scanner.
        depth_mm: Depth of the image.
        title: What is examined.
    """
    screen = Screen(gray, device.tint)
    rows, columns = gray.shape
    step = screen.size * 1.35
    screen.text([f"{INSTITUTE}  {device.name.removeprefix('simulated-')}", title], 4, 6)
    settings = [f"C{device.radius_mm:.0f}  {device.frequency_mhz:.1f} MHz", f"DR {device.dynamic_range_db:.0f} dB"]
    settings += [f"{depth_mm / 10:.1f} cm", "MI 1.1  TIs 0.4"]
    screen.text(settings, rows * 0.30, 6)
    face_row, face_column = frame.face
    screen.text(["S"], face_row - step * 0.4, face_column - columns * 0.14, color=(120, 190, 255))
    draw_gray_bar(
        screen,
        device.tint,
        row=int(rows * 0.08),
        column=int(columns * 0.945),
        height=int(rows * 0.22),
        width=max(8, columns // 60),
    )
    draw_depth_scale(screen, frame, depth_mm, columns * 0.905)
    return screen
