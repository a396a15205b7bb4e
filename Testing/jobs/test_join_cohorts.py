"""Several cohorts in one manifest."""

from __future__ import annotations

import pytest

from LiverAILib.data.cohort import read_cohort
from LiverAILib.errors import UserError
from LiverAILib.jobs.join_cohorts import join_cohorts
from LiverAILib.simulation.cohort import simulate_cohort


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("join")
    return [
        simulate_cohort(folder / str(seed), cases=2, seed=seed, matrix=48, split=split)
        for seed, split in ((1, "train"), (2, "test"))
    ]


def test_all_cases_keep_files_labels_and_splits(cohorts, tmp_path):
    joined = join_cohorts(cohorts, tmp_path / "elsewhere" / "all.csv")
    apart = [row for manifest in cohorts for row in read_cohort(manifest)]
    assert [(row.case_id, row.split, row.stage) for row in joined] == [
        (row.case_id, row.split, row.stage) for row in apart
    ]
    for row, before in zip(joined, apart, strict=True):
        image = row.read_image("t2")
        assert (image.array == before.read_image("t2").array).all()
        assert (row.read_mask("liver", image) == before.read_mask("liver", image)).all()


def test_columns_of_one_are_empty_in_the_other(cohorts, tmp_path):
    lines = cohorts[0].read_text().splitlines()
    marked = cohorts[0].with_name("marked.csv")
    marked.write_text("\n".join([lines[0] + ",planted", *(line + ",untouched" for line in lines[1:])]) + "\n")
    joined = join_cohorts([cohorts[1], marked], tmp_path / "all.csv")
    assert [row.covariates.get("planted", "") for row in joined] == ["", "", "untouched", "untouched"]


def test_a_patient_of_two_cohorts_is_refused(cohorts, tmp_path):
    with pytest.raises(UserError, match=r"case sim1-0000 is in .*manifest.csv too"):
        join_cohorts([cohorts[0], cohorts[0]], tmp_path / "all.csv")
    renamed = cohorts[0].with_name("renamed.csv")
    renamed.write_text(cohorts[0].read_text().replace("\nsim1-0000,", "\nother,"))
    lines = renamed.read_text().splitlines()
    renamed.write_text("\n".join(lines[:2]) + "\n")
    with pytest.raises(UserError, match=r"patient sim1-0000 is in"):
        join_cohorts([cohorts[0], renamed], tmp_path / "all.csv")
    assert not (tmp_path / "all.csv").exists()


def test_nothing_is_overwritten_unasked(cohorts, tmp_path):
    (tmp_path / "all.csv").write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        join_cohorts(cohorts, tmp_path / "all.csv")
    assert (tmp_path / "all.csv").read_text() == "mine"
    assert len(join_cohorts(cohorts, tmp_path / "all.csv", overwrite=True).rows) == 4
