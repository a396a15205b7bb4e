"""Grad-CAM with probability of a ResNet50: LiverAI beside captum, pytorch-grad-cam, MONAI and the plain forward pass.

HiResCAM over eight shifts is compared with captum's gradient times activation, called eight times. All run in turn on the same
network, input and threads; the figure is the time as a multiple of the plain forward pass of the same round: median, minimum and
maximum. Peers that are not installed are left out: `pip install captum grad-cam monai` adds them.

An untimed forward pass precedes every run. Without it, the contender that follows captum's HiResCAM pays for what that leaves
behind: its first frees return 2 GB to the operating system, which takes .2 to .4 s in the kernel. That was always the plain
forward pass, as the first of a round, and so Grad-CAM came out at .61 of the forward pass that it contains.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from alternating import Spread, alternate, ratios

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
    """Print one line per contender."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    torch.manual_seed(0)
    network = ResNet50Classifier(2).eval()
    images = torch.randn(args.batch, 3, 224, 224)
    functions = contenders(network, images)
    seconds = alternate(functions, args.rounds, before=functions["plain forward"])
    multiples = ratios(seconds, "plain forward")
    threads = torch.get_num_threads()
    print(f"ResNet50, {args.batch} x 3 x 224 x 224, {threads} threads, {args.rounds} rounds: median (minimum-maximum)")
    for name, values in seconds.items():
        milliseconds = Spread.of([1000 * value for value in values]).text(0)
        print(f"{name:<18} {milliseconds:>20} ms   {multiples[name].text()} x forward")


if __name__ == "__main__":
    main()
