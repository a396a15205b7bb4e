"""What only simulated cases can tell of an evaluation: the planted level of the caudate lobe, and Dice by stage.

After `liverai evaluate MODEL --cohort MANIFEST --output REPORT` has assessed the cases as a user would (network mask, automatic
slice), `python benchmarks/simulated_truth.py MANIFEST REPORT` prints, from the cases that it kept, in how many the chosen slice
lies within 10 mm of the planted level, with the exact interval, and the Dice of the network's liver mask. Accuracy, AUC and
heat-map mass stand in the report itself.
"""

from __future__ import annotations

import csv
import json
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path

from scipy.stats import binomtest

NEAR_MM = 10.0


def read_cases(manifest: Path, report: Path) -> list[dict[str, float]]:
    """Stage, level error in mm and Dice of every assessed case of a Nowak 2021 evaluation."""
    with manifest.open(newline="", encoding="utf-8") as stream:
        rows = {row["case_id"]: row for row in csv.DictReader(stream)}
    cases = []
    for path in sorted((report / "cases").glob("*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        if "slice" in kept:
            planted = rows[kept["case_id"]]
            cases.append(
                {
                    "stage": int(planted["stage"]),
                    "level_error_mm": (kept["slice"] - int(planted["caudate_level"])) * kept["spacing"][0],
                    "dice": kept["agreement"]["dice"],
                }
            )
    return cases


def describe(name: str, cases: Iterable[dict[str, float]]) -> str:
    """One line of figures."""
    cases = list(cases)
    near = sum(abs(case["level_error_mm"]) <= NEAR_MM for case in cases)
    limits = binomtest(near, len(cases)).proportion_ci(method="exact")
    dice = [case["dice"] for case in cases]
    return (
        f"{name}: n = {len(cases)}; slice within {NEAR_MM:g} mm of the planted level {near}/{len(cases)} = "
        f"{near / len(cases):.3f} ({limits.low:.3f}-{limits.high:.3f}), mean error "
        f"{statistics.mean(case['level_error_mm'] for case in cases):+.1f} mm; "
        f"liver Dice mean {statistics.mean(dice):.3f}, worst {min(dice):.3f}"
    )


def main() -> None:
    """Print the figures of all cases, and of each stage."""
    cases = read_cases(Path(sys.argv[1]), Path(sys.argv[2]))
    print(describe("all", cases))
    for stage in range(5):
        of_stage = [case for case in cases if case["stage"] == stage]
        if of_stage:
            print(describe(f"F{stage}", of_stage))


if __name__ == "__main__":
    main()
