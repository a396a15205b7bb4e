"""Simulated cases to try LiverAI with: made on this machine, the same each time, no download."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from LiverAILib.errors import UserError
from LiverAISlicer.nodes import volumeNodeFromImage

SAMPLES = {
    "mr": "LiverAI simulated MR",
    "ct": "LiverAI simulated CT",
    "fibrosis_ultrasound": "LiverAI simulated ultrasound, fibrosis",
    "fat_ultrasound": "LiverAI simulated ultrasound, fat",
}
"""Kind of `LiverAILib.simulation.cohort.KINDS` to the name in Slicer's Sample Data."""

MODALITIES = {"mr": "MR", "ct": "CT", "fibrosis_ultrasound": "US", "fat_ultrasound": "US"}


def loadSample(kind: str, scene) -> dict[str, list]:
    """Simulate a case into a scene; returns its nodes by role.

    Raises:
        UserError: There is no such kind.
    """
    from LiverAILib.imaging.files import read_image
    from LiverAILib.simulation.cohort import KINDS

    if kind not in SAMPLES or kind not in KINDS:
        raise UserError(f"'{kind}': no such sample. There are {', '.join(SAMPLES)}.")
    nodes: dict[str, list] = {}
    with tempfile.TemporaryDirectory(prefix="LiverAI-") as folder:
        for role, paths in KINDS[kind].sample(Path(folder)).items():
            for number, path in enumerate(paths, 1):
                # What tells the images apart comes first: narrow lists cut names off.
                kindOfImage = role.replace("_", " ").upper() if len(role) == 2 else role.replace("_", " ").capitalize()
                name = kindOfImage + (f" {number}" if len(paths) > 1 else "") + ", simulated"
                image = read_image(path)
                image = replace(image, modality=image.modality or MODALITIES[kind])  # not in every file format
                node = volumeNodeFromImage(image, name, scene)
                node.CreateDefaultDisplayNodes()
                nodes.setdefault(role, []).append(node)
    return nodes


def registerSampleData() -> None:
    """List the samples in Slicer's module Sample Data."""
    import SampleData
    import slicer

    for kind, name in SAMPLES.items():
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category="LiverAI",
            sampleName=name,
            # The application wants one of each, which it does not use where there is a function that makes the nodes.
            uris="",
            fileNames=f"{kind}.nrrd",
            nodeNames=name,
            customDownloader=lambda source, kind=kind: [
                node for given in loadSample(kind, slicer.mrmlScene).values() for node in given
            ],
        )
