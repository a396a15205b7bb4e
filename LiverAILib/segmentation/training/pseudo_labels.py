"""Masks of the organs that references lack, made by a trained model: what it is sure of teaches its successor.

`python -m LiverAILib.segmentation.training.pseudo_labels MANIFEST MODEL OUTPUT` segments every case of the manifest that lacks a
mask of an organ, and writes `OUTPUT/manifest.csv`: the same cases, with the masks of those organs that passed (self-training,
Xie 2020). A mask passes if the model is sure of it (`CONFIDENT`) and its volume is one that the organ can have
(`VOLUMES_ML`). Where it does not, the organ stays unknown, and background and organ are not told apart in training.
Cases of split "test" stay as they are.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from LiverAILib.atomic_write import atomic_csv
from LiverAILib.data.cohort import CohortRow, read_cohort
from LiverAILib.data.manifest_table import moved, read_table
from LiverAILib.data.model import Model, load_model
from LiverAILib.data.structures import LIVER, Structure
from LiverAILib.imaging.files import write_image
from LiverAILib.imaging.image import Image
from LiverAILib.segmentation.predict import SegmentationResult, Segmenter
from LiverAILib.segmentation.training.samples import read_training_image

CONFIDENT = 0.80
"""Mean probability within a mask."""
VOLUMES_ML = {"spleen": (60.0, 1200.0), "right_kidney": (70.0, 350.0), "left_kidney": (70.0, 350.0)}
"""Smallest and largest volume of an organ that was not cut off."""
MASK_COLUMN = "mask:"


def write_pseudo_labels(manifest: Path, model: Model, output: Path, *, log: Callable[[str], None] = print) -> Path:
    """Write `output/manifest.csv` and the masks beside it.

    Args:
        manifest: Cohort with references of some organs.
        model: Segments the organs that have none.
        output: Folder to write to.
        log: Called with one line per case.

    Returns:
        Path of the new manifest.
    """
    cohort = read_cohort(manifest)
    segmenter = Segmenter(model)
    output.mkdir(parents=True, exist_ok=True)
    columns, table = read_table(manifest)
    written = []
    for row, old in zip(cohort, table, strict=True):
        cells = moved(old, manifest.parent, output)
        lacking = [s for s in segmenter.structures if s.name not in row.masks and s.name in VOLUMES_ML]
        if lacking and row.split != "test":
            found = _pseudo_masks(segmenter, row, lacking, output / f"{row.case_id}_organs.nii.gz")
            cells |= found
            log(f"{row.case_id}: {', '.join(name.removeprefix(MASK_COLUMN) for name in found) or 'none'}")
        written.append(cells)
    columns = list(dict.fromkeys([*columns, *(MASK_COLUMN + name for name in VOLUMES_ML)]))
    path = output / "manifest.csv"
    atomic_csv(path, columns, ([cells.get(column, "") for column in columns] for cells in written), read_back=True)
    return path


def _pseudo_masks(segmenter: Segmenter, row: CohortRow, lacking: list[Structure], path: Path) -> Mapping[str, str]:
    """Columns of the masks of a case that passed; they are written to `path`, one label each."""
    image = read_training_image(row)
    result = segmenter.examine(image)
    labels = result.segmentation.image.array.copy()
    if LIVER.name in row.masks:
        labels[row.read_mask(LIVER.name, image)] = LIVER.label  # the reference is right
    passed = [s for s in lacking if trusted(result, s, labels == s.label, image)]
    if passed:
        labels[~np.isin(labels, [s.label for s in passed])] = 0
        write_image(image.with_array(labels), path)
    return {MASK_COLUMN + s.name: f"{path.name}#{s.label}" for s in passed}


def trusted(result: SegmentationResult, structure: Structure, mask: np.ndarray, image: Image) -> bool:
    """Whether the mask of a structure is one that the model is sure of and that the organ can have."""
    low, high = VOLUMES_ML[structure.name]
    volume_ml = float(mask.sum()) * float(np.prod(image.spacing)) / 1000
    return result.metrics.confidence.get(structure.name, 0.0) >= CONFIDENT and low <= volume_ml <= high


def main() -> None:
    """Command line of the module."""
    parser = argparse.ArgumentParser(
        description="Fill in masks that references lack with those that a model is sure of."
    )
    parser.add_argument("manifest", type=Path, metavar="MANIFEST")
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("output", type=Path, metavar="OUTPUT")
    args = parser.parse_args()
    print(write_pseudo_labels(args.manifest, load_model(args.model), args.output))


if __name__ == "__main__":
    main()
