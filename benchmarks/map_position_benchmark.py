"""Where the Grad-CAM maps of a Nowak 2021 model lie, and what puts them there.

`python benchmarks/map_position_benchmark.py MANIFEST [--model NAME] [--cases 60]` takes cases of the splits "validation" and
"test" (given masks, level of the caudate lobe) and prints by pipeline and predicted class the share of the map's mass on the
liver, beyond the body and on planted evidence, beside the share of the area (chance), for the input as it is and changed:
another background, convolutions that pad by reflection instead of zeros. It also prints how large the map of an empty (black)
image is against the spread of the maps between cases, and how well positions without liver alone tell the classes apart.
"""

from __future__ import annotations

import argparse
import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import nn

from LiverAILib.data.cohort import CohortRow, read_cohort
from LiverAILib.data.model import load_model
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.methods.nowak2021.method import Nowak2021
from LiverAILib.methods.nowak2021.settings import EncoderSettings
from LiverAILib.methods.nowak2021.view import SliceView, network_input
from LiverAILib.networks.classifier import ImageClassifier
from LiverAILib.segmentation.caudate_level import caudate_level
from LiverAILib.training.evidence_penalty import class_activation_maps, liver_cells


@dataclass(frozen=True, eq=False)
class Seen:
    """Prepared slices (n, size, size), boolean masks of the same shape, and classes (n,)."""

    slices: torch.Tensor
    liver: torch.Tensor
    evidence: torch.Tensor
    body: torch.Tensor
    labels: torch.Tensor


def seen_slices(rows: list[CohortRow], pipeline: str, size: int) -> Seen:
    """What a pipeline sees of the cases."""
    found = []
    for row in rows:
        image = row.read_image("t2")
        canonical, order = to_canonical(image)
        liver, evidence = (order.apply(row.read_mask(name, image)) for name in ("liver", "evidence"))
        level = caudate_level(liver)
        view = SliceView.of(image, canonical, order, liver[level], level, pipeline=pipeline, size=size)
        inside = order.apply(view.support())[level]
        shown = evidence[level] & inside
        body = inside if pipeline == "full" else liver[level]
        masks = [on_input(view, mask) for mask in (liver[level], shown, body)]
        found.append((view.prepared, *masks, torch.tensor(int(bool(row.cirrhosis)))))
    return Seen(*(torch.stack(parts) for parts in zip(*found, strict=True)))


def on_input(view: SliceView, mask: np.ndarray) -> torch.Tensor:
    """A mask of the slice on the network input, boolean (size, size)."""
    region = torch.from_numpy(view.box.cut(mask.astype(np.float32)))[None, None]
    return F.interpolate(region, size=view.prepared.shape, mode="area")[0, 0] > 0.5


def class_maps(network: ImageClassifier, slices: torch.Tensor, encoder: EncoderSettings) -> tuple[torch.Tensor, ...]:
    """Signed maps (n, classes, h, w) and scores (n, classes)."""
    maps, scores = [], []
    for part in slices.split(8):
        with torch.no_grad():
            features = network.features(network_input(part, encoder))
            scores.append(network.classify(features))
        maps.append(class_activation_maps(network, features.requires_grad_()).detach())
    return torch.cat(maps), torch.cat(scores)


def print_position(name: str, maps: torch.Tensor, scores: torch.Tensor, seen: Seen) -> None:
    """A line for each predicted class."""
    predicted = scores.argmax(1)
    own = maps[torch.arange(len(maps)), predicted].relu()
    large = F.interpolate(own[:, None], size=seen.slices.shape[1:], mode="bilinear", align_corners=False)[:, 0]
    mass = large.sum((1, 2))
    margin = scores[:, 1] - scores[:, 0]
    print(f"  {name}: AUC {roc_auc_score(seen.labels, margin):.3f}")
    for number in range(2):
        parts = []
        for what, region in (("liver", seen.liver), ("no body", ~seen.body), ("evidence", seen.evidence)):
            counted = (predicted == number) & (mass > 0) & region.any(1).any(1)
            if not counted.any():
                continue
            share = ((large * region).sum((1, 2)) / mass.clamp_min(1e-12))[counted]
            area = region.float().mean((1, 2))[counted]
            parts.append(f"{what} {share.mean():.2f} (area {area.mean():.2f}, {(share / area).mean():.2f} times)")
        print(f"    predicted {number}, n = {int((predicted == number).sum()):3d}: {', '.join(parts)}")


def print_constant(network: ImageClassifier, encoder: EncoderSettings, maps: torch.Tensor, seen: Seen) -> None:
    """The map of an empty image, and what positions without liver know."""
    empty, _ = class_maps(network, torch.zeros_like(seen.slices[:1]), encoder)
    difference = maps[:, 1] - maps[:, 0]
    allowed = liver_cells(seen.liver.float(), difference.shape[1:])
    size = float((empty[0, 1] - empty[0, 0]).abs().mean() / difference.std(0).mean())
    print(f"  map of an empty image: {size:.2f} of the standard deviation between cases (mean over positions)")
    for name, part in (("without", ~allowed), ("with", allowed)):
        total = (difference * part).sum((1, 2))
        print(f"  positions {name} liver alone: AUC {roc_auc_score(seen.labels, total):.3f}")


def main() -> None:
    """Print one block a pipeline."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--model", default="nowak2021-simulated")
    parser.add_argument("--cases", type=int, default=60)
    args = parser.parse_args()
    method = Nowak2021(load_model(args.model), torch.device("cpu"))
    encoder = method.settings.encoder
    rows = list(read_cohort(args.manifest).split("validation", "test"))[: args.cases]
    for pipeline, network in method.networks.items():
        print(f"pipeline {pipeline}")
        seen = seen_slices(rows, pipeline, method.settings.image_sizes[pipeline])
        maps, scores = class_maps(network, seen.slices, encoder)
        print_position("as it is", maps, scores, seen)
        print_constant(network, encoder, maps, seen)
        mean = (seen.slices * seen.liver).sum((1, 2)) / seen.liver.sum((1, 2)).clamp_min(1)
        changed = torch.where(seen.liver, seen.slices, mean[:, None, None])
        print_position("mean of the liver around it", *class_maps(network, changed, encoder), seen)
        print_position("black around the liver", *class_maps(network, seen.slices * seen.liver, encoder), seen)
        reflecting = copy.deepcopy(network)
        for module in reflecting.modules():
            if isinstance(module, nn.Conv2d) and module.padding != (0, 0):
                module.padding_mode = "reflect"
                module._reversed_padding_repeated_twice = [module.padding[1]] * 2 + [module.padding[0]] * 2
        print_position("padded by reflection", *class_maps(reflecting, seen.slices, encoder), seen)


if __name__ == "__main__":
    main()
