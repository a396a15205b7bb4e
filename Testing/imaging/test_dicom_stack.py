"""Where the slices lie: order, gaps, repeated positions, shear, positions and spacing that are missing."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image
from Testing.imaging.dicom_files import AXIAL, ORIGIN, STEP, dataset, item, save, write_enhanced, write_series


@pytest.fixture
def volume():
    return np.random.default_rng(0).integers(0, 1000, (6, 12, 10)).astype(np.uint16)


def changed(**tags):
    """Sets tags of a slice; values may be functions of its number."""

    def each(k, made):
        for name, value in tags.items():
            found = value(k) if callable(value) else value
            if found is None:
                delattr(made, name)
            else:
                setattr(made, name, found)
        return made

    return each


def test_positions_decide_the_order_whatever_numbers_and_locations_say(tmp_path, volume):
    write_series(tmp_path / "in", volume, each=changed(InstanceNumber=lambda k: 9 - k, SliceLocation=lambda k: -k))
    image = read_image(tmp_path / "in")
    np.testing.assert_array_equal(image.array, volume)
    np.testing.assert_allclose(image.origin, ORIGIN)


def test_slices_written_from_head_to_feet_are_ordered_along_the_normal(tmp_path, volume):
    write_series(tmp_path / "in", volume, positions=-STEP * np.arange(6), SpacingBetweenSlices=-STEP)
    image = read_image(tmp_path / "in")
    np.testing.assert_array_equal(image.array, volume[::-1])
    assert image.spacing[2] == pytest.approx(STEP)
    assert image.origin[2] == pytest.approx(ORIGIN[2] - 5 * STEP)


@pytest.mark.parametrize("positions", [[0, 2.5, 5, 12.5, 15, 17.5], [0, 3.7, 5, 8.7, 10, 13.7]])
def test_missing_and_shifted_slices_are_said(tmp_path, volume, positions):
    write_series(tmp_path / "in", volume, positions=positions)
    image = read_image(tmp_path / "in")
    assert "unevenly spaced" in dict(image.read_warnings)["uneven_slices"]
    ends = image.index_to_lps @ np.array([[0, 0, 0, 1], [0, 0, 5, 1]]).T
    np.testing.assert_allclose(ends[2], [ORIGIN[2], ORIGIN[2] + positions[-1]])


def test_missing_frames_of_an_enhanced_object_are_said(tmp_path, volume):
    file = write_enhanced(tmp_path / "mr.dcm", [(volume[k], k * STEP, {}) for k in (0, 1, 4, 5)])
    assert "unevenly spaced" in dict(read_image(file).read_warnings)["uneven_slices"]


def test_positions_rounded_to_a_hundredth_are_even(tmp_path, volume):
    write_series(tmp_path / "in", volume, positions=np.round(np.arange(6) * 2.4963, 2))
    assert "uneven_slices" not in dict(read_image(tmp_path / "in").read_warnings)


def test_slices_that_are_there_twice_are_dropped_and_it_is_said(tmp_path, volume):
    write_series(tmp_path / "in", volume, name="a{:03d}")
    write_series(tmp_path / "in", volume, name="b{:03d}", InstanceNumber=77, AcquisitionTime="130000")
    image = read_image(tmp_path / "in")
    np.testing.assert_array_equal(image.array, volume)
    assert "6 repeated images" in dict(image.read_warnings)["reading_note"]


def test_one_slice_that_is_there_twice_with_other_values_is_refused(tmp_path, volume):
    write_series(tmp_path / "in", volume, InstanceNumber=None)
    save(dataset(volume[0] + 1, ORIGIN, AXIAL, InstanceNumber=None), tmp_path / "in/again.dcm")
    with pytest.raises(UserError, match=r"at the same position with different values.*again\.dcm"):
        read_image(tmp_path / "in")


def test_one_instance_with_two_contents_is_refused(tmp_path, volume):
    tags = {"SOPInstanceUID": "1.2.3.77", "InstanceNumber": 1}
    write_series(tmp_path / "in", volume[1:], positions=STEP * np.arange(1, 6))
    for n in range(2):
        save(dataset(volume[0] + n, ORIGIN, AXIAL, **tags), tmp_path / f"in/copy{n}.dcm")
    with pytest.raises(UserError, match="at the same position with different values"):
        read_image(tmp_path / "in")


def test_one_instance_uid_for_all_slices_does_no_harm(tmp_path, volume):
    write_series(tmp_path / "in", volume, SOPInstanceUID="1.2.3.77")
    np.testing.assert_array_equal(read_image(tmp_path / "in").array, volume)


def test_images_of_one_position_are_listed(tmp_path, volume):
    for n in range(6):
        save(dataset(volume[n], ORIGIN, AXIAL, TriggerTime=100 * n), tmp_path / f"in/{n}.dcm")
    with pytest.raises(UserError, match=r"6 volumes.*same positions.*trigger time 0 ms.*trigger time 500 ms"):
        read_image(tmp_path / "in")


def test_frames_of_one_position_are_refused(tmp_path, volume):
    file = write_enhanced(tmp_path / "mr.dcm", [(volume[k], 0.0, {}) for k in range(6)])
    with pytest.raises(UserError, match=r"several images at the same position.*mr\.dcm \(frame 1\)"):
        read_image(file)


def tilted(degrees):
    step = np.tan(np.radians(degrees)) * STEP
    return changed(ImagePositionPatient=lambda k: [ORIGIN[0], ORIGIN[1] + step * k, ORIGIN[2] + STEP * k])


def test_a_gantry_tilt_is_refused_with_its_angle(tmp_path, volume):
    write_series(tmp_path / "in", volume, each=tilted(12))
    with pytest.raises(UserError, match=r"sheared by 12\.0 degrees.*gantry tilt.*dcm2niix"):
        read_image(tmp_path / "in")


def test_a_shear_far_below_a_pixel_is_none(tmp_path, volume):
    write_series(tmp_path / "in", volume, each=tilted(0.1))
    assert "uneven_slices" not in dict(read_image(tmp_path / "in").read_warnings)


def test_a_shear_of_a_part_of_a_pixel_is_said(tmp_path, volume):
    write_series(tmp_path / "in", volume, each=tilted(1.0))
    assert "shifted sideways by up to 0.22 mm" in dict(read_image(tmp_path / "in").read_warnings)["uneven_slices"]


def test_slices_shifted_against_each_other_are_refused(tmp_path, volume):
    moved = changed(ImagePositionPatient=lambda k: [ORIGIN[0] + 3 * (k == 2), ORIGIN[1], ORIGIN[2] + STEP * k])
    write_series(tmp_path / "in", volume, each=moved)
    with pytest.raises(UserError, match=r"shifted sideways.*3\.0 mm"):
        read_image(tmp_path / "in")


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"ImagePositionPatient": None}, "6 images have no position.*ImagePositionPatient is missing"),
        ({"ImageOrientationPatient": None}, "have no position and orientation.*ImageOrientationPatient is missing"),
        (
            {"ImagePositionPatient": lambda k: "" if k == 2 else None if k == 3 else [0, 0, k]},
            "2 of 6 images .* no position",
        ),
        ({"PixelSpacing": None}, "no PixelSpacing"),
    ],
)
def test_missing_geometry_is_refused(tmp_path, volume, tags, words):
    write_series(tmp_path / "in", volume, each=changed(**tags))
    with pytest.raises(UserError, match=words) as error:
        read_image(tmp_path / "in")
    assert str(error.value).startswith(f"{tmp_path / 'in'}: ")


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"PixelSpacing": [0, 0.7]}, "PixelSpacing is not positive"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "right angles"),
        ({"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]}, "unit vectors"),
        ({"RescaleSlope": 0}, "RescaleSlope is 0"),
        ({"ImagePositionPatient": [0, 0]}, "ImagePositionPatient is not 3 numbers"),
    ],
)
def test_geometry_that_makes_no_sense_is_refused_with_the_name_of_the_file(tmp_path, volume, tags, words):
    write_series(tmp_path / "in", volume)
    save(dataset(volume[0], [0, 0, 99], AXIAL, **tags), tmp_path / "in/bad.dcm")
    with pytest.raises(UserError, match=rf"bad\.dcm: .*{words}.*Export"):
        read_image(tmp_path / "in")


@pytest.mark.parametrize("text", [b"x\\2.25\\9", b"nan\\2.25\\9", b"1e999\\2.25\\9", b"1.25\\2.25"])
def test_a_position_that_is_no_number_is_refused(tmp_path, volume, text):
    files = write_series(
        tmp_path / "in", volume, each=changed(ImagePositionPatient=lambda k: ["1.25", "2.25", f"{k}.25"])
    )
    content = files[3].read_bytes()
    right = b"1.25\\2.25\\3.25"
    assert content.count(right) == 1
    files[3].write_bytes(content.replace(right, text.ljust(len(right))))
    with pytest.raises(UserError, match=rf"{files[3].name}: ImagePositionPatient is not 3 numbers"):
        read_image(tmp_path / "in")


def test_a_lone_slice_is_said(tmp_path, volume):
    (file,) = write_series(tmp_path / "in", volume[:1], SpacingBetweenSlices=-3)
    image = read_image(file)
    assert image.size == (10, 12, 1)
    assert image.spacing[2] == 3
    assert "one single slice" in dict(image.read_warnings)["reading_note"]


def test_a_picture_without_geometry_is_read_and_its_sides_are_said_to_be_unknown(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (12, 10)).astype(np.uint8)
    regions = [item(PhysicalUnitsXDirection=3, PhysicalUnitsYDirection=3, PhysicalDeltaX=0.02, PhysicalDeltaY=0.03)]
    made = dataset(pixels, None, None, Modality="US", SOPClassUID="1.2.840.10008.5.1.4.1.1.6.1", PixelSpacing=None)
    made.SequenceOfUltrasoundRegions = regions
    image = read_image(save(made, tmp_path / "us.dcm"))
    np.testing.assert_array_equal(image.array[0], pixels)
    np.testing.assert_allclose(image.spacing[:2], (0.2, 0.3))
    assert "sides are unknown" in dict(image.read_warnings)["uneven_slices"]
