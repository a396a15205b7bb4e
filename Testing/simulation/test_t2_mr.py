import json

import numpy as np
import pytest
from scipy import ndimage

from LiverAILib.errors import UserError
from LiverAILib.simulation import simulate_t2_mr
from LiverAILib.simulation.regions import REGIONS

SIZE, SPACING = (128, 128, 32), (2.5, 2.5, 7.7)
SEEDS = (3, 8, 21)
EARLIER_SUM = 16490851
EARLIER_VALUES = [257, 233, 22, 182, 848, 264, 295, 41, 292, 770, 262, 259, 237, 132, 737, 244, 293, 231, 66, 943]


@pytest.fixture(scope="module")
def patients():
    """The same three patients at every stage."""
    return {(s, seed): simulate_t2_mr(s, seed=seed, size=SIZE, spacing=SPACING) for s in range(5) for seed in SEEDS}


def volume_ml(mask):
    return float(mask.sum()) * np.prod(SPACING) / 1000


def roughness(case):
    """Mean share of the outline's length that closing and opening it by a disk removes, over the middle slices."""
    liver = case.labels.array == 1
    disk = ndimage.iterate_structure(ndimage.generate_binary_structure(2, 1), 3)
    changed, outline = 0, 0
    for mask in liver[case.caudate_level - 2 : case.caudate_level + 3]:
        smooth = ndimage.binary_opening(ndimage.binary_closing(mask, disk), disk)
        changed += (smooth ^ mask).sum()
        outline += (mask ^ ndimage.binary_erosion(mask)).sum()
    return changed / outline


def mean_by_stage(patients, measure):
    return [float(np.mean([measure(patients[s, seed]) for seed in SEEDS])) for s in range(5)]


def test_same_seed_same_bytes_whatever_was_drawn_before(patients):
    np.random.seed(7)  # noqa: NPY002 - the case must not depend on it
    np.random.rand(3)  # noqa: NPY002
    again = simulate_t2_mr(4, seed=8, size=SIZE, spacing=SPACING)
    first = patients[4, 8]
    for name in ("image", "labels", "lobes", "evidence"):
        assert getattr(again, name).array.tobytes() == getattr(first, name).array.tobytes()
    assert again.parameters == first.parameters
    other = simulate_t2_mr(4, seed=9, size=SIZE, spacing=SPACING)
    assert (other.image.array != first.image.array).mean() > 0.3


def test_geometry_and_types(patients):
    for case in patients.values():
        for image in (case.labels, case.lobes, case.evidence, *case.components.values()):
            assert image.same_geometry(case.image)
            assert image.array.dtype == np.uint8
        assert case.image.array.dtype == np.int16
        assert case.image.modality == "MR"
        assert case.image.size == SIZE
        json.dumps(case.parameters)


def test_every_organ_is_there_and_in_one_piece(patients):
    for case in patients.values():
        for label in (1, 2, 3, 4):
            mask = case.labels.array == label
            parts, count = ndimage.label(mask, np.ones((3, 3, 3)))
            assert count >= 1
            assert np.bincount(parts.ravel())[1:].max() > 0.97 * mask.sum(), label


def test_organs_lie_where_they_belong(patients):
    for case in patients.values():
        i = {n: np.where(case.labels.array == n)[2].mean() for n in (1, 2, 3, 4)}
        # +i is the patient's left.
        assert i[1] < i[3]
        assert i[2] < SIZE[0] / 2 < i[3] < i[4]
        lobe = {n: np.array(np.where(case.lobes.array == n)).mean(1) for n in (1, 2, 3)}
        assert lobe[1][2] < lobe[3][2]
        assert lobe[2][1] < lobe[3][1]


def test_lobes_fill_the_liver_and_nothing_else(patients):
    for case in patients.values():
        assert ((case.lobes.array > 0) == (case.labels.array == 1)).all()
        assert set(np.unique(case.lobes.array)) == {0, 1, 2, 3}


def test_volumes_are_plausible_and_as_recorded(patients):
    for case in patients.values():
        liver, spleen = volume_ml(case.labels.array == 1), volume_ml(case.labels.array == 4)
        assert 700 < liver < 3000
        assert 80 < spleen < 1050
        assert liver == pytest.approx(case.parameters["liver_volume_ml"], rel=1e-6)
        assert spleen == pytest.approx(case.parameters["spleen_volume_ml"], rel=1e-6)


def test_planted_signs_rise_when_measured_back(patients):
    spleen = mean_by_stage(patients, lambda c: volume_ml(c.labels.array == 4))
    caudate = mean_by_stage(patients, lambda c: volume_ml(c.lobes.array == 3) / volume_ml(c.lobes.array == 1))
    surface = mean_by_stage(patients, roughness)
    for values in (spleen, caudate):
        assert values == sorted(values)
        assert values[4] > 1.5 * values[0]
    assert surface[4] > 1.5 * surface[0]
    assert surface[4] > surface[3] > surface[1]


def test_parenchyma_varies_more_in_cirrhosis():
    def unevenness(stage):
        values = []
        for seed in SEEDS[:2]:
            case = simulate_t2_mr(stage, seed=seed, size=(256, 256, 9))
            inside = ndimage.binary_erosion(case.labels.array == 1, np.ones((1, 5, 5)), iterations=2)
            image = case.image.array.astype(float)
            detail = image - ndimage.gaussian_filter(image, (0, 4, 4))
            values.append(np.median(np.abs(detail[inside])) / np.median(image[inside]))
        return np.mean(values)

    assert unevenness(4) > 1.08 * unevenness(0)


def test_evidence_is_the_union_of_its_parts_and_empty_without_fibrosis(patients):
    for (stage, _), case in patients.items():
        union = np.zeros(case.evidence.array.shape, bool)
        for mask in case.components.values():
            assert mask.array.any()
            union |= mask.array > 0
        assert ((case.evidence.array > 0) == union).all()
        assert case.evidence.array.any() == (stage > 0)
        if stage == 4:
            assert {"surface_nodularity", "texture_focus", "caudate", "spleen"} <= set(case.components)


def test_evidence_is_a_minority_of_body_and_liver(patients):
    for case in patients.values():
        body = case.image.array > 0.1 * np.median(case.image.array[case.labels.array == 1])
        assert case.evidence.array.sum() < 0.35 * body.sum()
        focus = case.components.get("texture_focus")
        if focus is not None:
            assert focus.array.sum() < 0.55 * (case.labels.array == 1).sum()


def test_caudate_level_shows_the_caudate_lobe(patients):
    for case in patients.values():
        area = (case.lobes.array == 3).sum((1, 2))
        assert area[case.caudate_level] >= 0.8 * area.max() > 0


def test_relative_signals_are_those_of_a_fat_suppressed_t2(patients):
    for case in patients.values():
        image, labels = case.image.array, case.labels.array
        liver = np.median(image[labels == 1])
        assert 1.3 < np.median(image[labels == 4]) / liver < 3.2
        assert 1.4 < np.median(image[labels == 2]) / liver < 3.6
        assert np.median(image[:, :6]) < 0.25 * liver


@pytest.mark.parametrize("wrong", [{"size": (10, 128, 32)}, {"spacing": (1.0, 0.0, 7.0)}, {"seed": -1}, {"stage": 7}])
def test_refuses_what_cannot_be_simulated(wrong):
    given = {"stage": 1, "seed": 1, "size": SIZE, "spacing": SPACING} | wrong
    with pytest.raises(UserError):
        simulate_t2_mr(given.pop("stage"), **given)


def test_stomach_junction_and_spinal_muscles_lie_where_they_are_seen(patients):
    """Stomach left of the liver, the junction above the caudate level at its inner side, muscles behind the spine's cord."""
    for (_, seed), case in patients.items():
        regions = case.regions.array
        assert case.regions.same_geometry(case.image)
        assert not (regions > 0)[case.labels.array > 0].any()
        center = {name: np.argwhere(regions == label).mean(0) for name, label in REGIONS.items()}
        liver = np.argwhere(case.labels.array == 1).mean(0)
        assert center["stomach"][2] > liver[2], seed
        assert center["gastroesophageal_junction"][0] > case.caudate_level
        assert center["gastroesophageal_junction"][2] < center["stomach"][2]
        assert center["spinal_muscle"][1] > liver[1]
        left = (np.argwhere(regions == REGIONS["spinal_muscle"])[:, 2] > center["spinal_muscle"][2]).mean()
        assert 0.35 < left < 0.65
        # Muscle is darker than the liver on T2, and the same tissue on both sides.
        muscle = case.image.array[regions == REGIONS["spinal_muscle"]]
        assert np.median(muscle) < 0.75 * np.median(case.image.array[case.labels.array == 1])
        assert 60 < volume_ml(regions == REGIONS["stomach"]) < 600


def test_the_masks_of_regions_left_the_images_of_earlier_versions_as_they_were():
    """Values of version 0.1 before regions were recorded; a tolerance of 1 allows for other processors."""
    image = simulate_t2_mr(4, seed=2, size=(96, 96, 24), spacing=(3.4, 3.4, 11.0)).image.array
    assert image.astype(np.int64).sum() == pytest.approx(EARLIER_SUM, rel=1e-5)
    assert image[16, 40:48:2, 30:70:8].ravel() == pytest.approx(EARLIER_VALUES, abs=1)
