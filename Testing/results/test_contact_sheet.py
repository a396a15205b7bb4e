"""The contact sheet: which slices, whose outlines, which side."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.image import imread

from LiverAILib.data.assessment import CaseWarning, Segmentation
from LiverAILib.data.measurement import Measurement
from LiverAILib.data.structures import LIVER, SPLEEN
from LiverAILib.errors import UserError
from LiverAILib.results.contact_sheet import contact_sheet, shown_slices, write_contact_sheet
from Testing.conftest import reoriented
from Testing.segmentation.planted import phantom


@pytest.fixture(scope="module")
def case():
    image, labels = phantom((20, 40, 50), (6.0, 6.0, 7.0))
    return image, Segmentation(image.with_array(labels), (LIVER, SPLEEN), "planted")


def panels(figure) -> list:
    return [axes for axes in figure.axes if axes.images]


def texts(figure) -> str:
    return "\n".join(text.get_text() for text in figure.texts)


def test_all_slices_where_they_fit_else_evenly_through_the_organs():
    labels = np.zeros((90, 4, 4), np.uint8)
    labels[30:70, 1, 1] = 1
    chosen = shown_slices(labels, 12)
    assert len(chosen) == 12
    assert (chosen[0], chosen[-1]) == (70, 29)  # one beyond each end, top of the patient first
    assert max(-np.diff(chosen)) - min(-np.diff(chosen)) <= 1
    assert shown_slices(labels[:5], 12) == [4, 3, 2, 1, 0]
    assert len(shown_slices(np.zeros((90, 4, 4), np.uint8), 12)) == 12


def test_volumes_and_warnings_stand_in_full_and_every_panel_has_its_number_and_sides(case):
    warning = CaseWarning("x", "The liver is cut off at the upper end of the image (44 cm2).")
    figure = contact_sheet(
        *case, title="case 7", measurements=[Measurement("Liver volume", 1262.6, "mL")], warnings=[warning], panels=12
    )
    shown = texts(figure)
    assert "case 7" in shown
    assert "Liver volume 1262.6 mL" in shown
    assert warning.text in shown.replace("\n    ", " ")
    assert "Spleen" in shown
    marks = [[t.get_text() for t in axes.texts] for axes in panels(figure)]
    assert len(marks) == 12
    assert all({"R", "L"} <= set(m) for m in marks)
    numbers = [int(m[0].removeprefix("slice ")) for m in marks]
    assert numbers == sorted(numbers, reverse=True)


def test_the_outline_has_the_structures_color_and_lies_on_the_patients_side(case):
    figure = contact_sheet(*case, panels=6)
    for axes in panels(figure):
        for outline in axes.collections:
            color = outline.get_edgecolor()[0][:3]
            x = np.concatenate([path.vertices[:, 0] for path in outline.get_paths() if len(path.vertices)]).mean()
            share = x / axes.get_xlim()[1]
            is_liver = np.allclose(color, np.array(LIVER.color) / max(LIVER.color), atol=0.01)
            # The patient's right, with the liver, is on the left of the picture.
            assert share < 0.5 if is_liver else share > 0.5


def test_the_same_picture_in_every_axis_order_but_for_the_slice_numbers(case):
    image, segmentation = case
    axes, flips = (1, 2, 0), (True, False, True)
    moved = Segmentation(reoriented(segmentation.image, axes, flips), segmentation.structures, "planted")
    figures = [contact_sheet(*case, panels=4), contact_sheet(reoriented(image, axes, flips), moved, panels=4)]
    pictures = []
    for figure in figures:
        for axis in panels(figure):
            axis.texts[0].remove()
        stream = io.BytesIO()
        figure.savefig(stream, dpi=40)
        pictures.append(imread(io.BytesIO(stream.getvalue())))
    np.testing.assert_array_equal(*pictures)


def test_the_file_is_a_png_or_nothing(case, tmp_path):
    figure = contact_sheet(*case, panels=2)
    path = write_contact_sheet(figure, tmp_path / "new" / "sheet.png", dpi=30)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in path.parent.iterdir()] == ["sheet.png"]
    with pytest.raises(UserError, match=r"sheet\.jpg: .*Use one of \.png"):
        write_contact_sheet(figure, tmp_path / "sheet.jpg")
