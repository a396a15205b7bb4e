"""Which model is tested on which case, and every leak that can be planted in a run."""

import hashlib
import json
from dataclasses import replace

import pytest

from LiverAILib.data.cohort import read_cohort
from LiverAILib.data.model_card import SEEN
from LiverAILib.data.seen_cases import patient_checksum, seen_cases
from LiverAILib.errors import UserError
from LiverAILib.jobs.cohort_evaluation.subject import read_subject
from LiverAILib.training.folds import split_by_folds
from Testing.tiny_cohort import write_tiny_cohort

PATIENTS = ("a", "a", "b", "c", "d", "e", "f", "g", "h")
SPLITS = ("",) * 8 + ("test",)


def card(folder, **entries):
    """A model folder without weights: nothing is loaded here."""
    folder.mkdir(parents=True)
    known = {"name": folder.parent.name, "method": "nowak2021", "description": "", "modality": ["MR"]}
    known |= {"classes": ["no cirrhosis", "cirrhosis"], "settings": {}, "training_data": "", "license": "none"}
    (folder / "model.json").write_text(
        json.dumps({**known, "weights": {"sha256": hashlib.sha256(folder.parent.name.encode()).hexdigest()}, **entries})
    )


@pytest.fixture
def cohort(tmp_path):
    """Nine cases of eight patients, one of them outside of all folds."""
    stages = [4 * (number // 2 % 2) for number in range(9)]
    return read_cohort(write_tiny_cohort(tmp_path / "cohort", SPLITS, stages, PATIENTS))


@pytest.fixture
def run(tmp_path, cohort):
    """A cross-validation of three folds as `train` leaves it."""
    for fold, part in split_by_folds(cohort, 3, tmp_path / "run" / "folds.csv"):
        seen = seen_cases(part.split("train"), part.split("validation"), images=False)
        card(tmp_path / "run" / f"fold_{fold}" / "model", **{SEEN: seen})
    return tmp_path / "run"


def test_every_case_of_a_run_is_tested_once_by_a_model_that_has_not_seen_its_patient(run, cohort):
    tests = read_subject(run).tests(cohort, "test")
    assert sorted(test.row.case_id for test in tests) == [f"c{n}" for n in range(8)]
    for test in tests:
        seen = test.model.card.seen
        assert test.model.name == f"fold_{test.fold}"
        assert patient_checksum(test.row.patient_id) not in seen["train"]["patients"] + seen["validation"]["patients"]


def test_a_fold_model_that_has_seen_a_held_out_patient_is_refused(run, cohort):
    victim = next(test for test in read_subject(run).tests(cohort, "test") if test.fold == "2")
    path = run / "fold_2" / "model" / "model.json"
    planted = json.loads(path.read_text())
    planted[SEEN]["train"]["patients"].append(patient_checksum(victim.row.patient_id))
    path.write_text(json.dumps(planted))
    with pytest.raises(UserError, match=f"fold_2: was trained on patient {victim.row.patient_id}"):
        read_subject(run).tests(cohort, "test")


def test_folds_with_a_patient_in_two_of_them_are_refused(run):
    lines = (run / "folds.csv").read_text().splitlines()
    other = {"1": "2", "2": "3", "3": "1"}[lines[1][-1]]
    (run / "folds.csv").write_text("\n".join([lines[0], lines[1][:-1] + other, *lines[2:]]) + "\n")
    with pytest.raises(UserError, match=r"line 3: patient a is in folds 2 and 1"):
        read_subject(run)


def test_a_run_that_is_not_finished_or_belongs_to_another_cohort_is_refused(run, cohort, tmp_path):
    renamed = write_tiny_cohort(tmp_path / "other", SPLITS, None, ("z", *PATIENTS[1:]))
    with pytest.raises(UserError, match="case c0 is of patient z here, of a in the run's folds"):
        read_subject(run).tests(read_cohort(renamed), "test")
    fewer = write_tiny_cohort(tmp_path / "fewer", SPLITS[:7])
    with pytest.raises(UserError, match="has no case c7 of the run's folds"):
        read_subject(run).tests(read_cohort(fewer), "test")
    (run / "fold_3" / "model" / "model.json").unlink()
    with pytest.raises(UserError, match="fold 3 has no model yet"):
        read_subject(run)


def test_a_model_is_tested_on_its_split_and_fitted_on_validation(tmp_path):
    cohort = read_cohort(write_tiny_cohort(tmp_path / "c", ("train", "validation", "test", "test")))
    card(tmp_path / "run" / "model", **{SEEN: seen_cases(cohort.split("train"), cohort.split("validation"))})
    who = read_subject(tmp_path / "run")
    tests = who.tests(cohort, "test")
    assert [test.row.case_id for test in tests] == ["c2", "c3"]
    assert [test.row.case_id for test in who.calibration(cohort, tests)] == ["c1"]
    with pytest.raises(UserError, match="was trained on patient p0"):
        who.tests(cohort, "train")
    assert [test.row.case_id for test in who.tests(cohort, "validation")] == ["c1"]  # which the report says
    as_test = replace(cohort, rows=tuple(replace(row, split="test") for row in cohort.split("validation")))
    with pytest.raises(UserError, match=r"was chosen on \(validation\) patient p1"):
        who.tests(as_test, "test")
    with pytest.raises(UserError, match="was trained on patient p0"):
        who.tests(cohort, "")
    everyone = who.tests(cohort, "", other_patients=True)
    with pytest.raises(UserError, match="p1 is among both the validation and the tested cases"):
        who.calibration(cohort, everyone)
