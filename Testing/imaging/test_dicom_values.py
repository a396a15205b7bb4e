"""What the values of DICOM frames are: rescale of every frame, stored types, unused bits, inversion, what the header adds."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.uid import JPEG2000Lossless

from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image
from Testing.imaging.dicom_files import compress, dataset, item, save, store, write_enhanced, write_series


@pytest.fixture
def volume():
    return np.random.default_rng(0).integers(0, 1000, (6, 12, 10)).astype(np.uint16)


@pytest.mark.parametrize(
    ("top", "slope", "intercept", "dtype"),
    [
        (1000, 1, -1024, np.int16),
        (40000, 1, -1024, np.int32),
        (60000, 1, -30000, np.int16),
        (1000, 3, 7, np.int16),
        (1000, 300, 0, np.int32),
        (60000, 100000, 0, np.float32),
        (1000, 0.5, 0, np.float32),
        (1000, 1, 0.25, np.float32),
    ],
)
def test_integers_stay_integers_of_the_smallest_type_that_holds_them(tmp_path, top, slope, intercept, dtype):
    stored = np.linspace(0, top, 6 * 12 * 10).reshape(6, 12, 10).astype(np.uint16)
    write_series(tmp_path / "in", stored, RescaleSlope=slope, RescaleIntercept=intercept)
    array = read_image(tmp_path / "in").array
    assert array.dtype == dtype
    np.testing.assert_allclose(array, stored.astype(float) * slope + intercept, rtol=1e-6)


def test_every_slice_has_its_own_rescale(tmp_path, volume):
    def each(k, made):
        made.RescaleSlope, made.RescaleIntercept = (1, -5) if k == 0 else (0.01 * k, 0)
        return made

    write_series(tmp_path / "in", volume, Modality="MR", each=each)
    array = read_image(tmp_path / "in").array
    np.testing.assert_array_equal(array[0], volume[0].astype(np.float32) - 5)
    np.testing.assert_allclose(array[3], volume[3] * 0.03, rtol=1e-6)


def test_a_first_slice_without_negative_values_does_not_decide_the_type(tmp_path, volume):
    write_series(
        tmp_path / "in",
        volume,
        each=lambda k, made: (setattr(made, "RescaleIntercept", 0 if k == 0 else -1024), made)[1],
    )
    array = read_image(tmp_path / "in").array.astype(int)
    np.testing.assert_array_equal(array[0], volume[0])
    np.testing.assert_array_equal(array[1:], volume[1:].astype(int) - 1024)


def test_every_frame_of_an_enhanced_object_has_its_own_rescale(tmp_path, volume):
    frames = [
        (
            volume[k],
            2.5 * k,
            {"PixelValueTransformationSequence": item(RescaleSlope=0.5 + k, RescaleIntercept=k, RescaleType="US")},
        )
        for k in range(6)
    ]
    array = read_image(write_enhanced(tmp_path / "mr.dcm", frames)).array
    np.testing.assert_allclose(array, volume * (0.5 + np.arange(6))[:, None, None] + np.arange(6)[:, None, None])


@pytest.mark.parametrize("sign", [1, -1])
def test_bits_above_the_stored_ones_do_not_count(tmp_path, volume, sign):
    """An overlay in bit 12, or the unused bits of a signed value left at 0."""
    planted = sign * volume.astype(np.int16)
    stored = (planted & 0xFFF if sign < 0 else planted | 0x1000).astype(np.int16 if sign < 0 else np.uint16)
    write_series(tmp_path / "in", stored, BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(read_image(tmp_path / "in").array, planted)


def test_values_in_the_high_bits_are_shifted_down(tmp_path, volume):
    write_series(tmp_path / "in", volume << 4, BitsStored=12, HighBit=15)
    np.testing.assert_array_equal(read_image(tmp_path / "in").array, volume)


def test_the_hounsfield_units_of_a_monochrome1_ct_are_not_inverted(tmp_path, volume):
    write_series(tmp_path / "in", volume, RescaleIntercept=-1024, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(read_image(tmp_path / "in").array, volume.astype(int) - 1024)


@pytest.mark.parametrize("signed", [False, True])
def test_an_mr_that_is_stored_inverted_is_inverted_back_and_it_is_said(tmp_path, volume, signed):
    stored = -1 - volume.astype(np.int16) if signed else 4095 - volume
    write_series(
        tmp_path / "in", stored, Modality="MR", PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11
    )
    image = read_image(tmp_path / "in")
    np.testing.assert_array_equal(image.array, volume)
    assert "MONOCHROME1" in dict(image.read_warnings)["reading_note"]


def test_a_lookup_table_makes_the_values(tmp_path, volume):
    stored = (volume % 4).astype(np.uint8)
    table = item(LUTDescriptor=[4, 0, 16], LUTData=np.array([7, 100, 900, 40], "<u2").tobytes())
    write_series(
        tmp_path / "in", stored, Modality="MR", ModalityLUTSequence=[table], RescaleSlope=None, RescaleIntercept=None
    )
    np.testing.assert_array_equal(read_image(tmp_path / "in").array, np.array([7, 100, 900, 40])[stored])


def test_gdcm_decodes_the_pixels_alone(tmp_path, volume):
    """Neither the rescale of the file nor its inversion is applied twice."""
    write_series(
        tmp_path / "in",
        4095 - volume,
        Modality="MR",
        RescaleSlope=2,
        RescaleIntercept=3,
        PhotometricInterpretation="MONOCHROME1",
        BitsStored=12,
        HighBit=11,
        each=lambda k, made: compress(made, JPEG2000Lossless),
    )
    np.testing.assert_array_equal(read_image(tmp_path / "in").array, volume * 2 + 3)


def test_floating_point_pixels_are_read(tmp_path):
    planted = np.random.default_rng(0).normal(0, 1, (12, 10)).astype(np.float32)
    made = dataset(np.zeros((12, 10), np.uint16), (0, 0, 0), (1, 0, 0, 0, 1, 0), Modality="MR")
    del made.PixelData
    for name in ("BitsStored", "HighBit", "PixelRepresentation"):
        delattr(made, name)
    made.BitsAllocated, made.FloatPixelData = 32, planted.tobytes()
    np.testing.assert_array_equal(read_image(save(made, tmp_path / "map.dcm")).array[0], planted)


def test_big_endian_words_without_file_meta_are_not_mistaken(tmp_path, volume):
    made = dataset(volume[0], (0, 0, 0), (1, 0, 0, 0, 1, 0))
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.2"
    store(made, volume[0].astype(">u2"))
    np.testing.assert_array_equal(read_image(save(made, tmp_path / "big.dcm")).array[0], volume[0])


@pytest.mark.parametrize("agent", [None, "Iomeprol 400"])
def test_the_contrast_agent_is_known_where_the_header_names_it(tmp_path, volume, agent):
    write_series(tmp_path / "ct", volume, **({"ContrastBolusAgent": agent} if agent else {}))
    image = read_image(tmp_path / "ct")
    assert image.meta.get("contrast_agent") == agent
    assert image.modality == "CT"
    assert image.meta["modality_source"] == "DICOM Modality"


def test_a_mosaic_of_slices_is_refused(tmp_path, volume):
    write_series(tmp_path / "in", volume, Modality="MR", ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"])
    with pytest.raises(UserError, match="mosaic"):
        read_image(tmp_path / "in")


def test_an_unknown_compression_is_refused_by_its_name(tmp_path, volume):
    def each(k, made):
        compress(made, JPEG2000Lossless)
        made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"
        return made

    write_series(tmp_path / "in", volume, each=each)
    with pytest.raises(UserError, match=r"cannot be decoded .*MPEG2.*Export the series uncompressed"):
        read_image(tmp_path / "in")
