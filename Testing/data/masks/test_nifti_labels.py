"""The label table in the header of a NIfTI file, written by nibabel."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest

from LiverAILib.data.masks.nifti_labels import label_names

TABLE = (
    '<Label Key="0"><![CDATA[background]]></Label><Label Key="1" Red="0"><![CDATA[ liver ]]></Label>'
    '<Label Key="12" Alpha="1">spleen</Label><Label Key="3"><![CDATA[]]></Label>'
)


def write(path: Path, *, order: str = "<", table: str = TABLE) -> Path:
    header = nibabel.Nifti1Header(endianness=order)
    image = nibabel.Nifti1Image(np.zeros((2, 3, 4), np.uint8), np.eye(4), header)
    if table:
        text = (
            f"<CaretExtension><VolumeInformation><LabelTable>{table}</LabelTable></VolumeInformation></CaretExtension>"
        )
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, text.encode()))
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_names_are_read_in_either_byte_order(tmp_path, name, order):
    path = write(tmp_path / name, order=order)
    assert nibabel.load(path).header.endianness == order
    assert label_names(path) == {1: "liver", 12: "spleen"}


def test_a_file_without_a_table_has_no_names(tmp_path):
    assert label_names(write(tmp_path / "a.nii.gz", table="")) == {}
    assert label_names(tmp_path / "absent.nii.gz") == {}
    assert label_names(tmp_path) == {}
    write(tmp_path / "a.nii").rename(tmp_path / "a.img")
    assert label_names(tmp_path / "a.img") == {}


@pytest.mark.parametrize("kept", [0, 3, 100, 348, 351])
def test_a_file_that_is_cut_off_has_no_names(tmp_path, kept):
    """The reader of the image says what is wrong with it."""
    content = write(tmp_path / "a.nii").read_bytes()[:kept]
    (tmp_path / "cut.nii").write_bytes(content)
    assert label_names(tmp_path / "cut.nii") == {}
    (tmp_path / "cut.nii.gz").write_bytes(gzip.compress(content))
    assert label_names(tmp_path / "cut.nii.gz") == {}
    (tmp_path / "bad.nii.gz").write_bytes(gzip.compress(content)[:-9] + bytes(9))
    assert label_names(tmp_path / "bad.nii.gz") == {}
    (tmp_path / "plain.nii.gz").write_bytes(content)
    assert label_names(tmp_path / "plain.nii.gz") == {}


@pytest.mark.parametrize("offset", [np.inf, np.nan, -1e9])
def test_an_impossible_start_of_the_voxels_is_no_error_here(tmp_path, offset):
    content = bytearray(write(tmp_path / "a.nii").read_bytes())
    content[108:112] = np.float32(offset).tobytes()
    (tmp_path / "a.nii").write_bytes(content)
    assert label_names(tmp_path / "a.nii") == {}


def test_text_between_header_and_voxels_counts_only_where_the_header_says_so(tmp_path):
    content = bytearray(write(tmp_path / "a.nii").read_bytes())
    content[348] = 0
    (tmp_path / "a.nii").write_bytes(content)
    assert label_names(tmp_path / "a.nii") == {}
