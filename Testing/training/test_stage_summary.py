"""What each stage reached: Nowak 2021, table 2, from the history of a run."""

from __future__ import annotations

import json

from LiverAILib.training.fit import fit
from LiverAILib.training.schedule import Stage
from LiverAILib.training.stage_summary import FILE, read_stages, stage_summary
from Testing.training.test_fit import STAGES, make_task

THREE = (Stage("1", 2, 0.1, None), Stage("2", 1, 0.01, None), Stage("3", 1, 1e-4, 1e-6))


def record(stage: str, score: float, **more: float) -> dict:
    return {"stage": stage, "epoch": 1, "loss": 1.0, "lr": [None, 0.1], "seconds": 1.0, "score": score, **more}


def test_a_stage_without_a_better_epoch_did_not_improve():
    history = [
        record("1", -0.20, validation_accuracy=0.98),
        record("1", -0.15, validation_accuracy=0.99),
        record("2", -0.15, validation_accuracy=0.99),
        record("3", -0.14, validation_accuracy=0.99),
    ]
    first, second, third = stage_summary(history, THREE)
    assert [one["improved"] for one in (first, second, third)] == [True, False, True]
    assert first["validation"] == {"score": -0.15, "validation_accuracy": 0.99}
    assert (first["epochs"], first["max_lr_last"], first["max_lr_first"], first["epochs_run"]) == (2, 0.1, None, 2)
    assert third["max_lr_first"] == 1e-6


def test_the_state_at_the_start_has_to_be_beaten():
    history = [record("start", -0.1), record("1", -0.2)]
    assert [one["improved"] for one in stage_summary(history, THREE)] == [False, False, False]


def test_a_run_leaves_its_stages_beside_its_history(tmp_path):
    fit(make_task(scores=[1.0, 5.0, 2.0, 3.0, 4.0]), STAGES, output=tmp_path / "segmented_224", log=lambda line: None)
    found = read_stages(tmp_path)
    assert list(found) == ["segmented_224"]
    assert found["segmented_224"] == json.loads((tmp_path / "segmented_224" / FILE).read_text())
    first, second = found["segmented_224"]
    assert (first["name"], first["validation"]["score"], first["improved"]) == ("a", 5.0, True)
    assert (second["name"], second["validation"]["score"], second["improved"]) == ("b", 4.0, False)
