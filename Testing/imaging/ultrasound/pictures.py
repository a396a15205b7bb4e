"""Ultrasound pictures as scanners export them, drawn from scratch: the truth of every part is known.

The layouts follow published figures: a curved array fan with a color box and a bar at the side (Siemens, SuperSonic), a dual
display, Doppler, M-mode. Nothing here uses the library.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import matplotlib
import numpy as np
import PIL.Image
import PIL.ImageDraw
import scipy.ndimage as ndi


@dataclass
class Picture:
    """A drawn picture and what is where in it.

    Attributes:
        colors: uint8 (rows, columns, 3).
        areas: Boolean (rows, columns) of each fan or rectangle, from left to right.
        boxes: (top, bottom, left, right) of what was drawn, by name: "color box", "color bar", "gray bar", "text", ...
        kpa: Stiffness (rows, columns) within the color box, NaN elsewhere.
    """

    colors: np.ndarray
    areas: list[np.ndarray] = field(default_factory=list)
    boxes: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    kpa: np.ndarray | None = None

    @property
    def gray(self) -> np.ndarray:
        return self.colors[..., 0]


def fan_mask(shape: tuple[int, int], column: float, top: float, depth: float, half_angle: float = 35) -> np.ndarray:
    """The fan of a curved array: `top` is the row where its surface is in the middle."""
    radius = 0.45 * depth
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    down, right = rows - (top - radius), columns - column
    distance = np.hypot(down, right)
    angle = np.degrees(np.arctan2(np.abs(right), down))
    return (angle <= half_angle) & (distance >= radius) & (distance <= radius + depth)


def speckle(shape: tuple[int, int], rng: np.random.Generator, level: float = 70) -> np.ndarray:
    """Gray values of fully developed speckle over slowly varying tissue, uint8."""
    wave = ndi.gaussian_filter(rng.normal(size=(2, *shape)), (0, 1.2, 1.8))
    envelope = np.hypot(*wave)
    tissue = 1 + 0.4 * ndi.gaussian_filter(rng.normal(size=shape), 25) * 25
    return np.clip(level * envelope / envelope.mean() * tissue, 3, 255).astype(np.uint8)


def b_mode(
    *,
    seed: int = 0,
    shape: tuple[int, int] = (480, 640),
    column: float | None = None,
    top: float = 40,
    depth: float = 380,
    background: int = 0,
    furniture: bool = True,
) -> Picture:
    """A gray-scale picture of one fan with text, a depth scale and a gray bar around it."""
    rng = np.random.default_rng(seed)
    gray = np.full(shape, background, np.uint8)
    mask = fan_mask(shape, shape[1] / 2 if column is None else column, top, depth)
    gray[mask] = speckle(shape, rng)[mask]
    picture = Picture(np.repeat(gray[..., None], 3, axis=2), [mask])
    if furniture:
        add_furniture(picture)
    return picture


def write_text(picture: Picture, text: str, row: int, column: int, *, name: str = "text", size: int = 14) -> None:
    """Burn white text into the picture and note where."""
    canvas = PIL.Image.fromarray(picture.colors)
    draw = PIL.ImageDraw.Draw(canvas)
    draw.text((column, row), text, fill=(255, 255, 255), font_size=size)
    left, top, right, bottom = draw.textbbox((column, row), text, font_size=size)
    picture.colors = np.array(canvas)
    picture.boxes[name] = (int(top), int(bottom), int(left), int(right))


def add_furniture(picture: Picture) -> None:
    """A name, settings, a depth scale at the right edge and a gray bar at the left one."""
    rows, columns = picture.colors.shape[:2]
    write_text(picture, "DOE, JANE 01.02.1960", 6, 10)
    write_text(picture, "C5-1  MI 1.2  TIs 0.4", 6, columns - 200, name="settings")
    write_text(picture, "Gn 62", rows - 40, 8, name="gain", size=12)
    for row in range(60, rows - 20, 38):
        picture.colors[row, columns - 8 : columns - 2] = 200
    bar = (70, 230, 14, 26)
    ramp = np.linspace(255, 20, bar[1] - bar[0]).astype(np.uint8)
    picture.colors[bar[0] : bar[1], bar[2] : bar[3]] = ramp[:, None, None]
    picture.boxes["gray bar"] = bar


def elastogram(
    *,
    seed: int = 0,
    map_name: str = "jet",
    maximum_kpa: float = 40.0,
    opacity: float = 0.6,
    size: tuple[int, int] = (130, 170),
    place: tuple[int, int] = (170, 240),
    bar: tuple[int, int, int, int] | None = (60, 260, 600, 616),
    stiffness_kpa: float = 12.0,
    noise_kpa: float = 2.0,
    frame: bool = True,
    furniture: bool = True,
    holes: bool = False,
) -> Picture:
    """A fan with a color box of stiffness over the gray values, and the color bar, 0 at its lower end.

    Args:
        seed: Of all that is random.
        map_name: Colors, by their name in matplotlib.
        maximum_kpa: Upper end of the bar.
        opacity: Of the colors over the gray values.
        size: Rows and columns of the color box.
        place: Row and column of its upper left corner.
        bar: (top, bottom, left, right), or None for none.
        stiffness_kpa: Mean within the box.
        noise_kpa: Spread of the smooth pattern around it.
        frame: Whether a white line surrounds the box.
        furniture: Text, depth scale and gray bar.
        holes: Whether a part of the box has no measurement and shows gray values.
    """
    rng = np.random.default_rng(seed + 1000)
    picture = b_mode(seed=seed, furniture=furniture)
    top, left = place
    pattern = ndi.gaussian_filter(rng.normal(size=size), 12)
    kpa = np.clip(stiffness_kpa + noise_kpa * pattern / pattern.std(), 0.1, maximum_kpa * 0.98)
    colors = matplotlib.colormaps[map_name]
    painted = 255 * colors(kpa / maximum_kpa)[..., :3]
    inside = picture.colors[top : top + size[0], left : left + size[1]]
    mixed = opacity * painted + (1 - opacity) * inside
    if holes:
        missing = np.hypot(*np.mgrid[: size[0], : size[1]] - np.array(size).reshape(2, 1, 1) * 0.9) < 0.25 * size[0]
        mixed[missing] = inside[missing]
        kpa[missing] = np.nan
    inside[:] = mixed.astype(np.uint8)
    if frame:
        for edge in (
            (slice(top - 1, top), slice(left - 1, left + size[1] + 1)),
            (slice(top + size[0], top + size[0] + 1), slice(left - 1, left + size[1] + 1)),
            (slice(top - 1, top + size[0] + 1), slice(left - 1, left)),
            (slice(top - 1, top + size[0] + 1), slice(left + size[1], left + size[1] + 1)),
        ):
            picture.colors[edge] = 255
    picture.kpa = np.full(picture.colors.shape[:2], np.nan)
    picture.kpa[top : top + size[0], left : left + size[1]] = kpa
    picture.boxes["color box"] = (top, top + size[0], left, left + size[1])
    if bar is not None:
        ramp = 255 * colors(np.linspace(1, 0, bar[1] - bar[0]))[:, :3]
        picture.colors[bar[0] : bar[1], bar[2] : bar[3]] = ramp[:, None].astype(np.uint8)
        picture.boxes["color bar"] = bar
        if furniture:
            write_text(picture, f"{maximum_kpa:g} kPa", bar[0] - 18, bar[2] - 20, name="maximum", size=11)
    return picture


def side_by_side(left: Picture, right: Picture) -> Picture:
    """A dual display: two pictures beside each other."""
    width = left.colors.shape[1]
    areas = [
        np.pad(left.areas[0], ((0, 0), (0, right.colors.shape[1]))),
        np.pad(right.areas[0], ((0, 0), (width, 0))),
    ]
    moved = {
        name: (top, bottom, first + width, last + width) for name, (top, bottom, first, last) in right.boxes.items()
    }
    return Picture(np.concatenate([left.colors, right.colors], axis=1), areas, left.boxes | moved)


def doppler(*, seed: int = 0, bar: bool = True) -> Picture:
    """Color flow: vessels in red and blue, the rest of the color box gray, a bar from blue over black to red."""
    rng = np.random.default_rng(seed)
    picture = b_mode(seed=seed)
    flow = ndi.gaussian_filter(rng.normal(size=picture.gray.shape), 14)
    flow /= flow.std()
    box = np.zeros(flow.shape, bool)
    box[150:310, 230:410] = True
    toward, away = box & (flow > 1.1), box & (flow < -1.1)
    picture.colors[toward] = np.stack([200 + 20 * flow, 60 * flow, 0 * flow], axis=-1)[toward].clip(0, 255)
    picture.colors[away] = np.stack([0 * flow, -60 * flow, 200 - 20 * flow], axis=-1)[away].clip(0, 255)
    if bar:
        ramp = np.linspace(1, -1, 160)
        red, blue = np.clip(ramp, 0, 1), np.clip(-ramp, 0, 1)
        colors = np.stack([255 * np.sqrt(red), 200 * (red**2 + blue**2), 255 * np.sqrt(blue)], axis=-1)
        picture.colors[60:220, 600:614] = colors[:, None].astype(np.uint8)
    return picture


def m_mode(*, seed: int = 0) -> Picture:
    """A small fan above, and below the echoes of one line over time across the whole width."""
    rng = np.random.default_rng(seed)
    picture = b_mode(seed=seed, top=20, depth=170, furniture=False)
    rows, columns = 230, 600
    depth_profile = ndi.gaussian_filter1d(rng.uniform(10, 160, rows), 3)
    shift = (6 * np.sin(np.arange(columns) / 18)).astype(int)
    trace = np.stack([np.roll(depth_profile, one) for one in shift], axis=1)
    noisy = np.clip(trace * rng.rayleigh(0.8, (rows, columns)), 0, 255)
    picture.colors[240 : 240 + rows, 20 : 20 + columns] = ndi.uniform_filter(noisy, (1, 3)).astype(np.uint8)[..., None]
    return picture
