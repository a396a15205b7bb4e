"""Kills a batch at random moments and checks that nothing is lost.

`python benchmarks/kill_batch.py [--kills 100] [--cases 6] [--seed 0] [--workers N]`

Small simulated ultrasound cases are assessed with a bundled model, first undisturbed, then again and again in a process that
gets SIGKILL at a random moment and is started again on the same folder. When a run has come to its end, the folder is emptied.
After every kill, each case that has a record has to have exactly the bytes of the undisturbed run (but for time stamps and
durations), no case that was finished before may be missing or written again, and the tables have to be whole. At the end a run
without a kill has to give the files of the undisturbed one.

The killed process is forked from one that has loaded all libraries, so that kills fall on reading, networks and writing rather
than on imports. With `--workers` a run is the whole command with so many worker processes, most of whose time are imports. POSIX
only.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import LiverAILib.methods.byra2021.method
import LiverAILib.results.pictures
import LiverAILib.results.report  # noqa: F401  (loaded before the fork)
from LiverAILib.cli import main as main_of_liverai
from LiverAILib.jobs.batch.run import assess_all

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from Testing.batch_files import comparable_files, unfinished_files

MODEL = "byra2021-simulated"
VIEW = "image:liver_kidney"


def write_cases(folder: Path, count: int) -> Path:
    """A manifest of small ultrasound cases with a single view."""
    command = ["simulate", "--method", "byra2021", "--cases", str(count), "--output", str(folder)]
    if main_of_liverai([*command, "--quiet"]):
        raise SystemExit("no cases could be simulated")
    manifest = folder / "manifest.csv"
    with manifest.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    with manifest.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ("case_id", "patient_id", VIEW), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return manifest


def forked(manifest: Path, output: Path) -> int:
    """Start the batch in a copy of this process; returns its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setpgid(0, 0)
        assess_all(manifest, output, MODEL, device="cpu")
        code = 0
    finally:
        os._exit(code)


def started(manifest: Path, output: Path, workers: int) -> int:
    """Start the command with worker processes; returns its number."""
    command = [
        sys.executable,
        "-m",
        "LiverAILib.cli",
        "batch",
        str(manifest),
        "--model",
        MODEL,
        "--output",
        str(output),
    ]
    command += ["--device", "cpu", "--workers", str(workers), "--quiet"]
    return subprocess.Popen(command, start_new_session=True).pid


def ended(process: int, seconds: float) -> bool:
    """Whether a process ends by itself in this time; raises where it ends with an error."""
    end = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            if status:
                raise SystemExit(f"a run that was not killed failed ({status})")
            return True
        left = end - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(left, 0.02))


def kill(process: int) -> None:
    """Kill the process that the batch was started in; worker processes have to notice by themselves."""
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


def finished_cases(output: Path) -> dict[str, int]:
    """Cases that have a record, and when it was written."""
    return {record.parent.name: record.stat().st_mtime_ns for record in output.glob("*/assessment.json")}


def faults(output: Path, expected: dict[str, bytes], before: dict[str, int]) -> list[str]:
    """What is wrong after a kill."""
    found = comparable_files(output) if output.exists() else {}
    finished = finished_cases(output)
    wrong = [f"{case}: was finished and is gone" for case in before if case not in finished]
    wrong += [f"{case}: was finished and was written again" for case in before if finished.get(case) != before[case]]
    for name, content in expected.items():
        case = name.split("/")[0]
        if "/" in name and case in finished and found.get(name) != content:
            wrong.append(f"{name}: {'differs' if name in found else 'missing'} although the case has a record")
    summary = found.get("summary.csv")
    if summary is not None and not set(summary.splitlines()) <= set(expected["summary.csv"].splitlines()):
        wrong.append("summary.csv: a row that the undisturbed run has not")
    return wrong


def kill_often(
    start: Callable[[Path], int],
    output: Path,
    expected: dict[str, bytes],
    *,
    kills: int,
    most_seconds: float,
    seed: int,
) -> dict[str, int]:
    """Start and kill, and check each time.

    Args:
        start: Starts a run on a folder; returns its process.
        output: The folder.
        expected: Files of the undisturbed run.
        kills: How often.
        most_seconds: A run is killed after a random time of at most so many seconds.
        seed: Of the times.

    Returns:
        Counts of what happened, for a person.
    """
    rng = random.Random(seed)
    counts = {"kills": 0, "kills with a half-written case": 0, "runs that came to their end": 0, "faults": 0}
    while counts["kills"] < kills:
        before = finished_cases(output)
        process = start(output)
        if ended(process, rng.uniform(0, most_seconds)):
            counts["runs that came to their end"] += 1
            counts["faults"] += comparable_files(output) != expected
            shutil.rmtree(output)
            continue
        kill(process)
        counts["kills"] += 1
        counts["kills with a half-written case"] += bool(unfinished_files(output))
        for fault in faults(output, expected, before):
            print(f"kill {counts['kills']}: {fault}", flush=True)
            counts["faults"] += 1
        if counts["kills"] % 10 == 0:
            print(counts, flush=True)
    return counts


def main() -> None:
    """Run, print the counts, and exit with 1 where something was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--cases", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, help="the whole command with worker processes, instead of a fork")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        manifest = write_cases(Path(folder) / "cases", args.cases)
        whole, output = Path(folder) / "undisturbed", Path(folder) / "killed"

        def start(place: Path) -> int:
            return started(manifest, place, args.workers) if args.workers else forked(manifest, place)

        began = time.monotonic()
        if not ended(start(whole), float("inf")):
            raise SystemExit("unreachable")
        seconds = time.monotonic() - began
        expected = comparable_files(whole)
        print(f"{args.cases} cases, {len(expected)} files, {seconds:.1f} s undisturbed", flush=True)
        counts = kill_often(start, output, expected, kills=args.kills, most_seconds=seconds * 0.6, seed=args.seed)
        ended(start(output), float("inf"))
        same = comparable_files(output) == expected and not unfinished_files(output)
        print(f"{counts}; after the last run {'everything is the same' if same else 'FILES DIFFER'}", flush=True)
        sys.exit(0 if same and not counts["faults"] else 1)


if __name__ == "__main__":
    main()
