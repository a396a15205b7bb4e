"""Attenuation of liver and spleen in CT: the parenchyma away from borders, vessels and lesions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from LiverAILib.data.assessment import CaseWarning
from LiverAILib.data.measurement import Condition, Drawing, Measurement, NotAssessed
from LiverAILib.morphometry import cutoffs
from LiverAILib.morphometry.covariates import contrast, number
from LiverAILib.morphometry.findings import Anatomy, Morphometry

BORDER_MM = 5.0
"""Distance that the region of interest keeps from the organ's border and from a lesion."""

OUTLIER_SD = 2.0
SMOOTH_MM = 1.5
MINIMUM_ROI_ML = 1.0
PLAUSIBLE_HU = (-60.0, 300.0)
ENHANCED_SPLEEN_HU = 70.0
ENHANCED_KIDNEY_HU = 60.0
"""Without contrast agent the spleen has about 50 HU and a kidney about 35: above these two the scan is taken as enhanced."""


@dataclass(frozen=True, eq=False)
class Parenchyma:
    """The region of interest of an organ: bool mask (k, j, i), and median, mean and standard deviation inside, in HU."""

    roi: np.ndarray
    median: float
    mean: float
    sd: float


def parenchyma(anatomy: Anatomy, organ: str) -> Parenchyma | None:
    """Region of interest and attenuation of an organ; None where less than 1 mL is left of it.

    Kept are voxels `BORDER_MM` from the border in their slice, outside lesions (mask "lesions") and their margin, whose
    smoothed value is within `OUTLIER_SD` robust standard deviations of the median: that leaves out large vessels.
    """
    mask = anatomy.structures[organ]
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    mask, values = mask[box], anatomy.array[box].astype(np.float32)
    lesions = anatomy.structures.get("lesions")
    margin = anatomy.spacing[1], anatomy.spacing[0]
    roi = np.zeros_like(mask)
    for k in np.flatnonzero(mask.any(axis=(1, 2))):
        # Padded, so that an organ that touches the box keeps its distance there too.
        roi[k] = ndimage.distance_transform_edt(np.pad(mask[k], 1), sampling=margin)[1:-1, 1:-1] > BORDER_MM
    if lesions is not None and lesions[box].any():
        away = ndimage.distance_transform_edt(~lesions[box], sampling=anatomy.spacing[::-1])
        roi &= away > BORDER_MM
    roi &= np.isfinite(values)
    if roi.sum() * anatomy.voxel_ml < MINIMUM_ROI_ML:
        return None
    smooth = ndimage.gaussian_filter(np.nan_to_num(values), [SMOOTH_MM / s for s in anatomy.spacing[::-1]])
    for _ in range(2):
        middle = np.median(smooth[roi])
        spread = 1.4826 * np.median(np.abs(smooth[roi] - middle))
        roi &= np.abs(smooth - middle) <= OUTLIER_SD * max(spread, 1.0)
    whole = np.zeros(anatomy.array.shape, bool)
    whole[box] = roi
    inside = values[roi]
    return Parenchyma(whole, float(np.median(inside)), float(inside.mean()), float(inside.std()))


def enhanced(anatomy: Anatomy, covariates: Mapping[str, float | str]) -> tuple[bool | None, str]:
    """Whether the CT was made with contrast agent (None: not known), and what says so."""
    said = contrast(covariates)
    if said is not None:
        return said, "as given"
    if anatomy.meta.get("contrast_agent"):
        return True, "the DICOM header names a contrast agent"
    limits = {"spleen": ENHANCED_SPLEEN_HU, "left_kidney": ENHANCED_KIDNEY_HU, "right_kidney": ENHANCED_KIDNEY_HU}
    medians = {
        name: float(np.median(anatomy.array[anatomy.structures[name]])) for name in limits if name in anatomy.structures
    }
    shown = ", ".join(f"{name.replace('_', ' ')} {value:.0f} HU" for name, value in medians.items())
    if any(value > limits[name] for name, value in medians.items()):
        return True, f"by the attenuation: {shown}"
    if medians:
        return False, f"by the attenuation: {shown}"
    return None, "no mask of spleen or kidney to tell it by"


def attenuation_findings(anatomy: Anatomy, covariates: Mapping[str, float | str]) -> Morphometry:
    """Liver and spleen attenuation and their difference, with cut-offs for unenhanced CT."""
    titles = {
        "liver_attenuation": "Liver attenuation",
        "liver_minus_spleen_attenuation": "Liver minus spleen attenuation",
    }
    if anatomy.modality != "CT":
        reason = "The image is MR: its intensities have no unit. Attenuation needs a CT."
        return Morphometry(not_assessed=tuple(NotAssessed(title, reason, key) for key, title in titles.items()))
    found = {name: parenchyma(anatomy, name) for name in ("liver", "spleen") if name in anatomy.structures}
    regions = {name: region for name, region in found.items() if region is not None}
    if "liver" not in regions:
        reason = f"Less than {MINIMUM_ROI_ML:g} mL of liver lie {BORDER_MM:g} mm from its border."
        return Morphometry(not_assessed=tuple(NotAssessed(title, reason, key) for key, title in titles.items()))
    if not PLAUSIBLE_HU[0] <= regions["liver"].median <= PLAUSIBLE_HU[1]:
        reason = (
            f"The liver has a median of {regions['liver'].median:.0f}, no value of liver in HU: the image was rescaled."
        )
        return Morphometry(not_assessed=tuple(NotAssessed(title, reason, key) for key, title in titles.items()))
    with_agent, why = enhanced(anatomy, covariates)
    age = number(covariates, "age_years")
    conditions = (
        Condition("unenhanced CT", None if with_agent is None else not with_agent),
        Condition("adult", None if age is None else age >= 18),
    )
    measurements = [_organ(name, region, anatomy) for name, region in regions.items()]
    measurements[0] = Measurement(
        **{**vars(measurements[0]), "cutoffs": (cutoffs.under(cutoffs.UNENHANCED_LIVER, *conditions),)}
    )
    not_assessed: tuple[NotAssessed, ...] = ()
    if "spleen" in regions:
        measurements.append(_difference(regions, conditions))
    else:
        reason = "There is no mask of the spleen, or too little of it."
        key = "liver_minus_spleen_attenuation"
        not_assessed = (NotAssessed(titles[key], reason, key),)
    return Morphometry(tuple(measurements), not_assessed, (_drawing(regions),), _contrast_warning(with_agent, why))


def _organ(name: str, region: Parenchyma, anatomy: Anatomy) -> Measurement:
    left_out = ", lesions" if "lesions" in anatomy.structures and name == "liver" else ""
    how = (
        f"Median of {region.roi.sum() * anatomy.voxel_ml:.0f} mL at least {BORDER_MM:g} mm from the border, large vessels"
        f"{left_out} left out; mean {region.mean:.1f}, SD {region.sd:.1f} HU."
    )
    return Measurement(
        f"{name.capitalize()} attenuation", round(region.median, 1), "HU", how, key=f"{name}_attenuation"
    )


def _difference(regions: Mapping[str, Parenchyma], conditions: tuple[Condition, ...]) -> Measurement:
    liver, spleen = regions["liver"].median, regions["spleen"].median
    return Measurement(
        "Liver minus spleen attenuation",
        round(liver - spleen, 1),
        "HU",
        f"Median of the liver {liver:.1f} HU - median of the spleen {spleen:.1f} HU.",
        key="liver_minus_spleen_attenuation",
        cutoffs=tuple(cutoffs.under(c, *conditions) for c in cutoffs.LIVER_MINUS_SPLEEN),
    )


def _contrast_warning(with_agent: bool | None, why: str) -> tuple[CaseWarning, ...]:
    if with_agent is False:
        return ()
    state = "with contrast agent" if with_agent else "perhaps with contrast agent"
    text = (
        f"The CT was made {state} ({why}): its attenuation says nothing about fat, and cut-offs for unenhanced CT do not apply. "
        "Give contrast=no where that is wrong."
    )
    return (CaseWarning("contrast_enhanced", text),)


def _drawing(regions: Mapping[str, Parenchyma]) -> Drawing:
    shares = [region.roi.sum(axis=(1, 2)) / region.roi.sum() for region in regions.values()]
    both = np.prod(shares, axis=0)
    position = int(np.argmax(both if both.any() else shares[0]))
    words = ", ".join(f"{name} {region.median:.1f} HU" for name, region in regions.items())
    return Drawing(
        f"Attenuation: {words}", position, regions={f"{name} ROI": r.roi[position] for name, r in regions.items()}
    )
