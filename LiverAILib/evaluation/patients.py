"""Several images per patient: one score per patient, or intervals that account for images of the same patient.

Images of a patient resemble each other. Counting them as independent cases makes every interval too short and every p
value too small, so the functions here either reduce to patients or widen the interval, and refuse to count silently.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from LiverAILib.evaluation.delong import components
from LiverAILib.evaluation.estimate import Estimate, Interval
from LiverAILib.evaluation.intervals import logit_interval
from LiverAILib.evaluation.newcombe import newcombe_interval
from LiverAILib.evaluation.validate import both_classes, calls_vector, labels_and_scores, same_length

AGGREGATES: dict[str, Callable[..., Any]] = {"mean": np.mean, "median": np.median, "max": np.max, "min": np.min}


@dataclass(frozen=True)
class PatientScores:
    """One row per patient.

    Attributes:
        patients: Identifiers in order of first appearance, shape (p,).
        labels: The patients' labels, shape (p,).
        scores: Aggregated scores, shape (p,) or (p, k).
        n_images: Images of each patient, shape (p,).
        how: Name of the aggregate.
    """

    patients: NDArray
    labels: NDArray
    scores: NDArray[np.float64]
    n_images: NDArray[np.int64]
    how: str


def require_one_row_a_patient(patients: ArrayLike) -> None:
    """Error where a patient appears more than once.

    Raises:
        ValueError: Names the first such patient, and the two ways on.
    """
    names, counts = np.unique(np.asarray(patients).astype(str), return_counts=True)
    repeated = np.flatnonzero(counts > 1)
    if repeated.size:
        first = str(names[repeated[0]])
        raise ValueError(
            f"{repeated.size} of {names.size} patients have several rows (patient {first!r} has "
            f"{counts[repeated[0]]}): "
            "images would be counted as patients. Aggregate to one score per patient (mean, median, max, min), or "
            "ask for "
            "clustered intervals"
        )


def rows_are_images(patients: ArrayLike | None, clustered: bool) -> bool:
    """Whether intervals have to allow for images of the same patient; where not, every row has to be a patient.

    Args:
        patients: Shape (n,), identifiers; None: not known, every row counts as a patient.
        clustered: Rows are images.

    Raises:
        ValueError: Rows are images without patient identifiers, or images would be counted as patients.
    """
    if clustered and patients is None:
        raise ValueError("clustered intervals need the patient of each image; give patients=...")
    if patients is not None and not clustered:
        require_one_row_a_patient(patients)
    return clustered


def aggregate(patients: ArrayLike, labels: ArrayLike, *, scores: ArrayLike, how: str = "mean") -> PatientScores:
    """One score per patient, as Xue 2020 is evaluated (the mean of a patient's five images, a stated default).

    Args:
        patients: Shape (n,), identifiers.
        labels: Shape (n,), any type; equal within a patient.
        scores: Shape (n,) or (n, k).
        how: ``"mean"``, ``"median"``, ``"max"`` or ``"min"``.

    Raises:
        ValueError: Unknown aggregate, or a patient with different labels.
    """
    if how not in AGGREGATES:
        raise ValueError(f"aggregate {how!r} is unknown; use one of {', '.join(AGGREGATES)}")
    ids, truth, values = np.asarray(patients).astype(str), np.asarray(labels), np.asarray(scores, dtype=float)
    same_length(patients=ids, labels=truth, scores=values)
    _, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
    differing = np.flatnonzero(truth != truth[first][inverse])
    if differing.size:
        patient = str(ids[differing[0]])
        raise ValueError(
            f"patient {patient!r} has different labels, so no single score describes this patient; give each time "
            "point its "
            "own patient_id if they are different livers, or ask for clustered intervals"
        )
    order = np.argsort(first)
    reduced = np.stack([AGGREGATES[how](values[inverse == group], axis=0) for group in order])
    counts = np.bincount(inverse)[order]
    return PatientScores(ids[first][order], truth[first][order], reduced, counts, how)


def clustered_proportion(name: str, successes: ArrayLike, *, patients: ArrayLike, level: float = 0.95) -> Estimate:
    """A proportion over images with an interval that allows for images of the same patient.

    Rao and Scott, Biometrics 1992;48:577-585: the ratio estimator's variance gives a design effect, by which the number
    of images is divided; Wilson's interval is then taken of the effective counts. The design effect is not allowed
    below 1.

    Args:
        name: Name of the metric.
        successes: Shape (n,), 0/1 for each image that counts (for a sensitivity: the images with disease).
        patients: Shape (n,), identifiers of those images.
        level: Confidence level.
    """
    hits, ids = calls_vector(successes, "successes"), np.asarray(patients).astype(str)
    same_length(successes=hits, patients=ids)
    n = hits.size
    if n == 0:
        return Estimate(name, math.nan, None, 0, 0, "undefined: no case to count")
    _, inverse = np.unique(ids, return_inverse=True)
    sizes, sums = np.bincount(inverse), np.bincount(inverse, weights=hits)
    p, clusters = hits.mean(), sizes.size
    note = f"{n} images of {clusters} patients"
    if clusters < 2:
        return Estimate(name, float(p), None, int(hits.sum()), n, f"{note}: no interval from one patient")
    if 0 < p < 1:
        variance = clusters / (clusters - 1) * float(np.sum((sums - p * sizes) ** 2)) / n**2
        effect = max(1.0, variance * n / (p * (1 - p)))
    else:
        # No variation to measure: then the patients, not the images, are what was observed.
        effect = n / clusters
    effective = n / effect
    z = float(norm.ppf(0.5 + level / 2))
    center = (p + z**2 / (2 * effective)) / (1 + z**2 / effective)
    half = z / (1 + z**2 / effective) * math.sqrt(p * (1 - p) / effective + z**2 / (4 * effective**2))
    interval = Interval(
        max(0.0, float(center - half)), min(1.0, float(center + half)), level, "Wilson, Rao-Scott clustered"
    )
    return Estimate(name, float(p), interval, int(hits.sum()), n, f"{note}, design effect {effect:.2f}")


def clustered_auc(
    labels: ArrayLike, scores: ArrayLike, *, patients: ArrayLike, level: float = 0.95, positive: object | None = None
) -> Estimate:
    """AUC over images with a variance that allows for images of the same patient.

    Obuchowski, Biometrics 1997;53:567-578. A patient may have images of both classes. The interval is on the logit
    scale. With one image per patient it nearly equals DeLong's (up to the factor of the number of clusters).
    """
    truth, values = labels_and_scores(labels, scores, positive=positive)
    both_classes(truth, "an AUC")
    ids = np.asarray(patients).astype(str)
    same_length(labels=truth, patients=ids)
    v10, v01 = components(truth, values)
    value, m, n = float(v10.mean()), v10.size, v01.size
    _, inverse = np.unique(ids, return_inverse=True)
    clusters = int(inverse.max()) + 1
    # Deviations of each patient's sum; a patient without images of a class contributes 0 there.
    dev10 = np.bincount(inverse[truth], weights=v10 - value, minlength=clusters)
    dev01 = np.bincount(inverse[~truth], weights=v01 - value, minlength=clusters)
    with_m, with_n = np.unique(inverse[truth]).size, np.unique(inverse[~truth]).size
    note = f"{m + n} images of {clusters} patients"
    if min(with_m, with_n) < 2:
        return Estimate("AUC", value, None, None, m + n, f"{note}: no interval from one patient in a class")
    s10 = with_m / ((with_m - 1) * m) * float(np.sum(dev10**2))
    s01 = with_n / ((with_n - 1) * n) * float(np.sum(dev01**2))
    s11 = clusters / (clusters - 1) * float(np.sum(dev10 * dev01))
    variance = s10 / m + s01 / n + 2 * s11 / (m * n)
    if not variance > 1e-15 or not 0 < value < 1:
        interval = newcombe_interval(value, with_m, with_n, level=level)
        return Estimate("AUC", value, interval, None, m + n, f"{note}; the clustered variance is 0, patients counted")
    error = math.sqrt(variance)
    interval = logit_interval(value, error, level=level, method="Obuchowski clustered, logit scale")
    return Estimate("AUC", value, interval, None, m + n, note, error)
