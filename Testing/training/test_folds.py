"""Cross-validation: no patient on two sides, like shares of the classes, the same folds for a seed."""

from __future__ import annotations

import csv

import pytest

from LiverAILib.data.cohort import Cohort, CohortRow, read_cohort
from LiverAILib.data.seen_cases import Seen
from LiverAILib.errors import UserError
from LiverAILib.jobs.train import train
from LiverAILib.training.folds import patient_folds, split_by_folds
from Testing.tiny_cohort import write_tiny_cohort


@pytest.fixture
def rows():
    """Thirty patients, every third with a second case, every fifth with cirrhosis."""
    numbers = sorted([*range(30), *range(0, 30, 3)])
    return [CohortRow(f"c{i}", f"p{n}", label=4 * (n % 5 == 0), label_kind="stage") for i, n in enumerate(numbers)]


def test_a_patient_is_in_one_fold_and_each_fold_has_its_share_of_the_classes(rows):
    numbers = patient_folds(rows, 3, seed=1)
    assert set(numbers) == {1, 2, 3}
    by_patient = {}
    for row, number in zip(rows, numbers, strict=True):
        assert by_patient.setdefault(row.patient_id, number) == number
    for fold in (1, 2, 3):
        positive = sum(bool(row.cirrhosis) for row, number in zip(rows, numbers, strict=True) if number == fold)
        assert 2 <= positive <= 3  # of eight
    assert numbers == patient_folds(rows, 3, seed=1)
    assert numbers != patient_folds(rows, 3, seed=2)


def test_more_folds_than_patients_are_refused(rows):
    with pytest.raises(UserError, match="--folds 31: 30 patients cannot be split into 31 folds"):
        patient_folds(rows, 31)


def test_validation_comes_from_the_training_folds_and_held_out_cases_stay_out(tmp_path):
    patients = ["a", "a", "b", "c", "d", "e", "f", "g", "h", "z"]
    splits = ["train"] * 2 + [""] * 5 + ["validation"] * 2 + ["test"]
    cohort = read_cohort(write_tiny_cohort(tmp_path, splits, patients=patients))
    tested = []
    for _, part in split_by_folds(cohort, 3, tmp_path / "folds.csv"):
        groups = {name: {row.patient_id for row in part.split(name)} for name in ("train", "validation", "test")}
        assert all(groups.values())
        assert not groups["train"] & groups["validation"]
        assert not groups["test"] & (groups["train"] | groups["validation"])
        assert "z" not in set().union(*groups.values())
        tested += [row.case_id for row in part.split("test")]
    assert sorted(tested) == [f"c{n}" for n in range(9)]


def test_mr_and_ct_stand_in_every_fold_in_like_shares():
    rows = [CohortRow(f"c{n}", f"p{n}", images={"ct" if n < 6 else "t2": ()}) for n in range(18)]
    numbers = patient_folds(rows, 3, seed=1)
    assert [
        sum("ct" in row.images for row, n in zip(rows, numbers, strict=True) if n == fold) for fold in (1, 2, 3)
    ] == [2] * 3


def test_without_validation_all_other_patients_train(tmp_path):
    cohort = read_cohort(write_tiny_cohort(tmp_path, [""] * 6))
    for _, part in split_by_folds(cohort, 3, tmp_path / "folds.csv", validation=False):
        assert [len(part.split(name)) for name in ("train", "validation", "test")] == [4, 0, 2]


def test_more_cases_train_every_fold_and_are_never_tested(tmp_path):
    cohort = write_tiny_cohort(tmp_path / "own", [""] * 4)
    other = write_tiny_cohort(tmp_path / "other", ["test"], patients=["x"])
    tiny = {"epochs": 1, "steps": 1, "batch_size": 2, "image_size": 64, "log": lambda line: None}
    models = train("segmentation", cohort, tmp_path / "run", folds=2, validation=False, also_train=other, **tiny)
    (extra,) = read_cohort(other)
    for model in models:
        assert model.card.entries["training"]["cases"] == {"train": 3, "validation": 0, "test": 2}
        with pytest.raises(UserError, match="patients that it has seen"):
            Seen.of(model.card).refuse_patients([extra], model.name, splits=("train",))
    assert "x" not in (tmp_path / "run" / "folds.csv").read_text()


def test_more_cases_of_a_patient_of_the_cohort_are_refused(tmp_path):
    cohort = write_tiny_cohort(tmp_path / "own", [""] * 4, patients=["a", "b", "c", "d"])
    other = write_tiny_cohort(tmp_path / "other", ["train"], patients=["b"])
    with pytest.raises(UserError, match=r"patient b is in .* too, and may be tested there"):
        train("segmentation", cohort, tmp_path / "run", folds=2, also_train=other)


def test_no_validation_without_folds_is_refused(tmp_path):
    with pytest.raises(UserError, match="--no-validation: means something with --folds only"):
        train("segmentation", tmp_path / "manifest.csv", tmp_path / "run", validation=False)


def test_a_run_of_folds_leaves_a_model_each_that_never_saw_its_own_cases(tmp_path):
    cohort = write_tiny_cohort(tmp_path, ["train"] * 6, stages=[0, 4] * 3)
    tiny = {"epochs": 1, "steps": 1, "batch_size": 2, "image_size": 64, "log": lambda line: None}
    models = train("segmentation", cohort, tmp_path / "run", folds=2, **tiny)
    assert [model.folder for model in models] == [tmp_path / "run" / f"fold_{n}" / "model" for n in (1, 2)]
    with (tmp_path / "run" / "folds.csv").open() as stream:
        table = list(csv.DictReader(stream))
    rows = {row.case_id: row for row in read_cohort(cohort)}
    for fold, model in enumerate(models, 1):
        own = [rows[line["case_id"]] for line in table if line["fold"] == str(fold)]
        others = [rows[line["case_id"]] for line in table if line["fold"] != str(fold)]
        seen = Seen.of(model.card)
        seen.refuse_patients(own, model.name, splits=("train", "validation"))
        with pytest.raises(UserError, match="a model is not evaluated on patients that it has seen"):
            seen.refuse_patients(others, model.name, splits=("train", "validation"))


def test_low_middle_and_high_values_of_a_quantity_stand_in_every_fold():
    rows = [CohortRow(f"c{n}", f"p{n}", label_kind="pdff_percent", value=float(n % 15) ** 2) for n in range(30)]
    numbers = patient_folds(rows, 3, seed=1)
    for fold in (1, 2, 3):
        values = [row.value for row, number in zip(rows, numbers, strict=True) if number == fold]
        for low, high in ((0, 25), (25, 100), (100, 200)):  # a third of the values each
            assert 2 <= sum(low <= value < high for value in values) <= 5, values


def test_few_values_of_a_quantity_can_be_split_too():
    rows = [CohortRow(f"c{n}", f"p{n}", label_kind="pdff_percent", value=1.0 * n) for n in range(4)]
    assert sorted(patient_folds(rows, 4)) == [1, 2, 3, 4]


def test_two_livers_of_one_person_are_in_one_fold_and_stay_two_patients(tmp_path):
    rows = [
        CohortRow(f"c{n}", f"p{n}", label=4 * (n % 2), label_kind="stage", group_id="person" if n in (3, 8) else "")
        for n in range(20)
    ]
    for seed in range(5):
        numbers = patient_folds(rows, 5, seed=seed)
        assert numbers[3] == numbers[8]
    for _, part in split_by_folds(Cohort(tmp_path / "m.csv", tuple(rows), "stage"), 5, tmp_path / "folds.csv"):
        splits = {row.split for row in part if row.group == "person"}
        assert len(splits) == 1
    with (tmp_path / "folds.csv").open() as stream:
        assert len({line["patient_id"] for line in csv.DictReader(stream)}) == 20
