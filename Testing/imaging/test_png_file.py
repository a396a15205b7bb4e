import numpy as np
import PIL.Image
import pytest

from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.png_file import write_png


@pytest.mark.parametrize("shape", [(1, 20, 30), (1, 20, 30, 3)])
def test_a_picture_comes_back_as_it_was_written(tmp_path, shape):
    values = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    path = write_png(Image(values, spacing=(0.3, 0.3, 1)), tmp_path / "picture.png")
    assert np.array_equal(np.asarray(PIL.Image.open(path)), values[0])
    assert np.array_equal(read_image(path).array, values)


@pytest.mark.parametrize("values", [np.zeros((2, 4, 4), np.uint8), np.zeros((1, 4, 4), np.float32)])
def test_refuses_volumes_and_other_types(tmp_path, values):
    with pytest.raises(ValueError, match="one slice of uint8"):
        write_png(Image(values), tmp_path / "picture.png")
    assert list(tmp_path.iterdir()) == []
