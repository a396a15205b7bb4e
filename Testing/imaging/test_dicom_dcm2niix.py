"""Every kind of readable DICOM against what was planted, and against dcm2niix: same voxels at the same places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from LiverAILib.imaging.files import read_image
from Testing.imaging.dicom_files import (
    CORONAL,
    ORIGIN,
    PIXEL,
    SAGITTAL,
    STEP,
    assert_same_as,
    compress,
    converted_by_dcm2niix,
    item,
    jpeg_baseline,
    write_enhanced,
    write_series,
)

OBLIQUE = (0.9363, 0.2896, -0.1987, -0.2751, 0.9564, 0.0978)
"""Rounded as scanners do: the vectors are neither of unit length nor at right angles to the last digit."""

SLOPES = np.array([1.0, 0.5, 1.25, 0.75, 2.0, 1.5])

VOLUME = np.random.default_rng(0).integers(0, 1000, (6, 16, 12)).astype(np.uint16)
GRADIENT = np.add.outer(np.arange(6) * 20, np.add.outer(np.arange(16) * 4, np.arange(12) * 3)).astype(np.uint8)
SIGNED = (VOLUME.astype(np.int16) - 400).astype(np.int16)


def with_syntax(syntax) -> Callable:
    def each(k, made):
        made.file_meta.TransferSyntaxUID = syntax
        return made

    return each


def big_endian(k, made):
    made.PixelData = np.frombuffer(made.PixelData, np.uint16).astype(">u2").tobytes()
    made.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    return made


def rescaled(k, made):
    made.RescaleSlope = SLOPES[k]
    return made


def mixed_signs(k, made):
    """Unsigned with an intercept and signed without one, in turn."""
    if k % 2:
        pixels = (np.frombuffer(made.PixelData, np.uint16).astype(int) - 1024).astype(np.int16)
        made.PixelRepresentation, made.RescaleIntercept, made.PixelData = 1, 0, pixels.tobytes()
    return made


def enhanced(path: Path, *, order=range(6), volume=VOLUME, groups=lambda k: {}, **more) -> Path:
    path.mkdir(parents=True)
    return write_enhanced(path / "enhanced.dcm", [(volume[k], k * STEP, groups(k)) for k in order], **more)


def own_rescale(k):
    return {"PixelValueTransformationSequence": item(RescaleSlope=SLOPES[k], RescaleIntercept=-10, RescaleType="US")}


KINDS = {
    "unsigned with intercept": (lambda f: write_series(f, VOLUME, RescaleIntercept=-1024), VOLUME - 1024.0),
    "signed": (lambda f: write_series(f, SIGNED), SIGNED),
    "8 bits": (lambda f: write_series(f, (VOLUME % 251).astype(np.uint8), Modality="MR"), VOLUME % 251),
    "MR": (lambda f: write_series(f, VOLUME, Modality="MR"), VOLUME),
    "coronal": (lambda f: write_series(f, VOLUME, orientation=CORONAL), VOLUME),
    "sagittal": (lambda f: write_series(f, VOLUME, orientation=SAGITTAL), VOLUME),
    "oblique": (lambda f: write_series(f, VOLUME, orientation=OBLIQUE), VOLUME),
    "another slope in every slice": (lambda f: write_series(f, VOLUME, each=rescaled), VOLUME * SLOPES[:, None, None]),
    "signed and unsigned slices": (
        lambda f: write_series(f, VOLUME, RescaleIntercept=-1024, each=mixed_signs),
        VOLUME - 1024.0,
    ),
    "implicit VR": (lambda f: write_series(f, VOLUME, each=with_syntax(ImplicitVRLittleEndian)), VOLUME),
    "deflated": (lambda f: write_series(f, VOLUME, each=with_syntax(DeflatedExplicitVRLittleEndian)), VOLUME),
    "RLE": (lambda f: write_series(f, VOLUME, each=lambda k, made: compress(made, RLELossless)), VOLUME),
    "JPEG-LS": (lambda f: write_series(f, VOLUME, each=lambda k, made: compress(made, JPEGLSLossless)), VOLUME),
    "JPEG 2000": (
        lambda f: write_series(
            f, VOLUME, RescaleIntercept=-1024, each=lambda k, made: compress(made, JPEG2000Lossless)
        ),
        VOLUME - 1024.0,
    ),
    "JPEG lossless": (
        lambda f: write_series(f, VOLUME, RescaleIntercept=-1024, each=lambda k, made: compress(made, JPEGLosslessSV1)),
        VOLUME - 1024.0,
    ),
    "signed JPEG 2000": (
        lambda f: write_series(f, SIGNED, each=lambda k, made: compress(made, JPEG2000Lossless)),
        SIGNED,
    ),
    "signed JPEG lossless": (
        lambda f: write_series(f, SIGNED, each=lambda k, made: compress(made, JPEGLosslessSV1)),
        SIGNED,
    ),
    "signed RLE": (lambda f: write_series(f, SIGNED, each=lambda k, made: compress(made, RLELossless)), SIGNED),
    "signed JPEG-LS": (lambda f: write_series(f, SIGNED, each=lambda k, made: compress(made, JPEGLSLossless)), SIGNED),
    "JPEG baseline": (
        lambda f: write_series(f, GRADIENT, Modality="MR", each=lambda k, made: jpeg_baseline(made)),
        None,
    ),
    "big endian": (lambda f: write_series(f, VOLUME, each=big_endian), VOLUME),
    "padding": (lambda f: write_series(f, np.where(VOLUME > 900, -2000, SIGNED).astype(np.int16)), None),
    "CT as MONOCHROME1": (
        lambda f: write_series(f, VOLUME, RescaleIntercept=-1024, PhotometricInterpretation="MONOCHROME1"),
        VOLUME - 1024.0,
    ),
    "acquired in two breath holds": (
        lambda f: write_series(
            f, VOLUME, Modality="MR", each=lambda k, made: (setattr(made, "AcquisitionNumber", k % 2 + 1), made)[1]
        ),
        VOLUME,
    ),
    "enhanced MR": (lambda f: enhanced(f), VOLUME),
    "enhanced MR, frames shuffled": (lambda f: enhanced(f, order=(3, 0, 5, 1, 4, 2)), VOLUME),
    "enhanced CT": (lambda f: enhanced(f, modality="CT", intercept=-1024), VOLUME - 1024.0),
    "enhanced MR, coronal": (lambda f: enhanced(f, orientation=CORONAL), VOLUME),
    "enhanced MR, another slope in every frame": (
        lambda f: enhanced(f, groups=own_rescale),
        VOLUME * SLOPES[:, None, None] - 10,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_image_is_what_was_planted_and_what_dcm2niix_reads(tmp_path, kind):
    write, planted = KINDS[kind]
    write(tmp_path / "in")
    image = read_image(tmp_path / "in")
    if planted is not None:
        np.testing.assert_allclose(image.array, planted, rtol=1e-6)
    np.testing.assert_allclose(image.spacing, (PIXEL[1], PIXEL[0], STEP), rtol=1e-4)
    np.testing.assert_allclose(image.origin, ORIGIN)
    assert "uneven_slices" not in dict(image.read_warnings)
    if kind == "deflated":
        return  # dcm2niix does not read it: what was planted is the only witness
    (nifti,) = converted_by_dcm2niix(tmp_path / "in", tmp_path / "nifti")
    assert_same_as(image, nifti, tolerance=2 if kind == "JPEG baseline" else 1e-3)  # two decoders of a lossy code


def test_the_real_ct_is_what_dcm2niix_reads(data_folder, tmp_path):
    folder = data_folder / "ct_chaos" / "DICOM_anon"
    image = read_image(folder)
    (nifti,) = converted_by_dcm2niix(folder, tmp_path / "nifti")
    assert_same_as(image, nifti)
    positions = sorted(
        float(pydicom.dcmread(f, stop_before_pixels=True).ImagePositionPatient[2]) for f in folder.glob("*.dcm")
    )
    assert image.spacing[2] == pytest.approx(positions[1] - positions[0])
    assert image.size[2] == len(positions) == 78
    assert image.array.dtype == np.int16
