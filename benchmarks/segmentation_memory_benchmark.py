"""Peak resident memory of `liverai segment` on a long CT, measured in a process of its own.

`python benchmarks/segmentation_memory_benchmark.py [--slices 800] [--type int16|float32|float64] [--ending .nii|.nii.gz|.nrrd]`

The whole command runs: reading, segmenting, measuring and writing. The limit that the project sets itself is 3 GB.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from synthetic_ct import synthetic_ct

from LiverAILib.imaging.geometry import to_sitk

LIMIT_GB = 3.0


def peak_gb(command: list[str]) -> tuple[float, float]:
    """Peak resident memory (GB, 1e9 bytes) and wall seconds of a command; raises where it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed ({status})")
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes on macOS, in KiB on Linux
    return usage.ru_maxrss * unit / 1e9, time.perf_counter() - started


def main() -> None:
    """Write the CT, run the command, print its peak."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=800)
    parser.add_argument("--slice-mm", type=float, default=0.8)
    parser.add_argument("--type", default="int16", choices=("int16", "float32", "float64"))
    parser.add_argument("--ending", default=".nii")
    parser.add_argument(
        "--more", nargs="*", default=[], help="further options of `liverai segment`, without the dashes"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scan = Path(folder) / f"ct{args.ending}"
        image = synthetic_ct(args.slices, slice_mm=args.slice_mm)
        sitk.WriteImage(to_sitk(image.with_array(image.array.astype(np.dtype(args.type)))), str(scan))
        del image
        command = [
            sys.executable,
            "-m",
            "LiverAILib.cli",
            "segment",
            str(scan),
            "--output",
            f"{folder}/liver.seg.nrrd",
            "--quiet",
        ]
        gigabytes, seconds = peak_gb([*command, *(f"--{option}" for option in args.more)])
    verdict = "within" if gigabytes < LIMIT_GB else "ABOVE"
    print(
        f"512 x 512 x {args.slices} CT ({args.type}, {args.ending}): peak {gigabytes:.2f} GB resident, {verdict} the limit of "
        f"{LIMIT_GB:g} GB; {seconds:.0f} s wall; this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB"
    )


if __name__ == "__main__":
    main()
