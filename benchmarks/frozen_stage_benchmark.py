"""What the feature cache of frozen stages saves against the plain loop over the same views, in one run.

`python benchmarks/frozen_stage_benchmark.py [--slices N] [--views N] [--epochs N] [--size N] [--rounds N]` trains the output
layer of a ResNet50 twice from the same state: once with every view going through the frozen trunk in every epoch, once with its
features computed when they are first needed. It prints both times and their ratio with the spread over the rounds, and how far
the results differ.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from pathlib import Path

import torch
from alternating import Spread, alternate, ratios

from LiverAILib.methods.nowak2021.training import PipelineOptions, SliceSet, frozen_task
from LiverAILib.networks.classifier import ResNet50Classifier
from LiverAILib.training.fit import FitOptions, fit
from LiverAILib.training.schedule import Stage


def random_slices(count: int, size: int) -> SliceSet:
    """Slices of noise: the time does not depend on what they show."""
    generator = torch.Generator().manual_seed(count)
    slices = torch.rand(count, size, size, generator=generator).half()
    return SliceSet(slices, torch.arange(count) % 2, torch.arange(count))


def main() -> None:
    """Time both loops and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("slices", 16), ("views", 2), ("epochs", 10), ("size", 64), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    training, validation = random_slices(args.slices, args.size), random_slices(max(2, args.slices // 4), args.size)
    options = PipelineOptions(
        size=args.size, batch_size=8, frozen_views=args.views, fit=FitOptions(freeze_batch_norm=True)
    )
    torch.manual_seed(0)
    network = ResNet50Classifier(2)
    start = copy.deepcopy(network.state_dict())
    stages = (Stage("frozen", args.epochs, 0.1, None),)
    weights: dict[bool, torch.Tensor] = {}

    def train(cached: bool) -> float:
        """The epochs' own seconds: validation, which the cache saves too, and checkpoints are not counted."""
        network.load_state_dict(start)
        task = frozen_task(network, training, validation, options, cached=cached)
        with tempfile.TemporaryDirectory() as folder:
            history = fit(task, stages, output=Path(folder), options=options.fit, log=lambda line: None)
        weights[cached] = network.output.weight.detach().clone()
        return sum(record["seconds"] for record in history)

    seconds = alternate(
        {"plain": lambda: train(False), "cached": lambda: train(True)}, args.rounds, measure=lambda loop: loop()
    )
    print(f"{args.slices} slices x {args.views} views of {args.size}x{args.size}, {args.epochs} frozen epochs")
    plain, cached = (Spread.of(seconds[name]).text() for name in ("plain", "cached"))
    faster = ratios(seconds, "cached")["plain"].text(1)
    print(
        f"plain loop {plain} s, cached {cached} s: {faster} times faster; median (minimum-maximum) of {args.rounds} rounds"
    )
    print(f"largest difference of the output layer's weights: {(weights[True] - weights[False]).abs().max():.1e}")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, measured {time.strftime('%Y-%m-%d')}")


if __name__ == "__main__":
    main()
