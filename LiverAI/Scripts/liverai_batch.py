"""Assess every image of a folder in Slicer, without a window.

    Slicer --no-splash --no-main-window --python-script LiverAI/Scripts/liverai_batch.py -- \
        --input FOLDER --output FOLDER --model NAME

INPUT holds image files (NIfTI, NRRD, MHA) and folders of DICOM files, one a case. Each case gets a folder in OUTPUT with
segmentation.seg.nrrd, heatmap.nrrd, result.tsv and assessment.json, and a row in OUTPUT/summary.csv. A case that fails
is reported there and the others go on; a case that an earlier run finished with the same model is not computed again.
Exit code: 0 all done, 1 a case failed, 2 nothing could be started. Runs with plain slicer-core too. Research use only.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
import traceback
from pathlib import Path

import slicer
import slicer.util

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from LiverAISlicer.logic import AssessmentLogic, UserError
from LiverAISlicer.results import AssessmentNodes

RECORD, SUMMARY = "assessment.json", "summary.csv"


def parseArguments(arguments: list[str]) -> argparse.Namespace:
    """The options; a `--` that Slicer passes on is skipped."""
    parser = argparse.ArgumentParser(prog="liverai_batch.py", description="Assess every image of a folder in Slicer.")
    parser.add_argument(
        "--input", type=Path, required=True, metavar="FOLDER", help="images, one file or DICOM folder a case"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="one folder a case, and summary.csv"
    )
    parser.add_argument("--model", required=True, metavar="NAME", help="name of an installed model, or a model folder")
    parser.add_argument(
        "--masks", type=Path, metavar="FOLDER", help="liver masks, named like the images, to use instead"
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--save-scene", action="store_true", help="also save the scene of each case as scene.mrb")
    return parser.parse_args(arguments[1:] if arguments[:1] == ["--"] else arguments)


def run(options: argparse.Namespace) -> int:
    """Assess all cases; returns the exit code."""
    from LiverAISlicer.dependencies import checkDependencies

    from LiverAILib.model import load_model

    checkDependencies()
    model = load_model(options.model)  # before the libraries of the networks are loaded, which takes seconds

    from LiverAILib.assessment_files import check_output_folder
    from LiverAILib.imaging.files import find_images, image_name

    images = find_images(options.input)
    check_output_folder(options.output)
    logic = AssessmentLogic()
    rows = []
    for number, path in enumerate(images, start=1):
        print(f"[{number}/{len(images)}] {path.name}", flush=True)
        caseId = image_name(path)
        folder = options.output / caseId
        try:
            record = finishedRecord(folder, model.checksum) or assessCase(logic, path, caseId, folder, options)
            rows.append(summaryRow(caseId, path, record))
        except UserError as error:
            rows.append({"case_id": caseId, "file": path.name, "error": str(error)})
        except Exception as error:  # One bad case must not end a night's run.
            traceback.print_exc()
            rows.append({"case_id": caseId, "file": path.name, "error": f"{type(error).__name__}: {error}"})
        if rows[-1]["error"]:
            print(f"    failed: {rows[-1]['error']}", flush=True)
        writeSummary(rows, options.output / SUMMARY)
    failed = sum(bool(row["error"]) for row in rows)
    print(f"{len(rows) - failed} of {len(rows)} cases assessed; {options.output / SUMMARY}", flush=True)
    return 1 if failed else 0


def assessCase(logic: AssessmentLogic, path: Path, caseId: str, folder: Path, options: argparse.Namespace) -> dict:
    """Assess one image in an empty scene and save the result; returns its record."""
    from LiverAISlicer.nodes import segmentationNodeFromMask, volumeNodeFromImage

    from LiverAILib.imaging.files import read_image
    from LiverAILib.segmentation.file import read_segmentation_mask
    from LiverAILib.segmentation.structures import LIVER

    slicer.mrmlScene.Clear()
    image = read_image(path)
    volumeNode = volumeNodeFromImage(image, caseId, slicer.mrmlScene)
    segmentationNode = None
    if options.masks is not None:
        mask = read_segmentation_mask(findMask(options.masks, caseId), LIVER.name, reference=image)
        segmentationNode = segmentationNodeFromMask(mask, LIVER, volumeNode)
    nodes = logic.assess(volumeNode, options.model, segmentationNode, device=options.device)
    saveResult(nodes, folder, saveScene=options.save_scene)
    return dict(nodes.record)


def findMask(folder: Path, caseId: str) -> Path:
    """The mask file of a case."""
    from LiverAILib.imaging.files import image_name

    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if image_name(path) == caseId:
            return path
    raise UserError(f"{folder}: no mask of the case {caseId}. Name it like the image, or leave out --masks.")


def saveResult(nodes: AssessmentNodes, folder: Path, *, saveScene: bool) -> None:
    """Write the files of a case; the record comes last and marks the case as finished."""
    folder.mkdir(parents=True, exist_ok=True)
    primary = nodes.record["primary_pipeline"]
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as unfinished:
        place = Path(unfinished)
        saveNode(nodes.segmentationNode, place / "segmentation.seg.nrrd")
        for pipeline, node in nodes.heatMapNodes.items():
            saveNode(node, place / ("heatmap.nrrd" if pipeline == primary else f"heatmap_{pipeline}.nrrd"))
        saveNode(nodes.tableNode, place / "result.tsv")
        if saveScene and not slicer.mrmlScene.WriteToMRB(str(place / "scene.mrb")):
            raise UserError(f"{folder}: the scene could not be saved. Check that the disk has space.")
        for path in place.iterdir():
            path.replace(folder / path.name)
        (place / RECORD).write_text(json.dumps(nodes.record, indent=2), encoding="utf-8")
        (place / RECORD).replace(folder / RECORD)


def saveNode(node, path: Path) -> None:
    """Save a node with its default storage; works with and without the application."""
    storage = node.CreateDefaultStorageNode()
    storage.SetFileName(str(path))
    if not storage.WriteData(node):
        raise UserError(f"{path.name}: could not be written. Check that the output folder is writable and has space.")


def finishedRecord(folder: Path, checksum: str) -> dict | None:
    """The record that an earlier run of the same model left, or None."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return record if record["provenance"]["model"]["sha256"] == checksum else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def summaryRow(caseId: str, path: Path, record: dict) -> dict[str, object]:
    """A case as a row: predicted class, probabilities of every pipeline, measurements with units, warnings, notes."""
    row: dict[str, object] = {"case_id": caseId, "file": path.name, "error": "", "predicted": record["predicted"]}
    for pipeline, result in record["pipelines"].items():
        for name, value in result["probabilities"].items():
            row[f"probability {pipeline}: {name}"] = round(value, 6)
    if record["slice"] is not None:
        row["slice"] = record["slice"]["index"]
    for measurement in record["measurements"]:
        row[f"{measurement['name']} [{measurement['unit']}]"] = measurement["value"]
    row["warnings"] = "; ".join(warning["code"] for warning in record["warnings"])
    row["notes"] = " ".join(record["notes"])
    return row


def writeSummary(rows: list[dict[str, object]], path: Path) -> None:
    """All rows as CSV, whole or not at all."""
    from LiverAILib.whole_file import whole_file

    columns = list(dict.fromkeys(column for row in rows for column in row))
    with whole_file(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def main(arguments: list[str]) -> int:
    """Run; every error ends in one line and an exit code."""
    if getattr(slicer, "mrmlScene", None) is None:  # Slicer's libraries without the application.
        slicer.mrmlScene = slicer.vtkMRMLScene()
    try:
        return run(parseArguments(arguments))
    except UserError as error:
        print(f"liverai_batch: {error}", file=sys.stderr)
        return 2
    except SystemExit as stop:  # argparse; the application would stay open
        return int(stop.code or 0)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    if getattr(slicer, "app", None) is not None:
        slicer.util.exit(code)
    else:
        sys.exit(code)
