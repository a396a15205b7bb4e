"""Which modality an image is and how that is known; for CT also how its values become Hounsfield units."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from LiverAILib.imaging.image import DICOM_MODALITY, MODALITY_SOURCE, Image
from LiverAILib.imaging.once_per_image import OncePerImage

CLIPPED_WINDOW_HU = (-125.0, 275.0)
"""The window to which public abdominal CT sets are often clipped before they are shared."""

UNSIGNED_OFFSET_HU = -1024.0
"""Rescale intercept of most scanners: CT stored without it has air at 0 and water at 1024."""

SAMPLE = 200_000
"""About how many voxels are looked at."""


@dataclass(frozen=True)
class ModalityFinding:
    """What an image is.

    Attributes:
        modality: "MR", "CT", "US", or another DICOM modality.
        source: "header" where the file says it, "given" where the caller did, else "intensities".
        why: How it is known, for a person ("DICOM Modality").
        slope: Stored values times this, plus `intercept`, are HU (CT only).
        intercept: See `slope`.
        doubt: A sentence for a warning where the finding may be wrong, else "".
    """

    modality: str
    source: Literal["header", "given", "intensities"]
    why: str
    slope: float = 1.0
    intercept: float = 0.0
    doubt: str = ""

    def __str__(self) -> str:
        return f"{self.modality}: {self.why}"


def find_modality(image: Image) -> ModalityFinding:
    """What `image` is: what its header or the caller says, else what its intensities say. Examined once per `Image`.

    Values of a CT that are no HU (stored without the rescale intercept, or clipped to a window and shifted) are recognized
    either way, and the finding says how to bring them back.
    """
    return _examine(image)


def keep_finding(copy: Image, original: Image) -> None:
    """Let `find_modality` answer for `copy`, which has the voxels of `original` in another order, as for `original`."""
    _examine.carry_over(copy, original)


@OncePerImage
def _examine(image: Image) -> ModalityFinding:
    if not image.modality:
        return modality_from_intensities(image.array)
    source = image.meta.get(MODALITY_SOURCE)
    seen = modality_from_intensities(image.array)
    kind: Literal["header", "given"] = "header" if source == DICOM_MODALITY else "given"
    stated = ModalityFinding(image.modality, kind, source or "given with the image")
    if image.modality == "CT":
        if seen.modality == "CT":
            return replace(stated, slope=seen.slope, intercept=seen.intercept, doubt=seen.doubt)
        return _windowed(stated, _sample(image.array))
    if image.modality == "MR" and seen.modality == "CT" and not seen.doubt:
        doubt = (
            f"The image is said to be MR ({stated.why}), but its {seen.why}. Check it. If it is CT, say so (on the command line: "
            "--modality CT)."
        )
        return replace(stated, doubt=doubt)
    return stated


def modality_from_intensities(array: np.ndarray) -> ModalityFinding:
    """CT where the values can be nothing else, or nearly so (then with a doubt); else MR."""
    values = _sample(array)
    if values.size == 0 or values.min() == values.max():
        return ModalityFinding("MR", "intensities", "no intensities to tell it from, MR is the default")
    for look in (_hounsfield, _clipped_hounsfield, _unsigned, _shifted_window):
        finding = look(values)
        if finding:
            return finding
    doubt = ""
    if _like_window(values):
        doubt = (
            f"The intensities are clipped at {values.min():g} and {values.max():g}, which leaves open whether this is MR or a CT "
            "scaled to a window; it was taken for MR. If it is CT, say so (on the command line: --modality CT)."
        )
    return ModalityFinding("MR", "intensities", "intensities are no Hounsfield units", doubt=doubt)


def _hounsfield(values: np.ndarray) -> ModalityFinding | None:
    """HU with air: a share below -700, and what is denser than lung mostly between -200 and 300."""
    if values.min() > -500 or np.percentile(values, 99.9) > 4000:
        return None
    air = _share(values < -700)
    body = values[values > -300]
    core = _share((body > -200) & (body < 300)) if body.size else 0.0
    if air < 0.02 or body.size < 0.05 * values.size or core < 0.6:
        return None
    why = (
        f"intensities look like Hounsfield units ({100 * air:.0f} % air below -700 HU, {100 * core:.0f} % of the body from "
        "-200 to 300 HU)"
    )
    return ModalityFinding("CT", "intensities", why)


def _clipped_hounsfield(values: np.ndarray) -> ModalityFinding | None:
    """HU without air at -1000: clipped below, or a field of view within the body."""
    low, high = float(values.min()), float(np.percentile(values, 99.9))
    if not -500 < low <= -90 or high > 4000:
        return None
    at_low = _share(values <= low + 0.5)
    core = _share((values > 0) & (values < 250))
    if at_low > 0.02 and core > 0.05:
        why = (
            f"intensities look like Hounsfield units clipped at {low:g} HU ({100 * at_low:.0f} % of the voxels there, "
            f"{100 * core:.0f} % from 0 to 250 HU)"
        )
        return ModalityFinding("CT", "intensities", why)
    inside = _share((values > -200) & (values < 300))
    if inside > 0.95 and -100 < np.median(values) < 150:
        why = f"{100 * inside:.0f} % of the intensities lie from -200 to 300, as Hounsfield units of a body without air do"
        return ModalityFinding("CT", "intensities", why, doubt=_doubt(why))
    return None


def _unsigned(values: np.ndarray) -> ModalityFinding | None:
    """CT without its rescale intercept: air near 0, and a narrow body around 1024 with hardly anything between."""
    if values.min() < -50 or np.percentile(values, 99.9) > 5000:
        return None
    air = _share(values < 250)
    body = values[values > 500] + UNSIGNED_OFFSET_HU
    core = _share((body > -200) & (body < 300)) if body.size else 0.0
    quartiles = np.percentile(body, [25, 75]) if body.size else (0.0, np.inf)
    if air < 0.02 or body.size < 0.15 * values.size or core < 0.8 or quartiles[1] - quartiles[0] > 200:
        return None
    why = (
        f"intensities look like Hounsfield units stored {-UNSIGNED_OFFSET_HU:.0f} too high ({100 * core:.0f} % of what is "
        f"above 500 lies from {-UNSIGNED_OFFSET_HU - 200:.0f} to {-UNSIGNED_OFFSET_HU + 300:.0f})"
    )
    return ModalityFinding("CT", "intensities", why, intercept=UNSIGNED_OFFSET_HU, doubt=_doubt(why))


def _shifted_window(values: np.ndarray) -> ModalityFinding | None:
    """A CT window moved to start at 0: 400 wide, clipped at both ends, soft tissue in a narrow band."""
    low, high = float(values.min()), float(values.max())
    width = CLIPPED_WINDOW_HU[1] - CLIPPED_WINDOW_HU[0]
    if low != 0 or high != width or not _like_window(values):
        return None
    why = f"intensities run from 0 to {width:.0f} and are clipped at both ends, as a CT window of that width"
    doubt = (
        f"The values were taken for a CT clipped to {CLIPPED_WINDOW_HU[0]:g}..{CLIPPED_WINDOW_HU[1]:g} HU and shifted to start "
        "at 0. If the window was another one, give the image in HU; if it is MR, say so (on the command line: --modality MR)."
    )
    return ModalityFinding("CT", "intensities", why, intercept=CLIPPED_WINDOW_HU[0] - low, doubt=doubt)


def _like_window(values: np.ndarray) -> bool:
    """Whether values from 0 up may be a CT in an abdominal window: clipped at both ends, most of the body near the middle.

    Fat-suppressed MR is clipped too, where a scanner or an export saturates it, but most of it is dark: at the upper end
    stand at most 0.3 % of the voxels and in the middle at most 24 % of the body in 14 T2 MR of CHAOS; at least 0.5 % and
    54 % in three CT clipped to -125..275 HU.
    """
    low, high = float(values.min()), float(values.max())
    if low < 0 or _share(values == low) < 0.02 or _share(values == high) < 0.004:
        return False
    body = (values[values > low] - low) / (high - low)
    return _share((body > 0.31) & (body < 0.81)) > 0.4


def _windowed(stated: ModalityFinding, values: np.ndarray) -> ModalityFinding:
    """A CT whose values can be no HU: where nothing is negative, the range is taken for `CLIPPED_WINDOW_HU`."""
    if values.size == 0 or values.min() < 0 or values.min() == values.max():
        return stated
    low, high = float(values.min()), float(values.max())
    slope = (CLIPPED_WINDOW_HU[1] - CLIPPED_WINDOW_HU[0]) / (high - low)
    doubt = (
        f"The CT has values from {low:g} to {high:g}, which are no Hounsfield units; they were taken for a window of "
        f"{CLIPPED_WINDOW_HU[0]:g}..{CLIPPED_WINDOW_HU[1]:g} HU. Give the image in HU."
    )
    return replace(stated, slope=slope, intercept=CLIPPED_WINDOW_HU[0] - slope * low, doubt=doubt)


def _doubt(why: str) -> str:
    return f"The image was taken for CT because {why}. If it is MR, say so (on the command line: --modality MR)."


def _share(inside: np.ndarray) -> float:
    return float(inside.mean())


def _sample(array: np.ndarray) -> np.ndarray:
    """About `SAMPLE` finite voxels, evenly spread, as float64."""
    step = max(1, round((array.size / SAMPLE) ** (1 / 3)))
    steps = tuple(slice(None, None, min(step, max(1, size // 8))) for size in array.shape)
    values = array[steps].astype(np.float64).ravel()
    return values[np.isfinite(values)]
