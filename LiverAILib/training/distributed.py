"""Training in several processes, started by `torchrun`: each one computes its shard of every batch.

Sums over the batch in the losses run over all processes (`all_reduce_sum`), so that the gradient is that of the whole batch.
Batch normalization does the same on GPUs, through torch's SyncBatchNorm; on the CPU, where that does not run, it normalizes by
the statistics of each process's own shard, and the result differs from that of one process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn

from LiverAILib.errors import UserError


def world_size() -> int:
    """Number of processes of this run."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Rank of this process; rank 0 writes."""
    return dist.get_rank() if world_size() > 1 else 0


def is_main_process() -> bool:
    """Whether this process, of rank 0, writes files and logs."""
    return rank() == 0


def barrier() -> None:
    """Wait for the other processes."""
    if world_size() > 1:
        dist.barrier()


def broadcast_from_main(value: Callable[[], Any]) -> Any:
    """The result of `value`, called on rank 0 only, on every rank."""
    if world_size() == 1:
        return value()
    box = [value() if is_main_process() else None]
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


def local_shard(batch: Any) -> Any:
    """This process's shard of a batch (tensors, or tuples or dataclasses of tensors, samples first).

    Raises:
        UserError: The number of samples is no multiple of the number of processes.
    """
    if world_size() == 1:
        return batch

    def shard(tensor: torch.Tensor) -> torch.Tensor:
        if len(tensor) % world_size():
            raise UserError(
                f"--batch-size {len(tensor)}: cannot be split evenly among {world_size()} processes. Use a multiple of "
                f"{world_size()}."
            )
        return tensor[rank() :: world_size()]

    return map_tensors(batch, shard)


def map_tensors(batch: Any, function: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """`batch` with `function` applied to each of its tensors."""
    if isinstance(batch, torch.Tensor):
        return function(batch)
    if isinstance(batch, (tuple, list)):
        return type(batch)(map_tensors(part, function) for part in batch)
    if is_dataclass(batch) and not isinstance(batch, type):
        return type(batch)(**{f.name: map_tensors(getattr(batch, f.name), function) for f in fields(batch)})
    return batch


class _AllReduceSum(torch.autograd.Function):
    """Sum over processes; the gradient of a sum that every process uses is the sum of their gradients."""

    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor) -> torch.Tensor:
        summed = tensor.clone()
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        summed = gradient.clone()
        dist.all_reduce(summed)
        return summed


def all_reduce_sum(tensor: torch.Tensor) -> torch.Tensor:
    """Sum of `tensor` over the processes, through which gradients flow.

    A loss of such sums is the same number in every process, and the mean over the processes of the gradients of the
    parameters, which DistributedDataParallel takes, is then its gradient.
    """
    return _AllReduceSum.apply(tensor) if world_size() > 1 else tensor


Network = TypeVar("Network", bound=nn.Module)


def place_network(
    network: Network, device: torch.device, *, memory_format: torch.memory_format = torch.preserve_format
) -> Network:
    """The network on `device`, with batch normalization over the whole batch where several GPUs share it.

    Call it before layers are grouped for the optimizer: batch-norm layers are replaced by `SyncBatchNorm` ones of the same
    parameters and names.
    """
    network = network.to(device, memory_format=memory_format)  # type: ignore[call-overload]  # not in torch's annotations
    if world_size() > 1 and device.type == "cuda":
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    return network


def batch_norm_note(network: nn.Module) -> str:
    """What the log says of a network whose batch normalization is not synchronized; "" where there is nothing to say."""
    if world_size() == 1 or not any(_normalizes_shards(module) for module in network.modules()):
        return ""
    return (
        f"note: {world_size()} processes on the CPU: batch normalization uses the statistics of each process's part of a "
        "batch, so the result differs from that of one process"
    )


def _normalizes_shards(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.batchnorm._BatchNorm) and not isinstance(module, nn.SyncBatchNorm)
