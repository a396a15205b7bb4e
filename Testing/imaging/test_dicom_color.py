"""DICOM pictures in color: each encoding of the same colors gives the same image."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.pixels import convert_color_space
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from LiverAILib.data.case import Case
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image
from Testing.imaging.dicom_files import item, save, ultrasound

COLORS = np.kron(np.random.default_rng(5).integers(0, 256, (5, 6, 3)), np.ones((8, 8, 1))).astype(np.uint8)
LOOP = np.stack([COLORS, COLORS[::-1], 255 - COLORS])


def region(**fields: object) -> pydicom.Dataset:
    known = {"PhysicalUnitsXDirection": 3, "PhysicalUnitsYDirection": 3, "PhysicalDeltaX": 0.02, "PhysicalDeltaY": 0.03}
    box = {"RegionLocationMinX0": 4, "RegionLocationMaxX1": 43, "RegionLocationMinY0": 2, "RegionLocationMaxY1": 35}
    return item(**{"RegionSpatialFormat": 1, "RegionDataType": 1, **known, **box, **fields})


def close(image, expected, tolerance=0) -> bool:
    return image.color and bool(np.abs(image.array.astype(int) - expected).max() <= tolerance)


def test_rgb_by_pixel_and_by_plane(tmp_path):
    assert close(read_image(save(ultrasound(COLORS), tmp_path / "pixel.dcm")), COLORS[None])
    planes = ultrasound(COLORS, PlanarConfiguration=1)
    planes.PixelData = COLORS.transpose(2, 0, 1).tobytes()
    assert close(read_image(save(planes, tmp_path / "plane.dcm")), COLORS[None])


def test_a_cine_loop_has_a_slice_for_each_frame(tmp_path):
    image = read_image(save(ultrasound(LOOP), tmp_path / "loop.dcm"))
    assert image.size == (48, 40, 3)
    assert close(image, LOOP)
    assert image.modality == "US"


def test_ybr_full_and_ybr_full_422(tmp_path):
    ybr = convert_color_space(COLORS, "RGB", "YBR_FULL")
    full = ultrasound(ybr, PhotometricInterpretation="YBR_FULL")
    assert close(read_image(save(full, tmp_path / "full.dcm")), COLORS[None], 2)
    half = ultrasound(COLORS, PhotometricInterpretation="YBR_FULL_422")
    pairs = np.stack([ybr[:, ::2, 0], ybr[:, 1::2, 0], ybr[:, ::2, 1], ybr[:, ::2, 2]], axis=-1)
    half.PixelData = pairs.tobytes()
    assert close(read_image(save(half, tmp_path / "half.dcm")), COLORS[None], 2)


def test_a_palette(tmp_path):
    table = np.random.default_rng(2).integers(0, 256, (3, 256)).astype(np.uint16)
    indices = np.random.default_rng(3).integers(0, 256, (12, 14)).astype(np.uint8)
    made = ultrasound(indices, PhotometricInterpretation="PALETTE COLOR")
    for name, values in zip(("Red", "Green", "Blue"), table, strict=True):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(made, f"{name}PaletteColorLookupTableData", (values * 257).tobytes())
    assert close(read_image(save(made, tmp_path / "palette.dcm")), table.T[indices][None])


def jpeg(picture: np.ndarray, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    PIL.Image.fromarray(picture).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("syntax", "photometric", "kind", "options", "tolerance"),
    [
        (JPEGBaseline8Bit, "YBR_FULL", "JPEG", {"quality": 98, "subsampling": 0}, 8),
        (JPEG2000Lossless, "YBR_RCT", "JPEG2000", {"irreversible": False, "no_jp2": True}, 0),
    ],
)
def test_compressed_colors(tmp_path, syntax, photometric, kind, options, tolerance):
    made = ultrasound(LOOP, PhotometricInterpretation=photometric)
    made.PixelData = encapsulate([jpeg(frame, kind, **options) for frame in LOOP])
    made.file_meta.TransferSyntaxUID = syntax
    assert close(read_image(save(made, tmp_path / "loop.dcm")), LOOP, tolerance)


def test_rle_colors(tmp_path):
    made = ultrasound(LOOP)
    made.compress(RLELossless, generate_instance_uid=False)
    assert close(read_image(save(made, tmp_path / "loop.dcm")), LOOP)


def test_a_cut_off_color_file_is_refused(tmp_path):
    file = save(ultrasound(COLORS), tmp_path / "view.dcm")
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(UserError, match="damaged or cut off"):
        read_image(file)


# --- calibration ----------------------------------------------------------------------------------------------------


def test_the_region_of_the_image_gives_the_pixel_size_and_other_regions_do_not(tmp_path):
    trace = region(RegionSpatialFormat=4, RegionDataType=11, PhysicalUnitsXDirection=4, PhysicalDeltaX=0.5)
    made = ultrasound(COLORS, SequenceOfUltrasoundRegions=[trace, region()])
    image = read_image(save(made, tmp_path / "view.dcm"))
    np.testing.assert_allclose(image.spacing, (0.2, 0.3, 1.0))
    assert image.meta["ultrasound_regions"] == ((2, 36, 4, 44, 4, 11), (2, 36, 4, 44, 1, 1))


def test_two_panes_of_different_scale_have_no_common_pixel_size(tmp_path):
    made = ultrasound(COLORS, SequenceOfUltrasoundRegions=[region(), region(PhysicalDeltaX=0.04)])
    image = read_image(save(made, tmp_path / "view.dcm"))
    assert image.spacing == (1, 1, 1)
    assert "nothing can be measured" in dict(image.read_warnings)["uneven_slices"]


# --- folders and patients -------------------------------------------------------------------------------------------


def test_every_still_of_an_ultrasound_series_is_an_image_of_its_own(tmp_path):
    save(ultrasound(COLORS), tmp_path / "in/a.dcm")
    save(ultrasound(COLORS[::-1]), tmp_path / "in/b.dcm")
    with pytest.raises(UserError, match=r"2 volumes .*file a\.dcm.*file b\.dcm"):
        read_image(tmp_path / "in")
    assert close(read_image(tmp_path / "in", series="2"), COLORS[None, ::-1])


def test_images_of_two_patients_are_no_case(tmp_path):
    one = save(ultrasound(COLORS), tmp_path / "one.dcm")
    same = save(ultrasound(COLORS[::-1]), tmp_path / "same.dcm")
    other = save(ultrasound(COLORS, PatientID="P2", PatientName="Other^Name"), tmp_path / "other.dcm")
    assert len(Case.from_files({"view": [one, same]}).images["view"]) == 2
    with pytest.raises(UserError, match=r"one\.dcm and other\.dcm are of different patients") as refused:
        Case.from_files({"view": [one, same], "reference": [other]})
    assert "P2" not in str(refused.value)
    assert "Other" not in str(refused.value)
