"""Masks of what is drawn beside the labeled organs: the regions of Nowak 2021's table 3 outside of the liver."""

from __future__ import annotations

import numpy as np

from LiverAILib.simulation.body import back_muscles
from LiverAILib.simulation.canvas import Canvas
from LiverAILib.simulation.organs import ESOPHAGUS_END, STOMACH_BOX, OrganForm, stomach
from LiverAILib.simulation.shapes import ellipsoid

REGIONS = {"stomach": 1, "gastroesophageal_junction": 2, "spinal_muscle": 3}
"""Label of each region."""
JUNCTION_MM = 20.0
"""Reach of the gastro-esophageal junction around the end of the esophagus."""


def region_labels(canvas: Canvas, form: OrganForm) -> np.ndarray:
    """Labels (see `REGIONS`), uint8 (k, j, i), of a patient that was painted: only where nothing covers them."""
    labels = np.zeros(canvas.grid.shape, np.uint8)
    muscle = back_muscles(canvas.grid.points) < 0
    labels[muscle & canvas.shows("muscle")] = REGIONS["spinal_muscle"]
    region = canvas.grid.box(*STOMACH_BOX)
    points = canvas.grid.at(region)
    shape, esophagus = stomach(points, form)
    shown = canvas.shows("bowel_wall", "stomach_content", "gas")[region]
    near = ellipsoid(points, ESOPHAGUS_END, (JUNCTION_MM,) * 3) < 0
    part = labels[region]
    part[shown & (shape < 0)] = REGIONS["stomach"]
    part[shown & near & (np.minimum(shape, esophagus) < 0)] = REGIONS["gastroesophageal_junction"]
    return labels
