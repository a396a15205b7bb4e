"""Byra 2021 from the manifest to the report, on pictures whose brightness is the fat fraction."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from LiverAILib import assess
from LiverAILib.cli import main
from LiverAILib.data.case import Case
from LiverAILib.data.model import load_model
from LiverAILib.data.outcome import Classification, Quantity
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.jobs.assess import Assessor
from LiverAILib.methods.byra2021 import VIEWS
from Testing.conftest import ROOT
from Testing.imaging.ultrasound import pictures
from Testing.methods.byra2021.cohort import BACKBONE, COLUMNS, ROWS, picture, write_backbone, write_cohort

FAT = [1, 2, 3, 4, 4.5, 4.8, 5.5, 6, 7, 8, 8.5, 9, 11, 12, 13, 15, 17, 19, 22, 25, 28, 31]
TESTED = [2, 3.5, 4.2, 6.5, 7.5, 9.5, 10.5, 14, 18, 24, 30]
QUIET = ("--device", "cpu", "--quiet")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_backbone(tmp_path_factory.mktemp("backbone") / "weights.safetensors")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """A participant of them has no liver/kidney view."""
    folder = tmp_path_factory.mktemp("training") / "cohort"
    return write_cohort(folder, FAT, split="train", seed=1, lacking={3: "liver_kidney"})


@pytest.fixture(scope="module")
def run(cohort, weights):
    """The run folder of a training."""
    folder = cohort.parent.parent / "run"
    assert train(cohort, folder, weights, "--composite") == 0
    return folder


def train(manifest, folder, weights, *more) -> int:
    return main(
        ["train", "byra2021", "--cohort", str(manifest), "--output", str(folder), "--backbone", BACKBONE,
         "--encoder-weights", str(weights), "--image-size", "64", *more, *QUIET]
    )  # fmt: skip


@pytest.fixture(scope="module")
def model(run):
    return load_model(run / "model")


@pytest.fixture(scope="module")
def test_cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("testing") / "cohort", TESTED, split="test", seed=2)


def case_of(fat: float, *, views=VIEWS) -> Case:
    return Case({view: picture(fat, 77 + place) for place, view in enumerate(views)}, f"fat {fat:g}")


def test_the_model_is_small_and_names_its_backbone(run, model, weights):
    settings = model.settings
    assert settings["backbone"]["name"] == BACKBONE
    assert settings["backbone"]["weights"] == str(weights.resolve())
    assert (settings["shifts"], settings["inner_folds"]) == ([0, -20, -10, 10, 20], 4)
    assert len(settings["grid"]) == 10
    assert sum(file.stat().st_size for file in (run / "model").iterdir()) < 100_000
    assert set(model.state()) == {
        f"{owner}.{head}.{part}"
        for owner in (*VIEWS, "composite")
        for head in ("pdff", "from_5", "from_10")
        for part in ("weight", "bias")
    }
    assert len(model.card.seen["train"]["images"]) == 4 * len(FAT) - 1
    stated = model.card.entries["metrics"]["leave_one_participant_out"]
    assert stated["multiview"]["spearman"][0] > 0.8
    assert stated["liver_kidney"]["participants"] == len(FAT) - 1


def test_features_are_computed_once(run, cohort, weights, tmp_path, capsys):
    kept = sorted((run / "features").iterdir())
    assert len(kept) == 4 * len(FAT) - 1
    assert np.load(kept[0]).shape == (10, 288)


def test_left_out_participants_are_evaluated_as_in_the_paper(run, tmp_path):
    out = tmp_path / "report"
    predictions = run / "out_of_participant.csv"
    with predictions.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["patient_id"] for row in rows] == [f"train-p{number}" for number in range(len(FAT))]
    assert "score:liver_kidney" not in rows[0]  # one participant has no such view
    views = [f"score:{view}:>=5" for view in VIEWS[:3]]
    assert {*views, "score", "score:>=5", "score:>=10"} <= set(rows[0])
    assert main(
        ["evaluate", "--predictions", str(predictions), "--output", str(out), "--paper", "byra2021", "--quantity", "PDFF",
         "--unit", "%", "--bootstrap", "100"]
    ) == 0  # fmt: skip
    assert (out / "figures" / "paper_figure3.svg").is_file()
    assert (out / "figures" / "paper_figure4.svg").is_file()


def test_a_case_gets_its_fat_fraction_the_diagnoses_and_a_signed_map_a_view(model):
    case = case_of(20)
    found = assess(case, model, device="cpu")
    assert found.primary == "multiview"
    fat = found.outcome
    assert isinstance(fat, Quantity)
    assert (fat.unit, fat.name) == ("%", "Liver fat fraction, mean of the views")
    assert fat.value == pytest.approx(20, abs=8)
    assert fat.value == pytest.approx(np.mean([found.outcomes[view].value for view in VIEWS]), rel=1e-6)
    low, high = fat.interval
    assert low < fat.value < high
    assert high - fat.value == pytest.approx(model.settings["residuals"]["error"])
    assert "left-out participants" in fat.interval_meaning
    for cutoff in (5, 10):
        own = [found.outcomes[f"{view} >= {cutoff}"].probabilities[f">= {cutoff} %"] for view in VIEWS]
        mean = found.outcomes[f"multiview >= {cutoff}"]
        assert isinstance(mean, Classification)
        assert mean.probabilities[f">= {cutoff} %"] == pytest.approx(np.mean(own))
        assert mean.predicted == f">= {cutoff} %"
    assert assess(case_of(2), model, device="cpu").outcomes["multiview >= 10"].predicted == "< 10 %"
    assert isinstance(found.outcomes["composite"], Quantity)
    assert [heatmap.role for heatmap in found.heatmaps] == list(VIEWS)
    for heatmap in found.heatmaps:
        assert heatmap.signed
        assert heatmap.image.same_geometry(case.image(heatmap.role))
        assert heatmap.image.array[0, :9].max() == 0


def test_the_mean_of_a_map_and_the_bias_make_the_log_odds(model):
    assessor = Assessor(model, device="cpu")
    assessment, examination = assessor.examine(case_of(9), assessor.request())
    for view in VIEWS:
        outcome = f"{view} >= 5"
        [seen] = examination.views[outcome]
        with torch.no_grad():
            score = float(assessor.method.networks[outcome](seen.tensor[None]))
        features = assessor.method.backbone.features(seen.tensor[None])
        head = assessor.method.heads[view]["from_5"]
        map_ = head.maps(features)
        assert float(map_.mean() + head.bias) == pytest.approx(score, rel=1e-4)
        probability = assessment.outcomes[outcome].probabilities[">= 5 %"]
        assert probability == pytest.approx(1 / (1 + np.exp(-score)), rel=1e-4)
        np.testing.assert_array_equal(
            seen.restore(map_[0].detach()), assessment.outcomes[outcome].heatmaps[0].image.array
        )


def test_missing_views_are_said_and_have_no_interval(model):
    found = assess(case_of(20, views=VIEWS[1:3]), model, device="cpu")
    [warning] = [one for one in found.warnings if one.code == "views_missing"]
    assert "Missing: hepatic veins and liver kidney." in warning.text
    assert "that of right portal vein and right posterior portal vein" in warning.text
    assert found.outcome.interval is None
    assert found.outcome.value == pytest.approx(np.mean([found.outcomes[view].value for view in VIEWS[1:3]]))
    assert {"hepatic_veins", "composite"}.isdisjoint(found.outcomes)
    with pytest.raises(UserError, match=r"no image that the model .* looks at"):
        assess(Case({"t2": picture(3, 1)}), model, device="cpu")


def test_one_picture_as_two_views_is_warned_of(model):
    case = case_of(20)
    twice = replace(case, images={**case.images, "liver_kidney": case.images["hepatic_veins"]})
    codes = [warning.code for warning in assess(twice, model, device="cpu").warnings]
    assert "same_picture_twice" in codes


def test_other_ultrasound_pictures_are_refused(model):
    doppler = Image(pictures.doppler().colors[None], modality="US")
    case = case_of(20)
    with pytest.raises(UserError, match=r"the image 'liver_kidney': a Doppler image"):
        assess(replace(case, images={**case.images, "liver_kidney": (doppler,)}), model, device="cpu")


def test_the_command_line_takes_views_by_role_and_writes_signed_maps(model, test_cohort, tmp_path):
    folder = test_cohort.parent
    images = [part for view in VIEWS for part in ("--image", f"{view}={folder / f'2_9_{view}.nrrd'}")]
    out = tmp_path / "out"
    assert main(["assess", *images, "--model", str(model.folder), "--output", str(out), *QUIET]) == 0
    record = json.loads((out / "assessment.json").read_text())
    jsonschema.validate(record, json.loads((ROOT / "docs" / "assessment.schema.json").read_text()))
    assert record["primary_outcome"] == "multiview"
    assert sorted(path.name for path in out.glob("heatmap*")) == sorted(f"heatmap_{view}_5.nrrd" for view in VIEWS)
    report = (out / "report.html").read_text()
    assert "Red is evidence for it, blue against it." in report
    assert "95 % prediction interval" in report


def test_a_batch_assesses_a_manifest_whose_cases_lack_views(model, tmp_path):
    lacking = {0: "hepatic_veins", 1: "liver_kidney"}
    manifest = write_cohort(tmp_path / "cohort", [3, 22], split="test", seed=5, lacking=lacking)
    out = tmp_path / "out"
    assert main(["batch", str(manifest), "--model", str(model.folder), "--output", str(out), *QUIET]) == 0
    with (out / "summary.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert float(rows[0]["multiview [%]"]) < float(rows[1]["multiview [%]"])
    assert rows[0]["hepatic_veins [%]"] == "" != rows[0]["liver_kidney [%]"]
    assert ["views_missing" in row["warnings"] for row in rows] == [True, True]


def test_a_held_out_cohort_is_evaluated_with_the_probabilities_of_the_classifiers(model, test_cohort, tmp_path):
    out = tmp_path / "out"
    assert main(
        ["evaluate", str(model.folder), "--cohort", str(test_cohort), "--output", str(out), "--bootstrap", "100", *QUIET]
    ) == 0  # fmt: skip
    record = json.loads((out / "report" / "metrics.json").read_text())
    assert record["results"]["agreement"]["metrics"]["run"]["Spearman correlation"]["value"] > 0.85
    cut = record["results"]["cutoffs"]["from_5"]
    assert set(cut["metrics"]) == {"run", *VIEWS, "composite"}
    with (out / "predictions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    called = np.array([float(row["score:>=5"]) for row in rows]) > 0.5
    positive = np.array(TESTED) >= 5
    assert cut["counts"]["tp"] == (called & positive).sum()
    assert cut["counts"]["fp"] == (called & ~positive).sum()
    for name in ("paper_figure3", "paper_figure4", "explanation_maps_1"):
        assert (out / "report" / "figures" / f"{name}.svg").is_file(), name
    assert record["as_in_the_paper"]["paper"] == "byra2021"


def test_other_weights_of_the_backbone_are_refused(model, weights, tmp_path):
    changed = {
        name: value + 0.01 if name == "conv_stem.weight" else value for name, value in load_file(weights).items()
    }
    save_file(changed, tmp_path / "other.safetensors")
    entries = json.loads((model.folder / "model.json").read_text())
    entries["settings"]["backbone"]["weights"] = str(tmp_path / "other.safetensors")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.json").write_text(json.dumps(entries))
    (folder / "weights.safetensors").write_bytes((model.folder / "weights.safetensors").read_bytes())
    with pytest.raises(UserError, match=f"trained on features of {BACKBONE} with other weights"):
        assess(case_of(20), load_model(folder), device="cpu")


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_picture_of_two_participants_is_refused_before_training(weights, tmp_path, capsys, mirrored):
    from LiverAILib.imaging.files import read_image, write_image

    manifest = write_cohort(tmp_path / "cohort", FAT, split="train", seed=3)
    stolen = read_image(manifest.parent / "3_4_liver_kidney.nrrd")
    if mirrored:
        stolen = stolen.with_array(stolen.array[:, :, ::-1].copy())
    write_image(stolen, manifest.parent / "3_9_hepatic_veins.nrrd")
    assert train(manifest, tmp_path / "run", weights) == 2
    shown = capsys.readouterr().err
    assert "patient train-p9 is the same (or mirrored) as" in shown
    assert not (tmp_path / "run" / "features").exists()
    assert not (tmp_path / "run" / "model").exists()


def test_runs_that_make_no_sense_are_refused(cohort, weights, tmp_path, capsys):
    def refused(*more) -> str:
        command = ["train", "byra2021", "--cohort", str(cohort), "--output", str(tmp_path / "run"), *more, *QUIET]
        assert main(command) == 2
        return capsys.readouterr().err

    assert "needs a pretrained backbone. Give imagenet" in refused()
    assert "--steps: means nothing to byra2021" in refused("--steps", "3", "--encoder-weights", str(weights))
    assert "neither torchvision nor timm" in refused("--backbone", "nonsense", "--encoder-weights", str(weights))
    text = cohort.read_text().replace("train-p1,", "train-p0,")
    (cohort.parent / "twice.csv").write_text(text)
    command = ["train", "byra2021", "--cohort", str(cohort.parent / "twice.csv"), "--output", str(tmp_path / "twice")]
    assert main([*command, "--encoder-weights", "bundled", "--backbone", "tf_efficientnet_lite0", *QUIET]) == 2
    assert "patient train-p0 has several cases" in capsys.readouterr().err
    assert (ROWS, COLUMNS) == (120, 160)
