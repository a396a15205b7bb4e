"""Whether the reference standard is tied to how an image came about: scanner, site, source or year.

Where it is, a network can reach a good AUC by recognizing the scanner. Yin 2021 filled up F0 with emergency CT of trauma
patients: their scanner and year may differ from those of the biopsied patients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from LiverAILib.evaluation.delong import auc
from LiverAILib.evaluation.estimate import Estimate
from LiverAILib.evaluation.held_out import fold_numbers
from LiverAILib.evaluation.validate import binary_labels, both_classes, same_length


@dataclass(frozen=True)
class Association:
    """How strongly two categorical variables go together.

    Attributes:
        cramers_v: Cramer's V from the chi-square of the table: 0 for none, 1 where one decides the other.
        p_value: Two-sided permutation p value, at least 1 / (permutations + 1); small cells do no harm.
        table: Counts, shape (values of the first, values of the second), both sorted.
        first: Values of the first variable.
        second: Values of the second variable.
    """

    cramers_v: float
    p_value: float
    table: NDArray[np.int64]
    first: tuple[str, ...]
    second: tuple[str, ...]


def association(first: ArrayLike, second: ArrayLike, *, permutations: int = 2000, seed: int = 0) -> Association:
    """Cramer's V of two variables with a permutation test.

    Args:
        first: Shape (n,), categories.
        second: Shape (n,), categories.
        permutations: How often the second is shuffled.
        seed: Seed of the shuffling.

    Returns:
        The association; V and p are ``nan`` where a variable has one value only.
    """
    one, two = np.asarray(first).astype(str), np.asarray(second).astype(str)
    same_length(first=one, second=two)
    first_names, first_codes = np.unique(one, return_inverse=True)
    second_names, second_codes = np.unique(two, return_inverse=True)
    shape = (first_names.size, second_names.size)

    def counted(codes: NDArray) -> NDArray[np.int64]:
        return np.bincount(first_codes * shape[1] + codes, minlength=shape[0] * shape[1]).reshape(shape)

    table = counted(second_codes)
    names = tuple(first_names.tolist()), tuple(second_names.tolist())
    if min(shape) < 2:
        return Association(math.nan, math.nan, table, *names)
    expected = np.outer(table.sum(1), table.sum(0)) / one.size

    def chi_square(counts: NDArray) -> float:
        return float(((counts - expected) ** 2 / expected).sum())

    found = chi_square(table)
    rng = np.random.default_rng(seed)
    drawn = [chi_square(counted(rng.permutation(second_codes))) for _ in range(permutations)]
    # Rounding must not make an equal table smaller.
    as_large = sum(value >= found * (1 - 1e-9) for value in drawn)
    v = math.sqrt(found / (one.size * (min(shape) - 1)))
    return Association(min(v, 1.0), (1 + as_large) / (1 + permutations), table, *names)


def auc_of_variables(
    labels: ArrayLike,
    variables: Mapping[str, ArrayLike],
    *,
    patients: ArrayLike | None = None,
    folds: ArrayLike | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """AUC of a label predicted from categorical variables alone, by logistic regression on patients of other folds.

    Args:
        labels: Shape (n,), binary, both classes present.
        variables: Name and categories, each shape (n,).
        patients: Shape (n,), identifiers where patients have several rows.
        folds: Shape (n,), given folds; None: five stratified folds of patients are drawn.
        level: Confidence level of DeLong's interval.
        seed: Seed of the draw.
    """
    from sklearn.linear_model import LogisticRegression

    truth = binary_labels(labels)
    both_classes(truth, "an AUC")
    columns = []
    for name, values in variables.items():
        own = np.asarray(values).astype(str)
        same_length(labels=truth, **{name: own})
        columns.append((own[:, None] == np.unique(own)[None, :]).astype(float))
    table = np.hstack(columns)
    numbers, _ = fold_numbers(truth, folds=folds, patients=patients, seed=seed)
    scores = np.full(truth.size, 0.5)
    for number in np.unique(numbers):
        own = numbers == number
        fit = ~own
        if 0 < truth[fit].sum() < fit.sum():
            # Balanced, because the prevalence differs a little between folds and would shift their scores.
            model = LogisticRegression(C=1.0, class_weight="balanced", max_iter=1000).fit(table[fit], truth[fit])
            scores[own] = model.predict_proba(table[own])[:, 1]
    return auc(truth, np.round(scores, 9), level=level)
