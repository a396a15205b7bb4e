"""The comparison with reference masks, on a planted cross-validation and on numbers worked out by hand."""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from LiverAILib.data.cohort import CohortRow, read_cohort
from LiverAILib.data.model_card import SEEN
from LiverAILib.data.seen_cases import patient_checksum
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import write_image
from Testing.conftest import ROOT
from Testing.models import untrained_segmentation
from Testing.segmentation.planted import phantom


@pytest.fixture(scope="module")
def truth():
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("segmentation_truth", ROOT / "benchmarks" / "segmentation_truth.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """Two CT of two patients, each held out from the model of its fold."""
    folder = tmp_path_factory.mktemp("run")
    image, labels = phantom((8, 20, 24), (12.0, 12.0, 15.0))
    write_image(image, folder / "ct.nii.gz")
    write_image(image.with_array(labels), folder / "labels.nii.gz")
    lines = ["case_id,patient_id,split,image:ct,mask:liver,mask:spleen"]
    folds = [["case_id", "patient_id", "fold"]]
    for number, case in enumerate(("a", "b"), 1):
        lines.append(f"{case},p{number},,ct.nii.gz,labels.nii.gz#1,labels.nii.gz#4")
        folds.append([case, f"p{number}", str(number)])
        model = untrained_segmentation(folder / f"fold_{number}" / "model")
        card = dict(model.card.entries)
        card["name"] = f"fold-{number}"
        others = {"patients": [patient_checksum(f"p{3 - number}")], "images": []}
        card[SEEN] = {"train": others, "validation": {"patients": [], "images": []}}
        (model.folder / "model.json").write_text(json.dumps(card))
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    with (folder / "folds.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(folds)
    return folder


def test_every_case_of_a_run_is_segmented_by_the_model_of_its_own_fold(truth, run):
    planned = truth.planned(run, read_cohort(run / "manifest.csv"), device="cpu")
    assert {row.case_id: segmenter.model.name for segmenter, row in planned} == {"a": "fold-1", "b": "fold-2"}


def test_a_model_that_has_seen_its_case_is_refused(truth, run, tmp_path):
    card = json.loads((run / "fold_1" / "model" / "model.json").read_text())
    planted = {**card, SEEN: {**card[SEEN], "train": {"patients": [patient_checksum("p1")], "images": []}}}
    (run / "fold_1" / "model" / "model.json").write_text(json.dumps(planted))
    try:
        with pytest.raises(UserError, match="p1"):
            next(truth.planned(run, read_cohort(run / "manifest.csv"), device="cpu"))
    finally:
        (run / "fold_1" / "model" / "model.json").write_text(json.dumps(card))


def test_the_whole_command_writes_every_case_and_the_summary(truth, run, tmp_path, capsys):
    file = tmp_path / "truth.json"
    record = truth.main([str(run / "manifest.csv"), "--run", str(run), "--device", "cpu", "--output", str(file)])
    assert set(record["cases"]) == {"a", "b"}
    assert record["summary"]["CT"]["liver"]["n"] == 2
    assert json.loads(file.read_text())["summary"]["CT"]["liver"]["n"] == 2
    assert "CT liver" in capsys.readouterr().out


def test_mean_interval_and_worst_are_those_worked_out_by_hand(truth):
    dice = {"a": 0.90, "b": 0.94, "c": 0.80}
    volume = {"a": -12.0, "b": 3.0, "c": 9.0}
    same = {"surface_dice": 0.7, "hd95_mm": 5.0, "confidence": 0.9}
    cases = {case: {"liver": {"dice": dice[case], "volume_error_percent": volume[case], **same}} for case in dice}
    rows = {case: CohortRow(case, case, images={"t2": ()}) for case in dice}
    liver = truth.summary(cases, rows)["MR"]["liver"]
    assert liver["dice"]["mean"] == pytest.approx(0.88)
    half = 4.302653 * np.std(list(dice.values()), ddof=1) / 3**0.5  # t of 2 degrees of freedom
    np.testing.assert_allclose(liver["dice"]["interval95"], [0.88 - half, 0.88 + half], atol=6e-4)
    assert (liver["dice"]["worst"], liver["dice"]["worst_case"]) == (0.80, "c")
    assert (liver["volume_error_percent"]["worst"], liver["volume_error_percent"]["worst_case"]) == (-12.0, "a")


def test_a_missed_organ_counts_as_dice_0(truth):
    found = {"liver": dict(truth.MISSED)}
    rows = {"a": CohortRow("a", "a", images={"ct": ()})}
    liver = truth.summary({"a": found}, rows)["CT"]["liver"]
    assert (liver["dice"]["mean"], liver["dice"]["worst_case"]) == (0.0, "a")
    assert liver["dice"]["interval95"] is None


def test_each_source_is_summarized_by_itself_too(truth):
    same = {"surface_dice": 0.7, "hd95_mm": 5.0, "confidence": 0.9, "volume_error_percent": 0.0}
    cases = {
        case: {"liver": {"dice": dice, **same}} for case, dice in (("a", 0.8), ("b", 0.9), ("c", 0.92), ("d", 0.94))
    }
    rows = {
        case: CohortRow(case, case, images={"ct": ()}, covariates={"source": "lits" if case == "a" else "ircadb"})
        for case in cases
    }
    found = truth.summary(cases, rows)
    assert {group: organs["liver"]["dice"]["mean"] for group, organs in found.items()} == pytest.approx(
        {"CT": 0.89, "CT lits": 0.8, "CT ircadb": 0.92}
    )
    assert found["CT"]["liver"]["dice"]["median"] == 0.91
