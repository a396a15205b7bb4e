"""Fibrosis stages on MR with the ordinal head, from the manifest to an assessment."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.data.case import Case
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image
from LiverAILib.jobs.assess import assess
from LiverAILib.jobs.train import train
from Testing.tiny_cohort import write_tiny_cohort

TINY = {
    "epochs": 2,
    "steps": 1,
    "batch_size": 5,
    "image_size": 32,
    "class_balance": "weights",
    "log": lambda line: None,
}


def test_an_ordinal_model_gives_stages_that_sum_to_one_and_explains_one(tmp_path):
    cohort = write_tiny_cohort(tmp_path, ["train"] * 5 + ["validation"] * 2, stages=[0, 1, 2, 3, 4, 0, 4])
    model = train("nowak2021", cohort, tmp_path / "run", classes="stages", head="corn", **TINY)
    assert model.classes == ("F0", "F1", "F2", "F3", "F4")
    assert model.settings["head"] == "corn"
    assert model.state()["full.output.weight"].shape == (4, 2048)
    case = Case({"t2": read_image(tmp_path / "4.nii.gz")}, masks={"liver": read_image(tmp_path / "liver.nrrd")})
    result = assess(case, model, device="cpu", target_class="F2")
    assert sum(result.probabilities.values()) == pytest.approx(1)
    assert min(result.probabilities.values()) > 0
    assert result.heatmap.target == "F2"
    assert np.isfinite(result.heatmap.image.array).all()


def test_stages_cannot_be_learned_from_yes_and_no(tmp_path):
    cohort = write_tiny_cohort(tmp_path, ["train"] * 2 + ["validation"] * 2, stages=[0, 1, 0, 1], labels="cirrhosis")
    with pytest.raises(UserError, match="the manifest says cirrhosis or not"):
        train("nowak2021", cohort, tmp_path / "run", classes="stages", **TINY)
