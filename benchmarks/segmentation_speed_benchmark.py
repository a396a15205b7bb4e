"""Segmentation of a 512 x 512 x 120 CT: LiverAI beside its own bare forward passes and an nnU-Net 3D full-resolution network.

`python benchmarks/segmentation_speed_benchmark.py [--model NAME] [--slices 120] [--rounds 3]`

The nnU-Net is the `PlainConvUNet` of `dynamic_network_architectures` (`pip install dynamic_network_architectures`) in
the plan that TotalSegmentator uses for CT at 1.5 mm: patch 128 x 128 x 128, 32 to 320 features in 6 stages, 25 classes,
windows half a patch apart, no mirroring. Its weights are random: they do not change the time. One window is timed in
every round and multiplied by the number of windows; resampling and post-processing of nnU-Net are left out, in its
favor, and TotalSegmentator's five networks count as one.

Everything runs in turn in one process with the same number of threads. Times are processor seconds of this process
summed over its threads (other load on the machine does not count), with wall seconds for comparison; median, minimum and maximum
over the rounds.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

import torch
from alternating import Spread, alternate, ratios
from synthetic_ct import synthetic_ct
from torch import nn

from LiverAILib.data.model import load_model
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.intensity import intensity_scale
from LiverAILib.segmentation.grid import SliceGrid, adjacent_slices, pad_to_stride
from LiverAILib.segmentation.predict import BATCH, Segmenter

PLAN_MM, PATCH, STEP, CLASSES = 1.5, (128, 128, 128), 0.5, 25
FEATURES = (32, 64, 128, 256, 320, 320)


def nnunet_windows(image: Image) -> int:
    """Number of sliding windows of the plan over `image` (nnU-Net's `compute_steps_for_sliding_window`)."""
    count = 1
    for size, mm, patch in zip(image.size, image.spacing, PATCH, strict=True):
        extent = max(round(size * mm / PLAN_MM), patch)
        count *= math.ceil((extent - patch) / (patch * STEP)) + 1
    return count


def plain_conv_unet() -> nn.Module | None:
    """nnU-Net's network of that plan with random weights; None where the package is not installed."""
    try:
        from dynamic_network_architectures.architectures.unet import PlainConvUNet
    except ImportError:
        return None
    stages = len(FEATURES)
    network = PlainConvUNet(
        1, stages, FEATURES, nn.Conv3d, 3, [1] + [2] * (stages - 1), 2, CLASSES, 2, conv_bias=True,
        norm_op=nn.InstanceNorm3d, norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=nn.LeakyReLU, nonlin_kwargs={"inplace": True}, deep_supervision=False,
    )  # fmt: skip
    return network.eval().requires_grad_(False)


def forward_passes(segmenter: Segmenter, image: Image) -> Callable[[], object]:
    """The network's passes over `image` alone: what has to be computed in any case."""
    canonical, _ = to_canonical(image)
    grid = SliceGrid.of(canonical.array.shape, canonical.spacing)
    volume = grid.downsample(canonical.array, intensity_scale(canonical, "CT"))
    batches = []
    for first in range(0, len(volume), BATCH):
        stack = torch.stack([adjacent_slices(volume, n) for n in range(first, min(first + BATCH, len(volume)))])
        batches.append(pad_to_stride(stack)[0].to(segmenter.device, memory_format=torch.channels_last))

    def run() -> None:
        with torch.inference_mode(), torch.autocast(segmenter.device.type, torch.bfloat16, enabled=segmenter.mixed):
            for batch in batches:
                segmenter.network(batch)

    return run


def seconds(function: Callable[[], object]) -> tuple[float, float]:
    """Processor and wall seconds of one call."""
    wall, processor = time.perf_counter(), time.process_time()
    function()
    return time.process_time() - processor, time.perf_counter() - wall


def main() -> None:
    """Print one line per contender."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="liver-mr-ct")
    parser.add_argument("--slices", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    image = synthetic_ct(args.slices)
    segmenter = Segmenter(load_model(args.model), device="cpu")
    contenders: dict[str, Callable[[], object]] = {
        "bare forward passes": forward_passes(segmenter, image),
        "LiverAI segment": lambda: segmenter.examine(image),
    }
    runs = dict.fromkeys(contenders, 1)
    peer = plain_conv_unet()
    windows = nnunet_windows(image)
    if peer is not None:
        patch = torch.randn(1, 1, *PATCH)

        def one_window() -> None:
            with torch.inference_mode():
                peer(patch)

        contenders[f"nnU-Net, {windows} windows"] = one_window
        runs[f"nnU-Net, {windows} windows"] = windows
    found = alternate(contenders, args.rounds, measure=seconds)
    processor = {name: [one[0] * runs[name] for one in own] for name, own in found.items()}
    wall = {name: [one[1] * runs[name] for one in own] for name, own in found.items()}
    print(
        f"512 x 512 x {args.slices} CT, {torch.get_num_threads()} threads, bfloat16 {segmenter.mixed}; {args.rounds} rounds: "
        "median (minimum-maximum)"
    )
    multiples = ratios(processor, "LiverAI segment")
    for name in contenders:
        times = f"{Spread.of(processor[name]).text(1)} s processor, {Spread.of(wall[name]).text(1)} s wall"
        print(f"{name:<26} {times}   {multiples[name].text()} x LiverAI")
    print(
        f"LiverAI is {ratios(processor, 'bare forward passes')['LiverAI segment'].text()} times its bare forward passes"
    )


if __name__ == "__main__":
    main()
