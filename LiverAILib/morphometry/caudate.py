"""Caudate to right lobe ratio, by volume and by the widths of Harbin 1980; needs a mask of the caudate lobe."""

from __future__ import annotations

import numpy as np

from LiverAILib.data.measurement import Condition, Drawing, Mark, Measurement, NotAssessed
from LiverAILib.morphometry import cutoffs
from LiverAILib.morphometry.findings import Anatomy, Morphometry

VOLUME_RATIO = ("Caudate to right lobe volume ratio", "caudate_to_right_lobe_volume_ratio")
WIDTH_RATIO = ("Caudate to right lobe width ratio", "caudate_to_right_lobe_width_ratio")
NO_MASK = (
    "LiverAI does not segment the lobes, and the liver's outline alone does not show the border of the caudate lobe. Give masks: "
    "--mask caudate=FILE (and right_lobe, portal_vein)."
)


def caudate_findings(anatomy: Anatomy) -> Morphometry:
    """The ratios that the given masks allow: volumes need "caudate" and "right_lobe", widths "caudate"."""
    caudate, right = anatomy.structures.get("caudate"), anatomy.structures.get("right_lobe")
    if caudate is None:
        return Morphometry(
            not_assessed=(
                NotAssessed(VOLUME_RATIO[0], NO_MASK, VOLUME_RATIO[1]),
                NotAssessed(WIDTH_RATIO[0], NO_MASK, WIDTH_RATIO[1]),
            )
        )
    found = [_widths(anatomy, caudate)]
    if right is None:
        reason = "There is no mask of the right lobe. Give one (on the command line: --mask right_lobe=FILE)."
        found.append(Morphometry(not_assessed=(NotAssessed(VOLUME_RATIO[0], reason, VOLUME_RATIO[1]),)))
    elif anatomy.is_volume:
        volumes = [float(mask.sum()) * anatomy.voxel_ml for mask in (caudate, right)]
        how = f"Caudate lobe {volumes[0]:.1f} mL / right lobe {volumes[1]:.1f} mL."
        measured = Measurement(VOLUME_RATIO[0], round(volumes[0] / volumes[1], 4), "", how, key=VOLUME_RATIO[1])
        found.append(Morphometry(measurements=(measured,)))
    return Morphometry.joined(found)


def _widths(anatomy: Anatomy, caudate: np.ndarray) -> Morphometry:
    """Harbin 1980: three lines parallel to the midsagittal plane in the slice with the largest area of the caudate lobe.

    Line 1 divides caudate and right lobe (the right wall of the portal vein, or without its mask the right border of the
    caudate mask), line 2 is the caudate lobe's left margin, line 3 the liver's right margin. The ratio is the distance of 1 and
    2 by that of 1 and 3.
    """
    position = int(caudate.sum(axis=(1, 2)).argmax())
    columns = np.flatnonzero(caudate[position].any(axis=0))
    rows = np.flatnonzero(caudate[position].any(axis=1))
    liver = np.flatnonzero((anatomy.structures.get("liver", caudate)[position] | caudate[position]).any(axis=0))
    portal = anatomy.structures.get("portal_vein")
    portal_columns = np.empty(0) if portal is None else np.flatnonzero(portal[position].any(axis=0))
    by_portal = portal_columns.size > 0
    dividing = float(portal_columns[0] if by_portal else columns[0]) - 0.5
    medial, lateral = columns[-1] + 0.5, liver[0] - 0.5
    caudate_mm, right_mm = (float(x) * anatomy.spacing[0] for x in (medial - dividing, dividing - lateral))
    if caudate_mm <= 0 or right_mm <= 0:
        reason = "The dividing line lies outside the liver or left of the caudate lobe: check the masks."
        return Morphometry(not_assessed=(NotAssessed(WIDTH_RATIO[0], reason, WIDTH_RATIO[1]),))
    by = "the right wall of the portal vein" if by_portal else "the right border of the caudate mask"
    conditions = (
        Condition(
            "dividing line at the right wall of the main portal vein (needs the mask portal_vein)",
            by_portal,
        ),
        Condition("slice just below the bifurcation of the main portal vein (here: largest area of the caudate)", None),
    )
    measured = Measurement(
        WIDTH_RATIO[0],
        round(caudate_mm / right_mm, 3),
        "",
        f"Caudate lobe {caudate_mm:.1f} mm / right lobe {right_mm:.1f} mm, transverse, divided at {by} (after Harbin 1980).",
        key=WIDTH_RATIO[1],
        cutoffs=(cutoffs.under(cutoffs.CAUDATE_WIDTH_RATIO, *conditions),),
    )
    middle = float(rows.mean())
    half = 1.2 * (rows[-1] - rows[0] + 1)
    vertical = [
        Mark(np.array([[x, middle - half], [x, middle + half]]), label)
        for x, label in ((dividing, "1"), (medial, "2"), (lateral, "3"))
    ]
    widths = [
        Mark(np.array([[dividing, middle], [medial, middle]]), f"{caudate_mm:.0f} mm"),
        Mark(np.array([[lateral, middle], [dividing, middle]]), f"{right_mm:.0f} mm"),
    ]
    drawing = Drawing(
        f"Caudate / right lobe width {caudate_mm / right_mm:.2f}",
        position,
        marks=(*vertical, *widths),
        regions={"caudate": caudate[position]},
    )
    return Morphometry(measurements=(measured,), drawings=(drawing,))
