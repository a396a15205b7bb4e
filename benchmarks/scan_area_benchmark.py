"""How well the scan area of real ultrasound images is found: share of pixels that are classified right, inside or outside.

Truth: the fans outlined by hand in "Annotated Ultrasound Liver images" (Zenodo 7272660, CC BY 4.0), polygons of a few points.

    python benchmarks/scan_area_benchmark.py ../shared/data/us_aul
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from matplotlib.path import Path as Polygon

from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.ultrasound import find_scan_area

RESAMPLES = 10_000


def outlined(file: Path, shape: tuple[int, int]) -> np.ndarray:
    """Boolean (rows, columns): the inside of a polygon of (x, y)."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    points = np.stack([columns.ravel(), rows.ravel()], axis=1)
    return Polygon(json.loads(file.read_text())).contains_points(points).reshape(shape)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with images/N.jpg and outline/N.json")
    folder = parser.parse_args().folder
    right, kept, seconds, shapes = {}, [], [], []
    for file in sorted((folder / "images").glob("*.jpg"), key=lambda one: int(one.stem)):
        image = read_image(file)
        start = time.perf_counter()
        area = find_scan_area(image)
        seconds.append(time.perf_counter() - start)
        truth = outlined(folder / "outline" / f"{file.stem}.json", area.mask.shape)
        right[file.stem] = float((area.mask == truth).mean())
        kept.append(float(area.mask[truth].mean()))
        shapes.append(area.shape)
    values = np.array(list(right.values()))
    means = np.random.default_rng(0).choice(values, (RESAMPLES, len(values))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    worst = sorted(right.items(), key=lambda one: one[1])[:5]
    print(f"images {len(values)}, shapes { ({shape: shapes.count(shape) for shape in sorted(set(shapes))}) }")
    print(f"pixels right: mean {values.mean():.4f} (95 % bootstrap interval {low:.4f} to {high:.4f})")
    print(f"images below .97: {(values < 0.97).sum()}; worst: {', '.join(f'{name} {one:.3f}' for name, one in worst)}")
    print(f"share of the outlined area that is kept: mean {np.mean(kept):.4f}, least {min(kept):.3f}")
    print(f"seconds an image: median {np.median(seconds):.2f}")


if __name__ == "__main__":
    main()
