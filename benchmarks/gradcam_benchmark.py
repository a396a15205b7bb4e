"""Grad-CAM with probability of a ResNet50: LiverAI beside captum, pytorch-grad-cam, MONAI and the plain forward pass.

HiResCAM over eight shifts stands beside captum's gradient times activation, called eight times. All run in turn on the same
network, input and threads; the figure is the median time as a multiple of the plain forward. Peers that are not installed are
left out: `pip install captum grad-cam monai` adds them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from LiverAILib.explain.gradcam import grad_cam
from LiverAILib.explain.hirescam import SHIFTS, hires_cam
from LiverAILib.networks.classifier import ResNet50Classifier


def contenders(network: ResNet50Classifier, images: torch.Tensor) -> dict[str, Callable[[], object]]:
    """What is timed, by name; each gives probability and map of class 1 for the whole batch."""

    def forward() -> object:
        with torch.no_grad():
            return network(images).softmax(1)

    def liverai() -> object:
        scores, maps = grad_cam(network, images, 1)
        return scores.softmax(1), maps

    def liverai_hirescam() -> object:
        scores, maps = hires_cam(network, images, 1)
        return scores.softmax(1), maps

    found: dict[str, Callable[[], object]] = {
        "plain forward": forward,
        "LiverAI": liverai,
        "LiverAI HiResCAM": liverai_hirescam,
    }
    try:
        from captum.attr import LayerGradCam, LayerGradientXActivation

        layer = LayerGradCam(network, network.layer4)
        # captum returns the map alone: the probability costs one more forward pass.
        found["captum"] = lambda: (layer.attribute(images, 1, relu_attributions=True), forward())
        early = LayerGradientXActivation(network, network.layer2)
        found["captum HiResCAM"] = lambda: ([early.attribute(images, 1).sum(1) for _ in SHIFTS], forward())
    except ImportError:
        pass
    try:
        from pytorch_grad_cam import GradCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        cam = GradCAM(model=network, target_layers=[network.layer4])
        # It keeps the scores of its own forward pass in `outputs`.
        found["pytorch-grad-cam"] = lambda: cam(input_tensor=images, targets=[ClassifierOutputTarget(1)] * len(images))
    except ImportError:
        pass
    try:
        from monai.visualize import GradCAM as MonaiGradCAM

        monai = MonaiGradCAM(nn_module=network, target_layers="layer4")
        found["MONAI"] = lambda: (monai(x=images, class_idx=1), forward())
    except ImportError:
        pass
    return found


def main() -> None:
    """Print one line a contender."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    torch.manual_seed(0)
    network = ResNet50Classifier(2).eval()
    images = torch.randn(args.batch, 3, 224, 224)
    seconds: dict[str, list[float]] = {}
    functions = contenders(network, images)
    for repeat in range(args.repeats + 1):
        for name, function in functions.items():
            started = time.perf_counter()
            function()
            if repeat:  # the first round warms up
                seconds.setdefault(name, []).append(time.perf_counter() - started)
    base = statistics.median(seconds["plain forward"])
    print(f"ResNet50, {args.batch} x 3 x 224 x 224, {torch.get_num_threads()} threads, median of {args.repeats}")
    for name, values in seconds.items():
        print(
            f"{name:<18} {1000 * statistics.median(values):8.0f} ms   {statistics.median(values) / base:5.2f} x forward"
        )


if __name__ == "__main__":
    main()
