"""The manifests of the data that the bundled segmentation model was trained on.

`python -m LiverAILib.segmentation.training.public_data DATA OUTPUT [--simulated MANIFEST ...] [--hold-out PATTERN ...]` reads
the folders of `mr_t2_chaos`, `ct_chaos`, `ct_ircadb`, `ct_ircad20`, `ct_lits` and `totalsegmentator` below DATA and writes
`OUTPUT/manifest.csv`, the scans with manual references (the CHAOS CT reference, PNG slices, converted to one NIfTI mask), and
`OUTPUT/also_train.csv`: the TotalSegmentator example and the cases of simulated cohorts, for `liverai train segmentation
--also-train`. The column `source` names the data set, so that whole sources can be left out (`--hold-out "lits_*"`).
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverAILib.atomic_write import atomic_csv
from LiverAILib.data.cohort import CohortRow, read_cohort
from LiverAILib.imaging.files import read_image, write_image
from LiverAILib.segmentation.training.samples import WEIGHT_COLUMN

MR_LABELS = {"liver": 1, "right_kidney": 2, "left_kidney": 3, "spleen": 4}
TOTALSEGMENTATOR_LABELS = {"liver": 5, "right_kidney": 2, "left_kidney": 3, "spleen": 1}
TOTALSEGMENTATOR_WEIGHT = 0.5
"""Drawn half as often as a scan with a manual reference: a network made its masks, at 3 mm."""
CT_FOLDERS = {"ct_ircad20": "ircadb", "ct_lits": "lits"}
"""Folders of CT with liver masks, and the data set that they are from."""
SIMULATED_SHARE = 0.2
"""Of the slices of a modality: cirrhotic shapes, large spleens and ascites, which the real scans lack."""
HELD_OUT = ("chaos_mr_3", "chaos_mr_10", "chaos_mr_20", "chaos_mr_31", "lits_*")
"""Kept from training where nothing else is asked for: a whole source of CT, and four MR."""
COLUMNS = (
    "case_id",
    "patient_id",
    "source",
    "split",
    WEIGHT_COLUMN,
    "image:t2",
    "image:ct",
    *(f"mask:{name}" for name in MR_LABELS),
)


def write_manifests(
    data: Path, output: Path, *, simulated: Sequence[Path] = (), held_out: Sequence[str] = HELD_OUT
) -> tuple[Path, Path]:
    """Write `output/manifest.csv` and `output/also_train.csv` for the data below `data` and simulated cohorts.

    Args:
        data: Folder of the public data sets.
        output: Folder to write to.
        simulated: Manifests of `liverai simulate`; all their cases are trained on.
        held_out: Patterns of case IDs (`lits_*`) that get the split "test"; all others are trained on.

    Returns:
        Paths of both manifests.
    """
    output.mkdir(parents=True, exist_ok=True)
    rows = [*_chaos_mr(data, output), *_chaos_and_ircadb_ct(data, output), *_ct_folders(data, output)]
    for row in rows:
        row["split"] = "test" if any(fnmatch(row["case_id"], pattern) for pattern in held_out) else "train"
    example = _totalsegmentator(data, output)
    more = [example, *_simulated(simulated, [*rows, example], output)]
    return _write(output / "manifest.csv", rows), _write(output / "also_train.csv", more)


def _write(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    named = ({**row, "patient_id": row["case_id"]} for row in rows)
    atomic_csv(path, COLUMNS, ([row.get(column, "") for column in COLUMNS] for row in named), read_back=True)
    return path


def _chaos_mr(data: Path, output: Path) -> list[dict[str, str]]:
    rows = []
    for file in sorted((data / "mr_t2_chaos").glob("image_*.nii.gz"), key=lambda p: int(p.name[6:-7])):
        subject = file.name[6:-7]
        row = {
            "case_id": f"chaos_mr_{subject}",
            "source": "chaos_mr",
            "image:t2": os.path.relpath(file, output),
        }
        rows.append(row | _masks(file.with_name(f"label_{subject}.nii.gz"), MR_LABELS, output))
    return rows


def _chaos_and_ircadb_ct(data: Path, output: Path) -> list[dict[str, str]]:
    chaos_mask = write_chaos_ct_mask(data / "ct_chaos", output / "ct_chaos_liver.nii.gz")
    return [
        {
            "case_id": "chaos_ct",
            "source": "chaos_ct",
            "image:ct": os.path.relpath(data / "ct_chaos" / "DICOM_anon", output),
            "mask:liver": chaos_mask.name,
        },
        {
            "case_id": "ircadb_17",
            "source": "ircadb",
            "image:ct": os.path.relpath(data / "ct_ircadb" / "ct.nii.gz", output),
            "mask:liver": os.path.relpath(data / "ct_ircadb" / "liver.nii.gz", output),
        },
    ]


def _ct_folders(data: Path, output: Path) -> list[dict[str, str]]:
    """The other cases of 3D-IRCADb-01, and those of LiTS: `ct_NN.nii.gz` beside `liver_NN.nii.gz`."""
    return [
        {
            "case_id": f"{source}_{file.name[3:-7]}",
            "source": source,
            "image:ct": os.path.relpath(file, output),
            "mask:liver": os.path.relpath(file.with_name(file.name.replace("ct_", "liver_")), output),
        }
        for folder, source in CT_FOLDERS.items()
        for file in sorted((data / folder).glob("ct_*.nii.gz"))
    ]


def _totalsegmentator(data: Path, output: Path) -> dict[str, str]:
    example = data / "totalsegmentator"
    row = {
        "case_id": "totalsegmentator_example",
        "source": "totalsegmentator",
        "split": "train",
        "image:ct": os.path.relpath(example / "example_ct.nii.gz", output),
        WEIGHT_COLUMN: f"{TOTALSEGMENTATOR_WEIGHT:g}",
    }
    return row | _masks(example / "example_seg_fast_force_split.nii.gz", TOTALSEGMENTATOR_LABELS, output)


def _masks(file: Path, labels: Mapping[str, int], output: Path) -> dict[str, str]:
    return {f"mask:{name}": f"{os.path.relpath(file, output)}#{label}" for name, label in labels.items()}


def _simulated(manifests: Sequence[Path], real: Sequence[Mapping[str, str]], output: Path) -> list[dict[str, str]]:
    """Rows of simulated cases, weighted so that together they make up `SIMULATED_SHARE` of their modality."""
    cases = [case for manifest in manifests for case in read_cohort(manifest)]
    rows = []
    for role in ("t2", "ct"):
        same = [case for case in cases if role in case.images]
        total = sum(
            float(row.get(WEIGHT_COLUMN, 1)) for row in real if row["split"] == "train" and f"image:{role}" in row
        )
        weight = total * SIMULATED_SHARE / (1 - SIMULATED_SHARE) / max(len(same), 1)
        rows += [_simulated_row(case, role, output) | {WEIGHT_COLUMN: f"{weight:.4g}"} for case in same]
    return rows


def _simulated_row(case: CohortRow, role: str, output: Path) -> dict[str, str]:
    row = {
        "case_id": case.case_id,
        "source": "simulated",
        "split": "train",
        f"image:{role}": os.path.relpath(case.images[role][0], output),
    }
    return row | {f"mask:{name}": os.path.relpath(case.masks[name], output) for name in MR_LABELS}


def write_chaos_ct_mask(folder: Path, path: Path) -> Path:
    """The CHAOS CT liver reference, one PNG a slice in reverse order of position, as a NIfTI mask of the CT's geometry."""
    ct = read_image(folder / "DICOM_anon")
    slices = [sitk.GetArrayFromImage(sitk.ReadImage(str(file))) for file in sorted((folder / "Ground").glob("*.png"))]
    mask = ct.with_array((np.stack(slices)[::-1] > 0).astype(np.uint8))
    liver_hu = ct.array[mask.array > 0]
    if not 80 < np.median(liver_hu) < 200:
        raise ValueError(
            f"The liver of the CHAOS CT should have about 141 HU, found {np.median(liver_hu):.0f}: slice order?"
        )
    return write_image(mask, path)


def main() -> None:
    """Command line of the module."""
    parser = argparse.ArgumentParser(description="Write the manifests of the bundled segmentation model's data.")
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("output", type=Path, metavar="OUTPUT")
    parser.add_argument("--simulated", type=Path, nargs="*", default=[], metavar="MANIFEST", help="simulated cohorts")
    parser.add_argument(
        "--hold-out",
        nargs="*",
        default=HELD_OUT,
        metavar="PATTERN",
        help="cases to test on, `lits_*` for a whole source; none trains on every case (default: %(default)s)",
    )
    args = parser.parse_args()
    print(*write_manifests(args.data, args.output, simulated=args.simulated, held_out=args.hold_out), sep="\n")


if __name__ == "__main__":
    main()
