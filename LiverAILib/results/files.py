"""An assessment on disk: `assessment.json`, `segmentation.seg.nrrd`, `heatmap.nrrd`, pictures, `report.html`."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from LiverAILib.data.assessment import (
    Assessment,
    CaseWarning,
    ChosenSlice,
    Classification,
    HeatMap,
    Measurement,
    NotAssessed,
    Segmentation,
)
from LiverAILib.data.segmentation_file import write_segmentation
from LiverAILib.data.structures import STRUCTURES
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image, write_image

RECORD, SEGMENTATION, HEATMAP = "assessment.json", "segmentation.seg.nrrd", "heatmap.nrrd"
OVERLAY, MEASUREMENTS, REPORT = "overlay.png", "measurements.png", "report.html"


def heatmap_file(assessment: Assessment, pipeline: str) -> str:
    """File name of a pipeline's heat map; the primary one is `heatmap.nrrd`."""
    return HEATMAP if pipeline == assessment.primary else f"heatmap_{pipeline}.nrrd"


def write_assessment(assessment: Assessment, output: str | os.PathLike[str]) -> dict[str, Path]:
    """Write all files of an assessment to the folder `output`; files of an earlier run there are replaced.

    Everything is written beside its place first: a full disk leaves nothing half-written.

    Returns:
        What each file is, and where.

    Raises:
        UserError: The folder cannot be made or written, or the disk is full.
    """
    from LiverAILib.results.measurement_picture import measurement_figure
    from LiverAILib.results.pictures import assessment_figure, png_bytes
    from LiverAILib.results.report import html_report

    output = Path(output)
    check_output_folder(output)
    names = {"record": RECORD, "segmentation": SEGMENTATION, "overlay": OVERLAY, "report": REPORT}
    names |= {f"heatmap {name}": heatmap_file(assessment, name) for name in assessment.pipelines}
    try:
        with tempfile.TemporaryDirectory(dir=output, prefix=".writing-") as folder:
            unfinished = Path(folder)
            write_segmentation(assessment.segmentation, unfinished / SEGMENTATION)
            for name, result in assessment.pipelines.items():
                header = {f"LiverAI_{key}": str(value) for key, value in vars(result.heatmap).items() if key != "image"}
                write_image(result.heatmap.image, unfinished / heatmap_file(assessment, name), header=header)
            (unfinished / OVERLAY).write_bytes(png_bytes(assessment_figure(assessment)))
            drawn = measurement_figure(assessment)
            if drawn is None:
                (output / MEASUREMENTS).unlink(missing_ok=True)
            else:
                names["measurements"] = MEASUREMENTS
                (unfinished / MEASUREMENTS).write_bytes(png_bytes(drawn))
            (unfinished / REPORT).write_text(html_report(assessment), encoding="utf-8")
            text = json.dumps(assessment.record(), indent=2, ensure_ascii=False)
            (unfinished / RECORD).write_text(text + "\n", encoding="utf-8")
            for name in names.values():
                (unfinished / name).replace(output / name)
    except OSError as error:
        raise UserError(
            f"{output}: cannot be written ({error.strerror}). Choose a folder that is writable and has space."
        ) from None
    return {what: output / name for what, name in names.items()}


def check_output_folder(output: Path) -> None:
    """Make `output` and see that files can be written there, before any work is done.

    Raises:
        UserError: It is a file, or cannot be made or written.
    """
    if output.exists() and not output.is_dir():
        raise UserError(f"{output}: is a file, not a folder. Choose another --output.")
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output):
            pass
    except OSError as error:
        raise UserError(
            f"{output}: cannot be written ({error.strerror}). Choose a folder that is writable and has space."
        ) from None


def read_assessment(folder: str | os.PathLike[str]) -> Assessment:
    """The assessment that `write_assessment` wrote; its `image` is the segmentation's geometry without voxel values.

    Raises:
        UserError: A file is missing or damaged.
    """
    folder = Path(folder)
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder / RECORD}: not a readable assessment ({error}). Run `liverai assess` again."
        ) from None
    labels = read_image(folder / SEGMENTATION)
    pipelines = {}
    for name, result in record["pipelines"].items():
        file = HEATMAP if name == record["primary_pipeline"] else f"heatmap_{name}.nrrd"
        pipelines[name] = Classification(
            result["probabilities"], HeatMap(read_image(folder / file, constant_allowed=True), **result["heatmap"])
        )
    chosen = record["slice"]
    return Assessment(
        case_id=record["case_id"],
        image=labels,
        method=record["method"],
        model=record["model"],
        segmentation=Segmentation(
            labels,
            tuple(STRUCTURES[name] for name in record["segmentation"]["structures"]),
            record["segmentation"]["source"],
        ),
        pipelines=pipelines,
        primary=record["primary_pipeline"],
        chosen_slice=None if chosen is None else ChosenSlice(**{**chosen, "center_lps": tuple(chosen["center_lps"])}),
        measurements=tuple(Measurement.from_record(m) for m in record["measurements"]),
        not_assessed=tuple(NotAssessed(**n) for n in record.get("not_assessed", ())),
        warnings=tuple(CaseWarning(**w) for w in record["warnings"]),
        provenance=record["provenance"],
        seconds=record["seconds"],
        simulated=record["provenance"]["model"]["simulated"],
    )
