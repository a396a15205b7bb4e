"""One run on several processes (`torchrun`), each with a part of every batch, that gives what one process gives.

Every process draws the whole batch from the same seed and keeps its own part of it, so that the samples do not depend on the
number of processes. Sums over the batch (in losses and in batch normalization) run over all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from LiverAILib.errors import UserError


def world_size() -> int:
    """Number of processes of this run."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0; process 0 writes."""
    return dist.get_rank() if world_size() > 1 else 0


def is_writer() -> bool:
    """Whether this process writes files and logs."""
    return rank() == 0


def barrier() -> None:
    """Wait for the other processes."""
    if world_size() > 1:
        dist.barrier()


def told_by_writer(value: Callable[[], Any]) -> Any:
    """What `value` gives in process 0 (it is called there only), in every process."""
    if world_size() == 1:
        return value()
    box = [value() if is_writer() else None]
    dist.broadcast_object_list(box, src=0)
    return box[0]


@contextmanager
def process_group(device: torch.device) -> Iterator[torch.device]:
    """Join the processes that `torchrun` started; without it nothing happens.

    Yields:
        The device of this process: its own GPU where `device` is CUDA.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or dist.is_initialized():
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def own_part(batch: Any) -> Any:
    """The samples of a batch (tensors, or tuples or dataclasses of tensors, samples first) that this process works on.

    Raises:
        UserError: The batch cannot be shared out equally.
    """
    if world_size() == 1:
        return batch

    def part(tensor: torch.Tensor) -> torch.Tensor:
        if len(tensor) % world_size():
            raise UserError(
                f"--batch-size {len(tensor)}: cannot be shared by {world_size()} processes. Use a multiple of {world_size()}."
            )
        return tensor[rank() :: world_size()]

    return map_tensors(batch, part)


def map_tensors(batch: Any, function: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """`batch` with `function` applied to each of its tensors."""
    if isinstance(batch, torch.Tensor):
        return function(batch)
    if isinstance(batch, (tuple, list)):
        return type(batch)(map_tensors(part, function) for part in batch)
    if is_dataclass(batch):
        return type(batch)(**{f.name: map_tensors(getattr(batch, f.name), function) for f in fields(batch)})
    return batch


class _Total(torch.autograd.Function):
    """Sum over processes; the gradient of a sum that every process uses is the sum of their gradients."""

    @staticmethod
    def forward(ctx, tensor: torch.Tensor) -> torch.Tensor:
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


def total(tensor: torch.Tensor) -> torch.Tensor:
    """Sum of `tensor` over the processes, through which gradients flow.

    A loss of such sums is the same number in every process, and the mean over the processes of the gradients of the
    parameters, which DistributedDataParallel takes, is then its gradient.
    """
    return _Total.apply(tensor) if world_size() > 1 else tensor


class SyncedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalization with the statistics of the whole batch, also on the CPU, where torch's SyncBatchNorm does not run."""

    def _check_input_dim(self, inputs: torch.Tensor) -> None:
        if inputs.ndim < 2:
            raise ValueError(f"expected at least 2 dimensions, got {inputs.ndim}")

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Normalized (batch, channels, ...); in evaluation mode by the running statistics."""
        self._check_input_dim(inputs)
        if not self.training or world_size() == 1:
            return super().forward(inputs)
        over = (0, *range(2, inputs.ndim))
        values = inputs.to(self.running_mean.dtype)  # half precision would lose the statistics
        count = total(values.new_tensor(float(values.numel() // values.shape[1])))
        mean = total(values.sum(over)) / count
        shape = (1, -1, *(1,) * (inputs.ndim - 2))
        centered = values - mean.view(shape)
        variance = total((centered**2).sum(over)) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean.detach(), self.momentum)
            self.running_var.lerp_(variance.detach() * count / (count - 1), self.momentum)
        scale = torch.rsqrt(variance + self.eps) * self.weight
        return (centered * scale.view(shape) + self.bias.view(shape)).to(inputs.dtype)


def synchronize_batch_norm(network: nn.Module) -> None:
    """Let every batch-norm layer see the whole batch; layers, parameters and names in the state dict stay as they are."""
    if world_size() == 1:
        return
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
            module.__class__ = SyncedBatchNorm
