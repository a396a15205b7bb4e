"""NIfTI files of every kind, written by nibabel or byte by byte; the geometry is compared with nibabel's."""

from __future__ import annotations

import gzip

import nibabel
import numpy as np
import pytest

from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image

VOXELS = np.random.default_rng(0).integers(0, 900, (11, 9, 7)).astype(np.int16)  # nibabel's order (i, j, k)
COS, SIN = np.cos(0.3), np.sin(0.3)
OBLIQUE = np.array([[-0.8, 0, 0, 30.0], [0, 1.3 * COS, -5 * SIN, -12.0], [0, 1.3 * SIN, 5 * COS, 250.0], [0, 0, 0, 1]])
SHEARED = OBLIQUE @ np.array([[1, 0.3, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def saved(path, *, voxels=VOXELS, affine=OBLIQUE, kind=nibabel.Nifti1Image, sform=1, qform=1, q_affine=None, **fields):
    """A NIfTI file; `fields` replace those of the header after nibabel has filled it."""
    image = kind(voxels, None)
    image.set_sform(affine, code=sform)
    if q_affine is not None or qform:
        image.set_qform(affine if q_affine is None else q_affine, code=qform)
    else:
        image.header["qform_code"] = 0
    for name, value in fields.items():
        image.header[name] = value
    header = image.header.copy()
    if not path.name.endswith((".hdr", ".img")):
        header["magic"] = b"n+1" if kind is nibabel.Nifti1Image else b"n+2"
        header["vox_offset"] = 352 if kind is nibabel.Nifti1Image else 544
        content = header.binaryblock + b"\0" * 4 + voxels.tobytes(order="F")
        path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)
    return path


def same(image, voxels, affine, *, millimeters=1e-4):
    np.testing.assert_array_equal(image.array, np.asarray(voxels).T)
    np.testing.assert_allclose(image.index_to_lps, RAS_TO_LPS @ affine, atol=millimeters)


def refused(path, *words: str) -> None:
    with pytest.raises(UserError) as error:
        read_image(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    for word in words:
        assert word in message


def warned(image) -> dict[str, str]:
    return dict(image.read_warnings)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "f4", "f8", "i8"])
def test_voxels_and_geometry_are_nibabels_and_the_type_is_kept(tmp_path, kind, name, dtype):
    voxels = (VOXELS % 100).astype(dtype)
    nibabel.save(kind(voxels, OBLIQUE, dtype=dtype), tmp_path / name)
    image = read_image(tmp_path / name)
    same(image, voxels, nibabel.load(tmp_path / name).affine)
    assert image.array.dtype == np.dtype(dtype)
    assert image.read_warnings == ()


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_either_byte_order(tmp_path, kind):
    header = kind.header_class(endianness=">")
    header.set_data_dtype(">i2")
    nibabel.save(kind(VOXELS.astype(">i2"), OBLIQUE, header), tmp_path / "a.nii.gz")
    image = read_image(tmp_path / "a.nii.gz")
    same(image, VOXELS, OBLIQUE)
    assert image.array.dtype.isnative


@pytest.mark.parametrize("given", ["a.hdr", "a.img"])
def test_a_pair_of_files_is_read_by_the_name_of_either(tmp_path, given):
    nibabel.save(nibabel.Nifti1Pair(VOXELS, OBLIQUE), tmp_path / "a.img")
    same(read_image(tmp_path / given), VOXELS, OBLIQUE)


@pytest.mark.parametrize(("given", "gone"), [("a.hdr", "a.img"), ("a.img", "a.hdr")])
def test_the_missing_file_of_a_pair_is_named(tmp_path, given, gone):
    nibabel.save(nibabel.Nifti1Pair(VOXELS, OBLIQUE), tmp_path / "a.img")
    (tmp_path / gone).unlink()
    refused(tmp_path / given, gone, "missing")


def test_analyze_says_no_orientation(tmp_path):
    nibabel.save(nibabel.AnalyzeImage(VOXELS, np.diag([0.8, 1.3, 5.0, 1.0])), tmp_path / "a.img")
    image = read_image(tmp_path / "a.hdr")
    np.testing.assert_array_equal(image.array, VOXELS.T)
    np.testing.assert_allclose(image.spacing, (0.8, 1.3, 5.0), rtol=1e-6)
    assert set(warned(image)) == {"orientation_unknown"}


def test_a_name_in_gz_of_a_file_that_is_not_gzipped_and_the_other_way_round(tmp_path):
    saved(tmp_path / "a.nii").rename(tmp_path / "b.nii.gz")
    saved(tmp_path / "a.nii.gz").rename(tmp_path / "c.nii")
    for name in ("b.nii.gz", "c.nii"):
        same(read_image(tmp_path / name), VOXELS, OBLIQUE)


@pytest.mark.parametrize("behind", [b"\0" * 700, b"garbage behind the stream"])
def test_what_lies_behind_a_whole_gzip_stream_is_ignored(tmp_path, behind):
    path = saved(tmp_path / "a.nii.gz")
    path.write_bytes(path.read_bytes() + behind)
    same(read_image(path), VOXELS, OBLIQUE)


def test_a_changed_byte_within_a_gzip_stream_is_noticed(tmp_path):
    path = saved(tmp_path / "a.nii.gz")
    content = bytearray(path.read_bytes())
    content[-5] ^= 1  # of the checksum
    path.write_bytes(content)
    refused(path, "damaged")


def test_each_file_is_decompressed_once(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.nii.gz")
    read = []
    real = gzip.GzipFile.readinto
    monkeypatch.setattr(gzip.GzipFile, "readinto", lambda self, b: read.append(n := real(self, b)) or n)
    read_image(path)
    assert sum(read) == 352 + VOXELS.nbytes


def test_values_are_scaled_as_nibabel_does(tmp_path):
    path = saved(tmp_path / "a.nii", scl_slope=0.25, scl_inter=-1024)
    image = read_image(path)
    assert image.array.dtype == np.float32
    np.testing.assert_allclose(image.array, nibabel.load(path).get_fdata().T, rtol=1e-6)


@pytest.mark.parametrize(("slope", "intercept"), [(0, 5), (np.nan, 0), (np.inf, 1), (1, 0), (1, np.nan)])
def test_no_scaling_leaves_the_stored_values(tmp_path, slope, intercept):
    same(read_image(saved(tmp_path / "a.nii", scl_slope=slope, scl_inter=intercept)), VOXELS, OBLIQUE)


def test_nan_becomes_the_lowest_value_with_a_warning(tmp_path):
    voxels = VOXELS.astype(np.float32) - 1000
    voxels[2:4] = np.nan
    voxels[5, 5, 5] = np.inf
    image = read_image(saved(tmp_path / "a.nii.gz", voxels=voxels))
    lowest = voxels[np.isfinite(voxels)].min()
    same(image, np.where(np.isfinite(voxels), voxels, lowest), OBLIQUE)
    assert "NaN" in warned(image)["not_a_number"]


# --- which geometry -------------------------------------------------------------------------------------------------------


def test_the_qform_counts_where_there_is_no_sform(tmp_path):
    image = read_image(saved(tmp_path / "a.nii", sform=0, srow_x=0, srow_y=0, srow_z=0))
    same(image, VOXELS, OBLIQUE)
    assert image.read_warnings == ()


def test_a_left_handed_qform(tmp_path):
    mirrored = OBLIQUE @ np.diag([-1.0, 1, 1, 1])
    path = saved(tmp_path / "a.nii", sform=0, affine=mirrored)
    assert nibabel.load(path).header["pixdim"][0] == -nibabel.load(saved(tmp_path / "b.nii")).header["pixdim"][0]
    same(read_image(path), VOXELS, mirrored)


def test_a_qfac_of_0_counts_as_1(tmp_path):
    right_handed = OBLIQUE if np.linalg.det(OBLIQUE[:3, :3]) > 0 else OBLIQUE @ np.diag([-1.0, 1, 1, 1])
    path = saved(tmp_path / "a.nii", affine=right_handed, sform=0)
    pixdim = nibabel.load(path).header["pixdim"].copy()
    pixdim[0] = 0
    same(read_image(saved(tmp_path / "b.nii", affine=right_handed, sform=0, pixdim=pixdim)), VOXELS, right_handed)


def test_a_negative_pixdim_is_warned_of(tmp_path):
    pixdim = nibabel.load(saved(tmp_path / "a.nii")).header["pixdim"] * [1, 1, -1, 1, 1, 1, 1, 1]
    image = read_image(saved(tmp_path / "b.nii", sform=0, pixdim=pixdim))
    same(image, VOXELS, OBLIQUE)
    assert "negative_spacing" in warned(image)
    assert read_image(saved(tmp_path / "c.nii", pixdim=pixdim)).read_warnings == ()  # the sform says all


def test_a_sform_and_a_qform_that_disagree_are_both_named(tmp_path):
    other = OBLIQUE.copy()
    other[:3, 3] += 40
    image = read_image(saved(tmp_path / "a.nii", q_affine=other))
    same(image, VOXELS, OBLIQUE)
    text = warned(image)["conflicting_geometry"]
    assert "sform" in text
    assert "qform" in text
    assert "69.3 mm" in text  # 40 * sqrt(3)
    assert "mirror" not in text
    mirrored = read_image(saved(tmp_path / "b.nii", q_affine=OBLIQUE @ np.diag([-1.0, 1, 1, 1])))
    assert "mirror" in warned(mirrored)["conflicting_geometry"]


def test_a_small_difference_of_both_is_no_conflict(tmp_path):
    other = OBLIQUE.copy()
    other[0, 3] += 0.3  # of 0.8 mm
    assert read_image(saved(tmp_path / "a.nii", q_affine=other)).read_warnings == ()


def test_a_sform_of_zeros_beside_a_qform_is_warned_of(tmp_path):
    image = read_image(saved(tmp_path / "a.nii", srow_x=0, srow_y=0, srow_z=0))
    same(image, VOXELS, OBLIQUE)
    assert "qform" in warned(image)["conflicting_geometry"]


@pytest.mark.parametrize(("unit", "mm"), [(1, 1000.0), (3, 0.001), (2, 1.0), (0, 1.0), (2 + 8, 1.0)])
def test_units_of_length(tmp_path, unit, mm):
    scale = np.diag([1 / mm, 1 / mm, 1 / mm, 1])
    for sform in (0, 1):
        image = read_image(saved(tmp_path / "a.nii", affine=scale @ OBLIQUE, sform=sform, xyzt_units=unit))
        same(image, VOXELS, OBLIQUE, millimeters=1e-3)


def test_a_spacing_without_orientation_is_warned_of(tmp_path):
    image = read_image(saved(tmp_path / "a.nii", sform=0, qform=0, pixdim=[1, 0.8, 1.3, 5, 0, 0, 0, 0]))
    np.testing.assert_allclose(image.spacing, (0.8, 1.3, 5), rtol=1e-6)
    assert "orientation" in warned(image)["orientation_unknown"]


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_a_spacing_that_is_none_is_refused(tmp_path, bad):
    refused(saved(tmp_path / "a.nii", sform=0, qform=0, pixdim=[1, 1, bad, 1, 0, 0, 0, 0]), "spacing")
    broken = OBLIQUE.copy()
    broken[:3, 1] = bad
    refused(saved(tmp_path / "b.nii", affine=broken, q_affine=OBLIQUE, qform=0), "spacing")


def test_an_origin_that_is_not_a_number_is_refused(tmp_path):
    broken = OBLIQUE.copy()
    broken[1, 3] = np.nan
    refused(saved(tmp_path / "a.nii", affine=broken, q_affine=OBLIQUE, qform=0), "origin")


def test_a_shear_is_refused_and_a_rounded_affine_is_not(tmp_path):
    refused(saved(tmp_path / "a.nii", affine=SHEARED, q_affine=OBLIQUE, qform=0), "orthogonal", "shear")
    rounded = OBLIQUE.round(2)
    image = read_image(saved(tmp_path / "b.nii", affine=rounded, q_affine=OBLIQUE, qform=0))
    direction = np.array(image.direction)
    np.testing.assert_allclose(direction.T @ direction, np.eye(3), atol=1e-12)
    corners = np.array([[i, j, k, 1] for i in (0, 10) for j in (0, 8) for k in (0, 6)])
    moved = np.linalg.norm((corners @ (image.index_to_lps - RAS_TO_LPS @ rounded).T)[:, :3], axis=1).max()
    assert 0 < moved < 0.1 * 0.8
    assert "orthogonal" in warned(image)["not_orthogonal"]


# --- what is one volume ---------------------------------------------------------------------------------------------------


def test_slices_in_the_fourth_axis_are_a_volume(tmp_path):
    path = saved(tmp_path / "a.nii", voxels=VOXELS[:, :, None, :])
    image = read_image(path)
    same(image, VOXELS, OBLIQUE)
    assert "7 slices" in warned(image)["slices_in_fourth_axis"]


@pytest.mark.parametrize("shape", [(11, 9, 7, 1), (11, 9, 7, 1, 1)])
def test_axes_of_size_1_at_the_end_are_dropped(tmp_path, shape):
    image = read_image(saved(tmp_path / "a.nii", voxels=VOXELS.reshape(shape)))
    same(image, VOXELS, OBLIQUE)
    assert image.read_warnings == ()


@pytest.mark.parametrize(("shape", "word"), [((11, 9, 7, 2), "4D"), ((11, 9, 7, 1, 3), "5D"), ((11, 1, 9, 7), "4D")])
def test_several_volumes_are_refused(tmp_path, shape, word):
    refused(saved(tmp_path / "a.nii", voxels=np.ones(shape, np.int16)), word, "one time point")


def test_a_single_slice_without_a_distance_to_the_next(tmp_path):
    path = saved(tmp_path / "a.nii", voxels=VOXELS[:, :, 0], sform=0, pixdim=[1, 0.8, 1.3, 0, 0, 0, 0, 0])
    assert read_image(path).size == (11, 9, 1)


@pytest.mark.parametrize(
    ("code", "word"), [(128, "colors"), (32, "complex"), (2304, "colors"), (1, "bits"), (9999, "9999")]
)
def test_values_that_are_no_single_number_are_refused(tmp_path, code, word):
    refused(saved(tmp_path / "a.nii", datatype=code), word, "gray-scale")


def test_damaged_headers_are_refused(tmp_path):
    refused(saved(tmp_path / "a.nii", dim=[0, 1, 1, 1, 1, 1, 1, 1]), "damaged")
    refused(saved(tmp_path / "b.nii", dim=[3, 11, -9, 7, 1, 1, 1, 1]), "no voxels")
    refused(saved(tmp_path / "c.nii", dim=[3, 32767, 32767, 32767, 1, 1, 1, 1]), "cut off", "promises")
    refused(saved(tmp_path / "c.nii.gz", dim=[3, 32767, 32767, 32767, 1, 1, 1, 1]), "cut off", "promises")
    short = tmp_path / "d.nii"
    short.write_bytes(saved(tmp_path / "e.nii").read_bytes()[:200])
    refused(short, "cut off")
    text = tmp_path / "f.nii"
    text.write_text("no image at all, but long enough to be one")
    refused(text, "not a NIfTI file")
