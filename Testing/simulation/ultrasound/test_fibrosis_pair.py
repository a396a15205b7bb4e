import numpy as np
import pytest
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from LiverAILib.errors import UserError
from LiverAILib.simulation.ultrasound import simulate_fibrosis_pair
from LiverAILib.simulation.ultrasound.elastogram import MAXIMUM_KPA, OPACITY, jet
from LiverAILib.simulation.ultrasound.fibrosis_signs import draw_fibrosis_patient, draw_serum

SEED = 5


@pytest.fixture(scope="module")
def examinations():
    return {stage: simulate_fibrosis_pair(stage, seed=SEED, images=2) for stage in (0, 4)}


def many(stages, count=400):
    return [
        (stage, draw_fibrosis_patient(stage, np.random.default_rng([n, 1]))) for n in range(count) for stage in stages
    ]


@pytest.mark.parametrize("first", [2, 3, 4])
def test_gray_scale_signs_and_stiffness_are_better_together(first):
    patients = many(range(5))
    y = np.array([stage >= first for stage, _ in patients])
    signs = np.array([[patient.severity, np.log(patient.stiffness_kpa)] for _, patient in patients])
    both = LogisticRegression(C=100).fit(signs, y).decision_function(signs)
    alone = [roc_auc_score(y, column) for column in signs.T]
    assert all(0.87 < auc < 0.98 for auc in alone)
    assert roc_auc_score(y, both) > max(alone) + 0.008
    assert roc_auc_score(y, both) > 0.95


def test_signs_and_stiffness_are_independent_within_a_stage():
    patients = [patient for _, patient in many([3], 1500)]
    r = np.corrcoef([p.severity for p in patients], [np.log(p.stiffness_kpa) for p in patients])[0, 1]
    assert abs(r) < 0.08


def test_every_sign_rises_with_the_stage_in_one_patient():
    for seed in range(30):
        patients = [draw_fibrosis_patient(stage, np.random.default_rng(seed)) for stage in range(5)]
        assert np.all(np.diff([p.severity for p in patients]) >= 0)
        assert np.all(np.diff([p.stiffness_kpa for p in patients]) > 0)


def test_serum_is_weakly_tied_to_the_stage():
    drawn = [(stage, draw_serum(stage, np.random.default_rng([n, 2]))) for n in range(500) for stage in range(5)]
    y = np.array([stage == 4 for stage, _ in drawn])
    apri = np.array([s["ast_u_per_l"] / s["platelets_1e9_per_l"] for _, s in drawn])
    assert 0.68 < roc_auc_score(y, apri) < 0.82


def test_pairs_show_the_same_section(examinations):
    for gray, color in zip(*examinations[4].pictures.values(), strict=True):
        outside_box = (gray.fan.array[0] > 0) & ~ndimage.binary_dilation(color.evidence.array[0] > 0, iterations=14)
        assert np.array_equal(gray.image.array[0][outside_box], color.image.array[0][outside_box])
        assert gray.image.same_geometry(color.image)


def test_colors_of_the_elastogram_tell_the_stated_stiffness(examinations):
    for examination in examinations.values():
        gray, color = (examination.pictures[role][0] for role in ("gray_scale", "elastogram"))
        shown = color.evidence.array[0] > 0
        # Take the gray-scale image out of the blend, then look for the nearest color of the scale.
        blend = color.image.array[0][shown].astype(float)
        pure = (blend - (1 - OPACITY) * gray.image.array[0][shown]) / OPACITY / 255
        scale = np.linspace(0, 1, 401, dtype=np.float32)
        nearest = ((pure[:, None] - jet(scale)[None]) ** 2).sum(2).argmin(1)
        kpa = MAXIMUM_KPA * scale[nearest]
        assert np.median(kpa) == pytest.approx(examination.parameters["measured_kpa"][0]["mean"], rel=0.1)
    assert examinations[4].truth["stiffness_kpa"] > examinations[0].truth["stiffness_kpa"]


def test_the_box_is_placed_in_the_liver(examinations):
    for examination in examinations.values():
        for picture in examination.pictures["elastogram"]:
            colored = picture.evidence.array > 0
            assert (picture.liver.array[colored] > 0).mean() > 0.97
            assert colored.sum() * np.prod(picture.image.spacing) > 600  # mm^2


def test_the_colored_part_is_gray_in_one_and_colored_in_the_other(examinations):
    gray, color = (examinations[0].pictures[role][0] for role in ("gray_scale", "elastogram"))
    shown = color.evidence.array[0] > 0
    colorfulness = np.ptp(color.image.array[0].astype(int), axis=2)
    assert (colorfulness[shown] > 60).mean() > 0.95  # all but the outline and the circle
    assert (np.ptp(gray.image.array[0].astype(int), axis=2) <= 12)[gray.fan.array[0] > 0].mean() > 0.99


def test_the_evidence_of_gray_scale_images_is_where_fibrosis_changes_them(examinations):
    for healthy, fibrotic in zip(*(examinations[stage].pictures["gray_scale"] for stage in (0, 4)), strict=True):
        evidence, fan = fibrotic.evidence.array[0] > 0, fibrotic.fan.array[0] > 0
        change = np.abs(fibrotic.image.array[0, ..., 1].astype(float) - healthy.image.array[0, ..., 1])
        assert not healthy.evidence.array.any()
        assert 0.05 < evidence.sum() / fan.sum() <= 0.331
        assert change[evidence].mean() > 1.8 * change[fan & ~evidence].mean()


def test_the_same_seed_gives_the_same_examination():
    first, second = (simulate_fibrosis_pair(2, seed=SEED, images=1) for _ in range(2))
    assert np.array_equal(first.pictures["elastogram"][0].image.array, second.pictures["elastogram"][0].image.array)
    assert first.truth == second.truth
    assert first.parameters == second.parameters


@pytest.mark.parametrize("wrong", [{"stage": 5}, {"stage": True}, {"stage": 1, "seed": -1}, {"stage": 1, "images": 0}])
def test_refuses_what_cannot_be(wrong):
    given = {"seed": 0} | wrong
    with pytest.raises(UserError):
        simulate_fibrosis_pair(given.pop("stage"), **given)
