"""The protocol of Byra 2021: weights, participants, the mean of the views and the errors that it is known by."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.utils.class_weight import compute_sample_weight

from LiverAILib.errors import UserError
from LiverAILib.methods.byra2021.training import (
    ViewData,
    check_enough,
    class_weights,
    composite,
    cross_validate,
    fat_weights,
    mean_of_views,
    out_of_participant_residuals,
)

FAT = np.array([1, 2, 3, 4, 4.5, 4.8, 5, 6, 7, 7.5, 8, 9, 10, 11, 12, 14, 15, 18, 20, 25, 30, 33], dtype=float)


def view_data(seed: int, *, noise: float, people=None, features: int = 12) -> ViewData:
    """Features of which one knows the fat, in two copies an image."""
    people = np.arange(len(FAT)) if people is None else np.array(people)
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(len(people), 2, features))
    values[..., 3] = (FAT[people, None] - 10) / 8 + noise * rng.normal(size=(len(people), 2))
    return ViewData(people, values.astype(np.float32))


def test_weights_are_inverse_to_the_frequency():
    classes = np.array([1, 0, 0, 1, 1, 1, 0, 1.0])
    np.testing.assert_allclose(class_weights(classes), compute_sample_weight("balanced", classes))
    found = fat_weights(np.array([1, 2, 4.9, 5, 9, 31.0]))
    np.testing.assert_allclose(found / found[0], [1, 1, 1, 1.5, 1.5, 3])
    assert found.mean() == pytest.approx(1)


def test_the_mean_takes_the_views_that_are_there():
    nan = np.nan
    found = mean_of_views([np.array([1, nan, nan]), np.array([3, 4, nan])])
    np.testing.assert_array_equal(found, [2, 4, nan])


def test_left_out_participants_are_measured_and_the_mean_of_the_views_is_the_best():
    """The views know the fat with noise of their own."""
    views = {"hepatic_veins": view_data(1, noise=0.6), "liver_kidney": view_data(2, noise=0.6)}
    found = cross_validate(views, FAT, cutoffs=(5.0, 10.0), with_composite=True, log=lambda line: None)
    assert set(found.outputs) == {"hepatic_veins", "liver_kidney", "composite", "multiview"}
    correlations = {name: spearmanr(own["pdff"], FAT).statistic for name, own in found.outputs.items()}
    assert correlations["multiview"] > 0.7
    for own in found.outputs.values():
        assert ((own["from_5"] > 0) & (own["from_5"] < 1)).all()
        assert own["from_5"][FAT >= 10].mean() > own["from_5"][FAT < 5].mean()
    both = [found.outputs[view]["pdff"] for view in views]
    np.testing.assert_allclose(found.outputs["multiview"]["pdff"], np.mean(both, axis=0))
    assert found.heads["composite"]["pdff"].weight.shape == (24,)
    kept = found.heads["hepatic_veins"]["pdff"].weight.abs()
    assert kept.argmax() == 3


def test_fat_that_no_feature_knows_is_not_found():
    """Copies of a participant in training would give it away: here each participant has features of its own."""
    rng = np.random.default_rng(0)
    own = np.repeat(rng.normal(size=(len(FAT), 1, 30)), 4, axis=1)
    data = ViewData(np.arange(len(FAT)), own.astype(np.float32))
    found = cross_validate({"liver_kidney": data}, FAT, cutoffs=(5.0,), log=lambda line: None)
    assert abs(spearmanr(found.outputs["liver_kidney"]["pdff"], FAT).statistic) < 0.6


def test_participants_without_a_view_are_answered_by_the_others():
    views = {"hepatic_veins": view_data(1, noise=0.2), "liver_kidney": view_data(2, noise=0.2, people=range(1, 22))}
    found = cross_validate(views, FAT, cutoffs=(10.0,), log=lambda line: None)
    assert np.isnan(found.outputs["liver_kidney"]["pdff"][0])
    assert found.outputs["multiview"]["pdff"][0] == found.outputs["hepatic_veins"]["pdff"][0]
    assert composite(views).participants.tolist() == list(range(1, 22))
    assert composite(views).features.shape == (21, 2, 24)


def test_too_few_participants_on_one_side_of_a_cut_off_are_refused():
    with pytest.raises(UserError, match=r"view liver kidney: 4 participants below 5 % fat.*at least 5 on either side"):
        check_enough({"liver_kidney": view_data(1, noise=0.2, people=range(2, 22))}, FAT, (5.0,))
    with pytest.raises(UserError, match=r"view liver kidney: 19 participants; .* needs at least 20"):
        check_enough({"liver_kidney": view_data(1, noise=0.2, people=range(19))}, FAT, (5.0,))


def test_the_prediction_interval_holds_for_as_many_new_participants_as_it_says():
    """Errors of a known distribution: 95 % of new ones are not larger, on average over cohorts."""
    rng = np.random.default_rng(3)
    held = []
    for _ in range(300):
        errors = rng.laplace(0, 4, 61)
        residuals = out_of_participant_residuals(errors[:60], np.zeros(60))
        held.append(abs(errors[60]) <= residuals.error)
        assert residuals.participants == 60
    assert 0.925 < np.mean(held) < 0.985
    assert out_of_participant_residuals(np.zeros(10), np.zeros(10)) is None  # no error is that of 95 %
