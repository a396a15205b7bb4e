"""Hepatorenal index: how bright the liver is beside the cortex of the kidney (Webb 2009).

Fat scatters ultrasound, and the cortex of a healthy kidney does not change with it: the ratio of the mean gray values of a
region in the liver and one in the cortex takes out the gain of the scanner. Both have to lie at about the same depth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from LiverAILib.data.assessment import CaseWarning
from LiverAILib.data.measurement import Measurement, NotAssessed
from LiverAILib.data.regions import KIDNEY_REGION, LIVER_REGION, Region, region_of_each
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.ultrasound.picture import gray_picture
from LiverAILib.morphometry.cutoffs import HEPATORENAL_INDEX
from LiverAILib.morphometry.findings import Morphometry

NAME, KEY = "Hepatorenal index", "hepatorenal_index"
DEPTH_SHARE = 0.1
"""Centers that differ by more than this share of the image's rows are not at the same depth: a choice of ours."""
SATURATED_SHARE = 0.05
"""More pixels than this share at the largest gray value make the mean too small: a choice of ours."""


def hepatorenal_findings(
    images: Sequence[Image], regions: Mapping[str, tuple[Region, ...]], case_id: str
) -> Morphometry:
    """The hepatorenal index, mean over the images, where regions of liver and kidney were drawn; nothing without regions.

    Args:
        images: Single B-mode images.
        regions: "liver" and "kidney", see `Case`.
        case_id: For messages.

    Raises:
        UserError: A region does not fit its image, both overlap, or the kidney region is black.
    """
    if not images or not regions:
        return Morphometry()
    liver = region_of_each(regions, LIVER_REGION, images, case_id=case_id)
    kidney = region_of_each(regions, KIDNEY_REGION, images, case_id=case_id)
    if liver is None or kidney is None:
        missing = LIVER_REGION if liver is None else KIDNEY_REGION
        reason = f"No region '{missing}' was drawn. Draw one in the liver and one in the cortex of the kidney at the same depth."
        return Morphometry(not_assessed=(NotAssessed(NAME, reason, KEY),))
    ratios = [gray_ratio(*one, case_id=case_id) for one in zip(images, liver, kidney, strict=True)]
    how = "Mean gray value of the liver region divided by that of the kidney region, without undoing the scanner's compression"
    how += f"; mean of {len(ratios)} images." if len(ratios) > 1 else "."
    measured = Measurement(NAME, float(np.mean(ratios)), "", how, key=KEY, cutoffs=HEPATORENAL_INDEX)
    warnings = _warnings(images, liver, kidney)
    return Morphometry(measurements=(measured,), warnings=warnings)


def gray_ratio(image: Image, liver: Region, kidney: Region, *, case_id: str) -> float:
    """Mean gray value of the liver region divided by that of the kidney region; UserError where they cannot be compared."""
    where = image.meta.get("path") or case_id
    if liver.overlaps(kidney):
        raise UserError(f"{where}: the regions 'liver' and 'kidney' overlap. Draw each in its organ.")
    gray = gray_picture(image).astype(float)
    below = kidney.cut(gray).mean()
    if below <= 0:
        raise UserError(f"{where}: the region 'kidney' ({kidney}) is black. Draw it in the cortex of the kidney.")
    return float(liver.cut(gray).mean() / below)


def _warnings(images: Sequence[Image], liver: Sequence[Region], kidney: Sequence[Region]) -> tuple[CaseWarning, ...]:
    found: list[CaseWarning] = []
    apart = [
        abs((one.top + one.height / 2) - (other.top + other.height / 2)) / image.size[1]
        for image, one, other in zip(images, liver, kidney, strict=True)
    ]
    if max(apart) > DEPTH_SHARE:
        text = (
            f"{NAME}: the regions of liver and kidney lie {100 * max(apart):.0f} % of the image's height apart; attenuation "
            "and gain change with depth. Draw both at the same depth."
        )
        found.append(CaseWarning("regions_at_different_depth", text))
    pixels = np.concatenate([one.cut(gray_picture(image)).ravel() for image, one in zip(images, liver, strict=True)])
    if np.mean(pixels == 255) > SATURATED_SHARE:
        text = (
            f"{NAME}: {100 * np.mean(pixels == 255):.0f} % of the liver region is at the largest gray value, so the index is too "
            "small. Use an image with less gain."
        )
        found.append(CaseWarning("saturated_region", text))
    return tuple(found)
