"""The classifier in the box on held-out simulated cases, whose truth is known.

`python benchmarks/simulated_truth.py MANIFEST` assesses every case of split "test" as a user would (network mask, automatic
slice) and prints accuracy, sensitivity and specificity with exact intervals, AUC, how far the chosen slice lies from the
planted level, the Dice of the network mask, and the share of heat-map mass on planted evidence against chance. The case
rows go to `MANIFEST`'s folder as `simulated_truth.csv`.
"""

from __future__ import annotations

import csv
import statistics
import sys
from pathlib import Path

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from LiverAILib.assessor import Assessor
from LiverAILib.case import Case
from LiverAILib.cohort import CohortRow, read_cohort
from LiverAILib.explain.region_scores import region_score
from LiverAILib.imaging.geometry import axis_order

CIRRHOSIS = "cirrhosis"


def examine(row: CohortRow, assessor: Assessor) -> dict[str, float | str]:
    """One case as a row of numbers."""
    image = row.read_image("t2")
    result = assessor.assess(Case({"t2": image}, case_id=row.case_id), target_class=CIRRHOSIS)
    liver = row.read_mask("liver", image)
    found = result.segmentation.image.array == 1
    chosen = result.chosen_slice.index
    order = axis_order(image)
    level = int(row.covariates["caudate_level"])
    numbers: dict[str, float | str] = {
        "case_id": row.case_id,
        "stage": row.label,
        "dice": 2 * (found & liver).sum() / (found.sum() + liver.sum()),
        "level_error_mm": abs(chosen - level) * image.spacing[order.slice_axis],
    }
    for name, pipeline in result.pipelines.items():
        numbers[f"probability_{name}"] = pipeline.probabilities[CIRRHOSIS]
        if row.label == 4:
            evidence = row.read_mask("evidence", image)[chosen]
            # Each pipeline can only point at what it sees: the liver, or the whole body in the slice.
            body = image.array[chosen] > 0.05 * np.percentile(image.array[chosen], 99)
            support = found[chosen] if name == "segmented" else body
            score = region_score(pipeline.heatmap.image.array[chosen], evidence, support)
            if score is not None:
                numbers[f"mass_share_{name}"], numbers[f"mass_chance_{name}"] = score.share, score.chance
    return numbers


def proportion(hits: int, total: int) -> str:
    """A proportion with its exact (Clopper-Pearson) 95 % interval."""
    interval = binomtest(hits, total).proportion_ci(method="exact")
    return f"{hits}/{total} = {hits / total:.3f} ({interval.low:.3f}-{interval.high:.3f})"


def report(rows: list[dict[str, float | str]]) -> None:
    """Print the figures."""
    truth = np.array([row["stage"] == 4 for row in rows])
    print(f"n = {len(rows)}, {truth.sum()} with cirrhosis (F4)")
    dice = [float(row["dice"]) for row in rows]
    print(f"Dice of the network's liver mask: mean {statistics.mean(dice):.3f}, worst {min(dice):.3f}")
    near = sum(float(row["level_error_mm"]) <= 10 for row in rows)
    print(f"slice within 10 mm of the planted level: {proportion(near, len(rows))}")
    for name in ("segmented", "full"):
        score = np.array([float(row[f"probability_{name}"]) for row in rows])
        called = score > 0.5
        print(f"pipeline {name}:")
        print(f"  accuracy    {proportion(int((called == truth).sum()), len(rows))}")
        print(f"  sensitivity {proportion(int((called & truth).sum()), int(truth.sum()))}")
        print(f"  specificity {proportion(int((~called & ~truth).sum()), int((~truth).sum()))}")
        print(f"  AUC         {roc_auc_score(truth, score):.3f}")
        scored = [row for row in rows if f"mass_share_{name}" in row]
        share = statistics.mean(float(row[f"mass_share_{name}"]) for row in scored)
        chance = statistics.mean(float(row[f"mass_chance_{name}"]) for row in scored)
        print(f"  heat-map mass on planted evidence, F4, n = {len(scored)}: {share:.3f} against {chance:.3f} by chance")


def main() -> None:
    """Assess all test cases of the manifest."""
    manifest = Path(sys.argv[1])
    assessor = Assessor(sys.argv[2] if len(sys.argv) > 2 else "nowak2021-simulated")
    rows = []
    for row in read_cohort(manifest).split("test"):
        rows.append(examine(row, assessor))
        print(rows[-1], file=sys.stderr, flush=True)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with (manifest.parent / "simulated_truth.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    report(rows)


if __name__ == "__main__":
    main()
