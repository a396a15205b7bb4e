"""A small training run with batch normalization and pooled losses, alone or as one of the processes of `torchrun`.

`python -m Testing.training.distributed_run OUTPUT` leaves `best.safetensors` and `history.json` of the run
in OUTPUT, and in `gradient.safetensors` the gradient of a ResNet50 classifier.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from LiverAILib.networks.classifier import ResNet50Classifier
from LiverAILib.training import distributed
from LiverAILib.training.distributed import process_group
from LiverAILib.training.fit import FitOptions, Task, fit
from LiverAILib.training.loss import cross_entropy, dice_and_cross_entropy
from LiverAILib.training.schedule import Stage

STAGES = (Stage("frozen", 1, 0.02, None), Stage("all", 2, 0.02, 0.01, from_best=True))
BATCH, STEPS = 8, 3


class SmallSegmenter(nn.Module):
    """Two convolutions, each with batch normalization, and an output layer.

    As in a ResNet the convolutions have no bias: batch normalization takes it off again, its gradient is rounding noise only.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        self.output = nn.Conv2d(6, 3, 1)

    def forward(self, inputs):
        return self.output(self.second(self.first(inputs)))


def batches(seed):
    """Images whose halves differ, organs of unequal size, so that no part of a batch is like another."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(STEPS):
        images = torch.randn(BATCH, 1, 8, 8, generator=generator) + torch.arange(BATCH).view(-1, 1, 1, 1)
        labels = (images[:, 0] > 4).long() + (images[:, 0] > 6).long()
        yield images, labels, torch.tensor([[True, True]] * (BATCH - 1) + [[True, False]])


def loss(network, batch):
    return dice_and_cross_entropy(network(batch[0]), batch[1].clamp(max=1), batch[2])


def validate(network):
    """Only process 0 validates, so nothing here may wait for the others."""
    network.eval()
    images, labels, _ = next(iter(batches(99)))
    with torch.no_grad():
        return {"score": -float(nn.functional.cross_entropy(network(images), labels.clamp(max=1)))}


def run(output: Path) -> list[dict]:
    """Train; every process makes its own network, of which that of process 0 counts."""
    network = SmallSegmenter()
    task = Task(network, [network.first, network.second, network.output], batches, STEPS, loss, validate)
    return fit(task, STAGES, output=output, options=FitOptions(seed=5), log=lambda line: None)


def write_gradient(path: Path) -> None:
    """Gradient of a ResNet50 classifier on a batch of four, in float64: no rounding that its many layers could amplify."""
    torch.manual_seed(1)
    network = ResNet50Classifier(2).double().train()
    distributed.synchronize_batch_norm(network)
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    images, labels = distributed.own_part((images, torch.tensor([0, 1, 1, 1])))
    cross_entropy(network(images), labels, weights=torch.tensor([3.0, 1.0], dtype=torch.float64)).backward()
    gradient = {
        name: distributed.total(parameter.grad) / distributed.world_size()
        for name, parameter in network.named_parameters()
    }
    if distributed.is_writer():
        save_file(gradient, path)


if __name__ == "__main__":
    import os

    torch.manual_seed(int(os.environ.get("RANK", "0")))
    with process_group(torch.device("cpu")):
        run(Path(sys.argv[1]))
        write_gradient(Path(sys.argv[1]) / "gradient.safetensors")
