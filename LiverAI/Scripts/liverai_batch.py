"""Assess every image of a folder, or every row of a cohort manifest, in Slicer, without a window.

    Slicer --no-splash --no-main-window --python-script LiverAI/Scripts/liverai_batch.py -- \
        --input FOLDER|CSV --output FOLDER --model NAME

INPUT holds image files (NIfTI, NRRD, MHA) and folders of DICOM files, one a case; or it is a manifest, whose masks replace
the network's and whose other columns are covariates. Each case gets a folder in OUTPUT with
segmentation.seg.nrrd, heatmap.nrrd, result.tsv and assessment.json, and a row in OUTPUT/summary.csv. A case that fails
is reported there and the others go on; a case that an earlier run finished with the same model is not computed again.
Exit code: 0 all done, 1 a case failed, 2 nothing could be started. Runs with plain slicer-core too. Research use only.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import slicer
import slicer.util

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from LiverAISlicer.logic import HEAT_MAPS, AssessmentLogic, UserError
from LiverAISlicer.results import AssessmentNodes

if TYPE_CHECKING:
    from LiverAILib.data.case import Case
    from LiverAILib.jobs.assess import Assessor
    from LiverAILib.jobs.batch import Entry


def parseArguments(arguments: list[str]) -> argparse.Namespace:
    """The options; a `--` that Slicer passes on is skipped."""
    parser = argparse.ArgumentParser(
        prog="liverai_batch.py", description="Assess every image of a folder or manifest in Slicer."
    )
    parser.add_argument(
        "--input",
        type=Path,
        required=True,
        metavar="FOLDER|CSV",
        help="images, one file or DICOM folder a case; or a cohort manifest",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="one folder a case, and summary.csv"
    )
    parser.add_argument("--model", required=True, metavar="NAME", help="name of an installed model, or a model folder")
    parser.add_argument(
        "--masks", type=Path, metavar="FOLDER", help="liver masks, named like the images, to use instead"
    )
    parser.add_argument("--heatmap", default=HEAT_MAPS[0], choices=HEAT_MAPS, help="as published, or finer and slower")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--save-scene", action="store_true", help="also save the scene of each case as scene.mrb")
    return parser.parse_args(arguments[1:] if arguments[:1] == ["--"] else arguments)


def run(options: argparse.Namespace) -> int:
    """Assess all cases; returns the exit code."""
    from LiverAISlicer.dependencies import checkDependencies

    from LiverAILib.data.model import load_model

    checkDependencies()
    model = load_model(options.model)  # before the libraries of the networks are loaded, which takes seconds

    from LiverAILib.jobs.assess import Assessor
    from LiverAILib.jobs.batch import SUMMARY, find_cases, finished_record, summary_row, write_summary
    from LiverAILib.methods import method_of
    from LiverAILib.results.files import check_output_folder

    spec = method_of(model)
    role = spec.role
    entries = list(find_cases(options.input, spec))
    if options.masks is not None and options.input.suffix.lower() == ".csv":
        raise UserError(f"--masks {options.masks}: the manifest names the masks. Leave one of both out.")
    check_output_folder(options.output)
    assessor = Assessor(model, device=options.device)
    rows = []
    for number, entry in enumerate(entries, start=1):
        print(f"[{number}/{len(entries)}] {entry.case_id}", flush=True)
        folder = options.output / entry.folder
        try:
            record = finished_record(folder, model.checksum, options.heatmap)
            if record is None:
                record = assessCase(assessor, readCase(entry, role, options.masks), folder, options)
            rows.append(summary_row(record, entry.file))
        except UserError as error:
            rows.append({"case_id": entry.case_id, "file": entry.file.name, "error": str(error)})
        except Exception as error:  # One bad case must not end a night's run.
            traceback.print_exc()
            message = f"{type(error).__name__}: {error}"
            rows.append({"case_id": entry.case_id, "file": entry.file.name, "error": message})
        if rows[-1].get("error"):
            print(f"    failed: {rows[-1]['error']}", flush=True)
        write_summary(rows, options.output / SUMMARY)
    failed = sum("error" in row for row in rows)
    print(f"{len(rows) - failed} of {len(rows)} cases assessed; {options.output / SUMMARY}", flush=True)
    return 1 if failed else 0


def readCase(entry: Entry, role: str, masks: Path | None) -> Case:
    """The case of an image or row, with the liver mask of the folder `masks` where there is one."""
    from LiverAILib.data.masks import read_mask
    from LiverAILib.data.structures import LIVER

    case = entry.read()
    if masks is None:
        return case
    mask = read_mask(findMask(masks, entry.case_id), LIVER.name, reference=case.image(role))
    return replace(case, masks={LIVER.name: mask})


def assessCase(assessor: Assessor, case: Case, folder: Path, options: argparse.Namespace) -> dict:
    """Assess a case, put the result into an empty scene and save it; returns its record."""
    from LiverAISlicer.nodes import volumeNodeFromImage

    slicer.mrmlScene.Clear()
    assessment = assessor.assess(case, heatmap=options.heatmap)
    volumeNode = volumeNodeFromImage(assessment.image, case.case_id, slicer.mrmlScene)
    nodes = AssessmentLogic().write(volumeNode, assessment)
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
    from LiverAILib.results.files import RECORD

    folder.mkdir(parents=True, exist_ok=True)
    primary = nodes.record["primary_outcome"]
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
