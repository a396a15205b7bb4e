"""A segmentation model on the held-out cases of a manifest.

`python benchmarks/segmentation_truth.py MANIFEST [MODEL]` segments every case of split "test" and prints Dice, NSD at 2 mm,
HD95 and volume error of every organ that the manifest has a mask of. `python -m LiverAILib.training.public_data` writes the
manifest of the public data.
"""

from __future__ import annotations

import json
import statistics
import sys
from dataclasses import asdict
from pathlib import Path

from LiverAILib.cohort import read_cohort
from LiverAILib.model import load_model
from LiverAILib.segmentation.agreement import mask_agreement
from LiverAILib.segmentation.predict import Segmenter


def main() -> None:
    """Print one line an organ and case, then the means; the last line is JSON for a model card."""
    segmenter = Segmenter(load_model(sys.argv[2] if len(sys.argv) > 2 else "liver-mr-ct"))
    record: dict[str, dict[str, dict[str, float]]] = {}
    for row in read_cohort(Path(sys.argv[1])).split("test"):
        image = row.read_image("t2" if "t2" in row.images else "ct")
        segmentation, warnings = segmenter.segment(image)
        for structure in segmentation.structures:
            if structure.name in row.masks:
                mask = segmentation.image.array == structure.label
                found = mask_agreement(mask, row.read_mask(structure.name, image), spacing=image.spacing)
                numbers = {name: round(value, 3) for name, value in asdict(found).items()}
                record.setdefault(structure.name, {})[row.case_id] = numbers
                print(
                    f"{row.case_id:<14} {structure.title:<13}", *(f"{k} {v:g}" for k, v in numbers.items()), flush=True
                )
        for warning in warnings:
            print(f"{row.case_id:<14} warning: {warning.text}")
    for organ, cases in record.items():
        values = [case["dice"] for case in cases.values()]
        print(f"{organ}: mean Dice {statistics.mean(values):.3f}, worst {min(values):.3f}, n = {len(values)}")
    print(json.dumps(record))


if __name__ == "__main__":
    main()
