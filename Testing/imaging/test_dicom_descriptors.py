"""Descriptions without what identifies a patient."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.errors import UserError
from LiverAILib.imaging.dicom import scan_dicom
from LiverAILib.imaging.dicom.descriptors import cleaned
from LiverAILib.imaging.files import read_image
from Testing.imaging.dicom_files import write_series


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("T2W_SPIR ax 5mm", "T2W_SPIR ax 5mm"),
        ("t1_vibe_dixon_bh_20min", "t1_vibe_dixon_bh_20min"),
        ("MUSTERMANN liver T2", "liver T2"),
        ("T2_Mustermann^Erika", "T2"),
        ("liver 12.03.1960", "liver"),
        ("liver 19600312", "liver"),
        ("liver 1960-03-12 late", "liver late"),
        ("MRN 4711x portal", "portal"),
        ("1.2.840.113619.2.55", ""),
        ("ask a.b@clinic.org", "ask"),
        ("Ercp", "Ercp"),
    ],
)
def test_words_that_identify_somebody_are_left_out(text, expected):
    words = frozenset({"mustermann", "erika", "mustermann^erika", "mrn 4711x", "4711x", "er"})
    assert cleaned(text, words) == expected


def test_volumes_are_listed_without_identifiers_and_chosen_as_they_are_stored_or_listed(tmp_path):
    volume = np.random.default_rng(0).integers(0, 100, (3, 8, 9)).astype(np.int16)
    names = ("Person T2", "Person T1 20240131")
    for number, name in enumerate(names):
        write_series(
            tmp_path / "in",
            volume + number,
            name=f"{number}_{{}}.dcm",
            SeriesDescription=name,
            SeriesInstanceUID=f"1.{number}",
        )
    with pytest.raises(UserError, match=r"1: CT 'T2', 3 images; 2: CT 'T1', 3 images$"):
        read_image(tmp_path / "in")
    for number, (stored, listed) in enumerate(zip(names, ("T2", "T1"), strict=True)):
        for choice in (stored, listed):
            image = read_image(tmp_path / "in", series=choice)
            np.testing.assert_array_equal(image.array, volume + number)
            assert image.meta["series_description"] == listed
    assert [one.description for one in scan_dicom(tmp_path / "in").volumes] == ["T2", "T1"]
