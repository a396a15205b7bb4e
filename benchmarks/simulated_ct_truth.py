"""A Yin 2021 model on held-out simulated CT, whose truth is known.

`python benchmarks/simulated_ct_truth.py MANIFEST [MODEL] [--network-masks N]` stages every case of split "test" and prints AUC
with DeLong intervals and accuracy with exact intervals for >=F2, >=F3 and F4, the accuracy of the stage, and the share of
heat-map mass on planted evidence against chance: the share of the evidence in the volume that the network sees. The liver's
slice range comes from the planted mask; the first N cases (20) are assessed once more as a user would, with the segmentation
network's mask. The case rows go to `MANIFEST`'s folder as `simulated_ct_truth_*.csv`.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from LiverAILib.data.assessment import Segmentation
from LiverAILib.data.case import Case
from LiverAILib.data.cohort import CohortRow, read_cohort
from LiverAILib.data.outcome import GRAD_CAM, HEATMAP_TITLES
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.data.structures import LIVER
from LiverAILib.evaluation.delong import auc
from LiverAILib.explain.region_scores import region_score
from LiverAILib.jobs.assess import Assessor
from LiverAILib.methods.yin2021.method import CUMULATIVE, cumulative
from LiverAILib.methods.yin2021.settings import CLASSES


def examine(row: CohortRow, assessor: Assessor, *, network_mask: bool, heatmap: str) -> dict[str, float | str]:
    """One case as a row of numbers; the heat map explains F4."""
    image = row.read_image("ct")
    liver = row.read_mask("liver", image)
    case = Case({"ct": image}, case_id=row.case_id)
    request = AssessmentRequest(target_class=CLASSES[-1], heatmap=heatmap)
    if network_mask:
        result, examination = assessor.examine(case, request)
        segmentation = result.segmentation
    else:
        # Without measurements, which are not what is looked at here and take longer than the network.
        labels = image.with_array(liver.astype(np.uint8), modality=None)
        segmentation = Segmentation(labels, (LIVER,), "given")
        examination = assessor.method.examine(case, segmentation, request=request, clock=lambda step: None)
    classified = examination.outcomes[examination.primary]
    found = segmentation.image.array == LIVER.label
    numbers: dict[str, float | str] = {
        "case_id": row.case_id,
        "stage": row.stage,
        "predicted": classified.predicted,
        "dice": 2 * (found & liver).sum() / (found.sum() + liver.sum()),
        "scanner": row.covariates["scanner"],
    }
    numbers |= {f"probability_{name}": value for name, value in classified.probabilities.items()}
    numbers |= {f"cumulative_{name}": value for name, value in cumulative(classified.probabilities).items()}
    heat = classified.heatmaps[0].image.array
    # What the network saw: every voxel of its slices, air around the patient as well.
    seen = examination.views[examination.primary][0].seen()
    regions = {"evidence": row.read_mask("evidence", image), "liver": liver}
    for name, region in regions.items():
        score = region_score(heat, region, seen) if row.cirrhosis else None
        if score is not None:
            numbers[f"mass_share_{name}"], numbers[f"mass_chance_{name}"] = score.share, score.chance
    return numbers


def proportion(hits: int, total: int) -> str:
    """A proportion with its exact (Clopper-Pearson) 95 % interval."""
    interval = binomtest(hits, total).proportion_ci(method="exact")
    return f"{hits}/{total} = {hits / total:.3f} ({interval.low:.3f}-{interval.high:.3f})"


def report(rows: list[dict[str, float | str]]) -> None:
    """Print the figures."""
    stages = np.array([int(row["stage"]) for row in rows])
    counts = ", ".join(f"F{stage} {(stages == stage).sum()}" for stage in range(5))
    print(f"n = {len(rows)} ({counts})")
    for name, first in CUMULATIVE.items():
        truth = stages >= first
        score = np.array([float(row[f"cumulative_{name}"]) for row in rows])
        called = score > 0.5
        print(f"{name}: {auc(truth, score).text()}")
        print(f"  accuracy    {proportion(int((called == truth).sum()), len(rows))}")
        print(f"  sensitivity {proportion(int((called & truth).sum()), int(truth.sum()))}")
        print(f"  specificity {proportion(int((~called & ~truth).sum()), int((~truth).sum()))}")
    right = sum(row["predicted"] == f"F{row['stage']}" for row in rows)
    print(f"stage: accuracy {proportion(right, len(rows))}")
    for name in ("evidence", "liver"):
        pairs = np.array(
            [
                [float(row[f"mass_share_{name}"]), float(row[f"mass_chance_{name}"])]
                for row in rows
                if f"mass_share_{name}" in row
            ]
        )
        if len(pairs):
            ratio = pairs[:, 0] / pairs[:, 1]
            low, high = np.percentile(ratio, [25, 75])
            print(
                f"heat-map mass on {name}, F4, n = {len(pairs)}: mean {pairs[:, 0].mean():.3f} against "
                f"{pairs[:, 1].mean():.3f} by chance; ratio median {np.median(ratio):.2f} (IQR {low:.2f}-{high:.2f})"
            )


def write(rows: list[dict[str, float | str]], path: Path) -> None:
    """The case rows as CSV."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Assess the test cases of the manifest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("model", nargs="?", default="yin2021-simulated")
    parser.add_argument("--network-masks", type=int, default=20, metavar="N", help="cases assessed with network masks")
    parser.add_argument("--heatmap", default=GRAD_CAM, choices=tuple(HEATMAP_TITLES))
    args = parser.parse_args()
    assessor = Assessor(args.model)
    cases = read_cohort(args.manifest).split("test")
    for network_mask, part in ((False, cases), (True, cases[: args.network_masks])):
        rows = []
        for row in part:
            rows.append(examine(row, assessor, network_mask=network_mask, heatmap=args.heatmap))
            print(rows[-1], file=sys.stderr, flush=True)
        if rows:
            kind = "network" if network_mask else "planted"
            write(rows, args.manifest.parent / f"simulated_ct_truth_{kind}_masks.csv")
            print(f"== masks: {kind}, Dice mean {np.mean([float(row['dice']) for row in rows]):.3f}")
            report(rows)


if __name__ == "__main__":
    main()
