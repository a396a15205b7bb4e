"""The published runs of Nowak 2021 one after the other: one's own segmentation network reaches training, assessment and test."""

from __future__ import annotations

import json

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from LiverAILib.cli import main
from LiverAILib.data.case import Case
from LiverAILib.data.cohort import read_cohort
from LiverAILib.data.model import load_model
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image
from LiverAILib.jobs.assess import assess
from LiverAILib.jobs.train import train
from LiverAILib.methods.nowak2021.recipe import Nowak2021Recipe
from LiverAILib.methods.nowak2021.settings import CLASSES
from LiverAILib.methods.nowak2021.slices import Preparation, load_slices
from LiverAILib.methods.nowak2021.trainer import pipeline_slices
from LiverAILib.segmentation.predict import Segmenter
from Testing.models import with_settings
from Testing.tiny_cohort import write_tiny_cohort

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A cohort, both networks trained on it with the published recipe, and what the runs printed."""
    folder = tmp_path_factory.mktemp("study")
    cohort = write_tiny_cohort(folder / "cohort", ("train",) * 4 + ("validation",) * 2 + ("test",) * 4)
    torch.manual_seed(7)
    for name in ("resnet34", "resnet50"):
        save_file(getattr(torchvision.models, name)().state_dict(), folder / f"{name}.safetensors")
    common = {"schedule": "published", "device": "cpu", "seed": 1}
    train(
        "segmentation",
        cohort,
        folder / "masks",
        encoder_weights=str(folder / "resnet34.safetensors"),
        image_size=64,
        epochs_divisor=20,
        steps=6,
        batch_size=4,
        log=lambda line: None,
        **common,
    )
    lines = []
    train(
        "nowak2021",
        cohort,
        folder / "run",
        encoder_weights=str(folder / "resnet50.safetensors"),
        segmentation_model=str(folder / "masks" / "model"),
        image_size=32,
        full_image_size=64,
        epochs_divisor=1000,
        log=lines.append,
        **common,
    )
    return folder, lines


def test_the_network_of_single_slices_finds_the_liver(study):
    folder, _ = study
    segmenter = Segmenter(load_model(folder / "masks" / "model"), device="cpu")
    assert [structure.name for structure in segmenter.structures] == ["liver"]
    assert segmenter.settings.adjacent_slices == 1
    image = read_image(folder / "cohort" / "6.nii.gz")
    truth = read_image(folder / "cohort" / "liver.nrrd").array > 0
    found = segmenter.liver(image)
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.8


def test_the_card_names_the_network_and_says_what_departs_from_the_paper(study):
    folder, lines = study
    model = load_model(folder / "run" / "model")
    own = load_model(folder / "masks" / "model")
    assert model.settings["segmentation_model"] == "../../masks/model"
    assert model.settings["segmentation_model_sha256"] == own.checksum
    assert model.settings["image_size"] == {"segmented": 32, "full": 64}
    assert model.settings["calibration"] == {}
    departed = model.card.entries["departures_from_paper"]
    assert [line.split(":")[0] for line in departed] == ["runs", "image sizes"]
    assert lines[0] == "published recipe, but:"
    assert not any("warning" in line for line in lines)


def test_training_sees_given_masks_and_validation_those_of_the_network(study):
    folder, _ = study
    cohort = read_cohort(folder / "cohort" / "manifest.csv")
    segmenter = Segmenter(load_model(folder / "masks" / "model"), device="cpu")
    slices = pipeline_slices(cohort, CLASSES, segmenter, Nowak2021Recipe())
    given, found = Preparation("segmented"), Preparation("segmented", segmenter)
    ((trained,), (validated,)) = (
        load_slices(cohort.split("train"), [given]),
        load_slices(cohort.split("validation"), [found]),
    )
    assert torch.equal(slices["segmented"][0].slices, trained.slices)
    assert torch.equal(slices["segmented"][1].slices, validated.slices)
    (manual,) = load_slices(cohort.split("validation"), [given])
    assert not torch.equal(validated.slices, manual.slices)
    assert [one.slices.shape[-1] for one in slices["full"]] == [448, 448]


def test_assess_takes_its_masks(study):
    folder, _ = study
    model = load_model(folder / "run" / "model")
    case = Case({"t2": read_image(folder / "cohort" / "7.nii.gz")})
    result = assess(case, model, device="cpu")
    assert result.segmentation.source == "masks"
    assert result.provenance["segmentation"]["why"] == "named by the card of run"
    codes = {warning.code for warning in result.warnings}
    assert not codes & {"segmentation_model_changed", "segmentation_model_replaced"}
    older = with_settings(model, segmentation_model_sha256=64 * "0")
    assert "segmentation_model_changed" in {w.code for w in assess(case, older, device="cpu").warnings}


def evaluate(folder, output, *more):
    command = [
        "evaluate",
        str(folder / "run"),
        "--cohort",
        str(folder / "cohort" / "manifest.csv"),
        "--output",
        str(output),
    ]
    return main([*command, "--bootstrap", "100", "--no-explain", "--device", "cpu", "--quiet", *more])


def sources(output):
    return {json.loads(path.read_text())["segmentation"]["source"] for path in (output / "cases").glob("*.json")}


def test_evaluate_takes_its_masks_and_another_networks_only_with_a_warning(study, tmp_path):
    folder, _ = study
    assert evaluate(folder, tmp_path / "own") == 0
    assert sources(tmp_path / "own") == {"masks"}
    warnings = json.loads((tmp_path / "own" / "report" / "metrics.json").read_text())["warnings"]
    assert not any("--segmentation-model" in warning for warning in warnings)

    train_again = {"schedule": "fine-tune", "initial_weights": str(folder / "masks" / "model"), "device": "cpu"}
    train(
        "segmentation", folder / "cohort" / "manifest.csv", tmp_path / "other", epochs=1, steps=1, max_lr=1e-9,
        image_size=64, batch_size=2, log=lambda line: None, **train_again,
    )  # fmt: skip
    other = str(tmp_path / "other" / "model")
    assert evaluate(folder, tmp_path / "out", "--segmentation-model", other) == 0
    assert sources(tmp_path / "out") == {"other"}
    warnings = json.loads((tmp_path / "out" / "report" / "metrics.json").read_text())["warnings"]
    assert (
        "The liver was segmented by other (--segmentation-model) instead of ../../masks/model, with which run was validated."
        in warnings
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            ("--masks", "given", "--segmentation-model", "liver-mr-ct"),
            "would not be used, the masks are the manifest's",
        ),
        (("--segmentation-model", "nowak2021-simulated"), "no segmentation model for MR"),
        (("--segmentation-model", "nowhere"), "nowhere: no such model"),
    ],
)
def test_a_segmentation_model_that_cannot_be_used_is_refused(study, tmp_path, capsys, more, message):
    assert evaluate(study[0], tmp_path / "out", *more) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_published_run_stops_before_it_starts_without_a_segmentation_network(study, tmp_path):
    folder, _ = study
    options = {"encoder_weights": str(folder / "resnet50.safetensors"), "log": lambda line: None}
    with pytest.raises(UserError, match="--validation-masks given"):
        train("nowak2021", folder / "cohort" / "manifest.csv", tmp_path / "run", **options)
    # The corrected command may use the same folder.
    assert not (tmp_path / "run").exists()
