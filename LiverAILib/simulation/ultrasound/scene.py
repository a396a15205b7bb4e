"""What lies in the fan: echogenicity, attenuation and labels, painted over each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy import ndimage

from LiverAILib.simulation.shapes import tube
from LiverAILib.simulation.texture import smooth_field
from LiverAILib.simulation.ultrasound.fan import Fan, Region

FAR_MM = 40.0
LARGEST_BEND_MM = 8.0
LIVER, VESSEL, KIDNEY, WALL, BEYOND = 1, 2, 3, 4, 5
"""Labels of a scene; 0 is everything else."""

Polyline = Sequence[tuple[float, float, float]]
"""x, y and radius in mm of the points of a vessel."""


def decibel(value: np.ndarray | float) -> np.ndarray:
    """Power ratio of a level in dB."""
    return np.float32(10) ** (np.asarray(value, np.float32) / np.float32(10))


class Scene:
    """Maps on the samples of a fan, all (depth, beam).

    Attributes:
        x, y: Where shapes see a sample, in mm: the fan's places, bent a little so that no organ is an exact ellipse.
        power: Backscattered power, float32; that of normal liver is 1.
        attenuation: One-way attenuation in dB/(cm MHz).
        labels: uint8, see above.
    """

    def __init__(self, fan: Fan, *, attenuation: float, rng: np.random.Generator) -> None:
        self.fan = fan
        self.x = fan.x + self.bend(rng)
        self.y = fan.y + self.bend(rng)
        self.power = np.ones(fan.shape, np.float32)
        self.attenuation = np.full(fan.shape, np.float32(attenuation))
        self.labels = np.full(fan.shape, np.uint8(LIVER))
        self.everywhere: Region = (slice(0, fan.shape[0]), slice(0, fan.shape[1]))

    def bend(self, rng: np.random.Generator) -> np.ndarray:
        """Displacement in mm along one axis: slow over centimeters, with a little unevenness over millimeters."""
        return np.float32(2.2) * self.field(rng, correlation_mm=22.0) + np.float32(0.35) * self.field(
            rng, correlation_mm=5.0
        )

    def cover(
        self,
        shape_mm: np.ndarray,
        level_db: np.ndarray | float,
        *,
        attenuation: float | None = None,
        label: int | None = None,
        edge_mm: float = 0.4,
        opacity: float = 1.0,
        region: Region | None = None,
    ) -> None:
        """Puts a tissue over what is there.

        Args:
            shape_mm: Distance to its surface, negative inside, on `region`.
            level_db: Its backscatter against normal liver, a number or an array on `region`.
            attenuation: In dB/(cm MHz); None leaves it.
            label: Of the samples inside; None leaves them.
            edge_mm: Width of the transition.
            opacity: 1 replaces what was there.
            region: Part of the fan; all when None.
        """
        region = region or self.everywhere
        share = np.clip(np.float32(0.5) - shape_mm / np.float32(edge_mm), 0, 1) * np.float32(opacity)
        power = self.power[region]
        power += share * (decibel(level_db) - power)
        if attenuation is not None:
            self.attenuation[region] += share * (np.float32(attenuation) - self.attenuation[region])
        if label is not None:
            self.labels[region][shape_mm < 0] = label

    def reflect(
        self,
        shape_mm: np.ndarray,
        level_db: np.ndarray | float,
        *,
        width_mm: float,
        directivity: float = 1.0,
        region: Region | None = None,
        within: np.ndarray | None = None,
    ) -> None:
        """Adds a specular reflector on the surface of a shape: bright where the beam meets it at a right angle.

        Args:
            shape_mm: Distance to the surface, on `region`.
            level_db: Backscatter at a right angle, against normal liver.
            width_mm: Thickness (full width at half maximum).
            directivity: Power of the cosine between beam and normal.
            region: Part of the fan; all when None.
            within: Weight 0..1 on `region` of where the reflector exists.
        """
        region = region or self.everywhere
        if shape_mm.shape[0] < 2:
            return
        cosine = np.clip(np.abs(np.gradient(shape_mm, self.fan.step_mm, axis=0)), 0.15, 1) ** np.float32(directivity)
        profile = np.exp(-((shape_mm / np.float32(width_mm / 1.665)) ** 2)) * cosine
        self.power[region] += (profile if within is None else profile * within) * decibel(level_db)

    def field(self, rng: np.random.Generator, *, correlation_mm: float, step_mm: float | None = None) -> np.ndarray:
        """Gaussian random field of mean 0 and standard deviation 1, the same in all directions of the picture."""
        step = step_mm or max(correlation_mm / 3, 0.5)
        fan = self.fan
        half, length = float(np.abs(fan.x).max()), float(fan.y.max())
        shape = (1, int(length / step) + 12, int(2 * half / step) + 12)
        values = smooth_field(rng, shape, (step, step, 1.0), correlation_mm=correlation_mm)[0]
        places = ((fan.y + 5 * step) / step, (fan.x + half + 5 * step) / step)
        return ndimage.map_coordinates(values, places, order=1, mode="nearest")

    def lines(self, vessels: Sequence[Polyline], *, margin_mm: float = 8.0) -> np.ndarray:
        """Distance to the surface of tubes along polylines, `FAR_MM` where none is near."""
        out = np.full(self.fan.shape, np.float32(FAR_MM))
        for vessel in vessels:
            for (x0, y0, r0), (x1, y1, r1) in pairwise(vessel):
                reach = max(r0, r1) + margin_mm + LARGEST_BEND_MM
                region = self.fan.region(
                    (min(x0, x1) - reach, max(x0, x1) + reach), (min(y0, y1) - reach, max(y0, y1) + reach)
                )
                x, y = self.x[region], self.y[region]
                if x.size == 0:
                    continue
                near = tube((x, y, np.float32(0)), (x0, y0, 0), (x1, y1, 0), (r0, r1))
                out[region] = np.minimum(out[region], near)
        return out
