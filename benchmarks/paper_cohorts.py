"""Nowak 2021 and Yin 2021 from the cohort to the paper's section of the report, on simulated patients.

Builds 713 MR (553 with cirrhosis, 160 without, three slices each with the middle one picked by hand, two readers) and 252 CT
(F0 134, F1 8, F2 10, F3 18, F4 82; two persons with two livers each, F0 from the emergency department, three readers), then runs
the commands that a user would: `cohort split`, `train --schedule published`, `evaluate`. The last lines say which of the papers'
tables and figures are in the reports.

    python benchmarks/paper_cohorts.py OUTPUT --scale 0.15 --epochs-divisor 40 --matrix 64 --image-size 64

Without `--weights` the networks start from random weights, and with a divisor they are hardly trained: the numbers of the report
mean nothing then, its tables and figures do. The readers are drawn by chance with the rates of the papers.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from LiverAILib.cli import main
from LiverAILib.imaging.files import read_image, write_image
from LiverAILib.simulation.cohort import simulate_cohort

Row = dict[str, str]
NOWAK = {4: 553, 0: 160}
YIN = {0: 134, 1: 8, 2: 10, 3: 18, 4: 82}
PERSONS_TWICE = 2
READERS = {"certified": (0.89, 0.96), "resident": (0.91, 0.92)}
"""Sensitivity and specificity on the test cases (Nowak 2021, table 1)."""
REGION_RATES = {
    "cirrhosis": {"right_lobe": 0.538, "left_lobe": 0.288, "caudate": 0.475, "caudate_border": 0.025},
    "no cirrhosis": {"right_lobe": 0.583, "left_lobe": 0.208, "caudate": 0.25, "caudate_border": 0.208},
}
"""Table 3, segmented images."""
NOWAK_PARTS = (
    "paper_table1", "paper_table2", "paper_comparisons", "paper_comparisons_validation", "paper_figure3", "explanation_regions",
    "readers_regions", "explanation_maps_segmented", "explanation_maps_full",
)  # fmt: skip
YIN_PARTS = (
    "paper_table2", "paper_folds", "paper_figure3", "explanation_locations", "readers_locations", "explanation_parenchyma",
    "explanation_box_0_raw", "confounders_association", "confounders_auc", "confounders_source",
)  # fmt: skip


def scaled(sizes: Mapping[int, int], scale: float) -> dict[int, int]:
    """Patients of each stage: the paper's times `scale`, at least 2."""
    return {stage: max(2, round(size * scale)) for stage, size in sizes.items()}


def build(
    folder: Path,
    kind: str,
    sizes: Mapping[int, int],
    *,
    matrix: int,
    workers: int,
    describe: Callable[[list[Row]], None],
) -> Path:
    """Simulate so many patients of each stage into `folder`; returns the manifest, its splits empty."""
    manifest = folder / "manifest.csv"
    if manifest.exists():
        return manifest
    rows: list[Row] = []
    for stage, cases in sizes.items():
        part = folder / f"f{stage}"
        if not part.exists():
            simulate_cohort(
                part,
                cases=cases,
                seed=1000 + stage,
                kind=kind,
                matrix=matrix,
                stages=(stage,),
                split="",
                workers=workers,
            )
        with (part / "manifest.csv").open(newline="") as stream:
            for row in csv.DictReader(stream):
                rows.append(
                    {name: f"{part.name}/{cell}" if ":" in name and cell else cell for name, cell in row.items()}
                )
    describe(rows)
    with manifest.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return manifest


def describe_nowak(folder: Path) -> Callable[[list[Row]], None]:
    """Keep three slices around the caudate lobe, name the middle one, and add the readers."""

    def describe(rows: list[Row]) -> None:
        rng = np.random.default_rng(5)
        for row in rows:
            level = int(row.pop("caudate_level"))
            files = {cell.partition("#")[0] for name, cell in row.items() if ":" in name}
            for file in files:
                keep_slices(folder / file, level - 1, 3)
            cirrhosis = int(row.pop("stage")) == 4
            row["cirrhosis"], row["slice"] = str(int(cirrhosis)), "1"
            for name, (sensitivity, specificity) in READERS.items():
                right = rng.random() < (sensitivity if cirrhosis else specificity)
                row[f"reader:{name}"] = str(int(cirrhosis == right))
            rates = REGION_RATES["cirrhosis" if cirrhosis else "no cirrhosis"]
            seen = [region for region, rate in rates.items() if rng.random() < rate]
            row["reader:certified:region"] = ";".join(seen) or "none"

    return describe


def keep_slices(file: Path, first: int, count: int) -> None:
    """Cut an image file down to `count` slices; a file that has been cut stays."""
    image = read_image(file, constant_allowed=True)
    if image.size[2] <= count:
        return
    first = min(max(first, 0), image.size[2] - count)
    step = np.asarray(image.direction)[:, 2] * image.spacing[2] * first
    origin = tuple(float(v) for v in np.asarray(image.origin) + step)
    write_image(replace(image, array=np.ascontiguousarray(image.array[first : first + count]), origin=origin), file)


def describe_yin(rows: list[Row]) -> None:
    """Add source and year, three readers of the location maps, and two persons with two livers each."""
    rng = np.random.default_rng(6)
    for row in rows:
        stage = int(row["stage"])
        row.pop("caudate_level")
        row["source"] = "emergency" if stage == 0 else "hepatology"
        row["year"] = str(rng.integers(2012 if stage == 0 else 2006, 2019))
        row["group_id"] = ""
        for name in "abc":
            row[f"reader:{name}:region"] = location(stage, rng)
    native = [row for row in rows if row["stage"] == "4"][:PERSONS_TWICE]
    transplanted = [row for row in rows if row["stage"] == "3"][:PERSONS_TWICE]
    for number, pair in enumerate(zip(native, transplanted, strict=True), 1):
        for row in pair:
            row["group_id"] = f"person-{number}"


def location(stage: int, rng: np.random.Generator) -> str:
    """What a reader saw: with the paper's shares for F0 and F4, anything for the stages between."""
    if stage == 0:
        return "liver_surface" if rng.random() < 0.91 else "none"
    if stage == 4 and rng.random() < 0.764:
        return "liver_center;spleen_center"
    return str(rng.choice(["liver_surface", "liver_center", "none", "liver_surface;liver_center"]))


def random_weights(folder: Path, network: str) -> Path:
    """A file with random weights of a torchvision network, where no pretrained ones are given."""
    import torch
    import torchvision
    from safetensors.torch import save_file

    file = folder / f"{network}-random.safetensors"
    if not file.exists():
        torch.manual_seed(0)
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(getattr(torchvision.models, network)().state_dict(), file)
    return file


def run(*arguments: object) -> None:
    """One command as a user types it; ends the script where it fails."""
    words = [str(word) for word in arguments]
    print("$ liverai", " ".join(words), flush=True)
    code = main(words)
    if code not in (0, 1):
        raise SystemExit(f"liverai {words[0]} ended with exit code {code}")


def present(report: Path, parts: Sequence[str]) -> bool:
    """Print which of the tables and figures are in a report; whether all are."""
    whole = True
    for name in parts:
        there = (report / "tables" / f"{name}.csv").is_file() or (report / "figures" / f"{name}.png").is_file()
        print(f"  {'yes' if there else 'NO '} {name}")
        whole &= there
    print(f"  {report / 'report.html'}")
    return whole


def trial_options(args: argparse.Namespace) -> tuple[object, ...]:
    """The paper's recipe, shortened."""
    size = args.image_size
    return ("--schedule", "published", "--epochs-divisor", args.epochs_divisor, "--image-size", size, "--quiet")


def nowak(args: argparse.Namespace) -> bool:
    """Nowak 2021: segmentation network, both pipelines, test and validation."""
    folder = args.output / "nowak2021"
    sizes = scaled(NOWAK, args.scale)
    how = {"matrix": args.matrix, "workers": args.workers}
    manifest = build(folder / "cohort", "mr", sizes, **how, describe=describe_nowak(folder / "cohort"))
    split = folder / "cohort" / "split.csv"
    run("cohort", "split", manifest, "--output", split, "--shares", "505,104,104", "--overwrite")
    quick = trial_options(args)
    weights = {
        name: args.weights / f"{name}.safetensors" if args.weights else random_weights(folder, name)
        for name in NETWORKS
    }
    masks: tuple[object, ...] = ("--validation-masks", "given")
    if args.masks == "network":
        segmentation = folder / "segmentation"
        run(
            "train",
            "segmentation",
            "--cohort",
            split,
            "--output",
            segmentation,
            "--encoder-weights",
            weights["resnet34"],
            *quick,
        )
        masks = ("--segmentation-model", segmentation / "model")
    run(
        "train",
        "nowak2021",
        "--cohort",
        split,
        "--output",
        folder / "run",
        "--encoder-weights",
        weights["resnet50"],
        *masks,
        *quick,
    )
    common = ("--cohort", split, "--masks", args.masks, "--bootstrap", args.bootstrap, "--quiet")
    explained = ("--target-class", "cirrhosis", "--reader", "certified", "--explain-cases", 2)
    run("evaluate", folder / "run", *common, "--output", folder / "test", *explained)
    run("evaluate", folder / "run", *common, "--output", folder / "validation", "--split", "validation", "--no-explain")
    print("Nowak 2021, test cases:")
    return present(folder / "test" / "report", NOWAK_PARTS)


NETWORKS = ("resnet34", "resnet50")


def yin(args: argparse.Namespace) -> bool:
    """Yin 2021: five folds by person, and the evaluation of all of them."""
    folder = args.output / "yin2021"
    how = {"matrix": args.matrix, "workers": args.workers}
    manifest = build(folder / "cohort", "ct", scaled(YIN, args.scale), **how, describe=describe_yin)
    split = folder / "cohort" / "folds.csv"
    run("cohort", "split", manifest, "--output", split, "--folds", 5, "--overwrite")
    quick = trial_options(args)
    run("train", "yin2021", "--cohort", split, "--output", folder / "run", "--folds", 5, *quick)
    common = ("--cohort", split, "--masks", "given", "--bootstrap", args.bootstrap, "--quiet")
    run("evaluate", folder / "run", *common, "--output", folder / "test", "--explain-cases", 2)
    print("Yin 2021, all folds:")
    return present(folder / "test" / "report", YIN_PARTS)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="folder; what is there already is not made again")
    parser.add_argument("--papers", default="nowak2021,yin2021", help="which of both (default: both)")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the papers' patients (default: 1)")
    parser.add_argument("--epochs-divisor", type=int, default=40, help="of the published schedules (default: 40)")
    parser.add_argument(
        "--matrix", type=int, default=96, help="pixels along rows and columns of the images (default: 96)"
    )
    parser.add_argument("--image-size", type=int, default=64, help="of the networks' inputs (default: 64)")
    parser.add_argument("--bootstrap", type=int, default=200, help="replicates (default: 200)")
    parser.add_argument("--workers", type=int, default=1, help="processes that simulate side by side")
    parser.add_argument("--weights", type=Path, help="folder with resnet34.safetensors and resnet50.safetensors")
    parser.add_argument(
        "--masks",
        choices=("network", "given"),
        default="network",
        help="liver masks of a segmentation network trained on the same cohort, as in the paper, or the simulation's",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    chosen = parse()
    papers = {"nowak2021": nowak, "yin2021": yin}
    results = [papers[name](chosen) for name in chosen.papers.split(",")]
    sys.exit(0 if all(results) else 1)
