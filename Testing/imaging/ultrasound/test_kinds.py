"""What a picture shows, and that it is refused or warned of where it is given for something else."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.image import REGIONS, Image
from LiverAILib.imaging.ultrasound import check_ultrasound, find_scan_area, find_text, ultrasound_kind
from Testing.imaging.ultrasound.pictures import (
    Picture,
    b_mode,
    doppler,
    elastogram,
    m_mode,
    side_by_side,
    speckle,
    write_text,
)


def image_of(picture: Picture, **fields: object) -> Image:
    return Image(picture.colors[None], **fields)


def codes(image: Image, expected: str, **options: object) -> set[str]:
    return {code for code, _ in check_ultrasound(image, expected=expected, **options)}


PICTURES = {
    "b-mode": lambda seed: b_mode(seed=seed),
    "elastogram": lambda seed: elastogram(seed=seed, opacity=0.5, map_name=("jet", "turbo")[seed]),
    "doppler": lambda seed: doppler(seed=seed),
    "m-mode": lambda seed: m_mode(seed=seed),
    "two panes": lambda seed: side_by_side(b_mode(seed=seed), b_mode(seed=seed + 9)),
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", PICTURES)
def test_every_kind_is_known_and_refused_as_another_one(kind, seed):
    image = image_of(PICTURES[kind](seed))
    assert ultrasound_kind(image) == kind
    for expected in ("b-mode", "elastogram"):
        if kind == expected:
            check_ultrasound(image, expected=expected)
        else:
            with pytest.raises(UserError, match=r"p\.png: an? .*, where .* is needed\. Give the .* alone"):
                check_ultrasound(image, expected=expected, name="p.png")


def test_the_regions_of_a_dicom_header_decide():
    trace, flow = (250, 400, 0, 600, 2, 1), (40, 400, 0, 600, 1, 2)
    assert ultrasound_kind(image_of(b_mode(), meta={REGIONS: (trace,)})) == "m-mode"
    assert ultrasound_kind(image_of(b_mode(), meta={REGIONS: (flow,)})) == "doppler"
    assert ultrasound_kind(image_of(elastogram(), meta={REGIONS: (flow,)})) == "elastogram"


def test_real_images_are_gray_scale_images(data_folder):
    for name in ("us_aul/images/11.jpg", "us_rus/images/a9.jpg", "us_byra/full/ID_10_Class_0_Fat_1_Image_1.jpeg"):
        file = data_folder / name
        if not file.exists():
            pytest.skip(f"no real ultrasound here: {file} does not exist")
        assert ultrasound_kind(read_image(file)) == "b-mode"


# --- warnings -------------------------------------------------------------------------------------------------------


def test_text_beside_the_scan_area_is_warned_of_with_its_place():
    picture = b_mode(seed=1)
    warnings = dict(check_ultrasound(image_of(picture), expected="b-mode"))
    assert set(warnings) == {"burned_in_text"}
    top = picture.boxes["text"][0]
    assert f"rows {top}" in warnings["burned_in_text"] or f"rows {top + 1}" in warnings["burned_in_text"]
    assert codes(image_of(b_mode(seed=1, furniture=False)), "b-mode") == set()


def test_text_within_the_scan_area_is_warned_of():
    picture = b_mode(seed=2, furniture=False)
    write_text(picture, "DOE, JANE", 220, 260, size=16)
    image = image_of(picture)
    assert codes(image, "b-mode") == {"text_in_scan_area"}
    found = find_text(image, find_scan_area(image)).inside
    top, bottom, left, right = picture.boxes["text"]
    assert any(box.top < bottom and top < box.bottom and box.left < right and left < box.right for box in found)


def test_a_dual_display_is_a_gray_scale_image_only_where_that_is_asked_for():
    image = image_of(side_by_side(elastogram(seed=3), b_mode(seed=3)))
    assert "dual_display" in codes(image, "elastogram")
    assert "dual_display" in codes(image, "b-mode", dual_display=True)
    with pytest.raises(UserError, match="an elastogram"):
        check_ultrasound(image, expected="b-mode")


def test_other_images_are_refused():
    with pytest.raises(UserError, match=r"x: the image is CT, not ultrasound"):
        check_ultrasound(Image(np.zeros((1, 50, 50), np.int16), modality="CT"), expected="b-mode", name="x")
    hounsfield = np.random.default_rng(0).normal(40, 200, (1, 200, 200)).astype(np.float32)
    with pytest.raises(UserError, match="values start at -"):
        check_ultrasound(Image(hounsfield), expected="b-mode")
    with pytest.raises(UserError, match="cine loop or volume of 3"):
        check_ultrasound(Image(np.zeros((3, 50, 50), np.uint8)), expected="b-mode")


def test_an_area_of_another_shape_is_in_doubt():
    """A triangle that stands on its tip. The oval of a body passes as a fan: shape alone does not tell it from one."""
    rows, columns = np.mgrid[:300, :400]
    tip = np.abs(columns - 200) < (280 - rows) * 0.6
    picture = np.where(tip & (rows > 40), speckle((300, 400), np.random.default_rng(1)), 0).astype(np.uint8)
    assert "scan_area_in_doubt" in codes(Image(picture[None]), "b-mode")
