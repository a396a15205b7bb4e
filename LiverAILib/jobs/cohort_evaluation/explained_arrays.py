"""What the tables and figures of explanations need of a case, as arrays that are kept on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from LiverAILib.data.assessment import Assessment
from LiverAILib.data.cohort import CohortRow
from LiverAILib.data.outcome import HeatMap
from LiverAILib.data.structures import LIVER, STRUCTURES
from LiverAILib.explain.explained_case import ExplainedCase
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.methods.base import Examination

FINEST_MM = 1.5
"""Voxels are skipped to about this distance: maps are far coarser."""
MARGIN_MM = 30.0
"""Kept around what the network saw, so that depths below the liver surface are right."""


def explained_arrays(
    examination: Examination, assessment: Assessment, row: CohortRow, *, inputs: bool
) -> tuple[dict[str, np.ndarray], list[float]]:
    """Arrays by name, and the distance of their voxels in mm (k, j, i); nothing for a method without a segmentation.

    ``mask_<structure>``, and for each outcome ``heat_``, ``seen_``, ``support_`` on a common grid; ``panel_...`` of the slice
    for pictures; with `inputs` the network inputs ``input_<outcome>``. The liver (and what else the network segmented) is the
    assessment's, all other masks are the manifest's. Of a signed map its positive part, the evidence for the target, is kept.

    Args:
        examination: What the networks saw.
        assessment: What came out.
        row: Row of the manifest, for its masks.
        inputs: Whether the network inputs are kept.
    """
    if assessment.segmentation is None:
        return {}, []
    image = assessment.image
    views = {
        name: (view, heatmap)
        for name, seen in examination.views.items()
        for view, heatmap in zip(seen, assessment.outcomes[name].heatmaps, strict=True)
        if view.image is image
    }
    masks = {s.name: assessment.segmentation.image.array == s.label for s in assessment.segmentation.structures}
    for name in row.masks:
        # What the network was shown decides about the liver; the rest is known best by the manifest.
        if name != LIVER.name:
            masks[name] = row.read_mask(name, image)
    volumes = {f"mask_{name}": mask for name, mask in masks.items() if name in STRUCTURES or mask.any()}
    for name, (view, heatmap) in views.items():
        heat = np.maximum(heatmap.image.array, 0)
        volumes |= {f"heat_{name}": heat, f"seen_{name}": view.seen(), f"support_{name}": view.support()}
    found, kept = _cropped(volumes, image.spacing[::-1])
    found |= _panel(assessment, masks[LIVER.name], {name: heatmap for name, (_, heatmap) in views.items()})
    if inputs:
        found |= {f"input_{name}": view.tensor[None].numpy().astype(np.float16) for name, (view, _) in views.items()}
    return found, kept


def explained_cases(
    case_id: str, true_class: str | None, record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> Iterator[ExplainedCase]:
    """The case once for each pipeline, from what `explained_arrays` kept."""
    names = list(arrays)
    masks = {name.removeprefix("mask_"): arrays[name] for name in names if name.startswith("mask_")}
    for pipeline in record["pipelines"]:
        if f"heat_{pipeline}" not in names:
            continue
        yield ExplainedCase(
            case_id=case_id,
            pipeline=pipeline,
            true_class=true_class,
            predicted_class=record["predicted"][pipeline],
            target=record["targets"][pipeline],
            heatmap=arrays[f"heat_{pipeline}"].astype(np.float32),
            spacing=tuple(record["spacing"]),
            masks=masks,
            seen=arrays[f"seen_{pipeline}"],
            support=arrays[f"support_{pipeline}"],
        )


def _cropped(volumes: dict[str, np.ndarray], spacing: tuple[float, ...]) -> tuple[dict[str, np.ndarray], list[float]]:
    """Every volume on the part of the grid that was seen and a margin, thinned to about `FINEST_MM`."""
    seen = np.logical_or.reduce([volume for name, volume in volumes.items() if name.startswith("seen_")])
    window, kept = [], []
    for axis, distance in enumerate(spacing):
        others = tuple(a for a in range(seen.ndim) if a != axis)
        inside = np.flatnonzero(seen.any(others))
        margin = int(np.ceil(MARGIN_MM / distance))
        step = max(1, int(FINEST_MM // distance))
        window.append(slice(max(0, inside[0] - margin), inside[-1] + 1 + margin, step))
        kept.append(float(distance * step))
    return {name: np.ascontiguousarray(volume[tuple(window)]) for name, volume in volumes.items()}, kept


def _panel(assessment: Assessment, liver: np.ndarray, heatmaps: Mapping[str, HeatMap]) -> dict[str, np.ndarray]:
    """The slice that pictures show, rows anterior to posterior: the chosen one, or the one with most liver."""
    canonical, order = to_canonical(assessment.image)
    inside = order.apply(liver)
    if assessment.chosen_slice is not None:
        position = order.canonical_slice(assessment.chosen_slice.index, assessment.image)
    else:
        position = int(inside.sum((1, 2)).argmax())
    found = {
        "panel_image": canonical.array[position].astype(np.float32),
        "panel_liver": inside[position],
        "panel_spacing": np.array(canonical.spacing[1] / canonical.spacing[0]),
    }
    for name, heatmap in heatmaps.items():
        found[f"panel_heat_{name}"] = order.apply(heatmap.image.array)[position].astype(np.float32)
    return found
