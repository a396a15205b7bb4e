"""Liver stiffness as an elastography device measured it."""

from __future__ import annotations

from collections.abc import Mapping

from LiverAILib.data.measurement import Measurement
from LiverAILib.morphometry.covariates import number
from LiverAILib.morphometry.findings import Morphometry


def stiffness_findings(covariates: Mapping[str, float | str]) -> Morphometry:
    """The given liver stiffness; without published cut-offs, for they differ between devices and causes of disease.

    Raises:
        UserError: The value is impossible.
    """
    value = number(covariates, "stiffness_kpa")
    if value is None:
        return Morphometry()
    text = "As given (stiffness_kpa); by shear wave elastography the mean of five measurements (Xue 2020)."
    return Morphometry(measurements=(Measurement("Liver stiffness", value, "kPa", text, key="stiffness"),))
