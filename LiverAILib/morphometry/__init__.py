"""Measurements that need no training: volumes, ratios, surface, attenuation, serum indices; with published cut-offs."""

from LiverAILib.morphometry.baseline import BASELINES, baseline_scores
from LiverAILib.morphometry.findings import Morphometry
from LiverAILib.morphometry.hepatorenal import hepatorenal_findings
from LiverAILib.morphometry.measure import measure, measure_covariates
from LiverAILib.morphometry.volumes import volume_measurements

__all__ = [
    "BASELINES",
    "Morphometry",
    "baseline_scores",
    "hepatorenal_findings",
    "measure",
    "measure_covariates",
    "volume_measurements",
]
