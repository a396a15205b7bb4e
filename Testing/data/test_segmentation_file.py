"""Segmentation files that are written: Slicer's header, and the masks that come back."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverAILib.data.assessment import Segmentation
from LiverAILib.data.masks import read_mask
from LiverAILib.data.segmentation_file import write_segmentation
from LiverAILib.data.structures import LIVER, SPLEEN, STRUCTURES


@pytest.fixture
def segmentation(oblique_image):
    labels = np.zeros(oblique_image.array.shape, np.uint8)
    labels[2:5, 2:6, 1:4] = LIVER.label
    labels[2:5, 2:6, 7:10] = SPLEEN.label
    return Segmentation(oblique_image.with_array(labels), tuple(STRUCTURES.values()), "test")


def test_the_header_names_colors_and_codes_every_segment(tmp_path, segmentation):
    image = sitk.ReadImage(str(write_segmentation(segmentation, tmp_path / "s.seg.nrrd")))
    assert image.GetMetaData("Segment0_Name") == "Liver"
    assert "SCT^10200004^Liver" in image.GetMetaData("Segment0_Tags")
    assert image.GetMetaData("Segment3_LabelValue") == "4"
    color = [float(value) for value in image.GetMetaData("Segment0_Color").split()]
    np.testing.assert_allclose(np.array(color) * 255, LIVER.color, atol=0.01)


def test_slicer_itself_reads_the_file_as_a_segmentation(tmp_path, segmentation):
    slicer = pytest.importorskip("slicer")
    path = write_segmentation(segmentation, tmp_path / "s.seg.nrrd")
    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    liver = node.GetSegmentation().GetSegment("liver")
    assert liver.GetName() == "Liver"
    np.testing.assert_allclose(np.array(liver.GetColor()) * 255, LIVER.color, atol=0.5)
    assert "SCT^10200004^Liver" in liver.GetTerminology()


def test_what_was_written_is_read_as_masks(tmp_path, segmentation, oblique_image):
    path = write_segmentation(segmentation, tmp_path / "s.seg.nrrd")
    for structure in (LIVER, SPLEEN):
        mask = read_mask(path, structure.name, reference=oblique_image)
        np.testing.assert_array_equal(mask.array, segmentation.image.array == structure.label)
