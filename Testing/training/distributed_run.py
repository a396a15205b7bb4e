"""A small training run with losses over the whole batch, alone or as one of the processes of `torchrun`.

`python -m Testing.training.distributed_run OUTPUT` leaves `best.safetensors` and `history.json` of the run
in OUTPUT, what was logged in `log.txt`, and in `gradient.safetensors` the gradient of a ResNet50 classifier.
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
    """Two convolutions, each with a normalization by sample, and an output layer: the same for a sample in any batch."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1, bias=False), nn.GroupNorm(2, 6), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.GroupNorm(2, 6), nn.ReLU())
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


def run(output: Path, network: SmallSegmenter | None = None) -> list[dict]:
    """Train; every process makes its own network, of which that of rank 0 counts."""
    network = network or SmallSegmenter()
    task = Task(network, [network.first, network.second, network.output], batches, STEPS, loss, validate)
    lines: list[str] = []
    history = fit(task, STAGES, output=output, options=FitOptions(seed=5), log=lines.append)
    if distributed.is_main_process():
        (output / "log.txt").write_text("\n".join(lines))
    return history


def with_batch_norm() -> SmallSegmenter:
    """The same network with batch normalization."""
    network = SmallSegmenter()
    network.first[1], network.second[1] = nn.BatchNorm2d(6), nn.BatchNorm2d(6)
    return network


def write_gradient(path: Path) -> None:
    """Gradient of a ResNet50 classifier on a batch of four, in float64: no rounding that its many layers could amplify.

    Batch normalization uses stored statistics, as it does where it is frozen: on the CPU it sees a shard only.
    """
    torch.manual_seed(1)
    network = ResNet50Classifier(2).double().eval()
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    images, labels = distributed.local_shard((images, torch.tensor([0, 1, 1, 1])))
    cross_entropy(network(images), labels, weights=torch.tensor([3.0, 1.0], dtype=torch.float64)).backward()
    gradient = {
        name: distributed.all_reduce_sum(parameter.grad) / distributed.world_size()
        for name, parameter in network.named_parameters()
    }
    if distributed.is_main_process():
        save_file(gradient, path)


if __name__ == "__main__":
    import os

    torch.manual_seed(int(os.environ.get("RANK", "0")))
    with process_group(torch.device("cpu")):
        run(Path(sys.argv[1]))
        run(Path(sys.argv[1]) / "batch_norm", with_batch_norm())
        write_gradient(Path(sys.argv[1]) / "gradient.safetensors")
