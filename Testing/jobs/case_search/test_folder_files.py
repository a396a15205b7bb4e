"""The files of a folder tree: which may be images, which are DICOM or nothing, and what is set aside."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverAILib.errors import UserError
from LiverAILib.jobs.case_search.folder_files import FolderFiles, list_files, stem


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def shown(paths: list[Path], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


def images(found: FolderFiles, folder: Path) -> list[str]:
    return shown(found.images, folder)


def reasons(found: FolderFiles, folder: Path) -> dict[str, str]:
    return {one.path.relative_to(folder).as_posix(): one.reason for one in found.set_aside}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.nii.gz", "a"),
        ("a.b.NII", "a.b"),
        ("a.nrrd", "a"),
        ("a.hdr", "a"),
        ("a.DCM", "a"),
        ("a.dicom", "a"),
        ("a.ima", "a"),
        ("a.txt", "a.txt"),
        ("IM0001", "IM0001"),
        (".nii.gz", ".nii.gz"),
    ],
)
def test_the_stem_is_the_name_without_the_ending_of_an_image(name, expected):
    assert stem(Path("folder") / name) == expected


def test_files_of_any_depth_are_images_or_perhaps_dicom(tmp_path):
    touch(tmp_path, "b.nii", "a.mha", "x/y/c.NRRD", "x/IM0001", "slice.dcm", "notes.txt")
    found = list_files(tmp_path)
    assert images(found, tmp_path) == ["a.mha", "b.nii", "x/y/c.NRRD"]
    assert shown(found.others, tmp_path) == ["notes.txt", "slice.dcm", "x/IM0001"]
    assert not found.set_aside
    assert not found.linked


@pytest.mark.parametrize(
    ("header", "voxels"),
    [("a.mhd", "a.raw"), ("a.nhdr", "a.raw"), ("a.mhd", "a.zraw"), ("a.nhdr", "a.raw.gz"), ("a.hdr", "a.img")],
)
def test_voxels_belong_to_the_header_beside_them(tmp_path, header, voxels):
    touch(tmp_path, header, voxels, f"elsewhere/{voxels}")
    found = list_files(tmp_path)
    assert images(found, tmp_path) == [header]
    alone = [f"elsewhere/{voxels}"]
    if voxels.endswith(".img"):
        assert reasons(found, tmp_path) == {alone[0]: "the header that belongs to it (.hdr) is missing"}
        alone = []
    assert shown(found.others, tmp_path) == alone


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar", ".ZIP"])
def test_archives_are_not_unpacked(tmp_path, ending):
    touch(tmp_path, f"scans{ending}")
    assert list(reasons(list_files(tmp_path), tmp_path)) == [f"scans{ending}"]


def test_results_are_known_by_the_record_beside_them(tmp_path):
    results = (
        "assessment.json",
        "heatmap.nrrd",
        "heatmap_full.nrrd",
        "image_0.nrrd",
        "overlay.png",
        "segmentation.seg.nrrd",
    )
    touch(tmp_path, *(f"done/{name}" for name in results), "done/scan.mha", "other/heatmap.mha", "other/image_0.mha")
    found = list_files(tmp_path)
    assert images(found, tmp_path) == ["done/scan.mha", "other/heatmap.mha", "other/image_0.mha"]
    assert reasons(found, tmp_path) == {f"done/{name}": "a result of LiverAI" for name in sorted(results)}


def test_an_nrrd_file_says_in_its_header_what_it_is(tmp_path):
    for name, key in (("a", "Segment0_ID"), ("b", "Segment12_ID"), ("c", "LiverAI_pipeline"), ("d", "SegmentX_ID")):
        itk = sitk.GetImageFromArray(np.zeros((2, 3, 4), np.uint8))
        itk.SetMetaData(key, "x")
        sitk.WriteImage(itk, str(tmp_path / f"{name}.nrrd"))
    touch(tmp_path, "damaged.nrrd", "saved.seg.nrrd")
    found = list_files(tmp_path)
    assert images(found, tmp_path) == ["d.nrrd", "damaged.nrrd"]
    assert {name: reason.split(",")[0] for name, reason in reasons(found, tmp_path).items()} == {
        "a.nrrd": "a segmentation",
        "b.nrrd": "a segmentation",
        "c.nrrd": "a heat map of LiverAI",
        "saved.seg.nrrd": "a segmentation",
    }


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("p1.nii.gz", "p1_seg.nii.gz"),
        ("p1.nii.gz", "p1-label.mha"),
        ("p1.nii.gz", "labelmap p1.nii.gz"),
        ("P1.nii.gz", "p1.MASK.nii.gz"),
        ("p1_0000.nii.gz", "p1_gt.nii.gz"),
        ("scan (2).nii.gz", "scan (2) roi.nii.gz"),
    ],
)
def test_a_mask_is_named_like_its_image_with_a_word_for_a_mask(tmp_path, image, mask):
    touch(tmp_path, image, mask)
    found = list_files(tmp_path)
    assert images(found, tmp_path) == [image]
    assert reasons(found, tmp_path) == {mask: f"named as a mask of {image}"}


@pytest.mark.parametrize(
    "names",
    [
        ("p1.nii.gz", "p10_seg.nii.gz"),
        ("p1.nii.gz", "xp1_seg.nii.gz"),
        ("p1.nii.gz", "p1_segmented.nii.gz"),
        ("p1.nii.gz", "p1_unmasked.nii.gz"),
        ("p1.nii.gz", "masks/p1_seg.nii.gz"),
        ("mask_a.nii.gz", "mask_a_seg.nii.gz"),
        ("label.nii.gz", "seg.nii.gz"),
    ],
)
def test_other_names_are_no_masks(tmp_path, names):
    touch(tmp_path, *names)
    found = list_files(tmp_path)
    assert set(images(found, tmp_path)) == set(names)
    assert not found.set_aside


def test_excluded_and_hidden_folders_are_passed_over(tmp_path):
    touch(tmp_path, "a.mha", "out/b.mha", "masks/c.mha", ".git/d.mha", "__MACOSX/e.mha", "x/.cache/f.mha", "x/g.mha")
    found = list_files(tmp_path, exclude=[tmp_path / "out", tmp_path / "x" / ".." / "masks"])
    assert images(found, tmp_path) == ["a.mha", "x/g.mha"]
    assert reasons(found, tmp_path) == dict.fromkeys((".git", "__MACOSX", "x/.cache"), "hidden folder")
    assert images(list_files(tmp_path / "out", exclude=[tmp_path / "out"]), tmp_path) == ["out/b.mha"]


def test_a_folder_that_is_linked_twice_is_searched_once(tmp_path):
    inside = tmp_path / "in"
    touch(tmp_path, "in/a.mha", "elsewhere/b.mha")
    os.symlink(tmp_path / "elsewhere", inside / "one")
    os.symlink(tmp_path / "elsewhere", inside / "two")
    os.symlink(tmp_path, inside / "up")
    found = list_files(inside)
    assert images(found, inside) == ["a.mha", "one/b.mha"]
    assert shown(found.linked, inside) == ["one"]
    assert set(reasons(found, inside)) == {"two", "up"}


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    touch(tmp_path, "x/a.mha")
    real = Path.iterdir

    def iterdir(path: Path):
        if path.name == "x":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.raises(UserError, match=r"x: cannot be read \(Permission denied\)\. Check its permissions"):
        list_files(tmp_path)


@pytest.mark.parametrize(("file", "link"), [("a.mha", "z.mha"), ("z.mha", "a.mha"), ("x/z.mha", "a.mha")])
def test_a_link_is_known_by_the_file_wherever_their_names_sort(tmp_path, file, link):
    touch(tmp_path, file)
    os.symlink(tmp_path / file, tmp_path / link)
    found = list_files(tmp_path)
    assert images(found, tmp_path) == [file]
    assert reasons(found, tmp_path) == {link: f"the same file as {file} (a link)"}


def test_dicom_objects_of_a_result_are_set_aside_and_a_series_beside_a_result_is_not(tmp_path):
    touch(
        tmp_path,
        "case/assessment.json",
        "case/dicom/report.dcm",
        "case/dicom/fusion_1.dcm",
        "case/dicom/IM1.dcm",
        "x/dicom/report.dcm",
    )
    found = list_files(tmp_path)
    assert shown(found.others, tmp_path) == ["case/dicom/IM1.dcm", "x/dicom/report.dcm"]
    assert {reasons(found, tmp_path)[f"case/dicom/{name}.dcm"] for name in ("report", "fusion_1")} == {
        "a result of LiverAI"
    }


def test_of_a_bids_dataset_only_the_original_images_are_cases(tmp_path):
    touch(
        tmp_path,
        "dataset_description.json",
        "sub-01/anat/sub-01_T2w.nii.gz",
        "sub-02/ses-1/anat/sub-02_ses-1_T2w.nii.gz",
        "sub-02/ses-1/anat/derivatives/own_name.nii.gz",
        "derivatives/prep/sub-01/anat/sub-01_desc-preproc_T2w.nii.gz",
        "sourcedata/sub-01/scan.nii.gz",
    )
    found = list_files(tmp_path)
    assert images(found, tmp_path) == [
        "sub-01/anat/sub-01_T2w.nii.gz",
        "sub-02/ses-1/anat/derivatives/own_name.nii.gz",
        "sub-02/ses-1/anat/sub-02_ses-1_T2w.nii.gz",
    ]
    assert reasons(found, tmp_path) == {
        "derivatives": "derivatives of a BIDS dataset, no original images",
        "sourcedata": "sourcedata of a BIDS dataset, no original images",
    }
    (tmp_path / "dataset_description.json").unlink()
    assert len(list_files(tmp_path).images) == 5
