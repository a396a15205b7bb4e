"""How many worker processes and threads a batch uses: what this machine, or the container that it runs in, can carry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import SimpleITK as sitk
import torch
from threadpoolctl import threadpool_limits

from LiverAILib.networks.device import choose_device

WORKER_BYTES = 3 * 2**30
"""Memory that is planned for a worker: networks, one case that is computed and the next one that is read (docs/scale.md)."""
CGROUP = Path("/sys/fs/cgroup")


def default_workers(device: str = "auto") -> int:
    """Worker processes for a batch: one a core as far as the memory goes; one where a graphics processor computes."""
    if choose_device(device).type != "cpu":
        return 1
    memory = memory_bytes()
    return max(1, min(available_cores(), available_cores() if memory is None else memory // WORKER_BYTES))


def default_threads(device: str = "auto") -> int:
    """Threads of a worker's networks: what `default_workers` leaves of the cores.

    The number of workers that a run really has plays no part, because the number of threads may change the last bits of a
    result, and a result must not depend on the number of workers.
    """
    return max(1, available_cores() // default_workers(device))


def available_cores() -> int:
    """Cores that this process may use: its affinity and the limit of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = (CGROUP / "cpu.max").read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # not Linux, or no limit ("max")
        return cores


def memory_bytes() -> int | None:
    """Memory of the machine, or the limit of the container; None where the system does not say (Windows)."""
    if not hasattr(os, "sysconf"):
        return None
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(memory, int((CGROUP / "memory.max").read_text()))
    except (OSError, ValueError):
        return memory


def resident_bytes(process: int | None) -> int | None:
    """Memory that a process uses now; None where the system does not say (all but Linux)."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


@contextmanager
def thread_limit(threads: int | None) -> Iterator[None]:
    """Let networks, linear algebra and image filters use so many threads inside the block; None changes nothing."""
    if threads is None:
        yield
        return
    before = torch.get_num_threads(), sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    torch.set_num_threads(threads)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before[0])
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before[1])
