"""All measurements of a case in one call."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from LiverAILib.data.assessment import CaseWarning, Segmentation
from LiverAILib.data.measurement import Measurement
from LiverAILib.imaging.image import Image
from LiverAILib.morphometry.attenuation import attenuation_findings
from LiverAILib.morphometry.caudate import caudate_findings
from LiverAILib.morphometry.covariates import COVARIATES
from LiverAILib.morphometry.findings import Anatomy, Morphometry
from LiverAILib.morphometry.nodularity import nodularity_findings
from LiverAILib.morphometry.serum import serum_findings
from LiverAILib.morphometry.stiffness import stiffness_findings
from LiverAILib.morphometry.volumes import volume_findings


def measure(
    image: Image,
    segmentation: Segmentation,
    *,
    parts: Mapping[str, np.ndarray] | None = None,
    covariates: Mapping[str, float | str] | None = None,
) -> Morphometry:
    """Everything that can be measured without a trained classifier.

    Args:
        image: CT in HU, or MR.
        segmentation: Label map in the geometry of `image`.
        parts: Further masks, bool (k, j, i) of `image`: "caudate", "right_lobe", "portal_vein", "lesions" (left out of
            the attenuation).
        covariates: `COVARIATES` with units in the names.

    Raises:
        UserError: A covariate has an impossible value.

    Examples:
        >>> from LiverAILib import segment
        >>> from LiverAILib.morphometry import measure
        >>> from LiverAILib.simulation.t2_mr import simulate_t2_mr
        >>> image = simulate_t2_mr(4, seed=2, size=(128, 128, 18), spacing=(2.5, 2.5, 15.0)).image
        >>> found = measure(image, segment(image), covariates={"ast_u_per_l": 80, "platelets_1e9_per_l": 100})
        >>> [(one.name, one.unit) for one in found.measurements][:2]
        [('Liver volume', 'mL'), ('Right kidney volume', 'mL')]
        >>> next(one.value for one in found.measurements if one.name == "APRI")
        2.0
    """
    covariates = covariates or {}
    anatomy = Anatomy.of(image, segmentation, parts or {})
    found = Morphometry.joined(
        (
            volume_findings(segmentation, anatomy, covariates),
            caudate_findings(anatomy),
            nodularity_findings(anatomy),
            attenuation_findings(anatomy, covariates),
            serum_findings(covariates),
            stiffness_findings(covariates),
        )
    )
    return _with_cutoff_warnings(found)


def measure_covariates(covariates: Mapping[str, float | str]) -> Morphometry:
    """What can be measured without a segmentation: indices from blood, and the given stiffness; nothing where none is given.

    Raises:
        UserError: A covariate has an impossible value.
    """
    if not any(str(covariates.get(name, "")).strip() for name in COVARIATES):
        return Morphometry()
    return _with_cutoff_warnings(Morphometry.joined((serum_findings(covariates), stiffness_findings(covariates))))


def _with_cutoff_warnings(found: Morphometry) -> Morphometry:
    warnings = (warning for m in found.measurements if (warning := _cutoff_warning(m)) is not None)
    return Morphometry(found.measurements, found.not_assessed, found.drawings, (*found.warnings, *warnings))


def _cutoff_warning(measurement: Measurement) -> CaseWarning | None:
    """One warning for all conditions of a measurement's cut-offs that are not met."""
    broken = dict.fromkeys(c.text for cutoff in measurement.cutoffs for c in cutoff.conditions if c.met is False)
    if not broken:
        return None
    text = f"{measurement.name}: published cut-offs do not apply, for they need: {'; '.join(broken)}."
    return CaseWarning("cutoff_conditions", text)
