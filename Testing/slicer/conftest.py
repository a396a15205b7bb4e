"""Fixtures for the Slicer side: a real MRML scene (slicer-core) with stand-ins for what only the application has."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
for folder in (HERE, ROOT / "LiverAI", ROOT):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

if importlib.util.find_spec("slicer_core") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    import slicer
    import slicer.util
    import slicer_standins
    from scene_tools import let_read_mrb

    slicer_standins.install()


@pytest.fixture
def scene():
    """An empty scene, as `slicer.mrmlScene`."""
    slicer.mrmlScene = slicer.vtkMRMLScene()
    return slicer.mrmlScene


@pytest.fixture
def slice_views(scene):
    """Slice and composite nodes as the application's four-up layout has them."""
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    views = []
    for name, orientation in (("Red", "Axial"), ("Yellow", "Sagittal"), ("Green", "Coronal")):
        node = scene.CreateNodeByClass("vtkMRMLSliceNode")
        node.UnRegister(None)
        node.SetLayoutName(name)
        node = scene.AddNode(node)
        getattr(node, f"SetOrientationTo{orientation}")()
        composite = slicer.vtkMRMLSliceCompositeNode()
        composite.SetLayoutName(name)
        views.append((node, scene.AddNode(composite)))
    return views


@pytest.fixture
def new_scene(tmp_path):
    """Makes another scene that can read .mrb files, which needs the cache folder that the application sets up."""

    def make():
        scene = slicer.vtkMRMLScene()
        let_read_mrb(scene, tmp_path)
        slicer.mrmlScene = scene
        return scene

    return make


@pytest.fixture
def logic():
    """The module's logic."""
    from LiverAISlicer.logic import AssessmentLogic

    return AssessmentLogic()


@pytest.fixture
def volume(scene):
    """A known volume node."""
    from LiverAISlicer.selftest import addKnownVolume

    return addKnownVolume(scene)


@pytest.fixture
def assessment(volume):
    """A known assessment of the known volume."""
    from LiverAISlicer.nodes import imageFromVolumeNode
    from LiverAISlicer.selftest import knownAssessment

    return knownAssessment(imageFromVolumeNode(volume))


@pytest.fixture(scope="session")
def untrained_model(tmp_path_factory) -> Path:
    """A real model folder of the method nowak2021 with random weights: everything but the knowledge."""
    import torch

    from LiverAILib.data.model import save_model
    from LiverAILib.methods.nowak2021.settings import CLASSES
    from LiverAILib.networks.classifier import ResNet50Classifier

    torch.manual_seed(0)
    network = ResNet50Classifier(len(CLASSES))
    card = {
        "name": "untrained",
        "method": "nowak2021",
        "description": "Random weights.",
        "modality": ["MR"],
        "classes": list(CLASSES),
        "settings": {"pipelines": ["segmented"], "primary_pipeline": "segmented", "image_size": 64},
        "training_data": "none",
        "license": "CC0-1.0",
        "simulated": True,
    }
    folder = tmp_path_factory.mktemp("models") / "untrained"
    save_model(folder, card, {f"segmented.{name}": value for name, value in network.state_dict().items()})
    return folder


def matrix(*rows) -> np.ndarray:
    """A 4x4 matrix from its rows."""
    return np.array(rows, dtype=float)
