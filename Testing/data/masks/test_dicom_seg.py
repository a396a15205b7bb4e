"""DICOM SEG objects that highdicom wrote, as masks."""

from __future__ import annotations

import shutil

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.sr.coding import Code

from LiverAILib.data.masks import MASK_SOURCE, read_mask
from LiverAILib.errors import UserError
from Testing.data.masks.files import LIVER_CODE, MASS_CODE, SPLEEN_CODE, box, dicom_slices, write_dicom_seg


@pytest.fixture
def liver(oblique_image):
    return box(oblique_image, (2, 6), (2, 7), (1, 6))


@pytest.fixture
def spleen(oblique_image):
    return box(oblique_image, (0, 2), (1, 4), (7, 10))


def read(path, image, structure="liver") -> np.ndarray:
    return read_mask(path, structure, reference=image).array


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_the_segment_is_chosen_by_its_code(tmp_path, oblique_image, liver, spleen, kind):
    segments = [("Milz", SPLEEN_CODE, spleen), ("Leber", LIVER_CODE, liver)]
    path = write_dicom_seg(tmp_path / "seg.dcm", oblique_image, segments, kind=kind)
    mask = read_mask(path, "liver", reference=oblique_image)
    np.testing.assert_array_equal(mask.array, liver)
    assert mask.same_geometry(oblique_image)
    assert mask.meta[MASK_SOURCE] == "segment 'Leber' (its SNOMED CT code)"
    np.testing.assert_array_equal(read(path, oblique_image, "spleen"), spleen)
    np.testing.assert_array_equal(read(f"{path}#Milz", oblique_image, "liver"), spleen)
    np.testing.assert_array_equal(read(f"{path}#1", oblique_image, "liver"), spleen)


def test_overlapping_segments_are_whole(tmp_path, oblique_image, liver):
    tumor = box(oblique_image, (3, 5), (3, 5), (2, 4))
    path = write_dicom_seg(
        tmp_path / "seg.dcm", oblique_image, [("Liver", LIVER_CODE, liver), ("Tumor", MASS_CODE, tumor)]
    )
    np.testing.assert_array_equal(read(path, oblique_image), liver)
    np.testing.assert_array_equal(read(f"{path}#Tumor", oblique_image, "lesions"), tumor)


def test_fractions_have_a_stated_threshold(tmp_path, oblique_image, liver):
    soft = liver * 0.6 + box(oblique_image, (2, 6), (2, 7), (6, 9)) * 0.4
    path = write_dicom_seg(tmp_path / "seg.dcm", oblique_image, [("Liver", LIVER_CODE, soft)], kind="FRACTIONAL")
    mask = read_mask(path, "liver", reference=oblique_image)
    np.testing.assert_array_equal(mask.array, liver)
    assert "at least 0.5" in mask.read_warnings[0][1]


def test_segments_are_listed_and_an_empty_one_is_called_empty(tmp_path, oblique_image, liver, spleen):
    segments = [("Tumor 1", MASS_CODE, spleen), ("Tumor 2", MASS_CODE, liver), ("Liver", LIVER_CODE, liver * 0)]
    path = write_dicom_seg(tmp_path / "seg.dcm", oblique_image, segments)
    with pytest.raises(UserError, match=r"'Tumor 1' \(label 1, 0\.0936 mL\).*FILE#NAME"):
        read(path, oblique_image, "spleen")
    with pytest.raises(UserError, match="the mask of the liver is empty"):
        read(path, oblique_image)


def test_a_folder_may_hold_one_segmentation(tmp_path, oblique_image, liver, spleen):
    folder = tmp_path / "export"
    folder.mkdir()
    path = write_dicom_seg(folder / "seg", oblique_image, [("Liver", LIVER_CODE, liver)])
    (folder / "notes.txt").write_text("exported")
    np.testing.assert_array_equal(read(folder, oblique_image), liver)
    shutil.copy(path, folder / "other")
    with pytest.raises(UserError, match="2 DICOM SEG files are in this folder: other, seg"):
        read(folder, oblique_image)


def test_a_file_without_preamble_and_one_frame_alone(tmp_path, oblique_image, liver):
    one = liver * (np.arange(7) == 4)[:, None, None].astype(np.uint8)
    path = write_dicom_seg(tmp_path / "seg.dcm", oblique_image, [("Liver", LIVER_CODE, one)])
    bare = tmp_path / "bare.dcm"
    bare.write_bytes(path.read_bytes()[132:])
    np.testing.assert_array_equal(read(bare, oblique_image), one)


def test_a_structure_set_and_a_damaged_object_are_refused(tmp_path, oblique_image, liver):
    path = write_dicom_seg(tmp_path / "seg.dcm", oblique_image, [("Liver", LIVER_CODE, liver)])
    ds = pydicom.dcmread(path)
    del ds.SegmentSequence
    ds.save_as(tmp_path / "damaged.dcm")
    with pytest.raises(UserError, match=r"damaged\.dcm: the DICOM SEG cannot be read"):
        read(tmp_path / "damaged.dcm", oblique_image)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
    ds.Modality = "RTSTRUCT"
    ds.save_as(tmp_path / "rt.dcm")
    with pytest.raises(UserError, match=r"an RT structure set \(RTSTRUCT\) is no mask"):
        read(tmp_path / "rt.dcm", oblique_image)


def test_another_frame_of_reference_is_told(tmp_path, oblique_image, liver):
    path = write_dicom_seg(tmp_path / "seg.dcm", oblique_image, [("Liver", LIVER_CODE, liver)])
    frame = pydicom.dcmread(path).FrameOfReferenceUID
    for uid, expected in ((str(frame), []), ("1.2.3", ["mask_of_other_frame_of_reference"])):
        reference = oblique_image.with_array(oblique_image.array, meta={"frame_of_reference_uid": uid})
        assert [code for code, _ in read_mask(path, "liver", reference=reference).read_warnings] == expected


def test_frames_that_make_no_volume_are_refused(tmp_path, oblique_image, liver):
    path = write_dicom_seg(tmp_path / "seg.dcm", oblique_image, [("Liver", LIVER_CODE, liver)])
    ds = pydicom.dcmread(path)
    frame = ds.PerFrameFunctionalGroupsSequence[1]
    frame.PlanePositionSequence[0].ImagePositionPatient = [1.5, 2.5, 300.3]
    ds.save_as(path)
    with pytest.raises(
        UserError, match=r"seg\.dcm: the DICOM SEG cannot be read as a volume \(.*\)\. Save the segmentation"
    ):
        read(path, oblique_image)


@pytest.mark.parametrize(
    "content",
    [b"x", bytes(500), b"no DICOM at all, " * 30, bytes(128) + b"DICM", bytes(128) + b"DICM\x08\x00\x05\x00CS\xff\xff"],
)
def test_a_file_that_only_claims_to_be_dicom_is_no_mask(tmp_path, oblique_image, content):
    (tmp_path / "seg.dcm").write_bytes(content)
    with pytest.raises(UserError, match=r"seg\.dcm"):
        read(tmp_path / "seg.dcm", oblique_image)


def test_a_label_map_may_be_a_dicom_series(tmp_path, oblique_image, liver):
    for k, ds in enumerate(dicom_slices(oblique_image)):
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
        ds.PixelData = (liver[k].astype(np.uint16) * 7).tobytes()
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.save_as(tmp_path / f"{k}.dcm", enforce_file_format=True)
    mask = read_mask(tmp_path, "liver", reference=oblique_image)
    np.testing.assert_array_equal(mask.array, liver)
    assert mask.meta[MASK_SOURCE] == "label 7 (the only label)"


def coded(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item


def test_the_side_and_the_region_of_a_segment_count(tmp_path, oblique_image):
    """Both kidneys have one code and a modifier; a mass is a lesion of the liver where its region says so."""
    kidney, side = Code("64033007", "SCT", "Kidney"), {"7771000": "Left", "24028007": "Right"}
    parts = [box(oblique_image, (k, k + 1), (1, 4), (1, 4)) for k in range(4)]
    codes = (kidney, kidney, MASS_CODE, MASS_CODE)
    named = [(f"s{n}", codes[n], parts[n]) for n in range(4)]
    path = write_dicom_seg(tmp_path / "seg.dcm", oblique_image, named)
    ds = pydicom.dcmread(path)
    segments = ds.SegmentSequence
    for segment, (value, meaning) in zip(segments[:2], side.items(), strict=True):
        kind = segment.SegmentedPropertyTypeCodeSequence[0]
        kind.SegmentedPropertyTypeModifierCodeSequence = [coded(Code(value, "SCT", meaning))]
    for segment, region in zip(segments[2:], (kidney, LIVER_CODE), strict=True):
        segment.AnatomicRegionSequence = [coded(region)]
    ds.save_as(path)
    for structure, part in (("left_kidney", parts[0]), ("right_kidney", parts[1]), ("lesions", parts[3])):
        np.testing.assert_array_equal(read(path, oblique_image, structure), part)
