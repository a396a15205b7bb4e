"""DICOM objects of a result in the scene, of a volume that Slicer loaded from its DICOM database."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import highdicom as hd
import numpy as np
import pydicom
import pytest
import slicer
import slicer.util
from LiverAISlicer.dicomsource import dicomFiles
from LiverAISlicer.export import saveForReport
from LiverAISlicer.library import libraryRoot
from LiverAISlicer.nodes import imageFromVolumeNode, volumeNodeFromImage
from scene_tools import add_transform

from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image
from Testing.results.dicom.assessed import PATIENT, assessed, write_patient_series

SCRIPT = libraryRoot() / "LiverAI" / "Scripts" / "liverai_report.py"


@pytest.fixture
def series(tmp_path, scene, monkeypatch):
    """A volume node as the application loads it, and the database with its files."""
    paths = sorted(write_patient_series(tmp_path / "series").iterdir())
    files = {str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID): str(path) for path in paths}
    node = volumeNodeFromImage(read_image(tmp_path / "series"), "series", scene)
    node.SetAttribute("DICOM.instanceUIDs", " ".join(files))
    database = SimpleNamespace(fileForInstance=lambda uid: files.get(uid, ""))
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    return node, files


def test_the_objects_are_of_the_patient_and_show_the_masks_of_the_scene(series, logic, tmp_path):
    node, files = series
    nodes = logic.write(node, assessed(imageFromVolumeNode(node)))
    saved, output = tmp_path / "saved", tmp_path / "objects"
    saveForReport(nodes, saved)
    (saved / "dicom_files.json").write_text(json.dumps(dicomFiles([node])))
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(libraryRoot()), str(saved), str(output)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    made = sorted(path.name for path in output.iterdir())
    assert made == ["fusion_1.dcm", "heatmap_1.dcm", "report.dcm", "segmentation.dcm"]
    for name in made:
        assert pydicom.dcmread(output / name).PatientID == PATIENT["PatientID"]
    segmentation = hd.seg.segread(output / "segmentation.dcm")
    liver = segmentation.get_segment_numbers(segment_label="Liver")[0]
    frames = segmentation.get_pixels_by_source_instance(
        list(files), segment_numbers=[liver], assert_missing_frames_are_empty=True
    )[..., 0]
    by_position = {
        pydicom.dcmread(path).ImagePositionPatient[2]: frame for path, frame in zip(files.values(), frames, strict=True)
    }
    labels = np.stack([by_position[z] for z in sorted(by_position)])
    assert np.array_equal(labels > 0, assessed(imageFromVolumeNode(node)).segmentation.image.array == 1)


def test_what_did_not_come_from_dicom_or_was_moved_is_refused_with_the_reason(series, scene, volume, monkeypatch):
    node, files = series
    assert dicomFiles([node]) == list(files.values())
    with pytest.raises(UserError, match="T2: was not loaded from DICOM"):
        dicomFiles([node, volume])
    with pytest.raises(UserError, match="not in the scene any more"):
        dicomFiles([None])
    node.SetAndObserveTransformNodeID(add_transform(scene, np.eye(4)).GetID())
    with pytest.raises(UserError, match="series: lies under a transform"):
        dicomFiles([node])
    node.SetAndObserveTransformNodeID(None)
    files.popitem()
    with pytest.raises(UserError, match="not all of its files are in the DICOM database"):
        dicomFiles([node])
    monkeypatch.delattr(slicer, "dicomDatabase")
    with pytest.raises(UserError, match="was not loaded from DICOM"):
        dicomFiles([node])
