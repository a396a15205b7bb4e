"""Leave one participant out with a grid search inside: equal to the plain scikit-learn loop, and nothing leaks."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from LiverAILib.errors import UserError
from LiverAILib.methods.byra2021.nested import final_fit, nested_leave_one_out

GRID = np.array([0.05, 0.3, 1.0])


def cohort(participants: int = 24, features: int = 40, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of one image per participant, some of them constant, and PDFF in percent that two of them know."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(participants, features)) * generator.uniform(0.1, 3.0, features) + 5.0
    rows[:, 7] = 2.0
    rows[:, 8] = np.arange(participants) == 3  # constant in every training set without participant 3
    return rows, np.exp(1.9 + 0.4 * (rows[:, 0] - 5) / rows[:, 0].std() - 0.3 * (rows[:, 1] - 5) / rows[:, 1].std())


def balanced(targets: np.ndarray) -> np.ndarray:
    """Weights inverse to the frequency of a class."""
    values, counts = np.unique(targets, return_counts=True)
    return len(targets) / (len(values) * counts[np.searchsorted(values, targets)])


def by_bin(targets: np.ndarray) -> np.ndarray:
    """Weights inverse to the frequency of the 5 % bin."""
    return balanced(np.floor(targets / 5))


def plain_logistic(rows, fatty, train, c, asked):
    """scikit-learn's pipeline: probabilities of the rows asked for."""
    model = LogisticRegression(solver="saga", l1_ratio=1, C=c, class_weight="balanced", tol=1e-9, max_iter=100_000)
    return make_pipeline(StandardScaler(), model).fit(rows[train], fatty[train]).predict_proba(rows[asked])[:, 1]


def plain_lasso(rows, pdff, train, alpha, asked):
    scaler = StandardScaler().fit(rows[train])
    model = Lasso(alpha=alpha, tol=1e-12, max_iter=1_000_000)
    model.fit(scaler.transform(rows[train]), pdff[train], sample_weight=by_bin(pdff[train]))
    return model.predict(scaler.transform(rows[asked]))


def log_loss(fatty, probability):
    return -np.log(np.where(fatty, probability, 1 - probability))


def squared_error(pdff, predicted):
    return (pdff - predicted) ** 2


@pytest.mark.parametrize(
    ("kind", "plain", "weights", "loss", "tolerance"),
    [
        ("logistic", plain_logistic, balanced, log_loss, 1e-5),
        ("lasso", plain_lasso, by_bin, squared_error, 1e-6),
    ],
)
def test_equal_to_the_plain_nested_loop_of_scikit_learn(kind, plain, weights, loss, tolerance):
    rows, pdff = cohort()
    targets = pdff >= 6.5 if kind == "logistic" else pdff
    found = nested_leave_one_out(rows, targets, np.arange(24), kind=kind, grid=GRID, weights=weights)
    strongest_first = GRID if kind == "logistic" else GRID[::-1]
    for participant in range(24):
        others = np.arange(24) != participant
        weight = np.zeros(24)
        weight[others] = weights(targets[others])
        losses = np.zeros(len(GRID))
        for fold in range(4):
            train, held = others & (found.folds != fold), others & (found.folds == fold)
            for place, value in enumerate(strongest_first):
                losses[place] += weight[held] @ loss(targets[held], plain(rows, targets, train, value, held))
        best = strongest_first[np.argmin(losses)]
        assert found.chosen[participant] == best
        assert found.outputs[participant] == pytest.approx(
            plain(rows, targets, others, best, ~others)[0], abs=tolerance
        )
    assert len(set(found.chosen)) > 1


def test_folds_are_stratified():
    rows, pdff = cohort(40)
    fatty = pdff >= 6.5
    by_class = nested_leave_one_out(rows, fatty, np.arange(40), kind="logistic", grid=[0.1]).folds
    shares = [fatty[by_class == fold].sum() for fold in range(4)]
    assert max(shares) - min(shares) <= 1
    by_value = nested_leave_one_out(rows, pdff, np.arange(40), kind="lasso", grid=[1.0]).folds
    lowest = np.argsort(pdff)[:10]
    assert sorted(np.bincount(by_value[lowest])) in ([2, 2, 3, 3], [2, 3, 3, 3], [2, 2, 2, 3], [2, 2, 2, 4])


def with_copies(rows, *, copies=3, seed=1):
    """Every row followed by noisy copies of it; who each is of, and which are originals."""
    noise = np.random.default_rng(seed).normal(size=(len(rows), copies, rows.shape[1])) * 0.3
    repeated = np.repeat(rows[:, None], copies, axis=1) + noise
    repeated[:, 0] = rows
    originals = np.tile(np.arange(copies) == 0, len(rows))
    return repeated.reshape(-1, rows.shape[1]), np.repeat(np.arange(len(rows)), copies), originals


@pytest.mark.parametrize("kind", ["logistic", "lasso"])
def test_the_held_out_participant_changes_nothing_but_its_own_output(kind):
    """Its images and copies, made absurd, must not reach any other fit: the grid value chosen without it stays the same."""
    rows, pdff = cohort()
    targets = pdff >= 6.5 if kind == "logistic" else pdff
    repeated, owners, originals = with_copies(rows)
    repeated_targets = targets[owners]
    before = nested_leave_one_out(repeated, repeated_targets, owners, kind=kind, grid=GRID, tested=originals)
    repeated[owners == 5] *= -40.0
    after = nested_leave_one_out(repeated, repeated_targets, owners, kind=kind, grid=GRID, tested=originals)
    assert after.chosen[5] == before.chosen[5]
    assert after.outputs[5] != pytest.approx(before.outputs[5], abs=1e-3)


def test_labels_without_any_signal_give_chance():
    """A leak of copies over the folds would find every participant again in its own noise."""
    generator = np.random.default_rng(3)
    rows = generator.normal(size=(60, 300))
    fatty = np.arange(60) % 2 == 0
    repeated, owners, originals = with_copies(rows, copies=4)
    found = nested_leave_one_out(repeated, fatty[owners], owners, kind="logistic", grid=[0.1, 1.0], tested=originals)
    assert 0.25 < roc_auc_score(fatty, found.outputs) < 0.75


def test_a_participant_answers_with_the_mean_of_its_tested_rows():
    rows, pdff = cohort()
    repeated, owners, originals = with_copies(rows, copies=2)
    twice = nested_leave_one_out(repeated, (pdff >= 6.5)[owners], owners, kind="logistic", grid=[0.3])
    first = nested_leave_one_out(repeated, (pdff >= 6.5)[owners], owners, kind="logistic", grid=[0.3], tested=originals)
    second = nested_leave_one_out(
        repeated, (pdff >= 6.5)[owners], owners, kind="logistic", grid=[0.3], tested=~originals
    )
    np.testing.assert_allclose(twice.outputs, (first.outputs + second.outputs) / 2, rtol=1e-9)


def test_processes_give_the_same():
    rows, pdff = cohort()
    names = [f"p{number:02d}" for number in range(24)]
    one = nested_leave_one_out(rows, pdff, names, kind="lasso", grid=GRID)
    two = nested_leave_one_out(rows, pdff, names, kind="lasso", grid=GRID, workers=2)
    np.testing.assert_array_equal(one.outputs, two.outputs)
    assert list(one.participants) == names


def test_the_final_fit_is_a_fit_to_everybody_on_features_as_they_are():
    rows, pdff = cohort()
    fitted = final_fit(rows, pdff, np.arange(24), kind="lasso", grid=GRID, weights=by_bin)
    everybody = np.ones(24, bool)
    expected = plain_lasso(rows, pdff, everybody, fitted.chosen, everybody)
    np.testing.assert_allclose(rows @ fitted.weight + fitted.bias, expected, atol=1e-6)
    assert fitted.chosen == min(fitted.losses, key=fitted.losses.get)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows, fatty, who: (rows, fatty, np.where(who == 1, 0, who)), "participant 0: reference values"),
        (lambda rows, fatty, who: (np.where(rows == 2.0, np.nan, rows), fatty, who), "features that are not finite"),
        (lambda rows, fatty, who: (rows, np.arange(24) < 4, who), "4 participants of a class"),
    ],
)
def test_what_cannot_be_fitted_is_refused(change, message):
    rows, _ = cohort()
    with pytest.raises(UserError, match=message):
        nested_leave_one_out(*change(rows, np.arange(24) % 2 == 0, np.arange(24)), kind="logistic", grid=GRID)


def test_copies_without_their_original_are_refused():
    rows, pdff = cohort()
    with pytest.raises(UserError, match="participant 2: only augmented copies"):
        final_fit(rows, pdff, np.arange(24), kind="lasso", grid=GRID, tested=np.arange(24) != 2)


def test_patience_ends_the_search_behind_the_minimum():
    """Where the loss has one minimum the outputs are the same, and the weakest penalties are not tried."""
    rows, pdff = cohort(28)
    how = {"kind": "lasso", "grid": np.logspace(-4, 2, 10), "weights": by_bin}
    whole = nested_leave_one_out(rows, pdff, np.arange(28), **how)
    ended = nested_leave_one_out(rows, pdff, np.arange(28), **how, patience=2)
    np.testing.assert_allclose(ended.outputs, whole.outputs, rtol=1e-6)
    np.testing.assert_array_equal(ended.chosen, whole.chosen)
    tried = final_fit(rows, pdff, np.arange(28), **how, patience=2).losses
    every = final_fit(rows, pdff, np.arange(28), **how).losses
    assert min(every) < min(tried) < max(tried) == max(every)
    assert {value: every[value] for value in tried} == pytest.approx(tried)
