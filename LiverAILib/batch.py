"""Many cases: every image of a folder, one result folder each and a table of all."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

from LiverAILib.assessment import Assessment
from LiverAILib.assessment_files import RECORD, check_output_folder, read_assessment, write_assessment
from LiverAILib.assessor import Assessor
from LiverAILib.case import Case
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import find_images, image_name
from LiverAILib.model import load_model

SUMMARY = "summary.csv"


def assess_folder(
    folder: Path,
    output: Path,
    model: str | os.PathLike[str],
    *,
    device: str = "auto",
    progress: Callable[[float, str], None] = lambda fraction, text: None,
) -> list[dict[str, object]]:
    """Assess every image of `folder`; a case that fails is recorded and the others go on.

    Cases that already have a result of the same model in `output` are not computed again.

    Returns:
        One row a case, as written to `output/summary.csv`.
    """
    images = find_images(folder)
    check_output_folder(output)
    assessor = Assessor(load_model(model), device=device)
    rows = []
    for number, path in enumerate(images):
        progress(number / len(images), f"{path.name} ({number + 1} of {len(images)})")
        place = output / image_name(path)
        try:
            assessment = _finished(place, assessor)
            if assessment is None:
                assessment = assessor.assess(Case.from_file(path, role=assessor.entry.role))
                write_assessment(assessment, place)
            rows.append(summary_row(assessment, path))
        except UserError as error:
            rows.append({"case_id": image_name(path), "file": path.name, "error": str(error)})
    _write_summary(rows, output / SUMMARY)
    progress(1.0, "Done")
    return [{"error": "", **row} for row in rows]


def _finished(place: Path, assessor: Assessor) -> Assessment | None:
    """The result that an earlier run of the same model left at `place`."""
    if not (place / RECORD).exists():
        return None
    try:
        earlier = read_assessment(place)
    except UserError:
        return None
    same = earlier.provenance["model"]["sha256"] == assessor.model.checksum
    return earlier if same else None


def summary_row(assessment: Assessment, path: Path) -> dict[str, object]:
    """A case as a row of the summary: probabilities, predicted class, measurements with units, warnings."""
    row: dict[str, object] = {
        "case_id": assessment.case_id,
        "file": path.name,
        "predicted": assessment.predicted,
        "simulated_model": assessment.simulated,
    }
    for pipeline, result in assessment.pipelines.items():
        for name, value in result.probabilities.items():
            row[f"probability {pipeline}: {name}"] = round(value, 6)
    if assessment.chosen_slice is not None:
        row["slice"] = assessment.chosen_slice.index
    for measurement in assessment.measurements:
        row[f"{measurement.name} [{measurement.unit}]"] = measurement.value
    row["warnings"] = "; ".join(warning.code for warning in assessment.warnings)
    return row


def _write_summary(rows: list[dict[str, object]], path: Path) -> None:
    columns = list(dict.fromkeys(column for row in rows for column in row if column != "error"))
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [*columns, "error"], restval="")
        writer.writeheader()
        writer.writerows(rows)
    unfinished.replace(path)
