"""What disease does to the liver of one view: the quantities that fat and fibrosis change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LiverState:
    """The liver of one view; the defaults are a normal liver.

    Attributes:
        level_db: Backscatter of the parenchyma against normal liver.
        attenuation: dB/(cm MHz), one way.
        lumen_db: Level of vessel lumens against normal liver: clutter fills them.
        vessel_edge_mm: Width of the transition from lumen to parenchyma.
        wall_db: Level of the portal walls against normal liver.
        diaphragm_db: Level of the diaphragm against normal liver.
        texture_db: Standard deviation of the coarse texture in its foci.
        texture_mm: Size of its lumps.
        texture_share: Share of the parenchyma that the foci cover.
        mottle_db: Standard deviation of the unevenness that every liver has.
        surface_mm: Amplitude of the nodules of the liver surface.
        surface_period_mm: Their distance.
        vein_scale: Caliber of the hepatic veins, 1 is normal.
        vein_waviness: Irregularity of their walls, share of the caliber.
    """

    level_db: float = 0.0
    attenuation: float = 0.52
    lumen_db: float = -27.0
    vessel_edge_mm: float = 0.5
    wall_db: float = 13.0
    diaphragm_db: float = 24.0
    texture_db: float = 0.0
    texture_mm: float = 4.0
    texture_share: float = 0.0
    mottle_db: float = 0.7
    surface_mm: float = 0.0
    surface_period_mm: float = 9.0
    vein_scale: float = 1.0
    vein_waviness: float = 0.0
