"""The fusion picture of the documentation: both heat maps of the simulated sample in Slicer's slice view, drawn off screen.

python Testing/slicer/fusion_picture.py docs/pictures/fusion.jpg
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import view_scenario  # first: it sets the paths of the module and the library
from PIL import Image

SIZE = 600
MODEL = "nowak2021-simulated"


def main(target: str) -> None:
    """Assess the sample, show each pipeline's map over it, and put both pictures side by side."""
    import slicer
    from LiverAISlicer.logic import AssessmentLogic
    from LiverAISlicer.nodes import imageFromVolumeNode, volumeNodeFromImage

    from LiverAILib.data.case import Case
    from LiverAILib.data.model import load_model
    from LiverAILib.imaging.files import read_image
    from LiverAILib.jobs.assess import Assessor
    from LiverAILib.jobs.demo import sample_files
    from LiverAILib.methods import method_of

    view_scenario.SIZE = SIZE
    scene = slicer.mrmlScene = slicer.vtkMRMLScene()
    view = view_scenario.SliceView(scene)
    view.window.SetSize(SIZE, SIZE)
    with tempfile.TemporaryDirectory() as folder:
        (file,) = sample_files(method_of(load_model(MODEL)), Path(folder))["t2"]
        volume = volumeNodeFromImage(read_image(file), "T2", scene)
    composite = view.logic.GetSliceCompositeNode()
    composite.SetBackgroundVolumeID(volume.GetID())
    view.fit()
    assessment = Assessor(MODEL, device="cpu").assess(Case({"t2": replace(imageFromVolumeNode(volume), modality="MR")}))
    logic = AssessmentLogic()
    nodes = logic.write(volume, assessment)
    pictures = []
    for pipeline in assessment.outcomes:
        logic.show(nodes, pipeline)
        pictures.append(view.picture()[::-1])
    Image.fromarray(np.concatenate(pictures, axis=1).astype(np.uint8)).save(target, quality=88)


if __name__ == "__main__":
    main(sys.argv[1])
