"""Many cases: every image of a folder or every row of a manifest, one result folder each and a table of all."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from LiverAILib.data.case import Case
from LiverAILib.data.cohort import read_cohort
from LiverAILib.data.model import load_model
from LiverAILib.data.outcome import GRAD_CAM
from LiverAILib.data.record import upgrade_record
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import find_images, image_name
from LiverAILib.jobs.assess import Assessor
from LiverAILib.methods import MethodSpec, method_of
from LiverAILib.results.files import RECORD, check_output_folder, write_assessment
from LiverAILib.whole_file import whole_file

SUMMARY = "summary.csv"


@dataclass(frozen=True)
class Entry:
    """One case to assess.

    Attributes:
        case_id: How it is called in the summary.
        file: Its image.
        folder: Name of its folder in the output.
        read: Reads the case.
    """

    case_id: str
    file: Path
    folder: str
    read: Callable[[], Case]


def find_cases(source: Path, spec: MethodSpec) -> Iterator[Entry]:
    """The images of a folder, or the rows of a manifest with their masks and covariates.

    Args:
        source: Folder of image files and DICOM folders, or a CSV manifest.
        spec: The model's method.

    Raises:
        UserError: There is no image, or the manifest has faults or no images of the role.
    """
    role = spec.role
    if source.suffix.lower() != ".csv":
        if not spec.single_image:
            raise UserError(
                f"{source}: {spec.name} takes several images a case, which a folder does not tell apart. Give a cohort manifest "
                f"(CSV) with the columns {', '.join('image:' + one.name for one in spec.images)}."
            )
        for path in find_images(source):
            name = image_name(path)
            yield Entry(name, path, name, lambda path=path: Case.from_file(path, role=role))
        return
    cohort = read_cohort(source)
    if not any(role in row.images for row in cohort):
        raise UserError(f"{source}: no column image:{role}, which the model needs. Add it or choose another model.")
    for row in cohort:
        file = row.images[role][0] if role in row.images else source
        yield Entry(
            row.case_id, file, quote(row.case_id, safe=" "), lambda row=row: Case.from_row(row, spec.modalities)
        )


def assess_all(
    source: Path,
    output: Path,
    model: str | os.PathLike[str],
    *,
    heatmap: str = GRAD_CAM,
    device: str = "auto",
    progress: Callable[[float, str], None] = lambda fraction, text: None,
) -> list[dict[str, object]]:
    """Assess every case of a folder or manifest; a case that fails is recorded and the others go on.

    Cases that already have a result of the same model and kind of heat map in `output` are not computed again.

    Args:
        source: See `find_cases`. The masks of a manifest replace the segmentation network's, its other columns are covariates.
        output: One folder a case, and the summary.
        model: Name of an installed model, or a model folder.
        heatmap: See `assess`.
        device: "auto", "cpu", "cuda" or "mps".
        progress: Called with a share 0..1 and a sentence.

    Returns:
        One row a case, as written to `output/summary.csv`.
    """
    chosen = load_model(model)
    entries = list(find_cases(source, method_of(chosen)))
    check_output_folder(output)
    assessor = Assessor(chosen, device=device)
    rows = []
    for number, entry in enumerate(entries):
        progress(number / len(entries), f"{entry.case_id} ({number + 1} of {len(entries)})")
        place = output / entry.folder
        try:
            record = finished_record(place, chosen.checksum, heatmap)
            if record is None:
                assessment = assessor.assess(entry.read(), heatmap=heatmap)
                write_assessment(assessment, place)
                record = assessment.record()
            rows.append(summary_row(record, entry.file))
        except UserError as error:
            rows.append({"case_id": entry.case_id, "file": entry.file.name, "error": str(error)})
    write_summary(rows, output / SUMMARY)
    progress(1.0, "Done")
    return [{"error": "", **row} for row in rows]


def finished_record(place: Path, checksum: str, heatmap: str) -> dict[str, Any] | None:
    """The record that an earlier run of the same model and kind of heat map left at `place`; it is written last."""
    try:
        record = json.loads((place / RECORD).read_text(encoding="utf-8"))
        provenance = record["provenance"]
        # Records of versions that knew Grad-CAM only do not name it.
        made = provenance["model"]["sha256"], provenance["settings"].get("heatmap", GRAD_CAM)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return upgrade_record(record) if made == (checksum, heatmap) else None


def summary_row(record: Mapping[str, Any], path: Path) -> dict[str, object]:
    """A case as a row of the summary: predicted class, probabilities, measurements with units, warnings, notes.

    Args:
        record: `Assessment.record()`, as it stands in `assessment.json`.
        path: The image.
    """
    row: dict[str, object] = {"case_id": record["case_id"], "file": path.name, "predicted": record["predicted"]}
    for name, outcome in record["outcomes"].items():
        for label, value in outcome.get("probabilities", {}).items():
            row[f"probability {name}: {label}"] = round(value, 6)
        if outcome["kind"] == "quantity":
            row[f"{name} [{outcome['unit']}]"] = outcome["value"]
    if record["slice"] is not None:
        row["slice"] = record["slice"]["index"]
    for measurement in record["measurements"]:
        row[f"{measurement['name']} [{measurement['unit']}]"] = measurement["value"]
    row["warnings"] = "; ".join(warning["code"] for warning in record["warnings"])
    row["notes"] = " ".join(record["notes"])
    return row


def write_summary(rows: list[dict[str, object]], path: Path) -> None:
    """All rows as CSV, "error" in the last column; whole or not at all."""
    columns = list(dict.fromkeys(column for row in rows for column in row if column != "error"))
    with whole_file(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [*columns, "error"], restval="")
        writer.writeheader()
        writer.writerows(rows)
