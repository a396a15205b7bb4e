"""What of a mask cannot be trusted, each point with its figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from LiverAILib.assessment import CaseWarning
from LiverAILib.imaging.image import Image
from LiverAILib.segmentation.structures import LIVER

PLAUSIBLE_LIVER_ML = (500.0, 4000.0)
LARGE_COMPONENT = 0.05
"""Share of the largest component from which a second one is worth a warning."""


def segmentation_warnings(
    labels: np.ndarray, canonical: Image, components: Mapping[str, Sequence[int]] | None = None
) -> tuple[CaseWarning, ...]:
    """Warnings about the liver of a canonical label map (k, j, i): absent, cut off, implausible, in several pieces.

    Args:
        labels: uint8 labels in the geometry of `canonical`.
        canonical: The image in canonical axis order (its spacing gives the volume).
        components: Voxel counts of the connected components of each organ before the largest was kept.
    """
    liver = labels == LIVER.label
    if not liver.any():
        return (
            CaseWarning(
                "no_liver", "No liver was found. Check that the image shows the upper abdomen, or give a liver mask."
            ),
        )
    warnings = []
    volume = liver.sum() * canonical.voxel_volume_ml
    single = labels.shape[0] == 1
    if not single and not PLAUSIBLE_LIVER_ML[0] <= volume <= PLAUSIBLE_LIVER_ML[1]:
        warnings.append(
            CaseWarning(
                "implausible_liver_volume",
                f"The liver mask has {volume:.0f} mL, outside {PLAUSIBLE_LIVER_ML[0]:.0f}-{PLAUSIBLE_LIVER_ML[1]:.0f} mL. "
                "Check the mask.",
            )
        )
    if not single:
        ends = {"lower": liver[0].sum(), "upper": liver[-1].sum()}
        # A few voxels of partial volume at the end of the stack are no cut.
        area_mm2 = canonical.spacing[0] * canonical.spacing[1]
        for end, count in ends.items():
            if count * area_mm2 > 500:
                warnings.append(
                    CaseWarning(
                        "liver_cut_off",
                        f"The liver is cut off at the {end} end of the image ({count * area_mm2 / 100:.0f} cm2 in the last "
                        "slice): volumes are too small.",
                    )
                )
    sizes = (components or {}).get(LIVER.name, ())
    if len(sizes) > 1 and sizes[1] > LARGE_COMPONENT * sizes[0]:
        warnings.append(
            CaseWarning(
                "several_components",
                f"The network found the liver in several pieces; the second has {100 * sizes[1] / sizes[0]:.0f} % of the "
                "first and was dropped. Check the mask.",
            )
        )
    return tuple(warnings)


def image_warnings(image: Image) -> tuple[CaseWarning, ...]:
    """Warnings about the image itself: values that are no numbers, odd spacing, what the reader found in the header."""
    warnings = []
    if "geometry_warning" in image.meta:
        warnings.append(CaseWarning("uneven_slices", image.meta["geometry_warning"]))
    if image.array.dtype.kind == "f":
        bad = 1 - float(np.isfinite(image.array).mean())
        if bad:
            warnings.append(
                CaseWarning("not_a_number", f"{100 * bad:.2g} % of the voxels are NaN or infinite and count as empty.")
            )
    in_plane = sorted(image.spacing)[:2]
    if in_plane[1] / in_plane[0] > 2 or in_plane[0] > 3 or max(image.spacing) > 15 or max(image.spacing) < 0.3:
        text = " x ".join(f"{value:.2f}" for value in image.spacing)
        warnings.append(
            CaseWarning(
                "odd_spacing", f"The voxel spacing is {text} mm, unlike abdominal scans. Check the file's header."
            )
        )
    return tuple(warnings)
