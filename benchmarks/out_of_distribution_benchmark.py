"""How well out-of-distribution inputs are detected: LiverAI's distance beside the field's other scores, and its threshold.

`python benchmarks/out_of_distribution_benchmark.py MANIFEST [--model NAME] [--data FOLDER] [--features FILE]` fits on the split
"train", sets the threshold on "validation", and scores the split "test" against the same cases spoiled in several ways and
against real T2 MR (CHAOS, below FOLDER). Given masks, level of the caudate lobe. It prints, a pipeline and kind of input, the
AUC of telling it from the test cases and the share flagged with its exact interval. `--features` keeps the features between
calls.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from LiverAILib.data.cohort import CohortRow, read_cohort
from LiverAILib.data.model import load_model
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.methods.encoder_distance import encoder_features
from LiverAILib.methods.nowak2021.method import Nowak2021
from LiverAILib.methods.nowak2021.out_of_distribution import pooled_features
from LiverAILib.methods.nowak2021.settings import PIPELINES
from LiverAILib.methods.nowak2021.view import prepare_slice
from LiverAILib.methods.out_of_distribution import fit_feature_distribution
from LiverAILib.segmentation.caudate_level import caudate_level
from LiverAILib.segmentation.training.public_data import write_manifests

ENCODER = "encoder"
SPOILED = 40
"""Test cases that are spoiled in every way."""


def slices_of(row: CohortRow, *, level_share: float | None = None) -> dict[str, np.ndarray]:
    """The prepared slices of a case, at the caudate lobe, or below `level_share` of the liver's slices."""
    image = row.read_image("t2")
    canonical, order = to_canonical(image)
    liver = order.apply(row.read_mask("liver", image))
    level = caudate_level(liver)
    if level_share is not None:
        filled = np.flatnonzero(liver.any((1, 2)))
        level = int(filled[int(level_share * len(filled))])
    pixel_mm = (canonical.spacing[1], canonical.spacing[0])
    section = canonical.array[level].astype(np.float32)
    return {
        pipeline: prepare_slice(section, liver[level], pixel_mm, pipeline=pipeline)[0].numpy() for pipeline in PIPELINES
    }


def spoil(section: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A prepared slice in 0..1 made unlike the training cases, by name; what is empty stays empty but for pure noise."""
    inside = section > 0
    return {
        "inverted contrast": np.where(inside, 1 - section, 0),
        "gamma 3": section**3,
        "added noise, sd .15": np.where(inside, np.clip(section + rng.normal(0, 0.15, section.shape), 0, 1), 0),
        "blurred, sd 3 px": gaussian_filter(section, 3),
        "upside down": section[::-1].copy(),
        "mirrored": section[:, ::-1].copy(),
        "noise only": rng.random(section.shape),
    }


def collect(manifest: Path, data: Path | None) -> dict[str, dict[str, np.ndarray]]:
    """Prepared slices by pipeline and kind of input, with the labels of the training cases."""
    cohort = read_cohort(manifest)
    kinds: dict[str, list[dict[str, np.ndarray]]] = {}
    labels = []
    for split in ("train", "validation", "test"):
        for row in cohort.split(split):
            kinds.setdefault(split, []).append(slices_of(row))
            if split == "train":
                labels.append(int(bool(row.cirrhosis)))
    for row in cohort.split("test")[:SPOILED]:
        kinds.setdefault("lowest tenth of the liver", []).append(slices_of(row, level_share=0.1))
    if data is not None:
        with tempfile.TemporaryDirectory() as folder:
            rows = [row for row in read_cohort(write_manifests(data, Path(folder))[0]) if "t2" in row.images]
            kinds["real T2 MR (CHAOS)"] = [slices_of(row) for row in rows]
    rng = np.random.default_rng(0)
    found: dict[str, dict[str, np.ndarray]] = {}
    for pipeline in PIPELINES:
        found[pipeline] = {kind: np.stack([case[pipeline] for case in cases]) for kind, cases in kinds.items()}
        spoiled = [spoil(section, rng) for section in found[pipeline]["test"][:SPOILED]]
        found[pipeline] |= {kind: np.stack([one[kind] for one in spoiled]) for kind in spoiled[0]}
        found[pipeline]["labels"] = np.array(labels)
    return found


def features_of(args: argparse.Namespace) -> dict[str, np.ndarray]:
    """Pooled features by "pipeline/kind", read from `--features` where they are."""
    if args.features and args.features.is_file():
        return dict(np.load(args.features))
    method = Nowak2021(load_model(args.model), torch.device("cpu"))
    found = {}
    for pipeline, kinds in collect(args.manifest, args.data).items():
        for kind, slices in kinds.items():
            made = (
                slices
                if kind == "labels"
                else pooled_features(method.networks[pipeline], torch.from_numpy(slices), method.settings.encoder)
            )
            found[f"{pipeline}/{kind}"] = made
            if kind != "labels":
                found[f"{pipeline} {ENCODER}/{kind}"] = encoder_features(torch.from_numpy(slices))
        output = method.networks[pipeline].output
        found[f"{pipeline}/head"] = np.c_[output.weight.numpy(), output.bias.numpy()]
    if args.features:
        np.savez(args.features, **found)
    return found


def scorers(train: np.ndarray, validation: np.ndarray, labels: np.ndarray, head: np.ndarray) -> dict:
    """Functions of features that rise with the distance from the training cases, by name."""

    def unit(features: np.ndarray) -> np.ndarray:
        return features / np.linalg.norm(features, axis=1, keepdims=True)

    def confidence(features: np.ndarray) -> np.ndarray:
        scores = features @ head[:, :-1].T + head[:, -1]
        odds = np.exp(scores - scores.max(1, keepdims=True))
        return -(odds / odds.sum(1, keepdims=True)).max(1)

    neighbors = NearestNeighbors(n_neighbors=10).fit(unit(train))
    found = {
        f"Mahalanobis, {'one mean a class' if known is not None else 'one mean'}, {count} directions": fit_feature_distribution(
            train, validation, labels=known, components=count
        ).score
        for known in (labels, None)
        for count in (8, 32, 128)
    }
    found["10th nearest neighbor (Sun 2022)"] = lambda features: neighbors.kneighbors(unit(features))[0][:, -1]
    found["1 - largest softmax (Hendrycks 2017)"] = confidence
    return found


def main() -> None:
    """Print one table a pipeline."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--model", default="nowak2021-simulated")
    parser.add_argument("--data", type=Path, default=os.environ.get("LIVERAI_DATA"))
    parser.add_argument("--features", type=Path)
    features = features_of(parser.parse_args())
    for pipeline in PIPELINES:
        own = features_by_kind(features, pipeline)
        labels, head = own.pop("labels"), own.pop("head")
        train, validation, test = own.pop("train"), own.pop("validation"), own.pop("test")
        print(f"\npipeline {pipeline}: {len(train)} training, {len(validation)} validation, {len(test)} test cases")
        for name, score in scorers(train, validation, labels, head).items():
            print_detection(name, score, validation, test, own)
        own = features_by_kind(features, f"{pipeline} {ENCODER}")
        train, validation, test = own.pop("train"), own.pop("validation"), own.pop("test")
        score = fit_feature_distribution(train, validation).score
        print_detection("early features of the encoder in the box, Mahalanobis, one mean", score, validation, test, own)


def features_by_kind(features: Mapping[str, np.ndarray], space: str) -> dict[str, np.ndarray]:
    """The features of a space by kind of input."""
    return {key.split("/")[1]: value for key, value in features.items() if key.split("/")[0] == space}


def print_detection(
    name: str,
    score: Callable[[np.ndarray], np.ndarray],
    validation: np.ndarray,
    test: np.ndarray,
    strange_kinds: Mapping[str, np.ndarray],
) -> None:
    """Share of test cases flagged, and AUC and share of every kind of strange input."""
    limit = np.sort(score(validation))[-1]
    within = score(test)
    print(f"  {name}: test cases flagged {share(within > limit)}")
    for kind, values in strange_kinds.items():
        strange = score(values)
        truth = np.r_[np.zeros(len(within)), np.ones(len(strange))]
        area = roc_auc_score(truth, np.r_[within, strange])
        print(f"    {kind:<26} n = {len(strange):3d}   AUC {area:.3f}   flagged {share(strange > limit)}")


def share(flags: np.ndarray) -> str:
    """A proportion with its exact interval."""
    limits = binomtest(int(flags.sum()), len(flags)).proportion_ci(method="exact")
    return f"{flags.sum()}/{len(flags)} ({limits.low:.2f}-{limits.high:.2f})"


if __name__ == "__main__":
    main()
