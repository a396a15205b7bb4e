"""What a fibrosis stage does to a liver: from the stage to the size of every planted sign."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from LiverAILib.errors import UserError

STAGES = (0, 1, 2, 3, 4)
# Position of the stages on a scale from healthy (0) to typical cirrhosis (1): neighbors overlap, F4 is separate, because
# macroscopic signs are late (METAVIR F4 is defined by the remodeled architecture).
SEVERITY_MEAN = (0.0, 0.12, 0.28, 0.50, 1.0)
SEVERITY_SD = (0.0, 0.05, 0.07, 0.09, 0.10)


@dataclass(frozen=True)
class Fibrosis:
    """Planted signs of one case. Scales are relative to the same patient without fibrosis."""

    stage: int
    severity: float
    nodule_amplitude_mm: float
    nodule_size_mm: float
    caudate_scale: float
    right_lobe_scale: float
    left_lobe_scale: float
    liver_volume_scale: float
    spleen_volume_scale: float
    texture_contrast: float
    texture_size_mm: float
    texture_coverage: float
    fissure_widening_mm: float
    portal_vein_scale: float
    ascites_mm: float
    varices_count: int


def draw_fibrosis(stage: int, rng: np.random.Generator) -> Fibrosis:
    """The signs of a patient at a stage.

    The same state of `rng` gives the same patient at every stage: severity and every sign then rise with the stage.
    The choice of signs (surface nodules, caudate hypertrophy, shrinking right and growing left lateral lobe,
    wide fissures, large spleen, ascites, varices) follows Brown 1997 (Radiology 202:1) and, for the caudate, Harbin 1980
    (Radiology 135:273); their sizes are choices made for a learnable, overlapping scale, not fitted to patients.

    Raises:
        UserError: The stage is not 0 to 4.
    """
    if isinstance(stage, bool) or stage not in STAGES:
        raise UserError(f"Stage {stage!r} is not a fibrosis stage: give a whole number from 0 (none) to 4 (cirrhosis).")
    # Clipping the draw keeps the order of the stages in one and the same patient.
    g = np.clip(rng.standard_normal(12), -2, 2)
    chance = rng.random(4)
    severity = float(max(0.0, SEVERITY_MEAN[stage] + SEVERITY_SD[stage] * g[0]))
    cirrhosis = stage == 4
    return Fibrosis(
        stage=int(stage),
        severity=severity,
        nodule_amplitude_mm=float(1.9 * severity**1.4 * np.exp(0.22 * g[1])),
        nodule_size_mm=float(15.0 * np.exp(0.2 * g[2])),
        caudate_scale=float(1 + 0.45 * severity * np.exp(0.2 * g[3])),
        right_lobe_scale=float(1 - 0.13 * severity * np.exp(0.2 * g[4])),
        left_lobe_scale=float(1 + 0.14 * severity * np.exp(0.2 * g[5])),
        liver_volume_scale=float(1 - 0.12 * severity * np.exp(0.4 * g[6])),
        spleen_volume_scale=float(1 + 1.5 * severity**1.2 * np.exp(0.35 * g[7])),
        texture_contrast=float(0.11 * severity * np.exp(0.2 * g[8])),
        texture_size_mm=float(6.0 * np.exp(0.15 * g[9])),
        texture_coverage=float(min(0.5, 0.28 * severity**0.7 * np.exp(0.15 * g[10]))),
        fissure_widening_mm=float(3.5 * severity**1.5 * np.exp(0.2 * g[11])),
        portal_vein_scale=float(1 + 0.25 * severity),
        ascites_mm=float(4 + 14 * chance[1]) if cirrhosis and chance[0] < 0.4 else 0.0,
        varices_count=int(2 + 4 * chance[3]) if cirrhosis and chance[2] < 0.6 else 0,
    )
