"""The cohorts of `benchmarks/paper_cohorts.py`: the papers' numbers, a slice picked by hand, persons with two livers."""

from __future__ import annotations

import csv
import importlib.util
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from LiverAILib.data.cohort import read_cohort
from LiverAILib.jobs.cohort_evaluation.readers import check_reader_columns

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "paper_cohorts.py"


@pytest.fixture(scope="module")
def script():
    specification = importlib.util.spec_from_file_location("paper_cohorts", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_cohorts_are_those_of_the_papers(script):
    assert sum(script.NOWAK.values()) == 713
    assert sum(script.YIN.values()) == 252
    assert script.scaled(script.NOWAK, 1.0) == {4: 553, 0: 160}
    assert script.scaled(script.YIN, 0.1) == {0: 13, 1: 2, 2: 2, 3: 2, 4: 8}


def test_a_nowak_case_has_three_slices_with_the_middle_one_picked(script, tmp_path):
    manifest = script.build(
        tmp_path, "mr", {4: 1, 0: 1}, matrix=48, workers=1, describe=script.describe_nowak(tmp_path)
    )
    cohort = read_cohort(manifest)
    assert [row.cirrhosis for row in cohort] == [True, False]
    for row in cohort:
        image = row.read_image("t2", "MR")
        assert image.size[2] == 3
        assert row.slice_index == 1
        assert row.read_mask("caudate", image)[1].any()  # the slice shows the caudate lobe
        assert row.read_mask("stomach", image).any()
    check_reader_columns(cohort.rows, "certified")
    assert script.build(tmp_path, "mr", {4: 1}, matrix=48, workers=1, describe=None) == manifest  # not made again


def test_cut_slices_stay_where_they_were(script, tmp_path):
    from LiverAILib.imaging.files import read_image, write_image
    from LiverAILib.imaging.image import Image

    direction = ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    image = Image(np.arange(10 * 4 * 4).reshape(10, 4, 4).astype(np.int16), (1.0, 2.0, 3.0), (5.0, 6.0, 7.0), direction)
    file = write_image(image, tmp_path / "a.nii.gz")
    script.keep_slices(file, 4, 3)
    cut = read_image(file)
    assert np.array_equal(cut.array, image.array[4:7])
    assert np.allclose(cut.index_to_lps @ [1, 2, 0, 1], image.index_to_lps @ [1, 2, 4, 1])


def test_two_persons_have_two_livers_each_and_the_source_goes_with_the_stage(script):
    rows = [
        {"case_id": f"c{n}", "stage": str(stage), "caudate_level": "3"}
        for n, stage in enumerate([0] * 5 + [3] * 3 + [4] * 3)
    ]
    script.describe_yin(rows)
    groups = Counter(row["group_id"] for row in rows)
    assert (groups["person-1"], groups["person-2"], groups[""]) == (2, 2, 7)
    assert {row["source"] for row in rows if row["stage"] == "0"} == {"emergency"}
    assert {row["source"] for row in rows if row["stage"] != "0"} == {"hepatology"}


def test_a_missing_table_is_told(script, tmp_path, capsys):
    (tmp_path / "tables").mkdir()
    with (tmp_path / "tables" / "paper_table1.csv").open("w", newline="") as stream:
        csv.writer(stream).writerow(["a"])
    assert not script.present(tmp_path, ("paper_table1", "paper_figure3"))
    shown = capsys.readouterr().out
    assert "yes paper_table1" in shown
    assert "NO  paper_figure3" in shown
