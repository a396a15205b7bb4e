"""What liver fat does to the views of one participant: from the fat fraction to the size of every sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from LiverAILib.errors import UserError
from LiverAILib.simulation.ultrasound.liver_state import LiverState

FAT_SCALE_PERCENT = 15.0
"""Fat fraction at which the signs have reached 63 % of their full size: they saturate, as in Byra 2021, figure 4."""
PERSON_SD, VIEW_SD = 0.05, 0.12
"""Scatter of the size of a sign between participants of one fat fraction, and between the views of one participant."""
SIGNS = 5


def severity_of(pdff_percent: float) -> float:
    """Size of the signs of fat, 0 to 1, without scatter."""
    return float(1 - np.exp(-pdff_percent / FAT_SCALE_PERCENT))


@dataclass(frozen=True)
class Person:
    """What is the same in all views of a participant.

    Attributes:
        baseline: Liver without fat.
        offsets: Scatter of each sign, of standard deviation `PERSON_SD`.
        kidney_db: Level of the renal cortex against normal liver.
    """

    baseline: LiverState
    offsets: np.ndarray
    kidney_db: float


def draw_person(rng: np.random.Generator) -> Person:
    """A participant, independent of the fat fraction."""
    g = np.clip(rng.standard_normal(6), -2, 2)
    baseline = LiverState(
        attenuation=float(0.52 + 0.02 * g[0]),
        lumen_db=float(-27 + 1.5 * g[1]),
        wall_db=float(13 + 1.0 * g[2]),
        mottle_db=float(0.7 * np.exp(0.2 * g[3])),
        vein_scale=float(np.exp(0.12 * g[4])),
    )
    return Person(baseline, PERSON_SD * np.clip(rng.standard_normal(SIGNS), -2, 2), float(-2.0 + 0.8 * g[5]))


def draw_fatty_liver(pdff_percent: float, person: Person, rng: np.random.Generator) -> LiverState:
    """The liver of one view; each sign rises with the fat fraction for the same person and state of `rng`.

    Backscatter, attenuation, blurred vessels, walls that no longer stand out and a fainter diaphragm are the signs that
    radiologists grade (Hernaez 2011, Hepatology 54:1082); their sizes are choices, attenuation after the range of the
    controlled attenuation parameter (about 240 to 350 dB/m at 3.5 MHz).

    Raises:
        UserError: The fat fraction is not between 0 and 100 %.
    """
    if not 0 <= pdff_percent <= 100:
        raise UserError(f"A fat fraction of {pdff_percent} % cannot be simulated: give 0 to 100.")
    view = VIEW_SD * np.clip(rng.standard_normal(SIGNS), -2, 2)
    bright, loss, blur, wall, smooth = fat_sizes(pdff_percent, person.offsets + view)
    normal = person.baseline
    return LiverState(
        level_db=float(normal.level_db + 8.5 * bright),
        attenuation=float(normal.attenuation + 0.30 * loss),
        lumen_db=float(normal.lumen_db + 8.5 * bright + 14 * blur),
        vessel_edge_mm=float(normal.vessel_edge_mm + 3.5 * blur),
        wall_db=float(normal.wall_db - 3 * wall),
        diaphragm_db=float(normal.diaphragm_db - 5 * wall),
        mottle_db=float(normal.mottle_db * (1 - 0.6 * smooth)),
        vein_scale=float(normal.vein_scale * (1 - 0.2 * blur)),
    )


def fat_sizes(pdff_percent: float, offsets: Sequence[float] | np.ndarray) -> np.ndarray:
    """Size of each sign: 0 without fat, whatever the scatter; rises with the fat fraction."""
    severity = severity_of(pdff_percent)
    # The scatter grows with the first percents of fat, so that a liver without fat has no sign at all.
    return np.clip(severity + np.asarray(offsets) * min(1.0, 4 * severity), 0, 1.2)
