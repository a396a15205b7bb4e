"""Volumes of the segmented organs, their ratio, and how large they are for the body."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from LiverAILib.data.assessment import Segmentation
from LiverAILib.data.measurement import Condition, Drawing, Measurement, NotAssessed
from LiverAILib.morphometry import cutoffs
from LiverAILib.morphometry.covariates import number
from LiverAILib.morphometry.findings import Anatomy, Morphometry

CUT_OFF_MM2 = 500.0
"""Area in the first or last slice from which an organ counts as cut off; less is partial volume at the end of the stack."""


def volume_measurements(segmentation: Segmentation) -> tuple[Measurement, ...]:
    """Volume in mL of every structure in the label map; for a single slice the area in cm2 instead."""
    image = segmentation.image
    found = []
    for structure in segmentation.structures:
        voxels = int((image.array == structure.label).sum())
        if not voxels:
            continue
        if min(image.size) == 1:
            axis = image.size.index(1)
            area = voxels * image.voxel_volume_ml * 1000 / image.spacing[axis] / 100
            how = "Pixels of the mask in the slice."
            found.append(
                Measurement(f"{structure.title} area", round(area, 1), "cm2", how, key=f"{structure.name}_area")
            )
        else:
            volume = voxels * image.voxel_volume_ml
            how = f"{voxels} voxels of the mask."
            found.append(
                Measurement(f"{structure.title} volume", round(volume, 1), "mL", how, key=f"{structure.name}_volume")
            )
    return tuple(found)


def body_surface_area(*, height_cm: float, weight_kg: float) -> float:
    """Body surface area in m2, Mosteller 1987 (N Engl J Med 317:1098)."""
    return math.sqrt(height_cm * weight_kg / 3600)


def volume_findings(segmentation: Segmentation, anatomy: Anatomy, covariates: Mapping[str, float | str]) -> Morphometry:
    """Organ volumes, spleen to liver ratio, and liver and spleen volume by height and body surface area.

    Raises:
        UserError: Height or weight is impossible.
    """
    plain = volume_measurements(segmentation)
    if not anatomy.is_volume:
        reason = "The image is a single slice; a volume needs all slices of the organ."
        return Morphometry(
            measurements=plain,
            not_assessed=(
                NotAssessed("Liver volume", reason, "liver_volume"),
                NotAssessed("Spleen volume", reason, "spleen_volume"),
            ),
        )
    measurements = [_with_spleen_cutoff(m, anatomy, covariates) for m in plain]
    volumes = {m.key: m.value for m in plain}
    liver, spleen = volumes.get("liver_volume"), volumes.get("spleen_volume")
    not_assessed = []
    if spleen is None:
        given = anatomy.source == "given"
        reason = (
            "A liver mask was given and none of the spleen. Give one (on the command line: --mask spleen=FILE)."
            if given
            else "The segmentation found no spleen in the image."
        )
        not_assessed += [
            NotAssessed("Spleen volume", reason, "spleen_volume"),
            NotAssessed("Spleen to liver volume ratio", reason, "spleen_to_liver_volume_ratio"),
        ]
    elif liver:
        measurements.append(
            Measurement(
                "Spleen to liver volume ratio",
                round(spleen / liver, 4),
                "",
                f"Spleen {spleen:g} mL / liver {liver:g} mL.",
                key="spleen_to_liver_volume_ratio",
            )
        )
    measurements += _by_body(volumes, covariates)
    return Morphometry(tuple(measurements), tuple(not_assessed), _drawing(anatomy, volumes))


def _with_spleen_cutoff(measured: Measurement, anatomy: Anatomy, covariates: Mapping[str, float | str]) -> Measurement:
    if measured.key != "spleen_volume":
        return measured
    age = number(covariates, "age_years")
    conditions = (
        Condition("adult", None if age is None else age >= 18),
        Condition("spleen whole in the image", not cut_off(anatomy.structures["spleen"], anatomy)),
    )
    return Measurement(**{**vars(measured), "cutoffs": (cutoffs.under(cutoffs.SPLEEN_VOLUME, *conditions),)})


def cut_off(mask: np.ndarray, anatomy: Anatomy) -> bool:
    """True where the organ has more than partial volume in the lowest or highest slice."""
    pixel = anatomy.spacing[0] * anatomy.spacing[1]
    return bool(max(mask[0].sum(), mask[-1].sum()) * pixel > CUT_OFF_MM2)


def _by_body(volumes: Mapping[str, float], covariates: Mapping[str, float | str]) -> list[Measurement]:
    height, weight = number(covariates, "height_cm"), number(covariates, "weight_kg")
    found = []
    for organ in ("liver", "spleen"):
        volume = volumes.get(f"{organ}_volume")
        if volume is None or height is None:
            continue
        title = f"{organ.capitalize()} volume"
        how = f"{volume:g} mL / height {height / 100:g} m."
        found.append(
            Measurement(
                f"{title} by height", round(volume * 100 / height, 1), "mL/m", how, key=f"{organ}_volume_by_height"
            )
        )
        if weight is not None:
            area = body_surface_area(height_cm=height, weight_kg=weight)
            how = f"{volume:g} mL / body surface area {area:.2f} m2 (Mosteller 1987, {height:g} cm, {weight:g} kg)."
            found.append(
                Measurement(
                    f"{title} by body surface area", round(volume / area, 1), "mL/m2", how, key=f"{organ}_volume_by_bsa"
                )
            )
    return found


def _drawing(anatomy: Anatomy, volumes: Mapping[str, float]) -> tuple[Drawing, ...]:
    """The slice with most liver and spleen, both outlined."""
    organs = {name: anatomy.structures[name] for name in ("liver", "spleen") if name in anatomy.structures}
    if not organs:
        return ()
    shares = [mask.sum(axis=(1, 2)) / mask.sum() for mask in organs.values()]
    position = int(np.argmax(np.prod(shares, axis=0) if np.prod(shares, axis=0).any() else shares[0]))
    words = ", ".join(f"{name} {volumes[f'{name}_volume']:g} mL" for name in organs)
    return (Drawing(f"Volumes: {words}", position, regions={name: mask[position] for name, mask in organs.items()}),)
