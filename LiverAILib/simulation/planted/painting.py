"""Signs that are painted into a deformed scan: coarse texture of the parenchyma, ascites, varices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from LiverAILib.simulation.ct_attenuation import TISSUES
from LiverAILib.simulation.fibrosis import Fibrosis
from LiverAILib.simulation.organs import VARICES_ROOTS, varices
from LiverAILib.simulation.planted.anatomy import rise
from LiverAILib.simulation.texture import lumps, net, smooth_field

FOCUS_MM = 28.0
BLUR_PIXELS = 0.6
"""Standard deviation of the point spread of what is painted, in-plane."""
WALL_MM = (34.0, 52.0)
"""Depth below the skin of a surface that faces the wall of the trunk, and of one that does not."""
FLUID_HU = 9.0
VEIN_PERCENTILE = 95
"""Of the values in the liver: those of its larger vessels."""
VARICES_BEHIND_CAVA_MM = 25.0
"""No collateral vein lies further back, where the spine is."""
HILUM_GAP_MM, VARICES_REACH_MM = 6.0, 45.0
CAVA_IN_CANON = (-24.0, 14.0, 8.5)
"""x, y, z of the vena cava at the level of the caudate lobe in the coordinates of `organs.varices`."""


@dataclass(frozen=True, eq=False)
class DeformedScan:
    """Voxels float32 and what lies where, all (k, j, i), superior, posterior, left.

    Attributes:
        voxels: Values.
        liver, spleen, kidneys: Boolean masks.
        distance: Signed distance from the surface of the liver in mm.
        skin: Depth below the skin in mm.
        spacing: mm along (i, j, k).
        mr: Whether values are signals.
        cava: z, y, x in mm of the vena cava at the level of the caudate lobe.
        hilum: z, y, x of the hilum of the spleen; None where no spleen is known.
    """

    voxels: np.ndarray
    liver: np.ndarray
    spleen: np.ndarray
    kidneys: np.ndarray
    distance: np.ndarray
    skin: np.ndarray
    spacing: tuple[float, float, float]
    mr: bool
    cava: tuple[float, float, float]
    hilum: tuple[float, float, float] | None

    def blurred(self, field: np.ndarray) -> np.ndarray:
        """A painted field as the scanner would show it."""
        return ndimage.gaussian_filter(field, (0, BLUR_PIXELS, BLUR_PIXELS))

    def noise(self) -> np.ndarray:
        """What is fine in the scan: its noise, and the edges, which are cut."""
        rough = self.voxels - ndimage.gaussian_filter(self.voxels, (0, 1.5, 1.5))
        spread = 1.48 * np.median(np.abs(rough[self.liver]))
        return np.clip(rough, -2 * spread, 2 * spread)


def facing_wall(skin: np.ndarray) -> np.ndarray:
    """1 where a surface at a depth below the skin (mm) faces the wall of the trunk, 0 where it does not."""
    return 1 - rise(skin, *WALL_MM)


def paint_texture(scan: DeformedScan, fibrosis: Fibrosis, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Nets of septa in foci of the parenchyma; vessels keep their values.

    Returns:
        New voxels, and the boolean mask of the foci.
    """
    shape = scan.voxels.shape
    foci = smooth_field(rng, shape, scan.spacing, correlation_mm=FOCUS_MM)
    mesh = net(rng, shape, scan.spacing, size_mm=fibrosis.texture_size_mm)
    if not fibrosis.severity:
        return scan.voxels, np.zeros(shape, bool)
    threshold = np.quantile(foci[scan.liver][::16], 1 - fibrosis.texture_coverage)
    weight = np.clip(foci - np.float32(threshold) + 0.5, 0, 1)
    # Vessels and lesions are far from the usual value of the parenchyma.
    smooth = ndimage.gaussian_filter(scan.voxels, (0, 1, 1))
    middle = np.median(smooth[scan.liver])
    spread = 1.48 * np.median(np.abs(smooth[scan.liver] - middle))
    parenchyma = np.clip(3.5 - np.abs(smooth - middle) / spread, 0, 1)
    taper = np.clip(-scan.distance / 2.5, 0, 1)
    mesh = scan.blurred(np.maximum(mesh, -1.0))
    relative = np.float32(fibrosis.texture_contrast) * weight * mesh / mesh.std()
    relative = relative * (parenchyma * taper)
    change = relative * smooth if scan.mr else relative * np.float32(TISSUES["liver"].swing)
    return scan.voxels + change, scan.liver & (weight > 0.5) & (relative != 0)


def paint_ascites(scan: DeformedScan, fibrosis: Fibrosis, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Fluid between the wall of the trunk and liver and spleen, which give way; the wall stays as it is.

    Returns:
        New voxels, and the boolean mask of the fluid.
    """
    shape = scan.voxels.shape
    pools = smooth_field(rng, shape, scan.spacing, correlation_mm=40.0)
    bumps = lumps(rng, shape, scan.spacing, size_mm=fibrosis.nodule_size_mm)
    if not fibrosis.ascites_mm:
        return scan.voxels, np.zeros(shape, bool)
    pixel = np.float32(scan.spacing[0])
    thickness = np.float32(fibrosis.ascites_mm) * np.clip(0.7 + 0.5 * pools, 0, 1.4) * facing_wall(scan.skin)
    thickness -= np.float32(fibrosis.nodule_amplitude_mm) * bumps * (thickness > 0)
    cover = np.clip(0.5 + (thickness + scan.distance) / pixel, 0, 1) * scan.liver
    if scan.spleen.any():
        depth = ndimage.distance_transform_edt(scan.spleen, sampling=scan.spacing[::-1])
        cover = np.maximum(cover, np.clip(0.5 + (0.6 * thickness - depth) / pixel, 0, 1) * scan.spleen)
    fluid = cover > 0.5
    cover = ndimage.gaussian_filter(cover.astype(np.float32), (0, 0.9, 0.9))
    return scan.voxels * (1 - cover) + cover * (_fluid_value(scan) + scan.noise()), fluid


def paint_varices(scan: DeformedScan, fibrosis: Fibrosis, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Winding veins around the cardia and the hilum of the spleen, as bright as the vessels of the liver.

    Returns:
        New voxels, and the boolean mask of the veins.
    """
    planted = np.zeros(scan.voxels.shape, bool)
    if not fibrosis.varices_count:
        return scan.voxels, planted
    region, tangle = _tangle(scan, fibrosis.varices_count, rng)
    free = ~(scan.liver | scan.spleen | scan.kidneys) & (scan.skin > 22)
    front = np.arange(scan.voxels.shape[1]) * scan.spacing[1] < scan.cava[1] + VARICES_BEHIND_CAVA_MM
    free &= front[None, :, None]
    cover = np.zeros(scan.voxels.shape, np.float32)
    cover[region] = np.clip(0.5 - tangle / np.float32(scan.spacing[0]), 0, 1)
    cover *= free
    planted = cover > 0.5
    vein = np.percentile(ndimage.gaussian_filter(scan.voxels, (0, 0.7, 0.7))[scan.liver], VEIN_PERCENTILE)
    cover = scan.blurred(cover)
    return scan.voxels * (1 - cover) + cover * (np.float32(vein) + scan.noise()), planted


def _tangle(scan: DeformedScan, count: int, rng: np.random.Generator) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """Implicit shape of the veins in a box (k, j, i) of the scan."""
    shift = np.array(scan.cava) - CAVA_IN_CANON[::-1]
    roots = [np.array(root[::-1]) + shift for root in VARICES_ROOTS]
    if scan.hilum is not None:
        roots[1] = np.array(scan.hilum) - np.array((0.0, 0.0, HILUM_GAP_MM))
    low, high = np.min(roots, 0) - VARICES_REACH_MM, np.max(roots, 0) + VARICES_REACH_MM
    region, points = [], []
    for axis, (n, step) in enumerate(zip(scan.voxels.shape, reversed(scan.spacing), strict=True)):
        first = min(max(int(low[axis] / step), 0), n - 1)
        region.append(slice(first, max(min(int(high[axis] / step) + 1, n), first + 1)))
        points.append((np.arange(n, dtype=np.float32) * np.float32(step))[region[-1]])
    z, y, x = np.ix_(*points)
    return (region[0], region[1], region[2]), varices((x, y, z), count, rng, roots=[root[::-1] for root in roots])


def _fluid_value(scan: DeformedScan) -> np.ndarray | np.float32:
    """Free fluid: on MR as bright as the brightest fluid of the scan, darker where the coil sees less."""
    if not scan.mr:
        return np.float32(FLUID_HU)
    inside = scan.voxels[scan.skin > 10]
    bright = np.float32(0.92 * np.percentile(inside, 99.0))
    size = [30.0 / step for step in reversed(scan.spacing)]
    weight = ndimage.gaussian_filter(scan.liver.astype(np.float32), size) + np.float32(1e-3)
    local = ndimage.gaussian_filter(scan.voxels * scan.liver, size) / weight
    usual = np.median(local[scan.liver])
    return bright * np.clip(local / usual, 0.75, 1.15)
