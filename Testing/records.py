"""Records of assessments as earlier versions wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def as_version_1(record: Mapping[str, Any]) -> dict[str, Any]:
    """What 0.1.0 wrote: one image, one heat map a pipeline, no schema."""
    pipelines = {
        name: {
            "predicted": one["answer"],
            "probabilities": one["probabilities"],
            "heatmap": {k: one["heatmaps"][0][k] for k in ("method", "target", "pipeline", "scale", "zero")},
            "familiarity": one["familiarity"],
        }
        for name, one in record["outcomes"].items()
    }
    (given,) = record["provenance"]["inputs"]
    provenance = {**record["provenance"], "input": {k: v for k, v in given.items() if k not in ("role", "number")}}
    del provenance["inputs"]
    kept = {
        k: v for k, v in record.items() if k not in ("schema", "reservations", "outcomes", "primary_outcome", "images")
    }
    return {**kept, "pipelines": pipelines, "primary_pipeline": record["primary_outcome"], "provenance": provenance}
