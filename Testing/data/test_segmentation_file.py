"""Segmentation files: Slicer's header, and masks that a user already has."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverAILib.data.assessment import Segmentation
from LiverAILib.data.segmentation_file import read_segmentation_mask, write_segmentation
from LiverAILib.data.structures import LIVER, SPLEEN, STRUCTURES
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import write_image
from LiverAILib.imaging.image import Image


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


def test_a_segment_is_found_by_its_name(tmp_path, segmentation, oblique_image):
    path = write_segmentation(segmentation, tmp_path / "s.seg.nrrd")
    mask = read_segmentation_mask(path, "liver", reference=oblique_image)
    np.testing.assert_array_equal(mask.array, segmentation.image.array == LIVER.label)


def test_a_label_can_be_chosen_behind_the_path(tmp_path, segmentation, oblique_image):
    path = write_image(segmentation.image, tmp_path / "labels.nii.gz")
    mask = read_segmentation_mask(f"{path}#4", "liver", reference=oblique_image)
    np.testing.assert_array_equal(mask.array, segmentation.image.array == SPLEEN.label)


def test_a_mask_on_another_grid_lands_on_the_grid_of_the_image(tmp_path, oblique_image):
    coarse = Image(np.ones((12, 20, 20), np.uint8), (8.0, 8.0, 12.0), (-90.0, -60.0, 190.0))
    coarse.array[:, :, 10:] = 0
    mask = read_segmentation_mask(write_image(coarse, tmp_path / "m.nrrd"), "liver", reference=oblique_image)
    assert mask.same_geometry(oblique_image)
    indices = np.indices(mask.array.shape)[::-1].reshape(3, -1)
    x = (oblique_image.index_to_lps @ np.vstack([indices, np.ones(indices.shape[1])]))[0].reshape(mask.array.shape)
    np.testing.assert_array_equal(mask.array > 0, x < -90 + 8 * 9.5)


def test_a_mask_that_lies_elsewhere_is_refused(tmp_path, oblique_image):
    far = Image(np.ones((3, 3, 3), np.uint8) * np.array([1, 0, 1], np.uint8), origin=(5000.0, 0.0, 0.0))
    with pytest.raises(UserError, match="nothing of the liver"):
        read_segmentation_mask(write_image(far, tmp_path / "m.nrrd"), "liver", reference=oblique_image)
