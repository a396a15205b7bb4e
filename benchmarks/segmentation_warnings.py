"""How many failed masks the warnings catch: metrics and Dice of held-out scans, and the limits that follow from them.

    python benchmarks/segmentation_warnings.py collect MANIFEST MODEL OUTPUT.json [--variants]
    python benchmarks/segmentation_warnings.py judge FIT.json ... --test TEST.json ...

`collect` segments the cases of split "test" with a model that has not seen them; `--variants` also as other scanners and
archives would have stored them (`segmentation_robustness.py`). `judge` prints what the warnings of today catch, then sets a limit
for each metric on the first files and counts on the others: failures (Dice below .9) caught, and good masks flagged.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from segmentation_robustness import variants_of
from segmentation_truth import planned, read_case_image

from LiverAILib.data.cohort import CohortRow, read_cohort
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.imaging.image import Image
from LiverAILib.segmentation.predict import Segmenter

FAILURE = 0.9
"""Dice below which a mask has failed."""
FALSE_ALARMS = 0.05
"""Share of good masks of the first files that a limit may flag."""


def scans(row: CohortRow, *, variants: bool) -> Iterator[tuple[str, Image, dict[str, np.ndarray]]]:
    """Name, canonical image, and reference masks by organ: the scan as it is and, if wanted, its variants."""
    image = read_case_image(row)
    canonical = to_canonical(image)[0]
    masks = {name: row.read_mask(name, image) for name in row.masks}
    truth = {
        name: to_canonical(image.with_array(mask.astype(np.uint8), modality=None))[0]
        for name, mask in masks.items()
        if mask.any()
    }
    if not variants:
        yield "as it is", canonical, {name: mask.array > 0 for name, mask in truth.items()}
        return
    changed: dict[str, tuple[Image, dict[str, np.ndarray]]] = {}
    for organ, mask in truth.items():
        for name, (variant, moved) in variants_of(canonical, mask).items():
            changed.setdefault(name, (variant, {}))[1][organ] = moved.array > 0
    for name, (variant, moved_masks) in changed.items():
        yield name, variant, moved_masks


def examined(segmenter: Segmenter, image: Image, truth: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Dice by organ, the metrics, and the codes of the warnings."""
    result = segmenter.examine(image)
    labels = result.segmentation.image.array
    dice = {}
    for structure in result.segmentation.structures:
        if structure.name in truth:
            mask, reference = labels == structure.label, truth[structure.name]
            dice[structure.name] = round(2 * float((mask & reference).sum()) / float(mask.sum() + reference.sum()), 4)
    return {"dice": dice, "metrics": result.metrics.record(), "warnings": [w.code for w in result.warnings]}


def collect(args: argparse.Namespace) -> None:
    """Write what was found, a line a scan on the way."""
    found = []
    for segmenter, row in planned(args.model, read_cohort(args.manifest)):
        for name, image, truth in scans(row, variants=args.variants):
            about = {"case_id": row.case_id, "source": row.covariates.get("source", ""), "variant": name}
            found.append(about | examined(segmenter, image, truth))
            print(row.case_id, name, found[-1]["dice"], found[-1]["warnings"], flush=True)
            args.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def metrics_of(one: Mapping[str, Any], organ: str) -> dict[str, float]:
    """The metrics of an organ's mask, each so that more is worse."""
    record = one["metrics"]
    dispute = record["context_disputes"].get(organ, {"extra_mm": 0.0, "missing_mm": 0.0})
    return {
        "1 - confidence": 1 - record["confidence"].get(organ, 0.0),
        "1 - context agreement": 1 - record["context_agreement"].get(organ, 0.0),
        "extra ball, mm": dispute["extra_mm"],
        "missing ball, mm": dispute["missing_mm"],
        "larger ball, mm": max(dispute.values()),
    }


def judge(args: argparse.Namespace) -> None:
    """Print the table of each organ."""
    fit, test = ([one for file in files for one in json.loads(file.read_text())] for files in (args.fit, args.test))
    for organ in ("liver", "spleen", "left_kidney", "right_kidney"):
        pairs = [[one for one in group if organ in one["dice"]] for group in (fit, test)]
        if not all(pairs):
            continue
        print(f"{organ}: {counts(pairs[0], organ)} to set limits on, {counts(pairs[1], organ)} to test on")
        print(f"  any warning of today: {caught(pairs[1], organ, [bool(one['warnings']) for one in pairs[1]])}")
        for name in metrics_of(pairs[0][0], organ):
            values = [np.array([metrics_of(one, organ)[name] for one in group]) for group in pairs]
            good = np.array([one["dice"][organ] >= FAILURE for one in pairs[0]])
            if not good.any():
                continue
            limit = float(np.quantile(values[0][good], 1 - FALSE_ALARMS, method="higher"))
            found = [caught(group, organ, list(v > limit)) for group, v in zip(pairs, values, strict=True)]
            print(f"  {name} above {limit:.3f}: {found[0]}; tested: {found[1]}")


def counts(group: Sequence[Mapping[str, Any]], organ: str) -> str:
    """How many masks and failures."""
    return f"{len(group)} masks, {sum(one['dice'][organ] < FAILURE for one in group)} failed"


def caught(group: Sequence[Mapping[str, Any]], organ: str, flagged: Sequence[bool]) -> str:
    """Failures caught and good masks flagged."""
    failed = [one["dice"][organ] < FAILURE for one in group]
    right = sum(f and w for f, w in zip(failed, flagged, strict=True))
    wrong = sum(not f and w for f, w in zip(failed, flagged, strict=True))
    return f"{right} of {sum(failed)} failures caught, {wrong} of {len(failed) - sum(failed)} good masks flagged"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("collect")
    one.add_argument("manifest", type=Path)
    one.add_argument("model")
    one.add_argument("output", type=Path)
    one.add_argument("--variants", action="store_true")
    one.set_defaults(run=collect)
    two = commands.add_parser("judge")
    two.add_argument("fit", type=Path, nargs="+")
    two.add_argument("--test", type=Path, nargs="+", required=True)
    two.set_defaults(run=judge)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
