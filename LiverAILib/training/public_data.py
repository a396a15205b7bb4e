"""The manifest of the public data that the bundled segmentation model was trained on.

`python -m LiverAILib.training.public_data DATA OUTPUT` reads the folders `mr_t2_chaos`, `ct_chaos` and `ct_ircadb` below
DATA and writes `OUTPUT/manifest.csv`, with the CHAOS CT reference (PNG slices) converted to one NIfTI mask.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverAILib.imaging.files import read_image, write_image

MR_LABELS = {"liver": 1, "right_kidney": 2, "left_kidney": 3, "spleen": 4}
HELD_OUT_MR = ("3", "10", "20", "31")
HELD_OUT_CT = ("ircadb_17",)


def write_manifest(data: Path, output: Path) -> Path:
    """Write `output/manifest.csv` for the public data below `data`; the held-out subjects get the split "test"."""
    output.mkdir(parents=True, exist_ok=True)
    rows = []
    for file in sorted((data / "mr_t2_chaos").glob("image_*.nii.gz"), key=lambda p: int(p.name[6:-7])):
        subject = file.name[6:-7]
        mask = os.path.relpath(file.with_name(f"label_{subject}.nii.gz"), output)
        row = {"case_id": f"chaos_mr_{subject}", "split": "test" if subject in HELD_OUT_MR else "train"}
        row["image:t2"] = os.path.relpath(file, output)
        row.update({f"mask:{name}": f"{mask}#{label}" for name, label in MR_LABELS.items()})
        rows.append(row)
    chaos = write_chaos_ct_mask(data / "ct_chaos", output / "ct_chaos_liver.nii.gz")
    rows.append(
        {
            "case_id": "chaos_ct",
            "split": "train",
            "image:ct": os.path.relpath(data / "ct_chaos" / "DICOM_anon", output),
            "mask:liver": chaos.name,
        }
    )
    rows.append(
        {
            "case_id": "ircadb_17",
            "split": "test",
            "image:ct": os.path.relpath(data / "ct_ircadb" / "ct.nii.gz", output),
            "mask:liver": os.path.relpath(data / "ct_ircadb" / "liver.nii.gz", output),
        }
    )
    columns = ["case_id", "patient_id", "split", "image:t2", "image:ct", *(f"mask:{name}" for name in MR_LABELS)]
    path = output / "manifest.csv"
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        writer.writeheader()
        writer.writerows({**row, "patient_id": row["case_id"]} for row in rows)
    return path


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


if __name__ == "__main__":
    print(write_manifest(Path(sys.argv[1]), Path(sys.argv[2])))
