"""What a fibrosis stage does to gray-scale images and to stiffness, each with its own scatter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from LiverAILib.errors import UserError
from LiverAILib.simulation.fibrosis import STAGES
from LiverAILib.simulation.ultrasound.liver_state import LiverState

SEVERITY_MEAN = (0.0, 0.10, 0.44, 0.72, 1.08)
SEVERITY_SD = 0.25
"""Position of the stages on the scale of the gray-scale signs, and the scatter between patients of one stage."""
STIFFNESS_KPA = (5.4, 5.9, 7.6, 9.8, 15.0)
STIFFNESS_LOG_SD = 0.28
"""Median stiffness of the stages in 2D shear-wave elastography, and its scatter (standard deviation of the logarithm)."""
VIEW_SD, MEASUREMENT_LOG_SD = 0.06, 0.07
"""Scatter between the five images of a patient: of the gray-scale signs, and of the logarithm of the stiffness."""


@dataclass(frozen=True)
class FibrosisPatient:
    """What is the same in all images of a patient.

    Attributes:
        stage: 0 to 4 (Scheuer, METAVIR).
        severity: Size of the gray-scale signs, 0 to about 1.3.
        stiffness_kpa: Stiffness of the liver.
        unevenness: Relative standard deviation of the stiffness within the color box.
        baseline: The liver without fibrosis.
        texture_mm: Size of the lumps of the coarse texture.
        surface_period_mm: Distance of the surface nodules.
    """

    stage: int
    severity: float
    stiffness_kpa: float
    unevenness: float
    baseline: LiverState
    texture_mm: float
    surface_period_mm: float


def draw_fibrosis_patient(stage: int, rng: np.random.Generator) -> FibrosisPatient:
    """A patient; every sign rises with the stage for the same state of `rng`.

    Raises:
        UserError: The stage is not 0 to 4.
    """
    if isinstance(stage, bool) or stage not in STAGES:
        raise UserError(f"Stage {stage!r} is not a fibrosis stage: give a whole number from 0 (none) to 4 (cirrhosis).")
    g = np.clip(rng.standard_normal(9), -2.3, 2.3)
    # Without fibrosis there is nothing to see; what a stage shows scatters, so that neighbors overlap.
    severity = 0.0 if stage == 0 else max(0.0, SEVERITY_MEAN[stage] + SEVERITY_SD * g[0])
    baseline = LiverState(
        attenuation=float(0.54 + 0.03 * g[1]),
        mottle_db=float(0.8 * np.exp(0.35 * g[2])),
        wall_db=float(12 + g[3]),
        vein_scale=float(np.exp(0.12 * g[4])),
    )
    return FibrosisPatient(
        stage=int(stage),
        severity=float(severity),
        stiffness_kpa=float(STIFFNESS_KPA[stage] * np.exp(STIFFNESS_LOG_SD * g[5])),
        unevenness=float(np.clip(0.08 + 0.08 * SEVERITY_MEAN[stage] + 0.03 * g[6], 0.03, 0.25)),
        baseline=baseline,
        texture_mm=float(4.2 * np.exp(0.12 * g[7])),
        surface_period_mm=float(9.0 * np.exp(0.15 * g[8])),
    )


def draw_fibrotic_liver(patient: FibrosisPatient, rng: np.random.Generator) -> LiverState:
    """The liver of one image: coarse texture, uneven surface, narrow irregular hepatic veins and a brighter parenchyma."""
    g = np.clip(rng.standard_normal(4), -2, 2)
    severity = max(0.0, patient.severity + VIEW_SD * g[0]) if patient.severity > 0 else 0.0
    normal = patient.baseline
    return LiverState(
        level_db=float(normal.level_db + 1.5 * severity),
        attenuation=float(normal.attenuation + 0.05 * severity),
        lumen_db=float(normal.lumen_db + 3 * severity),
        vessel_edge_mm=float(normal.vessel_edge_mm + 0.4 * severity),
        wall_db=normal.wall_db,
        diaphragm_db=normal.diaphragm_db,
        texture_db=float(1.6 + 2.9 * severity * np.exp(0.08 * g[1])) if severity > 0 else 0.0,
        texture_mm=patient.texture_mm,
        texture_share=float(min(0.6, 0.52 * severity**0.75 * np.exp(0.08 * g[2]))),
        mottle_db=normal.mottle_db,
        surface_mm=float(1.5 * severity**1.3 * np.exp(0.15 * g[3])),
        surface_period_mm=patient.surface_period_mm,
        vein_scale=float(normal.vein_scale * (1 - 0.38 * min(severity, 1.2))),
        vein_waviness=float(0.25 * severity),
    )


def without_fibrosis(patient: FibrosisPatient) -> LiverState:
    """The liver of every image if there were no fibrosis, for the evidence."""
    baseline = patient.baseline
    return LiverState(
        attenuation=baseline.attenuation,
        mottle_db=baseline.mottle_db,
        wall_db=baseline.wall_db,
        vein_scale=baseline.vein_scale,
        texture_mm=patient.texture_mm,
        surface_period_mm=patient.surface_period_mm,
    )


def draw_serum(stage: int, rng: np.random.Generator) -> dict[str, float]:
    """Age, AST, ALT and platelets, weakly tied to the stage (AUC of APRI about .7 to .8, as in Xue 2020, table 3)."""
    g = rng.standard_normal(4)
    ast = np.exp(np.log(26) + 0.11 * stage + 0.42 * g[0])
    return {
        "age_years": float(np.clip(round(48 + 2.0 * stage + 11 * g[3]), 18, 85)),
        "ast_u_per_l": round(float(np.clip(ast, 8, 900)), 0),
        "alt_u_per_l": round(float(np.clip(ast * np.exp(0.15 + 0.35 * g[1] - 0.02 * stage), 6, 1200)), 0),
        "platelets_1e9_per_l": round(float(np.clip(np.exp(np.log(205) - 0.085 * stage + 0.27 * g[2]), 30, 600)), 0),
    }
