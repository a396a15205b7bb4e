"""The heat maps of the classifier in the box put to the test, beside two controls that have to fail.

`python benchmarks/faithfulness_benchmark.py MANIFEST [--cases 12] [--model NAME] [--csv FOLDER]` takes cases of the cohort's
split "test", half of them with cirrhosis (given masks, level of the caudate lobe), and prints the checks of Grad-CAM in both
pipelines, of a map of random numbers (has to fail the order and repeatability), and of a map of the image's edges, which looks
convincing and knows nothing of the network (has to fail the dependence on the weights). A case costs about 80 forward passes.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from LiverAILib.data.cohort import CohortRow, read_cohort
from LiverAILib.data.model import load_model
from LiverAILib.explain.faithfulness import Faithfulness, check_faithfulness
from LiverAILib.explain.map_family import MapFamily
from LiverAILib.explain.summary import explanation_report
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.methods.nowak2021.method import Nowak2021
from LiverAILib.methods.nowak2021.view import network_input, prepare_slice
from LiverAILib.segmentation.caudate_level import caudate_level


def inputs_of(rows: list[CohortRow], pipeline: str) -> torch.Tensor:
    """Network inputs (n, 3, 224, 224) of the cases."""
    found = []
    for row in rows:
        image = row.read_image("t2")
        canonical, order = to_canonical(image)
        liver = order.apply(row.read_mask("liver", image))
        level = caudate_level(liver)
        section, pixel_mm = canonical.array[level].astype(np.float32), (canonical.spacing[1], canonical.spacing[0])
        found.append(prepare_slice(section, liver[level], pixel_mm, pipeline=pipeline)[0])
    return network_input(torch.stack(found))


def edges(network: torch.nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Control: how much the image changes in each of 7 x 7 cells."""
    gray = inputs.mean(1, keepdim=True)
    across, down = gray.diff(dim=3).abs()[:, :, :-1], gray.diff(dim=2).abs()[:, :, :, :-1]
    return F.adaptive_avg_pool2d(across + down, 7)[:, 0]


class RandomMaps:
    """Control: new random numbers in every map."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, network: torch.nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Maps (batch, 7, 7)."""
        return torch.rand(len(inputs), 7, 7, generator=self.generator)


def print_checks(result: Faithfulness, seconds: float) -> None:
    """One block a family."""
    print(f"\n{result.family}: verdict {result.verdict} ({len(result.curves)} cases, {seconds:.0f} s)")
    for check in result.checks:
        print(f"  {check.question:<38} {check.answer:<12} {check.estimate}")


def main() -> None:
    """Check every family and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--cases", type=int, default=12)
    parser.add_argument("--model", default="nowak2021-simulated")
    parser.add_argument("--csv", type=Path, help="folder for the tables")
    args = parser.parse_args()
    rows = read_cohort(args.manifest).split("test")
    half = args.cases // 2
    chosen = [*[row for row in rows if row.cirrhosis][:half], *[row for row in rows if not row.cirrhosis][:half]]
    method = Nowak2021(load_model(args.model), torch.device("cpu"))
    results = []
    for pipeline, network in method.networks.items():
        inputs = inputs_of(chosen, pipeline)
        families = [MapFamily(f"Grad-CAM, pipeline {pipeline}", network)]
        if pipeline == "full":
            families += [
                MapFamily("control: edges", network, edges),
                MapFamily("control: random", network, RandomMaps(0)),
            ]
        for family in families:
            started = time.perf_counter()
            results.append(check_faithfulness(family, inputs, case_ids=[row.case_id for row in chosen]))
            print_checks(results[-1], time.perf_counter() - started)
    tables = explanation_report([], results).tables()
    print(
        "\ncascading randomization: layers randomized from the last one down to, rank correlation with the trained map"
    )
    for row in tables["explanation_randomization"]:
        limits = f"({row['spearman_low']:.2f} to {row['spearman_high']:.2f})"
        print(
            f"  {row['family']:<30} {row['randomized_from']:<8} {row['spearman']:6.2f} {limits}  SSIM {row['ssim']:.2f}"
        )
    for name, table in tables.items() if args.csv else ():
        args.csv.mkdir(parents=True, exist_ok=True)
        with (args.csv / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(table[0]))
            writer.writeheader()
            writer.writerows(table)


if __name__ == "__main__":
    main()
