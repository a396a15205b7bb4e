"""Slicer's segmentation files, written by Slicer's own storage node."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverAILib.data.masks import MASK_SOURCE, read_mask
from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import to_sitk
from Testing.data.masks.files import LIVER_CODE, MASS_CODE, SPLEEN_CODE, box, entry, write_with_slicer


@pytest.fixture
def liver(oblique_image):
    return box(oblique_image, (2, 6), (2, 7), (1, 6))


@pytest.fixture
def spleen(oblique_image):
    return box(oblique_image, (1, 4), (1, 4), (7, 10))


@pytest.fixture
def tumor(oblique_image):
    """Inside of the liver: Slicer needs a second layer for it."""
    return box(oblique_image, (3, 5), (3, 5), (2, 4))


def read(path, image, structure="liver") -> np.ndarray:
    return read_mask(path, structure, reference=image).array


def test_cropped_segments_lie_where_they_were_drawn(tmp_path, oblique_image, liver, spleen):
    path = write_with_slicer(tmp_path / "s.seg.nrrd", oblique_image, [("Spleen", spleen), ("Liver", liver)])
    assert sitk.ReadImage(str(path)).GetSize() != oblique_image.size
    np.testing.assert_array_equal(read(path, oblique_image), liver)
    np.testing.assert_array_equal(read(path, oblique_image, "spleen"), spleen)


def test_overlapping_segments_come_from_their_layers(tmp_path, oblique_image, liver, tumor):
    path = write_with_slicer(tmp_path / "s.seg.nrrd", oblique_image, [("liver", liver), ("liver tumor", tumor)])
    assert sitk.ReadImage(str(path)).GetNumberOfComponentsPerPixel() == 2
    np.testing.assert_array_equal(read(path, oblique_image), liver)
    np.testing.assert_array_equal(read(f"{path}#Liver tumor", oblique_image, "lesions"), tumor)
    with pytest.raises(UserError, match=r"2 segments fit\. Choose one by its ID"):  # label 1 in both layers
        read(f"{path}#1", oblique_image)


def test_the_code_decides_and_the_region_does_not(tmp_path, oblique_image, liver, spleen, tumor):
    codes = {
        "Leber": entry(LIVER_CODE),
        "Milz": entry(SPLEEN_CODE),
        "Herd": entry(MASS_CODE, region=LIVER_CODE),
    }
    named = [("Milz", spleen), ("Herd", tumor), ("Leber", liver)]
    path = write_with_slicer(tmp_path / "s.seg.nrrd", oblique_image, named, entries=codes)
    np.testing.assert_array_equal(read(path, oblique_image), liver)
    np.testing.assert_array_equal(read(path, oblique_image, "spleen"), spleen)
    np.testing.assert_array_equal(read(path, oblique_image, "lesions"), tumor)
    source = read_mask(path, "liver", reference=oblique_image).meta[MASK_SOURCE]
    assert source == "segment 'Leber' (its SNOMED CT code)"


def test_segments_are_listed_with_their_volumes(tmp_path, oblique_image, liver, spleen):
    path = write_with_slicer(tmp_path / "s.seg.nrrd", oblique_image, [("Milz", spleen), ("Leber", liver)])
    with pytest.raises(UserError) as error:
        read(path, oblique_image)
    volumes = [f"{mask.sum() * 0.8 * 1.3 * 5 / 1000:.4g} mL" for mask in (spleen, liver)]
    assert f"'Milz' (label 1, {volumes[0]}); 'Leber' (label 2, {volumes[1]})" in str(error.value)
    np.testing.assert_array_equal(read(f"{path}#leber", oblique_image), liver)
    np.testing.assert_array_equal(read(f"{path}#2", oblique_image), liver)


def test_segments_of_one_name_are_told_apart_by_their_ids(tmp_path, oblique_image, liver, spleen):
    path = write_with_slicer(tmp_path / "s.seg.nrrd", oblique_image, [("Liver", spleen), ("liver", liver)])
    with pytest.raises(UserError, match=r"2 segments are the liver.*'liver' \(ID \S+, label 2, ") as error:
        read(path, oblique_image)
    segment_id = str(error.value).rsplit("ID ", 1)[1].split(",")[0]
    np.testing.assert_array_equal(read(f"{path}#{segment_id}", oblique_image), liver)


def test_a_name_that_contradicts_its_code_is_told(tmp_path, oblique_image, liver):
    path = write_with_slicer(
        tmp_path / "s.seg.nrrd", oblique_image, [("Liver", liver)], entries={"Liver": entry(SPLEEN_CODE)}
    )
    mask = read_mask(path, "liver", reference=oblique_image)
    assert [code for code, _ in mask.read_warnings] == ["segment_in_doubt"]


def write_header(path, image, array, **fields) -> None:
    """A file with chosen header fields, as older versions and other programs write them."""
    itk = sitk.GetImageFromArray(array, isVector=array.ndim == 4)
    itk.CopyInformation(to_sitk(image))
    for key, value in fields.items():
        itk.SetMetaData(key, value)
    sitk.WriteImage(itk, str(path))


def test_files_of_before_layers_have_one_component_for_every_segment(tmp_path, oblique_image, liver, tumor):
    path = tmp_path / "old.seg.nrrd"
    array = np.stack([tumor, liver], -1)
    write_header(
        path, oblique_image, array, Segment0_ID="a", Segment0_Name="x", Segment1_ID="b", Segment1_Name=" liver "
    )
    np.testing.assert_array_equal(read(path, oblique_image), liver)


def test_fractions_have_a_stated_threshold(tmp_path, oblique_image, liver):
    soft = np.full(liver.shape, -108, np.int8)
    soft[liver > 0] = 0
    soft[0, 0, 0] = -1  # less than half
    path = tmp_path / "f.seg.nrrd"
    fields = {
        "Segment0_ID": "a",
        "Segment0_Name": "liver",
        "Segmentation_SourceRepresentation": "Fractional labelmap",
    }
    write_header(path, oblique_image, soft, **fields)
    mask = read_mask(path, "liver", reference=oblique_image)
    np.testing.assert_array_equal(mask.array, liver)
    assert "at least 50 %" in mask.read_warnings[0][1]
    write_header(path, oblique_image, (liver * 200).astype(np.uint8), **fields)
    with pytest.raises(UserError, match=r"fractional segmentation with values from 0 to 200, whose range is not known"):
        read(path, oblique_image)


def test_a_cut_off_file_and_a_layer_that_is_not_there_are_refused(tmp_path, oblique_image, liver, tumor):
    path = write_with_slicer(tmp_path / "s.seg.nrrd", oblique_image, [("liver", liver), ("tumor", tumor)])
    content = path.read_bytes()
    changed = tmp_path / "layer.seg.nrrd"
    changed.write_bytes(content.replace(b"Segment1_Layer:=1", b"Segment1_Layer:=7"))
    with pytest.raises(UserError, match="names layer 7, the file has 2"):
        read(changed, oblique_image)
    path.write_bytes(content[:-20])
    with pytest.raises(UserError, match="cut off"):
        read(path, oblique_image)


@pytest.mark.parametrize(
    ("low", "high", "threshold"),
    [(-108, 108, 0.0), (-108, -1, 0.0), (-100, 90, 0.0), (0.0, 1.0, 0.5), (0.0, 0.4, 0.5), (0.25, 0.75, 0.5)],
)
def test_the_range_of_fractions_is_told_by_their_values(tmp_path, oblique_image, liver, low, high, threshold):
    values = np.full(liver.shape, low, np.float32)
    values[liver > 0] = threshold if low < threshold <= high else high
    values[0, 0, 0], values[0, 0, 1] = high, low
    path = tmp_path / "f.seg.nrrd"
    fields = {"Segment0_ID": "a", "Segment0_Name": "liver", "Segmentation_MasterRepresentation": "Fractional labelmap"}
    write_header(path, oblique_image, values, **fields)
    if high < threshold:
        with pytest.raises(UserError, match="the mask of the liver is empty"):
            read(path, oblique_image)
        return
    np.testing.assert_array_equal(read(path, oblique_image), values >= threshold)
    assert f"(value {threshold:g})" in read_mask(path, "liver", reference=oblique_image).read_warnings[0][1]


@pytest.mark.parametrize(("low", "high"), [(-109, 108), (-108, 109), (0, 108), (0, 1.5)])
def test_fractions_of_another_range_are_refused(tmp_path, oblique_image, liver, low, high):
    values = np.where(liver > 0, high, low).astype(np.float32)
    fields = {"Segment0_ID": "a", "Segment0_Name": "liver", "Segmentation_MasterRepresentation": "Fractional labelmap"}
    write_header(tmp_path / "f.seg.nrrd", oblique_image, values, **fields)
    with pytest.raises(UserError, match="whose range is not known"):
        read(tmp_path / "f.seg.nrrd", oblique_image)


def test_a_file_of_one_layer_need_not_name_it(tmp_path, oblique_image, liver, spleen):
    fields = {"Segment0_ID": "a", "Segment0_Name": "spleen", "Segment0_LabelValue": "1"}
    fields |= {"Segment1_ID": "b", "Segment1_Name": "liver", "Segment1_LabelValue": "2"}
    path = tmp_path / "s.seg.nrrd"
    write_header(path, oblique_image, np.where(liver, 2, spleen), **fields)
    np.testing.assert_array_equal(read(path, oblique_image), liver)
    np.testing.assert_array_equal(read(path, oblique_image, "spleen"), spleen)


def test_segments_without_ids_are_numbered_from_1(tmp_path, oblique_image, liver, spleen):
    fields = {f"Segment{n}_{key}": value for n in (0, 1) for key, value in (("LabelValue", str(n + 1)), ("Layer", "0"))}
    write_header(tmp_path / "s.seg.nrrd", oblique_image, np.where(liver, 2, spleen), **fields)
    np.testing.assert_array_equal(read(f"{tmp_path / 's.seg.nrrd'}#Segment_1", oblique_image), spleen)
    np.testing.assert_array_equal(read(f"{tmp_path / 's.seg.nrrd'}#Segment_2", oblique_image), liver)


def test_a_file_that_is_no_nrrd_is_refused(tmp_path, oblique_image):
    (tmp_path / "s.seg.nrrd").write_bytes(b"no NRRD at all")
    with pytest.raises(UserError, match=r"s\.seg\.nrrd: not a readable NRRD file"):
        read(tmp_path / "s.seg.nrrd", oblique_image)
