"""One image under the names of two patients is found, mirrored too."""

from pathlib import Path

import numpy as np
import pytest

from LiverAILib.data.cohort import CohortRow
from LiverAILib.data.shared_images import SharedImages, pixel_checksum
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import write_image
from LiverAILib.imaging.image import Image


def picture(seed=0, color=False):
    shape = (1, 12, 16, 3) if color else (1, 12, 16)
    return np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)


@pytest.mark.parametrize("color", [False, True])
def test_a_mirrored_copy_is_the_same_image(color):
    array = picture(color=color)
    assert pixel_checksum(array) == pixel_checksum(array[:, :, ::-1])
    assert pixel_checksum(array) != pixel_checksum(array[:, ::-1])
    assert pixel_checksum(array) != pixel_checksum(picture(1, color))


@pytest.mark.parametrize("step", [1, -1])
def test_an_image_of_two_patients_is_refused_when_it_is_read(tmp_path, step):
    rows = []
    for name, array in (("a", picture()), ("b", picture(1)), ("c", picture()[:, :, ::step])):
        write_image(Image(np.ascontiguousarray(array)), tmp_path / f"{name}.nrrd")
        rows.append(CohortRow(name, f"p{name}", images={"gray_scale": (tmp_path / f"{name}.nrrd",)}))
    shared, read = SharedImages(), []
    for row in rows[:2]:
        shared.watch(row).read_images("gray_scale")
    with pytest.raises(UserError, match=r"c\.nrrd: the image of patient pc is the same .*/a\.nrrd of patient pa"):
        shared.watch(rows[2]).read_images("gray_scale")
    # The same patient may have it twice, and whoever watched the row before still does.
    own = CohortRow("d", "pa", images=rows[2].images, on_read=lambda file, image: read.append(Path(file).name))
    shared.watch(own).read_images("gray_scale")
    assert read == ["c.nrrd"]
