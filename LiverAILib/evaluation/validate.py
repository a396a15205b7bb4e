"""Checks of the arrays that come in: every error names the place, the rule and what to do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

ZERO_ONE = ({"0", "1"}, {"False", "True"}, {"0.0", "1.0"})


def finite_vector(values: ArrayLike, name: str = "scores") -> NDArray[np.float64]:
    """One-dimensional float array without NaN or infinity.

    Raises:
        ValueError: Not numbers, not one-dimensional, or not finite; the first bad index is named.
    """
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} are not numbers; convert them to float first") from None
    if array.ndim != 1:
        raise ValueError(f"{name} have shape {array.shape}; give one value per case, shape (n,)")
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise ValueError(
            f"{name} have {bad.size} missing or infinite values, the first at index {bad[0]}; "
            "remove these cases, or report them as failures, before evaluating"
        )
    return array


def probabilities(values: ArrayLike, name: str = "scores") -> NDArray[np.float64]:
    """Like `finite_vector`, and every value must be in 0..1."""
    array = finite_vector(values, name)
    bad = np.flatnonzero((array < 0) | (array > 1))
    if bad.size:
        raise ValueError(
            f"{name} have {bad.size} values outside 0..1, the first ({array[bad[0]]:g}) at index {bad[0]}; "
            "calibration and "
            "decision curves need probabilities: pass the logits through a sigmoid, or leave these analyses out"
        )
    return array


def binary_labels(labels: ArrayLike, *, positive: object | None = None) -> NDArray[np.bool_]:
    """Labels as booleans, True for the positive class.

    Args:
        labels: Shape (n,): booleans, 0/1, or any two values when ``positive`` names one of them.
        positive: The label of the positive class, compared as text.

    Raises:
        ValueError: Missing labels, more than two classes, or an unclear positive class.
    """
    array = np.asarray(labels)
    if array.ndim != 1:
        raise ValueError(f"labels have shape {array.shape}; give one label per case, shape (n,)")
    if array.size == 0:
        raise ValueError("there are no cases; give at least one label")
    if array.dtype == bool and positive is None:
        return array
    if array.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(array))
        if bad.size:
            raise ValueError(
                f"labels have a missing value at index {bad[0]}; remove cases without a reference standard"
            )
    text = np.array([_label_text(value) for value in array.tolist()])
    classes = sorted(set(text.tolist()))
    if "" in classes:
        raise ValueError(
            f"labels have a missing value at index {int(np.flatnonzero(text == '')[0])}; remove such cases"
        )
    if len(classes) > 2:
        raise ValueError(f"labels have {len(classes)} classes ({', '.join(classes[:6])}); binary metrics need two")
    if positive is None:
        if not any(set(classes) <= allowed for allowed in ZERO_ONE):
            raise ValueError(f"labels are {' and '.join(classes)}; name the positive one (positive=...)")
        return np.isin(text, ("1", "True", "1.0"))
    wanted = _label_text(positive)
    if wanted not in classes:
        raise ValueError(f"positive label {wanted!r} does not occur among the labels ({', '.join(classes)})")
    return text == wanted


def _label_text(value: object) -> str:
    """Text of a label; ``1.0`` and ``1`` are the same label."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def both_classes(labels: NDArray[np.bool_], what: str) -> None:
    """Error where one class is empty.

    Raises:
        ValueError: All cases positive or all negative.
    """
    n_positive = int(labels.sum())
    if n_positive in (0, labels.size):
        only = "positive" if n_positive else "negative"
        raise ValueError(f"all {labels.size} cases are {only}; {what} needs at least one case of either class")


def same_length(**arrays: Sequence | NDArray | None) -> None:
    """Raise where arrays differ in length; the message names them."""
    lengths = {name: len(values) for name, values in arrays.items() if values is not None}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(f"lengths differ ({listed}); give one entry per case in each")


def labels_and_scores(
    labels: ArrayLike, scores: ArrayLike, *, positive: object | None = None
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Checked pair of binary labels (n,) and finite scores (n,)."""
    truth, values = binary_labels(labels, positive=positive), finite_vector(scores)
    same_length(labels=truth, scores=values)
    return truth, values


def calls_vector(calls: ArrayLike, name: str = "calls") -> NDArray[np.bool_]:
    """Binary calls (n,) of a reader or of a thresholded score, as booleans.

    Raises:
        ValueError: Anything but 0/1 or booleans.
    """
    array = np.asarray(calls)
    if array.dtype == bool and array.ndim == 1:
        return array
    values = finite_vector(array, name)
    bad = np.flatnonzero((values != 0) & (values != 1))
    if bad.size:
        raise ValueError(
            f"{name} have {values[bad[0]]:g} at index {bad[0]}; calls are 0 or 1: apply a threshold first (see "
            "thresholds)"
        )
    return values == 1
