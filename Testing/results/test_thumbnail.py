"""The thumbnail of a result: a small picture with outline and heat map where they belong."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PilImage

from LiverAILib.data.assessment import Assessment, Segmentation
from LiverAILib.data.outcome import Classification, HeatMap
from LiverAILib.data.structures import LIVER
from LiverAILib.imaging.image import Image
from LiverAILib.results.thumbnail import HEIGHT, thumbnail, write_thumbnail


@pytest.fixture
def assessment() -> Assessment:
    """A CT of air with a body in rows 10-49 and columns 20-99, pixels twice as high as wide; liver and heat lie apart."""
    array = np.full((3, 60, 120), -1000, np.int16)
    array[:, 10:50, 20:100] = 50
    labels, heat = np.zeros(array.shape, np.uint8), np.zeros(array.shape, np.float32)
    labels[1, 20:40, 30:50] = LIVER.label
    heat[1, 20:40, 70:90] = 1
    image = Image(array, (1.0, 2.0, 5.0), modality="CT")
    heatmap = HeatMap(image.with_array(heat), "Grad-CAM", "F4", "ct", "", "", "ct")
    return Assessment(
        case_id="case",
        images={"ct": (image,)},
        method="yin2021",
        model="test",
        segmentation=Segmentation(image.with_array(labels), (LIVER,), "given"),
        outcomes={"ct": Classification({"F0": 0.2, "F4": 0.8}, (heatmap,))},
        primary="ct",
        chosen_slice=None,
    )


def decoded(jpeg: bytes) -> np.ndarray:
    return np.array(PilImage.open(io.BytesIO(jpeg)), int)


def colored(picture: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the pixels that are not gray."""
    rows, columns = np.nonzero(np.ptp(picture, axis=2) > 35)
    return slice(rows.min(), rows.max()), slice(columns.min(), columns.max())


def test_the_body_fills_two_panels_with_outline_and_heat_in_their_places(assessment):
    picture = decoded(thumbnail(assessment))
    assert picture.shape == (HEIGHT, 2 * HEIGHT, 3)  # the body is 80 mm by 80 mm
    assert picture.mean() > 60  # little air around it
    scale = HEIGHT / 80
    for panel, first_column in ((picture[:, :HEIGHT], 10), (picture[:, HEIGHT:], 50)):
        rows, columns = colored(panel)
        found = (rows.start, rows.stop, columns.start, columns.stop)
        expected = np.array((20, 60, first_column, first_column + 20)) * scale  # mm from the corner of the body
        np.testing.assert_allclose(found, expected, atol=8)  # JPEG stores colors at half the resolution
    middle = picture[HEIGHT // 2, round(20 * scale)]
    assert np.ptp(middle) < 30, "the inside of the outline is the image"


def test_a_small_file_is_written_and_the_same_each_time(assessment, tmp_path):
    write_thumbnail(assessment, tmp_path)
    (written,) = tmp_path.iterdir()
    assert written.name == "thumbnail.jpg"
    assert written.read_bytes() == thumbnail(assessment)
    assert written.stat().st_size < 20_000


def test_images_without_masks_or_maps_are_shown_as_they_are_and_at_most_four(assessment):
    image = Image(np.random.default_rng(0).integers(0, 255, (1, 50, 50)).astype(np.uint8), (1, 1, 1), modality="US")
    six = replace(
        assessment,
        images={"gray_scale": (image,) * 6},
        segmentation=None,
        outcomes={"us": Classification({"F0": 1.0}, ())},
        primary="us",
    )
    height, width, _ = decoded(thumbnail(six)).shape
    assert width == pytest.approx(4 * height, rel=0.05)


def test_an_empty_image_has_a_thumbnail(assessment):
    empty = assessment.image.with_array(np.full((3, 60, 120), -1000, np.int16))
    assert decoded(thumbnail(replace(assessment, images={"ct": (empty,)}))).shape[0] == HEIGHT
