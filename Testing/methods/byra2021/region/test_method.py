"""The model in the box on a picture: what it answers, what its maps mean, what it warns of, and the index beside it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image as pillow

from LiverAILib.cli import main
from LiverAILib.data.case import Case
from LiverAILib.data.outcome import cutoff_outcome
from LiverAILib.data.regions import Region
from LiverAILib.imaging.image import Image
from LiverAILib.jobs.assess import Assessor
from LiverAILib.methods.byra2021.heads import classifier_name
from LiverAILib.methods.byra2021.region import OUTCOME, ROLE
from LiverAILib.methods.byra2021.region.view import RegionView, tissues

MODEL = "byra2021-biopsy"
LIVER, KIDNEY = Region(40, 60, 60, 30), Region(120, 60, 30, 30)
DIAGNOSIS = cutoff_outcome(OUTCOME, 5)


def speckle(*, liver: float = 110.0, kidney: float = 80.0, seed: int = 0) -> Image:
    """A picture of speckle with a liver and a kidney of given mean gray values."""
    generator = np.random.default_rng(seed)
    mean = np.full((160, 200), 60.0)
    LIVER.cut(mean)[:], KIDNEY.cut(mean)[:] = liver, kidney
    gray = mean * generator.gamma(16, 1 / 16, mean.shape)
    return Image(np.clip(gray, 0, 255).astype(np.uint8)[None], modality="US")


@pytest.fixture(scope="module")
def assessor() -> Assessor:
    return Assessor(MODEL, device="cpu")


def test_a_region_gives_fat_a_diagnosis_and_the_index(assessor):
    found = assessor.assess(Case({ROLE: speckle()}, regions={"liver": LIVER, "kidney": KIDNEY}))
    fat = found.outcomes[OUTCOME]
    assert (found.primary, fat.unit, fat.name) == (OUTCOME, "%", "Liver fat by biopsy")
    assert fat.interval[0] <= max(fat.value, 0) <= fat.interval[1]
    assert sum(found.outcomes[DIAGNOSIS].probabilities.values()) == pytest.approx(1)
    (index,) = found.measurements
    assert index.key == "hepatorenal_index"
    assert index.value == pytest.approx(110 / 80, rel=0.03)
    assert [warning.code for warning in found.warnings] == ["limited_training_data"]
    assert "44 patients" in found.warnings[0].text
    assert not found.simulated


def test_without_a_kidney_region_a_warning_says_what_was_assumed(assessor):
    found = assessor.assess(Case({ROLE: speckle()}, regions={"liver": LIVER}))
    assert "no_kidney_region" in [warning.code for warning in found.warnings]
    assert [missing.key for missing in found.not_assessed] == ["hepatorenal_index"]


def test_a_brighter_liver_beside_the_same_kidney_has_more_fat(assessor):
    values = [
        assessor.assess(Case({ROLE: speckle(liver=liver)}, regions={"liver": LIVER, "kidney": KIDNEY}))
        for liver in (75.0, 135.0)
    ]
    assert values[0].outcomes[OUTCOME].value < values[1].outcomes[OUTCOME].value
    probabilities = [list(one.outcomes[DIAGNOSIS].probabilities.values())[1] for one in values]
    assert probabilities[0] < probabilities[1]


def test_mean_of_a_square_s_map_and_the_bias_are_its_log_odds(assessor):
    case = Case({ROLE: speckle()}, regions={"liver": Region(50, 60, 28, 28), "kidney": KIDNEY})
    (tissue,) = tissues(case, assessor.method.settings)
    view = RegionView.of(case.image(ROLE), tissue, assessor.method.settings)
    head = assessor.method.heads[classifier_name(5)]
    with torch.no_grad():
        log_odds = assessor.method.networks[DIAGNOSIS](view.tensor[None]).item()
        maps = head.maps(assessor.method.backbone.features(view.tensor[None]))
    assert maps.mean().item() + head.bias.item() == pytest.approx(log_odds, abs=1e-4)
    found = assessor.assess(case).outcomes[DIAGNOSIS]
    assert list(found.probabilities.values())[1] == pytest.approx(1 / (1 + np.exp(-log_odds)), abs=1e-5)
    (heatmap,) = found.heatmaps
    assert heatmap.signed
    inside = np.zeros(heatmap.image.array.shape, bool)
    inside[0, 60:88, 50:78] = True
    np.testing.assert_array_equal(heatmap.image.array != 0, inside)


def test_several_images_of_a_patient_are_averaged(assessor):
    images = (speckle(seed=1), speckle(liver=140, seed=2))
    regions = {"liver": LIVER, "kidney": KIDNEY}
    single = [assessor.assess(Case({ROLE: one}, regions=regions)).outcomes[OUTCOME].value for one in images]
    both = assessor.assess(Case({ROLE: images}, regions=regions))
    assert both.outcomes[OUTCOME].value == pytest.approx(np.mean(single), abs=1e-4)
    assert [(map_.role, map_.number) for map_ in both.outcomes[DIAGNOSIS].heatmaps] == [(ROLE, 0), (ROLE, 1)]


def test_the_command_line_takes_regions(tmp_path, capsys):
    file = tmp_path / "us.png"
    pillow.fromarray(speckle().array[0]).save(file)
    options = ["--model", MODEL, "--output", str(tmp_path / "out"), "--device", "cpu", "--json"]
    assert main(["assess", str(file), "--roi", f"liver={LIVER}", "--roi", f"kidney={KIDNEY}", *options]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["measurements"][0]["key"] == "hepatorenal_index"
    for roi, message in (
        ([], "no region in the liver was drawn"),
        (["--roi", "spleen=1,2,28,28"], "with NAME one of liver, kidney"),
        (["--roi", "liver=1,2,28"], "is no region; write LEFT,TOP,WIDTH,HEIGHT"),
        (["--roi", "liver=190,60,28,28"], "lies outside of image 1, which has 200 columns and 160 rows"),
        (["--roi", f"liver={LIVER}", "--roi", f"liver={LIVER}"], "'liver' is given twice"),
    ):
        assert main(["assess", str(file), *roi, *options]) == 2
        assert message in capsys.readouterr().err
    assert main(["assess", str(file), "--roi", f"liver={LIVER}", "--model", "yin2021-simulated", *options[2:]]) == 2
    assert "looks at whole images" in capsys.readouterr().err
