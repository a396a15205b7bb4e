"""Checks of the maps' faithfulness on some of an evaluation's cases, kept on disk like the cases."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from LiverAILib.atomic_write import atomic_text
from LiverAILib.data.outcome import GRAD_CAM, HEATMAP_TITLES
from LiverAILib.explain.deletion_insertion import PerturbationCurves
from LiverAILib.explain.faithfulness import Faithfulness, check_faithfulness
from LiverAILib.explain.map_family import EXPLAIN, MapFamily
from LiverAILib.explain.randomization import RandomizationStep
from LiverAILib.explain.repeatability import Repeatability
from LiverAILib.jobs.assess import Assessor
from LiverAILib.jobs.cohort_evaluation.case_results import CaseResult
from LiverAILib.jobs.cohort_evaluation.labels import Labels
from LiverAILib.jobs.cohort_evaluation.subject import Assignment

STEPS, RANDOM_ORDERS = 8, 4
PARTS = {"curves": PerturbationCurves, "randomization": RandomizationStep, "repeats": Repeatability}


def cases_to_check(tests: Sequence[Assignment], labels: Labels, count: int) -> frozenset[str]:
    """Identifiers of `count` cases of the first model, the classes by turns, one per patient."""
    first = tests[0].model
    by_class: dict[str, list[Assignment]] = {}
    patients: set[str] = set()
    for test in tests:
        if test.model is first and test.row.patient_id not in patients:
            patients.add(test.row.patient_id)
            by_class.setdefault(labels.of_row(test.row), []).append(test)
    chosen: list[str] = []
    depth = max((len(own) for own in by_class.values()), default=0)
    for place in range(depth):
        chosen += [own[place].row.case_id for _, own in sorted(by_class.items()) if place < len(own)]
    return frozenset(chosen[:count])


def check_maps(
    results: Sequence[CaseResult],
    assessor: Assessor | None,
    folder: Path,
    *,
    heatmap: str = GRAD_CAM,
    seed: int = 0,
    progress: Callable[[str], None] = lambda text: None,
) -> list[Faithfulness]:
    """Checks of every pipeline of the assessor's model on some cases, whose network inputs were kept.

    Args:
        results: The cases to check.
        assessor: The model's; may be None without cases.
        folder: Where the results of the checks are kept; checks of the same cases are not run again.
        heatmap: How the maps are made, one of `HEATMAP_TITLES`.
        seed: Of random orders and weights.
        progress: Called with a sentence for each pipeline.
    """
    if assessor is None or len(results) < 2:
        return []
    networks = assessor.method.networks
    names = [one.test.row.case_id for one in results]
    found = []
    for pipeline in results[0].record["pipelines"]:
        settings = {
            "model": assessor.model.checksum,
            "heatmap": heatmap,
            "cases": names,
            "seed": seed,
            "steps": STEPS,
            "orders": RANDOM_ORDERS,
        }
        place = folder / f"faithfulness_{pipeline}.json"
        checked = _kept(place, settings)
        if checked is None:
            progress(f"faithfulness of the maps of {pipeline}, {len(names)} cases")
            network = networks[pipeline]
            checked = check_faithfulness(
                MapFamily(f"{pipeline} {HEATMAP_TITLES[heatmap]}", network, EXPLAIN[heatmap]),
                torch.from_numpy(_inputs(results, pipeline)),
                case_ids=names,
                seed=seed,
                steps=STEPS,
                random_orders=RANDOM_ORDERS,
            )
            _keep(place, settings, checked)
        found.append(checked)
    return found


def _inputs(results: Sequence[CaseResult], pipeline: str) -> np.ndarray:
    """Kept network inputs, float32 (n, channels, *spatial)."""
    found = []
    for one in results:
        with one.load_arrays() as arrays:
            found.append(arrays[f"input_{pipeline}"].astype(np.float32))
    return np.concatenate(found)


def _keep(place: Path, settings: dict[str, Any], checked: Faithfulness) -> None:
    parts = {name: [asdict(one) for one in getattr(checked, name)] for name in PARTS}
    content = {"of": settings, "family": checked.family, "settings": checked.settings, **parts}
    atomic_text(place, json.dumps(content, default=lambda array: array.tolist()))


def _kept(place: Path, settings: dict[str, Any]) -> Faithfulness | None:
    try:
        content = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if content["of"] != settings:
        return None
    curves, randomization, repeats = (
        [made(**{key: np.array(v) if isinstance(v, list) else v for key, v in one.items()}) for one in content[name]]
        for name, made in PARTS.items()
    )
    return Faithfulness(content["family"], curves, randomization, repeats, settings=content["settings"])
