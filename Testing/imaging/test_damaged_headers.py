"""Random damage of a header, or of the whole file: it is read, or refused in one line; nothing else comes out."""

from __future__ import annotations

import random

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image

TEXT = b"0123456789 -.naN,()\n:=x"
"""Characters that change the meaning of a header in text."""


def refusal(path) -> str:
    """Why the file is refused; empty where it is read."""
    try:
        read_image(path)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.filterwarnings("error::RuntimeWarning")  # numpy would print it beside the one line
@pytest.mark.parametrize("name", ["1.nii", "1.nii.gz", "2.nii", "raw.nrrd", "gzip.nrrd", "raw.mha", "zlib.mha"])
def test_damage_is_read_or_refused_in_one_line(tmp_path, name):
    voxels = np.random.default_rng(0).integers(0, 900, (6, 7, 8)).astype(np.int16)
    path = tmp_path / name
    if name == "2.nii":
        nibabel.save(nibabel.Nifti2Image(voxels, np.diag([1, 2, 3, 1])), path)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(voxels), str(path), not name.startswith(("raw", "1.nii")))
    whole = path.read_bytes()
    rng = random.Random(name)
    binary = ".nii" in name
    refusals = 0
    for _ in range(400):
        content = bytearray(whole)
        for _ in range(rng.choice((1, 1, 2, 5))):
            place = rng.randrange(min(len(content), 544 if binary else 400))
            if not binary and rng.random() < 0.3:
                del content[place : place + rng.randrange(1, 30)]
            else:
                content[place] = rng.randrange(256) if binary else rng.choice(TEXT)
        if rng.random() < 0.2:
            content = content[: rng.randrange(1, len(content))]
        path.write_bytes(content)
        message = refusal(path)
        refusals += bool(message)
        assert "\n" not in message
        assert not message or str(path) in message
    assert 50 < refusals < 400
