"""Assess every image of a folder, or every row of a cohort manifest, in Slicer, without a window.

    Slicer --no-splash --no-main-window --python-script LiverAI/Scripts/liverai_batch.py -- \
        --input FOLDER|CSV --output FOLDER --model NAME

Cases, options and messages are those of `liverai batch`; what differs is that Slicer writes the results. Each case gets a
folder in OUTPUT with segmentation.seg.nrrd (where the method segments), heatmap.nrrd (one per image where there are several),
result.tsv and assessment.json (with --save-scene scene.mrb too), and a row in OUTPUT/summary.csv. A case that fails is
reported there and the others go on; a case whose images, masks, covariates, options and models are those of an earlier run is
not computed again.
The networks run in a child process; with --in-process in this one.
Exit code: 0 all done, 1 a case failed, 2 nothing could be started. Runs with plain slicer-core too. Research use only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
import slicer.util

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from LiverAISlicer.batchoptions import parseArguments
from LiverAISlicer.logic import AssessmentLogic, UserError

from LiverAILib.console import print_any_character

if TYPE_CHECKING:
    from LiverAILib.data.assessment import Assessment
    from LiverAILib.jobs.batch.case_job import Writer

WORKER = Path(__file__).resolve().parent / "liverai_batch_worker.py"


def run(options: argparse.Namespace, arguments: list[str]) -> int:
    """Assess all cases; returns the exit code."""
    from LiverAISlicer.dependencies import checkDependencies

    from LiverAILib.data.model import load_model

    checkDependencies()
    load_model(options.model)  # before the libraries of the networks are loaded, which takes seconds
    write = sceneWriter(saveScene=options.save_scene)
    if options.in_process:
        from LiverAILib.cli.batch import run_batch

        options.workers = 1  # the scene is in this process
        return run_batch(options, write)
    with tempfile.TemporaryDirectory(prefix="LiverAI-") as folder:
        return runInChild(Path(folder), arguments, write)


def runInChild(folder: Path, arguments: list[str], write: Writer) -> int:
    """Let a child process assess the cases, write what it hands over, and pass on what it prints; returns its exit code."""
    from LiverAISlicer.library import libraryRoot
    from LiverAISlicer.process import pythonCommand, workerEnvironment
    from LiverAISlicer.workerprotocol import readEvent

    command = [pythonCommand(), str(WORKER), str(folder), str(libraryRoot()), *arguments]
    child = subprocess.Popen(
        command, env=workerEnvironment(), stdout=subprocess.PIPE, text=True, encoding="utf-8", errors="replace"
    )
    try:
        for line in child.stdout:
            event = readEvent(line)
            if event is None:
                print(line, end="", flush=True)
            else:
                answerChild(event, write)
        return child.wait()
    finally:
        child.kill()
        child.wait()


def answerChild(event: Mapping[str, str], write: Writer) -> None:
    """Write the case that the child process has handed over, and tell it the record or what went wrong."""
    from LiverAILib.results.files import read_assessment

    try:
        answer = {"record": write(read_assessment(event["folder"]), Path(event["place"]))}
    except UserError as error:
        answer = {"error": str(error)}
    except Exception as error:  # Whatever it is, the other cases go on, and the summary has to show its cause.
        traceback.print_exc()
        answer = {"error": f"{type(error).__name__}: {error}"}
    unfinished = Path(event["answer"]).with_suffix(".tmp")
    unfinished.write_text(json.dumps(answer), encoding="utf-8")
    unfinished.rename(event["answer"])


def sceneWriter(*, saveScene: bool) -> Writer:
    """What writes the result of a case: it puts it into an empty scene and saves that."""
    from LiverAISlicer.export import saveResult
    from LiverAISlicer.nodes import volumeNodeFromImage
    from LiverAISlicer.resultnodes import imageTitle

    def write(assessment: Assessment, folder: Path) -> Mapping[str, Any]:
        slicer.mrmlScene.Clear()
        keys = [(role, number) for role, given in assessment.images.items() for number in range(len(given))]
        images: dict[str, list[Any]] = {}
        for role, number in keys:
            name = assessment.case_id if len(keys) == 1 else f"{assessment.case_id} {imageTitle((role, number), keys)}"
            node = volumeNodeFromImage(assessment.images[role][number], name, slicer.mrmlScene)
            images.setdefault(role, []).append(node)
        nodes = AssessmentLogic().write(None, assessment, images=images)
        saveResult(nodes, folder, saveScene=saveScene)
        return dict(nodes.record)

    return write


def main(arguments: list[str]) -> int:
    """Run; every error ends in one line and an exit code."""
    print_any_character()
    if getattr(slicer, "mrmlScene", None) is None:  # Slicer's libraries without the application.
        slicer.mrmlScene = slicer.vtkMRMLScene()
    try:
        return run(parseArguments(arguments), arguments)
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
