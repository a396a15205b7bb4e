"""Planted cases against the scan that they come from."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from scipy import ndimage

from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.simulation.fibrosis import draw_fibrosis
from LiverAILib.simulation.patient import LIVER, SPLEEN, SimulatedCase
from LiverAILib.simulation.planted import SourceScan, plant_fibrosis, untouched
from LiverAILib.simulation.planted.anatomy import estimate_anatomy
from LiverAILib.simulation.planted.plant import _streams
from Testing.conftest import reoriented
from Testing.simulation.planted import scans

PAINTED = ("texture_focus", "ascites", "varices")
MADE = {"mr": scans.mr, "ct": scans.ct}


def seed_with(ascites: bool) -> int:
    """A seed whose F4 has ascites and varices, or no ascites."""
    for seed in range(200):
        drawn = draw_fibrosis(4, _streams(seed)["fibrosis"])
        if (drawn.ascites_mm > 9 and drawn.varices_count > 2) if ascites else not drawn.ascites_mm:
            return seed
    raise AssertionError("no such seed")


@lru_cache
def planted(modality: str, stage: int | None, ascites: bool = True) -> SimulatedCase:
    scan, anatomy = MADE[modality]()
    seed = seed_with(ascites)
    return untouched(scan, anatomy, seed=seed) if stage is None else plant_fibrosis(scan, anatomy, stage, seed=seed)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.mark.parametrize("modality", MADE)
@pytest.mark.parametrize("stage", [None, 0, 4])
def test_everything_keeps_the_geometry_of_the_scan(modality, stage):
    scan, _ = MADE[modality]()
    case = planted(modality, stage)
    for image in (case.image, case.labels, case.lobes, case.evidence, *case.components.values()):
        assert image.same_geometry(scan.image, tolerance_mm=0)
    assert case.image.array.dtype == np.int16
    assert case.image.modality == scan.image.modality
    assert case.parameters["least_jacobian"] > 0
    assert np.array_equal(case.lobes.array > 0, case.labels.array == LIVER)


@pytest.mark.parametrize("modality", MADE)
def test_the_untouched_scan_is_the_scan(modality):
    scan, _ = MADE[modality]()
    case = planted(modality, None)
    assert case.stage == 0
    assert not case.evidence.array.any()
    assert dice(case.labels.array == LIVER, scan.masks["liver"]) > 0.93
    assert case.parameters["largest_displacement_mm"] < 5 * max(scan.spacing)
    smooth = [ndimage.gaussian_filter(i.array.astype(float), 3) for i in (case.image, scan.image)]
    assert np.corrcoef(smooth[0].ravel(), smooth[1].ravel())[0, 1] > 0.99


@pytest.mark.parametrize("modality", MADE)
def test_planted_f0_is_deformed_and_has_no_evidence(modality):
    case = planted(modality, 0)
    assert not case.evidence.array.any()
    assert case.components == {}
    assert dice(case.labels.array == LIVER, planted(modality, None).labels.array == LIVER) < 0.97


@pytest.mark.parametrize("modality", MADE)
def test_signs_are_painted_where_the_evidence_says_and_nowhere_else(modality):
    scan, _ = MADE[modality]()
    case = planted(modality, 4)
    assert set(PAINTED) < set(case.components)
    union = np.any([mask.array for mask in case.components.values()], axis=0)
    assert np.array_equal(case.evidence.array > 0, union)
    values = case.image.array.astype(float)
    fluid = case.components["ascites"].array > 0
    liver = case.labels.array == LIVER
    assert not (fluid & (liver | (case.labels.array == SPLEEN))).any()
    core = ndimage.binary_erosion(fluid, np.ones((1, 3, 3)))
    if scan.mr:  # as bright as free fluid, far above the liver
        assert np.median(values[core]) > 1.8 * np.median(values[liver])
    else:
        assert np.median(values[core]) < 0.4 * np.median(values[liver])
    # Fluid lies where liver or spleen of the same person without disease were, or close by.
    organs = np.isin(planted(modality, 0).labels.array, (LIVER, SPLEEN))
    far = ndimage.distance_transform_edt(~organs, sampling=scan.image.spacing[::-1])
    assert np.percentile(far[fluid], 95) < 15


@pytest.mark.parametrize("modality", MADE)
def test_texture_roughens_its_foci_only(modality):
    without, with_signs = planted(modality, 0, False), planted(modality, 4, False)
    focus = with_signs.components["texture_focus"].array > 0

    def roughness(case: SimulatedCase, where: np.ndarray) -> float:
        values = case.image.array.astype(float)
        fine = values - ndimage.gaussian_filter(values, (0, 1.5, 1.5))
        return float(np.median(np.abs(fine[where])))

    inner = [ndimage.binary_erosion(c.labels.array == LIVER, iterations=2) for c in (without, with_signs)]
    base = roughness(without, inner[0])
    assert roughness(with_signs, inner[1] & focus) > 1.25 * base
    beside = inner[1] & ~ndimage.binary_dilation(focus, iterations=4)
    assert roughness(with_signs, beside) < 1.15 * base


@pytest.mark.parametrize("modality", MADE)
def test_disease_changes_nothing_far_from_liver_and_spleen(modality):
    scan, _ = MADE[modality]()
    without, with_signs = planted(modality, 0, False), planted(modality, 4, False)
    organs = np.isin(without.labels.array, (LIVER, SPLEEN)) | np.isin(with_signs.labels.array, (LIVER, SPLEEN))
    organs |= with_signs.evidence.array > 0
    far = ndimage.distance_transform_edt(~organs, sampling=scan.image.spacing[::-1]) > 50
    assert far.any()
    assert np.abs(without.image.array[far].astype(int) - with_signs.image.array[far]).max() <= 1


@pytest.mark.parametrize("modality", MADE)
def test_volumes_of_the_masks_change_by_the_reached_factors(modality):
    without, with_signs = (planted(modality, stage, False).parameters for stage in (0, 4))
    reached = with_signs["reached_volume_factors"]
    names = {"right": "right_lobe", "left": "left_lobe", "caudate": "caudate", "spleen": "spleen"}
    for part, name in names.items():
        ratio = with_signs[f"{name}_volume_ml"] / without[f"{name}_volume_ml"]
        assert ratio == pytest.approx(reached[part], rel=0.12), part
    assert reached["right"] < 0.92
    assert min(reached["left"], reached["spleen"]) > 1.04
    assert reached["caudate"] > 1.15


def test_the_surface_becomes_more_nodular_with_the_stage():
    """Length of the liver's outline beside that of the smoothed outline."""

    def excess(stage: int) -> float:
        liver = planted("mr", stage, False).labels.array == LIVER
        smooth = ndimage.gaussian_filter(liver.astype(float), (0, 2.0, 2.0)) > 0.5
        return float((liver ^ smooth).sum() / liver.sum())

    assert excess(4) > 1.2 * excess(0)


def test_the_same_seed_gives_the_same_case_and_another_one_another():
    scan, anatomy = scans.mr()
    one, again, other = (plant_fibrosis(scan, anatomy, 3, seed=seed) for seed in (8, 8, 9))
    assert np.array_equal(one.image.array, again.image.array)
    assert np.array_equal(one.evidence.array, again.evidence.array)
    assert not np.array_equal(one.image.array, other.image.array)


def test_the_axis_order_of_the_file_does_not_matter():
    scan, anatomy = scans.mr()
    axes, flips = (2, 0, 1), (True, False, True)
    turned_image = reoriented(scan.image, axes, flips)
    masks = {
        n: reoriented(scan.image.with_array(m.astype(np.uint8)), axes, flips).array > 0 for n, m in scan.masks.items()
    }
    turned = SourceScan("case turned", turned_image, masks)
    case = plant_fibrosis(turned, estimate_anatomy(turned), 2, seed=4)
    assert case.image.same_geometry(turned_image, tolerance_mm=0)
    expected = plant_fibrosis(scan, anatomy, 2, seed=4)
    assert np.array_equal(case.image.array, reoriented(expected.image, axes, flips).array)
    assert np.array_equal(case.evidence.array, reoriented(expected.evidence, axes, flips).array)


def test_what_cannot_be_used_is_refused_by_name():
    scan, anatomy = scans.mr()
    liver = {"liver": scan.masks["liver"]}
    with pytest.raises(UserError, match="case x: no liver mask"):
        SourceScan("case x", scan.image, {})
    with pytest.raises(UserError, match="case x: the liver mask has 0 mL"):
        SourceScan("case x", scan.image, {"liver": np.zeros_like(scan.masks["liver"])})
    with pytest.raises(UserError, match="not in modality US"):
        SourceScan("case x", Image(scan.image.array, scan.image.spacing, modality="US"), liver)
    black = SourceScan("case x", scan.image.with_array(scan.image.array * 0), liver)
    with pytest.raises(UserError, match="case x: the outline of the body"):
        estimate_anatomy(black)
    with pytest.raises(UserError, match="seed of 0 or more"):
        plant_fibrosis(scan, anatomy, 1, seed=-1)
    with pytest.raises(UserError, match="not a fibrosis stage"):
        plant_fibrosis(scan, anatomy, 5, seed=1)
