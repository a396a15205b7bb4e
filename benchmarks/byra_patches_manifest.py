"""Manifest of the liver patches of Byra 2018 for `liverai train byra2021-roi`, from the `labels.csv` beside them.

One row a patient, its ten patches as images; the fat fraction of the biopsy in percent is the reference, the mean of the patches'
hepatorenal indices is kept for comparison. `byra2021-biopsy` was trained by

    python benchmarks/byra_patches_manifest.py ../shared/data/us_byra/roi28 patches.csv
    liverai train byra2021-roi --cohort patches.csv --output run --name byra2021-biopsy

Run: python benchmarks/byra_patches_manifest.py FOLDER MANIFEST
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

COLUMNS = ("case_id", "patient_id", "split", "fat_percent_biopsy", "image:liver_kidney", "hepatorenal_index")


def write_manifest(folder: Path, manifest: Path) -> int:
    """Write the manifest; gives the number of patients."""
    patients: dict[str, list[dict[str, str]]] = {}
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            patients.setdefault(row["patient_id"], []).append(row)
    start = manifest.resolve().parent
    with manifest.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for patient, rows in patients.items():
            files = ";".join(os.path.relpath((folder / row["file"]).resolve(), start) for row in rows)
            index = sum(float(row["hepatorenal_index"]) for row in rows) / len(rows)
            fat = rows[0]["fat_percent_biopsy"]
            writer.writerow((f"patient-{int(patient):02d}", patient, "train", fat, files, f"{index:.6f}"))
    return len(patients)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="folder with labels.csv and the patches")
    parser.add_argument("manifest", type=Path, help="CSV file to write")
    args = parser.parse_args()
    print(f"{write_manifest(args.folder, args.manifest)} patients: {args.manifest}")
