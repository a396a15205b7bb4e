"""A segmentation model against the reference masks of a cohort: Dice, NSD at 2 mm, HD95, volume error and confidence.

    python benchmarks/segmentation_truth.py MANIFEST [MODEL]             the rows of split "test"
    python benchmarks/segmentation_truth.py MANIFEST --run RUN           cross-validation: RUN/folds.csv, RUN/fold_<n>/model

In a cross-validation every case is segmented by the model of its own fold; a model that has seen the patient is refused.
Prints a line per case and organ, then mean, median and worst with the 95 % interval of the mean (Student's t over cases) by
modality and, where the manifest has a column `source`, by source;
`--output FILE.json` keeps it all for a model's card. An organ that the reference has and the model misses counts as Dice 0.
`python -m LiverAILib.segmentation.training.public_data` writes the manifests of the public data.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from LiverAILib.data.cohort import Cohort, CohortRow, read_cohort
from LiverAILib.imaging.image import Image
from LiverAILib.jobs.cohort_evaluation.subject import read_subject
from LiverAILib.segmentation.agreement import mask_agreement
from LiverAILib.segmentation.predict import Segmenter

MEASURES = {
    "dice": "Dice",
    "surface_dice": "NSD 2 mm",
    "hd95_mm": "HD95 mm",
    "volume_error_percent": "volume error %",
    "confidence": "confidence",
}
MISSED = {
    "dice": 0.0,
    "surface_dice": 0.0,
    "hd95_mm": float("nan"),
    "volume_error_percent": -100.0,
    "confidence": 0.0,
}


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Print the table; returns what `--output` holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("model", nargs="?", default="liver-mr-ct", help="name or folder of a model")
    parser.add_argument("--run", type=Path, help="folder of a cross-validation")
    parser.add_argument("--split", default="test")
    parser.add_argument("--views", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--float32", action="store_true", help="no bfloat16, also where the processor has it")
    parser.add_argument("--output", type=Path, metavar="FILE.json")
    args = parser.parse_args(arguments)
    cohort = read_cohort(args.manifest)
    rows = {row.case_id: row for row in cohort}
    cases: dict[str, dict[str, dict[str, float]]] = {}
    warned: dict[str, list[str]] = {}
    subject = args.run or args.model
    for segmenter, row in planned(subject, cohort, split=args.split, views=args.views, device=args.device):
        segmenter.mixed = segmenter.mixed and not args.float32
        image = read_case_image(row)
        cases[row.case_id], warned[row.case_id] = compare_case(segmenter, row, image)
        for organ, numbers in cases[row.case_id].items():
            shown = "  ".join(f"{title} {numbers[name]:g}" for name, title in MEASURES.items())
            print(f"{row.case_id:<16} {organ:<13} {shown}", flush=True)
        for text in warned[row.case_id]:
            print(f"{row.case_id:<16} warning: {text}", flush=True)
    record = {"summary": summary(cases, rows), "cases": cases, "warnings": warned}
    print_summary(record["summary"])
    if args.output:
        args.output.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return record


def planned(
    subject: str | Path, cohort: Cohort, *, split: str = "test", views: int = 1, device: str = "auto"
) -> Iterator[tuple[Segmenter, CohortRow]]:
    """Every case to test with the segmenter that takes it, one network loaded at a time.

    Args:
        subject: Name or folder of a model, or the folder of a cross-validation.
        cohort: The manifest.
        split: Split of the cases, for a single model.
        views: Over how many views to average.
        device: See `Segmenter`.

    Raises:
        UserError: A model was trained on a patient that it would be tested on, or the run is not complete.
    """
    loaded: tuple[str, Segmenter] | None = None
    for test in sorted(read_subject(subject).tests(cohort, split), key=lambda test: test.fold):
        if loaded is None or loaded[0] != test.fold:
            loaded = (test.fold, Segmenter(test.model, device=device, views=views))
        yield loaded[1], test.row


def read_case_image(row: CohortRow) -> Image:
    """The image of a case that is segmented: T2-weighted MR where there is one, else CT."""
    return row.read_image("t2" if "t2" in row.images else "ct")


def compare_case(segmenter: Segmenter, row: CohortRow, image: Image) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Agreement of every organ that the manifest has a mask of, and the warnings."""
    result = segmenter.examine(image)
    segmentation = result.segmentation
    found = {}
    for structure in segmentation.structures:
        if structure.name not in row.masks:
            continue
        mask, reference = segmentation.image.array == structure.label, row.read_mask(structure.name, image)
        if not reference.any():
            continue
        agreement = asdict(mask_agreement(mask, reference, spacing=image.spacing)) if mask.any() else dict(MISSED)
        agreement["confidence"] = result.metrics.confidence.get(structure.name, MISSED["confidence"])
        found[structure.name] = {name: round(value, 3) for name, value in agreement.items()}
    return found, [f"{w.code}: {w.text}" for w in result.warnings]


def summary(cases: Mapping[str, Mapping[str, Mapping[str, float]]], rows: Mapping[str, CohortRow]) -> dict[str, Any]:
    """Mean with interval, median, and the worst case, of every measure by modality, its sources, and organ."""
    groups: dict[tuple[str, str], list[str]] = {}
    for case, organs in cases.items():
        modality = "MR" if "t2" in rows[case].images else "CT"
        source = rows[case].covariates.get("source", "")
        for group in (modality, f"{modality} {source}") if source else (modality,):
            for organ in organs:
                groups.setdefault((group, organ), []).append(case)
    out: dict[str, Any] = {}
    for (group, organ), ids in sorted(groups.items()):
        measures = {}
        for name in MEASURES:
            values = np.array([cases[case][organ][name] for case in ids])
            finite = values[np.isfinite(values)]
            badness = {"hd95_mm": values, "volume_error_percent": abs(values)}.get(name, -values)
            worst = int(np.argmax(np.nan_to_num(badness, nan=np.inf)))
            half = float(stats.t.ppf(0.975, len(finite) - 1) * stats.sem(finite)) if len(finite) > 1 else None
            mean = float(finite.mean()) if finite.size else float("nan")
            measures[name] = {
                "mean": round(mean, 3),
                "median": round(float(np.median(finite)), 3) if finite.size else float("nan"),
                "interval95": None if half is None else [round(mean - half, 3), round(mean + half, 3)],
                "worst": float(values[worst]),
                "worst_case": ids[worst],
            }
        out.setdefault(group, {})[organ] = {"n": len(ids), **measures}
    return out


def print_summary(found: Mapping[str, Any]) -> None:
    """A line for every modality, source and organ."""
    for group, organs in found.items():
        for organ, measures in organs.items():
            parts = []
            for name, title in MEASURES.items():
                one = measures[name]
                interval = f" ({one['interval95'][0]:g} to {one['interval95'][1]:g})" if one["interval95"] else ""
                parts.append(f"{title} {one['mean']:g}{interval}, median {one['median']:g}, worst {one['worst']:g}")
            print(f"{group} {organ:<13} n = {measures['n']:<3} " + "; ".join(parts))


if __name__ == "__main__":
    main()
