"""A Xue 2020 model on held-out simulated patients, whose truth is known.

`python benchmarks/simulated_xue2020_truth.py MANIFEST [MODEL]` assesses every case of split "test" and prints the AUC of every
outcome, of the stiffness and of the serum indices for >=S2, >=S3 and S4 with DeLong intervals, DeLong's test of GM + EM against
GM and EM, the accuracy of the stage, and the share of heat-map mass on planted evidence in patients with S4 against chance: the
evidence's share of the square that the network sees, and of the whole scan area. The case rows go to `MANIFEST`'s folder as
`simulated_xue2020_truth.csv`.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import numpy as np

from LiverAILib.data.case import Case
from LiverAILib.data.cohort import CohortRow, read_cohort
from LiverAILib.data.outcome import GRAD_CAM, HEATMAP_TITLES, HeatMap
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.evaluation.delong import auc, compare_paired
from LiverAILib.explain.region_scores import region_score
from LiverAILib.jobs.assess import Assessor
from LiverAILib.methods.base import Examination
from LiverAILib.methods.xue2020 import SPEC
from LiverAILib.methods.xue2020.settings import (
    CUTS,
    ELASTOGRAM,
    GRAY_SCALE,
    GRAY_SCALE_ELASTOGRAM,
    TITLES,
    at_least,
)

MEASURED = {"stiffness": "LSM", "apri": "APRI", "fib4": "FIB-4"}
EXPLAINED = "S4"


def examine(row: CohortRow, assessor: Assessor, heatmap: str) -> dict[str, float | str]:
    """One case as a row of numbers; the heat maps explain S4."""
    case = Case.from_row(row, SPEC.modalities)
    result, examination = assessor.examine(case, AssessmentRequest(target_class=EXPLAINED, heatmap=heatmap))
    numbers: dict[str, float | str] = {
        "case_id": row.case_id,
        "stage": int(row.stage or 0),
        "predicted": result.predicted,
    }
    for name, outcome in result.outcomes.items():
        numbers |= {f"{TITLES[name]} {cut}": score for cut, score in outcome.cumulative.items()}
    numbers |= {MEASURED[one.key]: one.value for one in result.measurements if one.key in MEASURED}
    if row.cirrhosis:
        for name, outcome in result.outcomes.items():
            numbers |= _masses(row, case, outcome.heatmaps, examination, name)
    return numbers


def _masses(
    row: CohortRow, case: Case, heatmaps: tuple[HeatMap, ...], examination: Examination, name: str
) -> dict[str, float]:
    """Mean share of mass on the evidence by modality of an outcome, and both chances; images without any are left out."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for heatmap, view in zip(heatmaps, examination.views[name], strict=True):
        image = case.images[heatmap.role][heatmap.number]
        evidence = row.read_role_mask(heatmap.role, "evidence", image, number=heatmap.number)
        fan = row.read_role_mask(heatmap.role, "fan", image, number=heatmap.number)
        inside = region_score(heatmap.image.array, evidence, view.seen())
        whole = region_score(heatmap.image.array, evidence, fan | view.seen())
        if inside is not None and whole is not None:
            found.setdefault(heatmap.role, []).append((inside.share, inside.chance, whole.chance))
    numbers = {}
    for role, own in found.items():
        share, chance, chance_in_fan = np.mean(own, axis=0)
        key = f"{TITLES[name]}, {role}"
        numbers |= {f"mass {key}": share, f"chance {key}": chance, f"chance in fan {key}": chance_in_fan}
    return numbers


def report(rows: list[dict[str, float | str]]) -> None:
    """Print the figures."""
    stages = np.array([int(row["stage"]) for row in rows])
    print(f"n = {len(rows)} ({', '.join(f'S{stage} {(stages == stage).sum()}' for stage in range(5))})")
    for cut in CUTS:
        truth = stages >= cut
        print(f"{at_least(cut)}:")
        names = {
            **{title: f"{title} {at_least(cut)}" for title in TITLES.values()},
            **{m: m for m in MEASURED.values()},
        }
        scores = {
            name: np.array([float(row[key]) for row in rows])
            for name, key in names.items()
            if all(key in row for row in rows)
        }
        for name, values in scores.items():
            print(f"  {name:8s} AUC {auc(truth, values).text()}")
        both = TITLES[GRAY_SCALE_ELASTOGRAM]
        for other in (TITLES[GRAY_SCALE], TITLES[ELASTOGRAM]):
            if both in scores:
                test = compare_paired(truth, scores[both], second=scores[other], names=(both, other))
                print(f"  {both} - {other}: {test.difference:+.3f}, p {test.p_value:.4f} (DeLong)")
    right = sum(int(row["stage"]) in _stages(str(row["predicted"])) for row in rows)
    print(f"class: right in {right} of {len(rows)}")
    for key in sorted({key.removeprefix("mass ") for row in rows for key in row if key.startswith("mass ")}):
        own = np.array(
            [
                [float(row[f"{what} {key}"]) for what in ("mass", "chance", "chance in fan")]
                for row in rows
                if f"mass {key}" in row
            ]
        )
        share, chance, in_fan = own.mean(0)
        print(
            f"heat-map mass on evidence, S4, {key}, n = {len(own)}: {share:.3f}; {share / chance:.2f} times chance in the square "
            f"({chance:.3f}), {share / in_fan:.2f} times chance in the scan area ({in_fan:.3f})"
        )


def _stages(name: str) -> tuple[int, ...]:
    return {"S0-S1": (0, 1), "S2": (2,), "S3": (3,), "S4": (4,)}[name]


def main() -> None:
    """Assess the test cases of the manifest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("model", nargs="?", default="xue2020-simulated")
    parser.add_argument("--heatmap", default=GRAD_CAM, choices=tuple(HEATMAP_TITLES))
    args = parser.parse_args()
    assessor = Assessor(args.model, device="cpu")
    rows = []
    for row in read_cohort(args.manifest).split("test"):
        rows.append(examine(row, assessor, args.heatmap))
        print(rows[-1], file=sys.stderr, flush=True)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with (args.manifest.parent / "simulated_xue2020_truth.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    report(rows)


if __name__ == "__main__":
    main()
