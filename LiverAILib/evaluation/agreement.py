"""Agreement of two measurements of the same quantity: Bland-Altman with intervals of the limits, and the ICC."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import f as f_distribution
from scipy.stats import linregress, nct, norm, t

from LiverAILib.evaluation.estimate import Estimate, Interval
from LiverAILib.evaluation.intervals import normal_interval
from LiverAILib.evaluation.patients import require_one_row_a_patient
from LiverAILib.evaluation.validate import finite_vector, same_length

ICC_FORMS = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)")


@dataclass(frozen=True)
class BlandAltman:
    """Bland-Altman analysis, in the unit of the measurements.

    Attributes:
        mean: Shape (n,), mean of the two measurements.
        difference: Shape (n,), predicted minus reference.
        bias: Mean difference, with its t interval.
        lower: Lower limit of agreement, with its interval.
        upper: Upper limit of agreement, with its interval.
        slope: Slope of the difference over the mean, with its interval: proportional bias where 0 lies outside.
        slope_p: p value of the slope.
        share: Share of patients the limits of agreement are meant to hold (0.95).
    """

    mean: NDArray[np.float64]
    difference: NDArray[np.float64]
    bias: Estimate
    lower: Estimate
    upper: Estimate
    slope: Estimate
    slope_p: float
    share: float


def bland_altman(
    predicted: ArrayLike,
    reference: ArrayLike,
    *,
    share: float = 0.95,
    level: float = 0.95,
    method: str = "exact",
    patients: ArrayLike | None = None,
) -> BlandAltman:
    """Limits of agreement ``bias +- 1.96 SD`` (Bland and Altman, Lancet 1986; Byra 2021, fig. 4).

    Args:
        predicted: Shape (n,).
        reference: Shape (n,), same unit.
        share: Share of the differences between the limits.
        level: Confidence level.
        method: Interval of the limits: ``"exact"`` by the noncentral t distribution (Carkeet, Optom Vis Sci
            2015;92:e71-e80), right in small samples, or ``"approximate"`` (Bland and Altman, Stat Methods Med Res 1999,
            section 2.1).
        patients: Shape (n,), identifiers; several rows per patient are an error, as they narrow the limits.

    Raises:
        ValueError: Fewer than three patients, unknown method, images counted as patients.

    Examples:
        >>> from LiverAILib.evaluation.agreement import bland_altman
        >>> found = bland_altman([5.2, 8.1, 12.4, 20.3], [5.0, 9.0, 11.5, 19.8])  # PDFF in percent
        >>> found.bias.text(2), found.lower.text(2)
        ('0.18 (-1.05 to 1.40)', '-1.34 (-5.78 to -0.47)')
    """
    first, second = finite_vector(predicted, "predicted"), finite_vector(reference, "reference")
    same_length(predicted=first, reference=second)
    if patients is not None:
        require_one_row_a_patient(patients)
    if first.size < 3:
        raise ValueError(f"{first.size} patients are too few for limits of agreement; at least 3 are needed")
    if method not in ("exact", "approximate"):
        raise ValueError(f"interval method {method!r} is unknown; use 'exact' or 'approximate'")
    difference, mean, n = first - second, (first + second) / 2, first.size
    bias, deviation = float(difference.mean()), float(difference.std(ddof=1))
    half = float(t.ppf(0.5 + level / 2, n - 1)) * deviation / math.sqrt(n)
    bias_estimate = Estimate("bias", bias, Interval(bias - half, bias + half, level, "t"), None, n)
    z = float(norm.ppf(0.5 + share / 2))
    limits = []
    for sign, name in ((-1, "lower limit of agreement"), (1, "upper limit of agreement")):
        value = bias + sign * z * deviation
        if method == "exact":
            edges = [
                float(nct.ppf(q, n - 1, z * math.sqrt(n))) / math.sqrt(n) for q in (0.5 - level / 2, 0.5 + level / 2)
            ]
            low, high = sorted(bias + sign * edge * deviation for edge in edges)
            interval = Interval(low, high, level, "Carkeet exact")
        else:
            error = deviation * math.sqrt(1 / n + z**2 / (2 * (n - 1)))
            wide = float(t.ppf(0.5 + level / 2, n - 1)) * error
            interval = Interval(value - wide, value + wide, level, "Bland-Altman 1999")
        limits.append(Estimate(name, value, interval, None, n))
    slope, slope_p = _slope(mean, difference, level)
    return BlandAltman(mean, difference, bias_estimate, limits[0], limits[1], slope, slope_p, share)


def _slope(mean: NDArray, difference: NDArray, level: float) -> tuple[Estimate, float]:
    n, name = mean.size, "slope of the difference over the mean"
    if np.ptp(mean) == 0:
        return Estimate(name, math.nan, None, None, n, "undefined: all means are equal"), math.nan
    fit = linregress(mean, difference)
    half = float(t.ppf(0.5 + level / 2, n - 2)) * float(fit.stderr)
    interval = Interval(float(fit.slope) - half, float(fit.slope) + half, level, "t")
    return Estimate(name, float(fit.slope), interval, None, n, "", float(fit.stderr)), float(fit.pvalue)


def icc(ratings: ArrayLike, *, form: str = "ICC(2,1)", level: float = 0.95) -> Estimate:
    """Intraclass correlation of single ratings.

    Shrout and Fleiss, Psychol Bull 1979;86:420-428; the interval of ICC(2,1) by their equation with Satterthwaite's
    degrees of freedom, as McGraw and Wong, Psychol Methods 1996;1:30-46.

    Args:
        ratings: Shape (patients, raters), no missing values.
        form: ``"ICC(1,1)"`` other raters for each patient; ``"ICC(2,1)"`` absolute agreement, raters a sample;
            ``"ICC(3,1)"`` consistency, these raters only.
        level: Confidence level.

    Raises:
        ValueError: Unknown form, fewer than two patients or raters, missing values.
    """
    if form not in ICC_FORMS:
        raise ValueError(f"form {form!r} is unknown; use one of {', '.join(ICC_FORMS)}")
    table = np.asarray(ratings, dtype=float)
    if table.ndim != 2 or min(table.shape) < 2:
        raise ValueError(f"ratings have shape {table.shape}; give (patients, raters) with at least two of each")
    finite_vector(table.ravel(), "ratings")
    n, k = table.shape
    grand = table.mean()
    rows = k * float(np.sum((table.mean(axis=1) - grand) ** 2)) / (n - 1)
    columns = n * float(np.sum((table.mean(axis=0) - grand) ** 2)) / (k - 1)
    total = float(np.sum((table - grand) ** 2))
    within = (total - rows * (n - 1)) / (n * (k - 1))
    error = max(0.0, (total - rows * (n - 1) - columns * (k - 1)) / ((n - 1) * (k - 1)))
    if total <= 1e-24:
        return Estimate(form, math.nan, None, None, n, "undefined: all ratings are equal")
    value, low, high = _icc_numbers(form, (n, k), (rows, columns, within, error), level)
    if math.isnan(value):
        return Estimate(form, value, None, None, n, "undefined: the patients do not differ")
    if math.isnan(low):
        return Estimate(
            form, value, None, None, n, "no interval: the error variance is 0, or the patients do not differ"
        )
    if value < -1 or not low - 1e-9 <= value <= high + 1e-9:
        # With few patients and negative values Satterthwaite's degrees of freedom can put both limits on one side.
        return Estimate(form, value, None, None, n, "no interval: the F method fails for raters who agree this little")
    low, high = max(-1.0, min(low, value)), min(1.0, max(high, value))
    return Estimate(form, value, Interval(low, high, level, "F (Shrout-Fleiss)"), None, n)


def _icc_numbers(
    form: str, shape: tuple[int, int], squares: tuple[float, float, float, float], level: float
) -> tuple[float, float, float]:
    """Value and limits from the mean squares between rows, between columns, within rows, and of the error."""
    (n, k), (rows, columns, within, error), tail = shape, squares, 0.5 + level / 2
    if form in ("ICC(1,1)", "ICC(3,1)"):
        noise, df = (within, n * (k - 1)) if form == "ICC(1,1)" else (error, (n - 1) * (k - 1))
        total = rows + (k - 1) * noise
        if total <= 1e-15:
            return math.nan, math.nan, math.nan
        value = (rows - noise) / total
        if noise <= 1e-15:
            return value, math.nan, math.nan
        ratio = rows / noise
        low = ratio / f_distribution.ppf(tail, n - 1, df)
        high = ratio * f_distribution.ppf(tail, df, n - 1)
        return value, float((low - 1) / (low + k - 1)), float((high - 1) / (high + k - 1))
    total = rows + (k - 1) * error + k * (columns - error) / n
    if abs(total) <= 1e-15:
        return math.nan, math.nan, math.nan
    value = (rows - error) / total
    if error <= 1e-15:
        return value, math.nan, math.nan
    fj = columns / error
    top = (k - 1) * (n - 1) * (k * value * fj + n * (1 + (k - 1) * value) - k * value) ** 2
    bottom = (n - 1) * k**2 * value**2 * fj**2 + (n * (1 + (k - 1) * value) - k * value) ** 2
    freedom = top / bottom
    upper, lower = f_distribution.ppf(tail, n - 1, freedom), f_distribution.ppf(tail, freedom, n - 1)
    spread = k * columns + (k * n - k - n) * error
    if not math.isfinite(upper) or not math.isfinite(lower):
        return value, math.nan, math.nan
    with np.errstate(over="ignore", invalid="ignore"):  # quantiles near the largest number end in nan: no interval
        low = n * (rows - upper * error) / (upper * spread + n * rows)
        high = n * (lower * rows - error) / (spread + n * lower * rows)
    return value, float(low), float(high)


def mean_absolute_error(predicted: ArrayLike, reference: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Mean absolute difference (n,), in the unit of the measurements, with a normal interval cut at 0."""
    first, second = finite_vector(predicted, "predicted"), finite_vector(reference, "reference")
    same_length(predicted=first, reference=second)
    if first.size == 0:
        raise ValueError("there are no cases; give at least one")
    gap = np.abs(first - second)
    value, n = float(gap.mean()), gap.size
    if n < 2:
        return Estimate("mean absolute error", value, None, None, n, "no interval from one case")
    error = float(gap.std(ddof=1)) / math.sqrt(n)
    return Estimate("mean absolute error", value, normal_interval(value, error, level=level, low=0), None, n, "", error)
