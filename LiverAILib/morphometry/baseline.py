"""The simple scores that every network has to beat: one number each, larger with more advanced disease."""

from __future__ import annotations

from LiverAILib.data.assessment import Assessment
from LiverAILib.morphometry.findings import Morphometry

BASELINES = {
    "spleen_volume": ("spleen_volume", 1),
    "small_liver_volume": ("liver_volume", -1),
    "spleen_to_liver_volume_ratio": ("spleen_to_liver_volume_ratio", 1),
    "surface_nodularity": ("surface_nodularity", 1),
    "caudate_to_right_lobe_volume_ratio": ("caudate_to_right_lobe_volume_ratio", 1),
    "caudate_to_right_lobe_width_ratio": ("caudate_to_right_lobe_width_ratio", 1),
    "apri": ("apri", 1),
    "fib4": ("fib4", 1),
    "stiffness": ("stiffness", 1),
}
"""Name of a score to the key of its measurement and the sign that makes it rise with the stage."""


def baseline_scores(assessment: Assessment | Morphometry) -> dict[str, float]:
    """The baseline scores of a case, in the order of `BASELINES`; what was not measured is absent, never 0.

    `small_liver_volume` is the negative volume in mL. Columns `score:<name>` of a predictions file compare them with a
    network by the same statistics.
    """
    values = {m.key: m.value for m in assessment.measurements}
    return {name: sign * values[key] for name, (key, sign) in BASELINES.items() if key in values}
