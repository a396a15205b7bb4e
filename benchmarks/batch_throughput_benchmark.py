"""How fast a batch is with several workers, against its bare network passes, and what a case costs.

`python benchmarks/batch_throughput_benchmark.py [--model NAME] [--workers 2] [--cases 8] [--size 256 256 30] [--no-pictures]`

Simulated T2 volumes are assessed as `liverai batch` does it: read, segmented, classified, explained, measured, drawn and written.
Each worker counts the seconds inside its networks, forward and backward. Their share of the wall time of the worker is the
throughput relative to the ideal, workers that do nothing but network passes. As both come from the same seconds of the same
process, other load of the machine hardly changes the ratio. The first case of a worker, which loads libraries, does not
count. Prints the processor seconds, memory and disk space of a case as well, for the formula of docs/scale.md.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from LiverAILib.data.assessment import Assessment
from LiverAILib.imaging.files import write_image
from LiverAILib.jobs.batch.case_worker import peak_bytes
from LiverAILib.jobs.batch.processors import default_threads
from LiverAILib.jobs.batch.run import assess_all
from LiverAILib.jobs.batch.workers import Workers
from LiverAILib.results.files import write_assessment
from LiverAILib.simulation.t2_mr import simulate_t2_mr

GOAL = 0.9


class NetworkClock:
    """Seconds inside of networks, whatever calls them."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._depth = 0

    def around(self, function: Callable) -> Callable:
        """The same function, timed where no other timed one is around it."""

        @functools.wraps(function)
        def timed(*args, **more):
            if self._depth:
                return function(*args, **more)
            self._depth += 1
            started = time.perf_counter()
            try:
                return function(*args, **more)
            finally:
                self.seconds += time.perf_counter() - started
                self._depth -= 1

        return timed


# Workers import this file too, so that their networks are timed.
CLOCK = NetworkClock()
torch.nn.Module.__call__ = CLOCK.around(torch.nn.Module.__call__)
torch.autograd.grad = CLOCK.around(torch.autograd.grad)
torch.Tensor.backward = CLOCK.around(torch.Tensor.backward)


@dataclass(frozen=True)
class TimingWriter:
    """Writes results as always, and a line for each case to `folder/PROCESS`."""

    folder: str
    pictures: bool

    def __call__(self, assessment: Assessment, place: Path) -> Mapping[str, Any]:
        write_assessment(assessment, place, pictures=self.pictures)
        line = {
            "network": CLOCK.seconds,
            "wall": time.monotonic(),
            "processor": time.process_time(),
            "peak": peak_bytes(),
        }
        with (Path(self.folder) / str(os.getpid())).open("a") as stream:
            stream.write(json.dumps(line) + "\n")
        return assessment.record()


def differences(folder: Path) -> dict[str, list[float]]:
    """Seconds between the first and the last case of each worker, and its number of cases in between."""
    found = defaultdict(list)
    for path in folder.iterdir():
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        found["peak"].append(lines[-1]["peak"])
        if len(lines) > 1:
            found["cases"].append(len(lines) - 1)
            for name in ("network", "wall", "processor"):
                found[name].append(lines[-1][name] - lines[0][name])
    return found


def main() -> None:
    """Simulate, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nowak2021-simulated")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cases", type=int, default=8)
    parser.add_argument("--size", type=int, nargs=3, default=(256, 256, 30), metavar=("I", "J", "K"))
    parser.add_argument("--no-pictures", action="store_true", help="as `liverai batch --no-pictures`")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scans, times, output = (Path(folder) / name for name in ("scans", "times", "out"))
        times.mkdir()
        spacing = tuple(extent / count for extent, count in zip((360.0, 360.0, 210.0), args.size, strict=True))
        scan = simulate_t2_mr(4, seed=1, size=tuple(args.size), spacing=spacing).image
        for number in range(args.cases):  # simulating takes longer than assessing: the same scan with other intensities
            write_image(scan.with_array(scan.array + number), scans / f"case{number}.nii.gz")
        started = time.monotonic()
        write = TimingWriter(str(times), not args.no_pictures)
        assess_all(scans, output, args.model, device="cpu", workers=Workers(args.workers), write=write)
        wall = time.monotonic() - started
        found = differences(times)
        disk = sum(path.stat().st_size for path in output.rglob("*") if path.is_file()) / args.cases
        cases = sum(found["cases"])
        ratio = sum(found["network"]) / sum(found["wall"])
        size = " x ".join(str(count) for count in args.size)
        print(
            f"{args.model}, {args.cases} cases of {size}, {args.workers} workers of {default_threads('cpu')} thread(s)"
            f"{', no pictures' if args.no_pictures else ''}; load "
            f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {wall:.0f} s with the start\n"
            f"throughput: {ratio:.2f} of the bare network passes (goal {GOAL})\n"
            f"a case: {sum(found['processor']) / cases:.1f} s of a core ({sum(found['network']) / cases:.1f} s wall in networks, "
            f"{sum(found['wall']) / cases:.1f} s wall in all), {disk / 1e6:.1f} MB of disk\n"
            f"memory of a worker: {np.max(found['peak']) / 1e9:.2f} GB at most"
        )


if __name__ == "__main__":
    main()
