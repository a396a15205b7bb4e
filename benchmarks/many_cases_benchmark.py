"""Whether memory, open files and threads of a batch grow with the number of cases.

`python benchmarks/many_cases_benchmark.py [--cases 1000]`

Small noise pictures as one ultrasound view each go through the bundled model byra2021-simulated with everything that a batch
does, in one process. Memory (resident, after a tenth of the cases and at the end), open files and threads are printed.
Linux only.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from LiverAILib.data.assessment import Assessment
from LiverAILib.imaging.files import write_image
from LiverAILib.imaging.image import Image
from LiverAILib.jobs.batch.processors import resident_bytes
from LiverAILib.jobs.batch.run import assess_all
from LiverAILib.results.files import write_assessment

MOST_GROWTH_BYTES = 100_000_000
"""What allocators may keep back between a tenth of the cases and the end; a picture that leaks takes ten times as much."""


def state() -> tuple[int, int, int]:
    """Resident bytes, open files, threads."""
    return resident_bytes(os.getpid()) or 0, len(os.listdir("/proc/self/fd")), threading.active_count()


@dataclass(frozen=True)
class WatchingWriter:
    """Writes results as always, and keeps the state of the process after each case."""

    states: list[tuple[int, int, int]]

    def __call__(self, assessment: Assessment, place: Path) -> Mapping[str, Any]:
        write_assessment(assessment, place)
        self.states.append(state())
        return assessment.record()


def main() -> None:
    """Make the cases, assess them, print; exit with 1 where something grows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1000)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        rows = ["case_id,patient_id,image:liver_kidney"]
        for number in range(args.cases):
            picture = Image(rng.integers(1, 255, (1, 64, 64)).astype(np.uint8), (0.5, 0.5, 1.0), modality="US")
            write_image(picture, Path(folder) / f"{number}.nrrd")
            rows.append(f"c{number},p{number},{number}.nrrd")
        manifest = Path(folder) / "cohort.csv"
        manifest.write_text("\n".join(rows) + "\n")
        writer = WatchingWriter([])
        started = time.monotonic()
        done = assess_all(manifest, Path(folder) / "out", "byra2021-simulated", device="cpu", write=writer)
        seconds = time.monotonic() - started
    failed = [row for row in done if row["error"]]
    early, late = writer.states[args.cases // 10], writer.states[-1]
    print(f"{len(done)} cases, {len(failed)} failed, {seconds:.0f} s")
    for name, state_ in (("after a tenth", early), ("at the end", late)):
        print(f"{name}: {state_[0] / 1e6:.0f} MB resident, {state_[1]} open files, {state_[2]} threads")
    grows = late[0] > early[0] + MOST_GROWTH_BYTES or late[1:] != early[1:]
    sys.exit(1 if failed or grows else 0)


if __name__ == "__main__":
    main()
