"""Xue 2020 through every command: trained on a few simulated patients, then assessed, evaluated and refused."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image as Picture
from sklearn.metrics import roc_auc_score

from LiverAILib import assess
from LiverAILib.cli import main
from LiverAILib.data.case import Case
from LiverAILib.data.cohort import read_cohort
from LiverAILib.data.model import load_model
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image
from LiverAILib.methods.xue2020 import SPEC
from LiverAILib.methods.xue2020.settings import CLASSES
from Testing.methods.xue2020.conftest import TRAINING

ROOT = Path(__file__).resolve().parents[3]
OUTCOMES = ["gray_scale_elastogram", "gray_scale_stiffness", "gray_scale", "elastogram"]


def cirrhosis_case(cohort):
    """A test case with cirrhosis."""
    return max(read_cohort(cohort).split("test"), key=lambda row: row.stage)


def files_of(row, *, elastogram=True):
    """The images of a case as options of the command line."""
    roles = ("gray_scale", "elastogram") if elastogram else ("gray_scale",)
    return [part for role in roles for file in row.images[role] for part in ("--image", f"{role}={file}")]


def refused(capsys, *arguments) -> str:
    """The one line that a command refuses its arguments with."""
    assert main([str(one) for one in arguments]) == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    return shown


def test_a_model_holds_what_was_trained_and_names_its_backbone(run):
    model = load_model(run / "model")
    card = model.card.entries
    assert card["classes"] == list(CLASSES)
    assert card["settings"]["pipelines"] == OUTCOMES
    assert card["settings"]["backbone"]["name"] == "tf_efficientnet_lite0"
    assert len(card["settings"]["backbone"]["checksum"]) == 64
    assert {name.split(".")[0] for name in model.state()} == {"gray_scale", "elastogram", "fusion"}
    assert card["weights"]["bytes"] < 6e6
    assert set(card["settings"]["stiffness"]) == {">=S2", ">=S3", ">=S4"}
    # No fibrosis and cirrhosis: 5.4 and 15 kPa.
    assert 5.4 < card["settings"]["stiffness"][">=S4"]["cutoff_kpa"] < 15
    assert card["metrics"]["elastogram_validation_auc_from_s4"] == 1


def test_a_run_is_resumed_and_ends_as_it_was(run, cohort, capsys):
    before = (run / "model" / "weights.safetensors").read_bytes()
    arguments = ["train", "xue2020", "--cohort", str(cohort), "--output", str(run), *TRAINING, "--quiet"]
    assert main(arguments) == 0
    assert (run / "model" / "weights.safetensors").read_bytes() == before
    assert "another backbone_groups" in refused(
        capsys, *[one if one != "6" else "7" for one in arguments[:20]], *arguments[20:]
    )


def test_a_backbone_of_another_version_is_refused(run, tmp_path, cohort):
    shutil.copytree(run / "model", tmp_path / "model")
    card = json.loads((tmp_path / "model" / "model.json").read_text())
    card["settings"]["backbone"]["checksum"] = "0" * 64
    (tmp_path / "model" / "model.json").write_text(json.dumps(card))
    with pytest.raises(UserError, match="was trained on another version of tf_efficientnet_lite0"):
        assess(Case.from_row(cirrhosis_case(cohort), SPEC.modalities), tmp_path / "model", device="cpu")


def test_a_case_gets_four_outcomes_and_maps_of_its_images(run, cohort, tmp_path):
    row = cirrhosis_case(cohort)
    values = [f"{name}={row.covariates[name]}" for name in ("stiffness_kpa", "ast_u_per_l", "platelets_1e9_per_l")]
    covariates = [part for value in values for part in ("--covariate", value)]
    arguments = ["assess", *files_of(row), *covariates, "--model", run / "model", "--output", tmp_path / "out"]
    assert main([str(one) for one in [*arguments, "--device", "cpu", "--quiet"]]) == 0
    record = json.loads((tmp_path / "out" / "assessment.json").read_text())
    jsonschema.validate(record, json.loads((ROOT / "docs" / "assessment.schema.json").read_text()))
    assert list(record["outcomes"]) == OUTCOMES
    assert record["primary_outcome"] == "gray_scale_elastogram"
    assert record["outcomes"]["elastogram"]["answer"] == "S4"
    for outcome in record["outcomes"].values():
        assert list(outcome["cumulative"]) == [">=S2", ">=S3", ">=S4"]
        assert sum(outcome["probabilities"].values()) == pytest.approx(1)
    shown = {name: [one["role"] for one in own["heatmaps"]] for name, own in record["outcomes"].items()}
    assert shown == {
        "gray_scale_elastogram": ["gray_scale", "elastogram"],
        "gray_scale_stiffness": [],
        "gray_scale": ["gray_scale"],
        "elastogram": ["elastogram"],
    }
    names = sorted(path.name for path in (tmp_path / "out").glob("heatmap*"))
    assert len(names) == 4
    image = read_image(row.images["elastogram"][0])
    for name in names:
        heatmap = read_image(tmp_path / "out" / name)
        np.testing.assert_allclose(heatmap.index_to_lps, image.index_to_lps, atol=1e-6)
        rows, columns = np.nonzero(heatmap.array[0])
        # Within the color box, which is a small part of the picture.
        assert 0 < np.ptp(rows) < 0.5 * image.size[1]
        assert 0 < np.ptp(columns) < 0.5 * image.size[0]
    report = (tmp_path / "out" / "report.html").read_text()
    assert "Scores of the binary models" in report
    assert f'<td class="number">{record["outcomes"]["elastogram"]["cumulative"][">=S4"]:.3f}</td>' in report
    measured = {one["key"]: one["value"] for one in record["measurements"]}
    assert measured["stiffness"] == float(row.covariates["stiffness_kpa"])
    assert measured["apri"] == pytest.approx(
        float(row.covariates["ast_u_per_l"]) / 40 / float(row.covariates["platelets_1e9_per_l"]) * 100, abs=1e-3
    )
    codes = [one["code"] for one in record["warnings"]]
    assert codes.count("few_images") == codes.count("burned_in_text") == 1


def test_without_an_elastogram_the_scan_area_is_looked_at_and_said(run, cohort):
    row = cirrhosis_case(cohort)
    case = Case.from_row(row, {"gray_scale": "US"})
    found = assess(case, run / "model", device="cpu")
    assert list(found.outcomes) == ["gray_scale_stiffness", "gray_scale"]
    assert "no_elastogram" in [one.code for one in found.warnings]
    found = assess(Case({"gray_scale": case.images["gray_scale"]}), run / "model", device="cpu", target_class="S3")
    assert list(found.outcomes) == [found.primary] == ["gray_scale"]
    [heatmap] = found.outcome.heatmaps
    assert heatmap.target == "S3"
    assert ">=S3" in heatmap.scale


@pytest.mark.parametrize("kind", ["grad-cam", "hirescam"])
def test_both_kinds_of_map_are_zero_outside_of_the_square(run, cohort, kind):
    found = assess(Case.from_row(cirrhosis_case(cohort), SPEC.modalities), run / "model", device="cpu", heatmap=kind)
    for heatmap in found.heatmaps:
        array = heatmap.image.array[0]
        assert array.min() >= 0
        assert (array > 0).mean() < 0.1


def test_an_evaluation_has_the_papers_table(run, cohort, tmp_path):
    arguments = ["evaluate", run / "model", "--cohort", cohort, "--output", tmp_path / "out", "--bootstrap", "100"]
    assert main([str(one) for one in [*arguments, "--device", "cpu", "--quiet"]]) == 0
    with (tmp_path / "out" / "predictions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["label"] for row in rows} == {"S0-S1", "S4"}
    metrics = json.loads((tmp_path / "out" / "report" / "metrics.json").read_text())
    cuts = metrics["results"]["cuts"]
    assert list(cuts) == ["f2", "f3", "f4"]  # not >=F1: S0 and S1 are one class
    truth = [row["label"] == "S4" for row in rows]
    for cut, name in (("f2", ">=S2"), ("f4", ">=S4")):
        for outcome, prefix in (("gray_scale_elastogram", ""), ("gray_scale", "gray_scale:")):
            expected = roc_auc_score(truth, [float(row[f"score:{prefix}{name}"]) for row in rows])
            assert cuts[cut]["metrics"][outcome]["auc"]["value"] == pytest.approx(expected)
    table = next((tmp_path / "out" / "report").rglob("paper_table3.csv"))
    with table.open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [line["method"] for line in lines if line["stage"] == "S4"] == [
        "APRI", "FIB-4", "LSM", "GM", "EM", "GM + LSM", "GM + EM",
    ]  # fmt: skip
    assert (tmp_path / "out" / "report" / "report.html").read_text().count("Characteristics") >= 1


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_mirrored_image_of_another_patient_is_refused_before_training(cohort, tmp_path, capsys, split):
    folder = tmp_path / "cohort"
    shutil.copytree(cohort.parent, folder)
    train, other = (read_cohort(folder / "manifest.csv").split(name)[0] for name in ("train", split))
    with Picture.open(train.images["gray_scale"][0]) as picture:
        picture.transpose(Picture.Transpose.FLIP_LEFT_RIGHT).save(other.images["gray_scale"][0])
    message = refused(
        capsys,
        "train",
        "xue2020",
        "--cohort",
        folder / "manifest.csv",
        "--output",
        tmp_path / "run",
        *TRAINING,
        "--quiet",
    )
    assert f"the image of patient {other.patient_id} is the same (or mirrored)" in message
    assert not list((tmp_path / "run").glob("gray_scale"))


def test_images_and_values_that_do_not_suit_the_method_are_refused(run, cohort, tmp_path, capsys):
    row = cirrhosis_case(cohort)
    gray, color = row.images["gray_scale"][0], row.images["elastogram"][0]
    common = ("--model", run / "model", "--output", tmp_path / "out", "--device", "cpu", "--quiet")
    no_box = refused(capsys, "assess", "--image", f"gray_scale={gray}", "--image", f"elastogram={gray}", *common)
    assert "a gray-scale image without a color box, where an elastogram" in no_box
    swapped = refused(capsys, "assess", "--image", f"gray_scale={color}", "--image", f"elastogram={gray}", *common)
    assert "an elastogram (its scan area holds a color box), where a gray-scale image" in swapped
    uneven = refused(capsys, "assess", *files_of(row), "--image", f"gray_scale={gray}", *common)
    assert "2 images 'gray_scale' and 1 'elastogram'" in uneven
    unit = refused(capsys, "assess", *files_of(row), "--covariate", "platelets_1e9_per_l=180000", *common)
    assert "platelets_1e9_per_l: 180000 is not between 1 and 2000. Give the platelets in 10^9/L." in unit
    pascal = refused(capsys, "assess", *files_of(row), "--covariate", "stiffness_kpa=8600", *common)
    assert "Give the liver stiffness in kPa" in pascal
    assert not (tmp_path / "out").exists()


def test_a_model_is_trained_further(run, cohort, tmp_path, capsys):
    common = (
        "train",
        "xue2020",
        "--cohort",
        str(cohort),
        "--output",
        str(tmp_path / "run"),
        "--device",
        "cpu",
        "--quiet",
    )
    start = (*common, "--initial-weights", str(run / "model"))
    assert "--backbone: the model run says it" in refused(capsys, *start, "--backbone", "resnet50")
    further = (
        "--frozen-views",
        "1",
        "--freeze-batch-norm",
        "--epochs",
        "1",
        "--max-lr",
        "1e-9",
        "--precision",
        "float32",
    )
    assert main([*start, *further]) == 0
    before, after = load_model(run / "model"), load_model(tmp_path / "run" / "model")
    assert after.settings["backbone"] == before.settings["backbone"]
    weights = "gray_scale.models.4.output.weight"
    np.testing.assert_allclose(after.state()[weights], before.state()[weights], atol=1e-3)


def test_training_options_that_freeze_noise_are_refused(cohort, tmp_path, capsys):
    def message(*options):
        return refused(
            capsys, "train", "xue2020", "--cohort", cohort, "--output", tmp_path / "run", "--quiet", *options
        )

    assert "needs pretrained weights" in message("--schedule", "published")
    assert "freezing random layers freezes noise" in message("--frozen-groups", "2")
    assert "there are no frozen layers" in message("--frozen-views", "2", "--freeze-batch-norm")
    assert "no weights of resnet18 come with LiverAI" in message(
        "--encoder-weights", "bundled", "--backbone", "resnet18"
    )
