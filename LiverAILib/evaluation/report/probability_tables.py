"""The probabilities in a predictions file as tables with labels, for what is fitted to them."""

from __future__ import annotations

import numpy as np

from LiverAILib.evaluation.held_out import Labeled
from LiverAILib.evaluation.report.predictions import Predictions


def probability_tables(predictions: Predictions) -> dict[str, Labeled]:
    """Probabilities of the method, and of the others that have some, by name; empty for measured values.

    Two classes: shape (n, 2), of every score between 0 and 1. Stages: shape (n, k), of those that give all stages.
    """
    if predictions.task == "binary":
        labels = predictions.truth.astype(np.int64)
        return {
            name: Labeled(np.column_stack([1 - scores, scores]), labels, predictions.patient_ids)
            for name, scores in predictions.scores.items()
            if scores.min() >= 0 and scores.max() <= 1
        }
    if predictions.task != "stages" or predictions.probabilities is None:
        return {}
    labels = np.searchsorted(predictions.stages, predictions.truth)
    tables = {next(iter(predictions.scores)): predictions.probabilities, **predictions.tables}
    return {
        name: Labeled(table / table.sum(axis=1, keepdims=True), labels, predictions.patient_ids)
        for name, table in tables.items()
    }


def class_names(predictions: Predictions) -> tuple[str, ...]:
    """Names of the columns of `probability_tables`."""
    if predictions.task == "binary":
        return tuple(str(name) or f"not {predictions.classes[1]}" for name in predictions.classes)
    return predictions.stage_names
