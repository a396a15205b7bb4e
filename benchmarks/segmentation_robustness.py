"""How a segmentation model takes what other scanners and archives make of a scan: Dice by variant of each case.

`python benchmarks/segmentation_robustness.py MANIFEST [CASE_ID ...] [--model NAME] [--repeatability N]`

Every case of split "test" (or the named ones) is changed with its reference mask: clipped and shifted intensities (CT), other
pixels and slices, a smaller field of view, another stored axis order, noise. The liver's Dice is measured on the variant's own
grid. With `--repeatability` the repeatability coefficient of the volumes over N resampled, shifted and noised copies follows.
Variants that were resampled have a reference that was resampled too: some of the loss is the reference's.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from segmentation_truth import read_case_image

from LiverAILib.data.cohort import read_cohort
from LiverAILib.data.model import load_model
from LiverAILib.data.structures import LIVER
from LiverAILib.imaging.geometry import resample, to_canonical
from LiverAILib.imaging.image import Image
from LiverAILib.segmentation.predict import Segmenter
from LiverAILib.segmentation.repeatability import measure_repeatability

Variant = Callable[[Image], Image]


def on_spacing(image: Image, pixel_mm: float | None, slice_mm: float | None, *, nearest: bool = False) -> Image:
    """A canonical `image` with other pixels or slices over the same field of view."""
    wanted = [pixel_mm or image.spacing[0], pixel_mm or image.spacing[1], slice_mm or image.spacing[2]]
    size = [max(1, int(n * mm / new)) for n, mm, new in zip(image.size, image.spacing, wanted, strict=True)]
    grid = Image(np.empty(size[::-1], np.int8), tuple(wanted), image.origin, image.direction)
    return resample(image, grid, nearest=nearest)


def cropped(image: Image, share: float) -> Image:
    """The middle of a canonical image: a field of view that cuts the body at the sides by `share` of each half."""
    rows, columns = (int(n * share / 2) for n in image.array.shape[1:])
    part = np.ascontiguousarray(
        image.array[:, rows : image.array.shape[1] - rows, columns : image.array.shape[2] - columns]
    )
    origin = (image.index_to_lps @ [columns, rows, 0, 1])[:3]
    return replace(image, array=part, origin=tuple(origin))


def flipped(image: Image) -> Image:
    """The same anatomy stored head first and with rows as columns."""
    array = np.ascontiguousarray(image.array[::-1].transpose(0, 2, 1))
    direction = np.asarray(image.direction)[:, [1, 0, 2]] * [1, 1, -1]
    origin = (image.index_to_lps @ [0, 0, image.size[2] - 1, 1])[:3]
    spacing = (image.spacing[1], image.spacing[0], image.spacing[2])
    return Image(array, spacing, tuple(origin), direction, image.modality, image.meta)


def noisy(image: Image) -> Image:
    """Gaussian noise of 5 % of the range from the 1st to the 99th percentile (CT: 25 HU)."""
    low, high = np.percentile(image.array, [1, 99])
    sigma = 25.0 if image.modality == "CT" else 0.05 * (high - low)
    noise = np.random.default_rng(0).normal(0, sigma, image.array.shape)
    return image.with_array((image.array + noise).astype(np.float32))


INTENSITIES: dict[str, Variant] = {
    "clipped to -125..275 HU": lambda i: i.with_array(np.clip(i.array, -125, 275)),
    "clipped, shifted to 0..400": lambda i: replace(
        i.with_array(np.clip(i.array, -125, 275) + 125), modality=None, meta={}
    ),
    "stored +1024, no header": lambda i: replace(
        i.with_array(np.clip(i.array + 1024, 0, None)), modality=None, meta={}
    ),
}
NOISE: dict[str, Variant] = {"noise": noisy}
SPACINGS = {
    "CT": {"pixels 1.7 mm": (1.7, None), "slices 2.5 mm": (None, 2.5), "slices 5 mm": (None, 5.0)},
    "MR": {"pixels 1.7 mm": (1.7, None), "pixels 0.6 mm": (0.6, None), "slices 10 mm": (None, 10.0), "slices 3 mm": (None, 3.0)},
}  # fmt: skip


def variants_of(image: Image, mask: Image) -> dict[str, tuple[Image, Image]]:
    """The variants of a canonical case, each with its reference mask."""
    modality = image.modality or "MR"
    found = {"as it is": (image, mask)}
    changes = {**(INTENSITIES if modality == "CT" else {}), **NOISE}
    found |= {name: (change(image), mask) for name, change in changes.items()}
    for name, spacing in SPACINGS[modality].items():
        found[name] = (on_spacing(image, *spacing), on_spacing(mask, *spacing, nearest=True))
    found["field of view 15 % smaller"] = (cropped(image, 0.15), cropped(mask, 0.15))
    found["stored upside down, transposed"] = (flipped(image), flipped(mask))
    return found


def main() -> None:
    """Print a line a variant, then JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--model", default="liver-mr-ct")
    parser.add_argument("--views", type=int, default=1)
    parser.add_argument("--repeatability", type=int, default=0, metavar="N")
    args = parser.parse_args()
    segmenter = Segmenter(load_model(args.model), views=args.views)
    record: dict[str, dict[str, object]] = {}
    for row in read_cohort(args.manifest):
        if row.case_id not in args.cases and (args.cases or row.split != "test"):
            continue
        image = read_case_image(row)
        reference = image.with_array(row.read_mask(LIVER.name, image).astype(np.uint8), modality=None)
        canonical, mask = to_canonical(image)[0], to_canonical(reference)[0]
        record[row.case_id] = {}
        for name, (variant, truth) in variants_of(canonical, mask).items():
            segmentation, warnings = segmenter.segment(variant)
            found, inside = segmentation.image.array == LIVER.label, truth.array > 0
            dice = 2 * float((found & inside).sum()) / max(float(found.sum() + inside.sum()), 1.0)
            record[row.case_id][name] = round(dice, 3)
            print(f"{row.case_id:<16} {name:<32} Dice {dice:.3f}  {', '.join(w.code for w in warnings)}", flush=True)
        if args.repeatability:
            result = measure_repeatability(lambda one: segmenter.segment(one)[0], image, variants=args.repeatability)
            record[row.case_id]["repeatability"] = result.record()
            for organ, one in result.organs.items():
                print(
                    f"{row.case_id:<16} {organ:<13} repeatability coefficient {one.coefficient_ml:g} mL "
                    f"({one.coefficient_percent:g} %), volumes {one.volumes_ml}",
                    flush=True,
                )
    print(json.dumps(record))


if __name__ == "__main__":
    main()
