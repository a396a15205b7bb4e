"""What of a mask cannot be trusted, each point with its figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from LiverAILib.data.assessment import CaseWarning
from LiverAILib.data.structures import LIVER
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.modality import find_modality

PLAUSIBLE_LIVER_ML = (400.0, 4500.0)
"""Half and twice the volume that 1267.28 x BSA - 794.41 mL (Vauthey 2002, Liver Transpl 8:233) gives for adults with a body
surface of 1.3 and 2.4 m2: room for atrophy and for an enlarged liver."""

CUT_AREA_MM2 = 500.0
"""Area of the mask at a border of the image from which the organ counts as cut off; partial volume touches it with less."""

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
                f"The liver mask has {volume:.0f} mL, outside {PLAUSIBLE_LIVER_ML[0]:.0f}-{PLAUSIBLE_LIVER_ML[1]:.0f} mL "
                "(half and twice what Vauthey 2002 expects of adults). Check the mask.",
            )
        )
    warnings += _cut_off(liver, canonical.spacing, single=single)
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


def _cut_off(liver: np.ndarray, spacing: tuple[float, float, float], *, single: bool) -> list[CaseWarning]:
    """A warning for every border of the canonical image (k up, j to posterior, i to the left) at which the liver ends."""
    found = []
    area = {0: spacing[0] * spacing[1], 1: spacing[0] * spacing[2], 2: spacing[1] * spacing[2]}
    for axis, (first, last) in enumerate((("lower", "upper"), ("anterior", "posterior"), ("right", "left"))):
        if single and axis == 0:
            continue
        for end, index in ((first, 0), (last, -1)):
            cut_mm2 = int(np.take(liver, index, axis).sum()) * area[axis]
            if cut_mm2 > CUT_AREA_MM2:
                text = (
                    f"The liver is cut off at the {end} end of the image ({cut_mm2 / 100:.0f} cm2 of it are in the outermost "
                    "voxels): volumes are too small."
                )
                found.append(CaseWarning("liver_cut_off", text))
    return found


def image_warnings(image: Image) -> tuple[CaseWarning, ...]:
    """Warnings about the image: what the reader found, modality in doubt, odd spacing."""
    warnings = []
    warnings += [CaseWarning(code, text) for code, text in image.read_warnings]
    doubt = find_modality(image).doubt
    if doubt:
        warnings.append(CaseWarning("modality_in_doubt", doubt))
    in_plane = sorted(image.spacing)[:2]
    if in_plane[1] / in_plane[0] > 2 or in_plane[0] > 3 or max(image.spacing) > 15 or max(image.spacing) < 0.3:
        text = " x ".join(f"{value:.2f}" for value in image.spacing)
        warnings.append(
            CaseWarning(
                "odd_spacing", f"The voxel spacing is {text} mm, unlike abdominal scans. Check the file's header."
            )
        )
    return tuple(warnings)
