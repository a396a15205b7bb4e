"""Simulated ultrasound examinations: the four views of Byra 2021, and the image pairs of Xue 2020."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.simulation.ultrasound import elastogram
from LiverAILib.simulation.ultrasound.device import ELASTOGRAPHY, Device, draw_device
from LiverAILib.simulation.ultrasound.fat_signs import draw_fatty_liver, draw_person
from LiverAILib.simulation.ultrasound.fibrosis_signs import (
    MEASUREMENT_LOG_SD,
    draw_fibrosis_patient,
    draw_fibrotic_liver,
    draw_serum,
    without_fibrosis,
)
from LiverAILib.simulation.ultrasound.screen import decorated
from LiverAILib.simulation.ultrasound.section import Section, simulate_section
from LiverAILib.simulation.ultrasound.views import FAT_VIEWS, Build, draw_build, paint_intercostal

MEASURED_RADIUS_MM = 10.0
"""Radius of the circle of a stiffness measurement: a diameter of 20 mm, as in Xue 2020."""


@dataclass(frozen=True, eq=False)
class UltrasoundPicture:
    """One exported picture and its truth; all images have the same geometry.

    Attributes:
        image: Color, uint8 (1, rows, columns, 3).
        fan: uint8 0/1, the insonated area.
        liver: uint8 0/1, the liver with its vessels.
        evidence: uint8 0/1, where the disease changes what is seen; at most a third of the fan in gray-scale images, and the
            colored part of the box in an elastogram.
    """

    image: Image
    fan: Image
    liver: Image
    evidence: Image


@dataclass(frozen=True, eq=False)
class UltrasoundExamination:
    """The pictures of a patient.

    Attributes:
        pictures: Role to pictures; those of different roles and one number show the same section.
        truth: Stage or fat fraction, stiffness and laboratory values, named as the columns of a manifest.
        parameters: What was drawn, JSON-able, units in the names.
    """

    pictures: dict[str, tuple[UltrasoundPicture, ...]]
    truth: dict[str, float]
    parameters: dict[str, Any]


def simulate_fat_views(pdff_percent: float, *, seed: int) -> UltrasoundExamination:
    """The four views of a participant, by the roles of Byra 2021.

    The same seed gives the same participant, sections and scanner at every fat fraction.

    Args:
        pdff_percent: Proton density fat fraction, 0 to 100 %.
        seed: Whole number, 0 or larger; the only source of chance.

    Raises:
        UserError: The fat fraction or the seed cannot be used.

    Examples:
        >>> from LiverAILib.simulation.ultrasound import simulate_fat_views
        >>> examination = simulate_fat_views(18.0, seed=3)
        >>> list(examination.pictures)
        ['hepatic_veins', 'right_portal_vein', 'right_posterior_portal_vein', 'liver_kidney']
    """
    _check_seed(seed)
    rng = np.random.default_rng([seed, 21])
    person, device = draw_person(rng), draw_device(rng)
    build = replace(draw_build(rng), kidney_db=person.kidney_db)
    depth = float(rng.uniform(140, 165))
    pictures: dict[str, tuple[UltrasoundPicture, ...]] = {}
    livers = {}
    for number, (role, paint) in enumerate(FAT_VIEWS.items()):
        liver = draw_fatty_liver(pdff_percent, person, np.random.default_rng([seed, 22, number]))
        section = simulate_section(
            paint, liver, person.baseline, build=build, device=device, depth_mm=depth, seed=[seed, 23, number]
        )
        screen = decorated(section.gray, section.frame, device, depth_mm=depth, title=role.replace("_", " ").upper())
        pictures[role] = (_picture(screen.array, section, section.evidence),)
        livers[role] = asdict(liver)
    parameters = {"scanner": device.name, "device": asdict(device), "build": asdict(build), "depth_mm": depth}
    return UltrasoundExamination(
        pictures, {"pdff_percent": float(pdff_percent)}, parameters | {"livers": livers, "seed": seed}
    )


def simulate_fibrosis_pair(stage: int, *, seed: int, images: int = 5) -> UltrasoundExamination:
    """Gray-scale images and the elastograms of the same sections, by the roles of Xue 2020.

    The signs in the gray-scale images and the stiffness both follow the stage, each with its own scatter. The same seed
    gives the same patient, sections and scanner at every stage.

    Args:
        stage: Fibrosis stage 0 to 4.
        seed: Whole number, 0 or larger; the only source of chance.
        images: Pairs.

    Raises:
        UserError: An argument cannot be used.

    Examples:
        >>> from LiverAILib.simulation.ultrasound import simulate_fibrosis_pair
        >>> examination = simulate_fibrosis_pair(4, seed=3, images=1)
        >>> examination.truth["stiffness_kpa"]
        13.7
    """
    _check_seed(seed)
    if images < 1:
        raise UserError(f"{images} images cannot be simulated: give 1 or more.")
    rng = np.random.default_rng([seed, 31])
    patient = draw_fibrosis_patient(stage, np.random.default_rng([seed, 32]))
    device, build = draw_device(rng, (ELASTOGRAPHY,)), draw_build(rng, thickest_mm=14.0)
    depth = float(rng.uniform(100, 125))
    pairs, measured, livers = [], [], []
    for number in range(images):
        own = np.random.default_rng([seed, 33, number])
        liver = draw_fibrotic_liver(patient, own)
        kpa = patient.stiffness_kpa * float(np.exp(MEASUREMENT_LOG_SD * np.clip(own.standard_normal(), -2, 2)))
        section = simulate_section(
            paint_intercostal,
            liver,
            without_fibrosis(patient),
            build=build,
            device=device,
            depth_mm=depth,
            seed=[seed, 34, number],
            width=0.74,
        )
        gray, color, values = _pair(section, device, build, depth, kpa, patient.unevenness, own)
        pairs.append((gray, color))
        measured.append(values)
        livers.append(asdict(liver))
    truth = {"stage": int(stage), "stiffness_kpa": round(float(np.mean([values["mean"] for values in measured])), 1)}
    truth |= draw_serum(stage, np.random.default_rng([seed, 35]))
    parameters = {"scanner": device.name, "device": asdict(device), "build": asdict(build), "depth_mm": depth}
    parameters |= {"patient": asdict(patient), "livers": livers, "measured_kpa": measured, "seed": seed}
    grays, colors = zip(*pairs, strict=True)
    return UltrasoundExamination({"gray_scale": grays, "elastogram": colors}, truth, parameters)


def _pair(
    section: Section,
    device: Device,
    build: Build,
    depth_mm: float,
    kpa: float,
    unevenness: float,
    rng: np.random.Generator,
) -> tuple[UltrasoundPicture, UltrasoundPicture, dict[str, float]]:
    """The gray-scale picture with the outline of the box, the elastogram, and the statistics that it states."""
    box = elastogram.place_box(section, rng, capsule_mm=build.wall_mm)
    values, shown = elastogram.stiffness_map(section, box, rng, mean_kpa=kpa, unevenness=unevenness)
    gray = decorated(section.gray, section.frame, device, depth_mm=depth_mm, title="LIVER  RIGHT LOBE")
    elastogram.draw_box(gray, section, box)
    color = decorated(section.gray, section.frame, device, depth_mm=depth_mm, title="LIVER  RIGHT LOBE  SWE")
    elastogram.draw_color_map(color, values, shown)
    elastogram.draw_box(color, section, box)
    stated = elastogram.draw_measurement(color, section, box, values, shown, radius_mm=MEASURED_RADIUS_MM)
    rows, columns = section.gray.shape
    elastogram.draw_color_bar(
        color, row=int(rows * 0.38), column=int(columns * 0.945), height=int(rows * 0.3), width=max(8, columns // 60)
    )
    return _picture(gray.array, section, section.evidence), _picture(color.array, section, shown), stated


def _picture(array: np.ndarray, section: Section, evidence: np.ndarray) -> UltrasoundPicture:
    frame = section.frame
    spacing = (frame.pixel_mm, frame.pixel_mm, 1.0)
    masks = [
        Image(mask[None].astype(np.uint8), spacing=spacing, modality="US")
        for mask in (section.inside, section.liver & section.inside, evidence)
    ]
    return UltrasoundPicture(Image(array[None], spacing=spacing, modality="US"), *masks)


def _check_seed(seed: int) -> None:
    if seed < 0:
        raise UserError(f"Seed {seed} cannot be used: give a whole number of 0 or more.")
