"""Which files of a folder are cases: every case once, under a name of its own, and everything else with its reason."""

from __future__ import annotations

import os
import pickle

import numpy as np
import PIL.Image
import pytest
import SimpleITK as sitk

from LiverAILib.errors import UserError
from LiverAILib.imaging.files import write_image
from LiverAILib.jobs.case_search.find_cases import _Candidate, _unique_names, find_cases, find_mask
from LiverAILib.methods import method_named
from LiverAILib.methods.spec import Answer, ImageRole, MethodSpec
from Testing.imaging.dicom_files import save, ultrasound
from Testing.jobs.case_search.case_files import SHAPE, aside, find, image, names, write, write_series
from Testing.toy_method import SPEC as TOY


def test_files_are_named_by_their_place_and_read(tmp_path):
    write(tmp_path / "b.nii.gz", tmp_path / "site1" / "scan.nii.gz", tmp_path / "site2" / "x" / "scan.mha")
    found = find(tmp_path)
    assert names(found) == ["b", "site1/scan", "site2/x/scan"]
    assert [case.file for case in found.cases] == ["b.nii.gz", "site1/scan.nii.gz", "site2/x/scan.mha"]
    assert [case.folder for case in found.cases] == ["b", "site1%2Fscan", "site2%2Fx%2Fscan"]
    case = found.cases[1].read()
    assert case.case_id == "site1/scan"
    np.testing.assert_array_equal(case.image("t2").array, image(1).array)


def test_a_case_can_be_sent_to_another_process(tmp_path):
    write(tmp_path / "b.nii.gz")
    write_series(tmp_path / "series")
    for case in find(tmp_path).cases:
        sent = pickle.loads(pickle.dumps(case))
        np.testing.assert_array_equal(sent.read().image("t2").array, case.read().image("t2").array)


def test_equal_stems_are_told_apart_by_their_endings(tmp_path):
    write(tmp_path / "scan.nii.gz", tmp_path / "scan.mha", tmp_path / "other.nrrd")
    write_series(tmp_path / "scan")
    assert names(find(tmp_path)) == ["other", "scan", "scan.mha", "scan.nii.gz"]


def test_two_files_of_one_stem_are_both_named_by_their_endings(tmp_path):
    write(tmp_path / "scan.nii.gz", tmp_path / "scan.mha")
    assert names(find(tmp_path)) == ["scan.mha", "scan.nii.gz"]


def test_what_no_ending_tells_apart_is_numbered():
    candidates = [_Candidate("a", "a", read=image, paths=()) for _ in range(4)]
    assert _unique_names([*candidates, _Candidate("b", "b", read=image, paths=())]) == [
        "a",
        "a (2)",
        "a (3)",
        "a (4)",
        "b",
    ]


def test_names_that_differ_in_letter_case_get_folders_of_their_own(tmp_path):
    write(tmp_path / "P1.nii.gz", tmp_path / "p1.nii.gz")
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system does not know letter case")
    folders = {case.folder.lower() for case in find(tmp_path).cases}
    assert len(folders) == 2


def test_masks_beside_their_scans_are_set_aside(tmp_path):
    write(
        *(
            tmp_path / name
            for name in (
                "p1.nii.gz",
                "p1_seg.nii.gz",
                "p1-label.nrrd",
                "mask_p1.nii.gz",
                "p1.seg.nrrd",
                "P1_Liver_Mask.mha",
            )
        )
    )
    write(tmp_path / "p10.nii.gz", tmp_path / "mask_study.nii.gz", tmp_path / "segmented" / "p2.nii.gz")
    segmentation = sitk.GetImageFromArray(np.ones(SHAPE, np.uint8))
    segmentation.SetMetaData("Segment0_ID", "liver")
    sitk.WriteImage(segmentation, str(tmp_path / "organs.nrrd"))
    found = find(tmp_path)
    assert names(found) == ["mask_study", "p1", "p10", "segmented/p2"]
    assert aside(found, tmp_path) == {
        "p1_seg.nii.gz": "named as a mask of p1.nii.gz",
        "p1-label.nrrd": "named as a mask of p1.nii.gz",
        "mask_p1.nii.gz": "named as a mask of p1.nii.gz",
        "P1_Liver_Mask.mha": "named as a mask of p1.nii.gz",
        "p1.seg.nrrd": "a segmentation, no image",
        "organs.nrrd": "a segmentation, no image",
    }


def test_what_is_no_image_is_set_aside_with_its_reason(tmp_path):
    write(tmp_path / "p1.nii.gz")
    for name in ("._p1.nii.gz", ".DS_Store", "notes.txt", "more.zip", "alone.img"):
        (tmp_path / name).write_bytes(bytes(4096))
    write(tmp_path / "__MACOSX" / "p1.nii.gz", tmp_path / ".cache" / "p1.nii.gz")
    found = find(tmp_path)
    assert names(found) == ["p1"]
    assert aside(found, tmp_path) == {
        "._p1.nii.gz": "resource fork of macOS, no image",
        ".DS_Store": "hidden file",
        "notes.txt": "not an image file",
        "more.zip": "an archive: unpack it to have its images assessed",
        "alone.img": "the header that belongs to it (.hdr) is missing",
        "__MACOSX": "hidden folder",
        ".cache": "hidden folder",
    }


def test_a_damaged_image_stays_a_case_which_fails(tmp_path):
    (tmp_path / "bad.nii.gz").write_bytes(b"bad")
    (tmp_path / "empty.dcm").write_bytes(b"")
    cases = find(tmp_path).cases
    assert [case.case_id for case in cases] == ["bad", "empty"]
    for case in cases:
        with pytest.raises(UserError, match=case.case_id):
            case.read()


def test_header_and_voxels_in_two_files_are_one_case(tmp_path):
    for name in ("a.mhd", "b.nhdr", "c.hdr"):
        sitk.WriteImage(sitk.GetImageFromArray(image().array), str(tmp_path / name))
    found = find(tmp_path)
    assert names(found) == ["a", "b", "c"]
    assert not found.set_aside
    for case in found.cases:
        np.testing.assert_array_equal(case.read().image("t2").array, image().array)


def test_links_do_not_make_a_second_case(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "elsewhere"
    write(inside / "a" / "p1.nii.gz", outside / "p2.nii.gz")
    write_series(outside / "series")
    os.symlink(inside / "a" / "p1.nii.gz", inside / "copy.nii.gz")
    os.link(inside / "a" / "p1.nii.gz", inside / "hard.nii.gz")
    os.symlink(inside / "a", inside / "b")
    os.symlink(tmp_path, inside / "up")
    os.symlink(inside / "gone", inside / "broken.nii.gz")
    os.symlink(outside, inside / "more")
    found = find(inside)
    assert sorted(names(found)) == ["a/p1", "more/p2", "more/series"]
    assert aside(found, inside) == {
        "hard.nii.gz": "the same file as a/p1.nii.gz (a link)",
        "copy.nii.gz": "the same file as a/p1.nii.gz (a link)",
        "b": "a link to a folder that is searched anyway",
        "up": "a link to a folder that is searched anyway",
        "broken.nii.gz": "a link to a file that does not exist",
    }


def test_results_are_no_cases(tmp_path):
    write(tmp_path / "p1.nii.gz", tmp_path / "out" / "p1" / "heatmap.nrrd", tmp_path / "old" / "p1" / "heatmap.nrrd")
    write(tmp_path / "old" / "p1" / "segmentation.seg.nrrd")
    (tmp_path / "old" / "p1" / "assessment.json").write_text("{}")
    heat = sitk.GetImageFromArray(image().array)
    heat.SetMetaData("LiverAI_pipeline", "full")
    sitk.WriteImage(heat, str(tmp_path / "moved.nrrd"))
    found = find(tmp_path, exclude=(tmp_path / "out",))
    assert names(found) == ["p1"]
    assert aside(found, tmp_path) == {
        "old/p1/assessment.json": "a result of LiverAI",
        "old/p1/heatmap.nrrd": "a result of LiverAI",
        "old/p1/segmentation.seg.nrrd": "a result of LiverAI",
        "moved.nrrd": "a heat map of LiverAI, no image",
    }


def test_masks_of_another_folder_are_found_by_the_place_of_their_image(tmp_path):
    write(tmp_path / "in" / "a" / "scan.nii.gz", tmp_path / "in" / "b" / "scan.nii.gz")
    masks = tmp_path / "in" / "masks"
    for name, label in (("a", 1), ("b", 2)):
        inside = np.zeros(SHAPE, np.uint8)
        inside[label, 3:9, 4:12] = 1
        write_image(image().with_array(inside), masks / name / "scan.nrrd")
    found = find(tmp_path / "in", masks=masks)
    assert names(found) == ["a/scan", "b/scan"]
    for case, slice_number in zip(found.cases, (1, 2), strict=True):
        inside = case.read().masks["liver"].array
        assert inside[slice_number].sum() == inside.sum() == 48
    (masks / "b" / "scan.nrrd").unlink()
    with pytest.raises(UserError, match="no mask of the case b/scan"):
        find(tmp_path / "in", masks=masks).cases[1].read()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("scans.zip", "an archive. Unpack it"),
        ("cohort.xlsx", "Save the manifest as CSV"),
        ("scan.nii.gz", "`liverai assess` takes one image"),
    ],
)
def test_a_file_in_place_of_a_folder_is_refused(tmp_path, name, message):
    (tmp_path / name).touch()
    with pytest.raises(UserError, match=message):
        find(tmp_path / name)


def test_a_folder_without_a_case_is_refused_with_what_it_holds(tmp_path):
    write_series(tmp_path / "ct", modality="CT", description="portal venous")
    with pytest.raises(
        UserError, match=r"no MR image in this folder \(ct: CT series 'portal venous': the model needs MR\)"
    ):
        find(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        find(tmp_path / "absent")


@pytest.mark.parametrize(
    "name",
    ["scan.nrrd", "SCAN.NII.GZ", "scan.nii.gz.nrrd", "scan.seg.nrrd", "scan.mha"],
)
def test_a_mask_is_named_like_its_case_with_any_ending(tmp_path, name):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / name).touch()
    for other in (".scan.nrrd", "scan.txt", "scan2.nrrd", "scan_seg.nrrd"):
        (tmp_path / "a" / other).touch()
    (tmp_path / "scan.nrrd").touch()
    assert find_mask(tmp_path, "a/scan.nii.gz").name == name
    if name != "scan.nii.gz.nrrd":
        assert find_mask(tmp_path, "a/scan").name == name


def test_a_case_with_no_or_several_masks_is_refused(tmp_path):
    with pytest.raises(UserError, match="no mask of the case a/scan"):
        find_mask(tmp_path, "a/scan")
    (tmp_path / "scan.nrrd").touch()
    (tmp_path / "scan.mha").touch()
    with pytest.raises(UserError, match=r"2 masks of the case scan \(scan\.mha, scan\.nrrd\)\. Keep one of them"):
        find_mask(tmp_path, "scan")


def test_an_image_of_the_folder_of_masks_is_no_case_and_the_folder_must_be_there(tmp_path):
    write(tmp_path / "a.nii.gz", tmp_path / "masks" / "b.nii.gz")
    assert names(find(tmp_path)) == ["a", "masks/b"]
    assert names(find(tmp_path, masks=tmp_path / "masks")) == ["a"]
    with pytest.raises(UserError, match=r"--masks .*gone: no such folder"):
        find(tmp_path, masks=tmp_path / "gone")


@pytest.mark.parametrize("count", [1, 3, 4, 6])
def test_the_first_three_reasons_are_shown_where_nothing_is_found(tmp_path, count):
    for number in range(count):
        (tmp_path / f"{number}.zip").touch()
    with pytest.raises(UserError) as error:
        find(tmp_path)
    message = str(error.value)
    assert message.count(".zip: an archive") == min(count, 3)
    assert ("more" in message) == (count > 3)
    assert count <= 3 or f"; and {count - 3} more)" in message


def test_an_empty_folder_has_no_reasons(tmp_path):
    with pytest.raises(UserError, match=r"no MR image in this folder\. It needs files ending in \.nii\.gz"):
        find(tmp_path)


def test_a_stated_modality_is_that_of_files_that_do_not_say(tmp_path):
    write(tmp_path / "a.nii.gz")
    assert find(tmp_path, stated_modality="MR").cases[0].read().image("t2").modality == "MR"
    assert find(tmp_path).cases[0].read().image("t2").modality is None


def test_a_folder_does_not_tell_several_images_of_a_case_apart(tmp_path):
    write(tmp_path / "a.nii.gz")
    with pytest.raises(UserError, match=f"{TOY.name} takes several images per case.* a cohort manifest"):
        find_cases(tmp_path, TOY)


# --- ultrasound -----------------------------------------------------------------------------------------------------

ONE_VIEW = MethodSpec(
    "view",
    "A single ultrasound image",
    "No paper.",
    (ImageRole("view", "Ultrasound view", "US", dimensions=2, color=True),),
    Answer("classes", "Cirrhosis"),
    "",
)


def test_pictures_and_dicom_stills_are_cases_of_a_model_of_one_ultrasound_image(tmp_path):
    colors = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    PIL.Image.fromarray(colors).save(tmp_path / "a.png")
    for name in ("b", "c"):
        save(ultrasound(colors[:: 1 if name == "b" else -1]), tmp_path / f"scans/{name}.dcm")
    write_series(tmp_path / "mr")
    found = find_cases(tmp_path, ONE_VIEW)
    images = [case.read().image("view") for case in found.cases]
    assert len(images) == 3
    assert all(image.color and image.modality == "US" and image.size == (30, 20, 1) for image in images)
    assert len({case.folder for case in found.cases}) == 3
    assert any("the model needs US" in one.reason for one in found.set_aside)


def test_pictures_are_no_cases_of_a_model_of_volumes(tmp_path):
    write(tmp_path / "a.nii.gz")
    PIL.Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "notes.png")
    save(ultrasound(np.full((20, 30, 3), 9, np.uint8)), tmp_path / "us/a.dcm")
    found = find_cases(tmp_path, method_named("nowak2021"))
    assert [case.case_id for case in found.cases] == ["a"]


def test_a_folder_does_not_tell_the_roles_of_several_images(tmp_path):
    PIL.Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(
        UserError, match=r"Give a cohort manifest \(CSV\) with the columns image:gray_scale, image:elastogram"
    ):
        find_cases(tmp_path, method_named("xue2020"))
