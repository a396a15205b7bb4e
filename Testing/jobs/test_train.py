"""Training from a manifest to a model that segments or assesses, on a tiny cohort."""

from __future__ import annotations

import json

import pytest

from LiverAILib.data.case import Case
from LiverAILib.data.cohort import read_cohort
from LiverAILib.data.seen_cases import patient_checksum
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image
from LiverAILib.jobs.assess import assess
from LiverAILib.jobs.train import train
from LiverAILib.methods.nowak2021.slices import class_label
from LiverAILib.segmentation.predict import Segmenter
from Testing.tiny_cohort import write_tiny_cohort

TINY = {"epochs": 1, "steps": 1, "batch_size": 2, "image_size": 64, "log": lambda line: None}


def test_a_trained_segmentation_model_segments_and_a_finished_run_is_not_trained_again(cohort, tmp_path):
    lines = []
    settings = {**TINY, "name": "tiny", "seed": 3, "log": lines.append}
    model = train("segmentation", cohort, tmp_path / "run", **settings)
    assert model.card.entries["training"]["seed"] == 3
    assert any("dice_liver" in line for line in lines)
    image = read_image(cohort.parent / "0.nii.gz")
    segmentation, _ = Segmenter(model, device="cpu").segment(image)
    assert segmentation.image.same_geometry(image)
    assert (tmp_path / "run" / "learning_curves.png").stat().st_size > 10_000
    lines.clear()
    assert train("segmentation", cohort, tmp_path / "run", **settings).checksum == model.checksum
    assert not any("epoch=" in line for line in lines)


def test_a_context_network_is_trained_beside_the_other_and_both_are_trained_further(cohort, tmp_path):
    settings = {**TINY, "backbone": "tf_efficientnet_lite0", "encoder_weights": "bundled", "schedule": "short"}
    model = train("segmentation", cohort, tmp_path / "run", **settings, context_epochs=1)
    assert model.settings["context"] == {"channels": [16, 32, 64, 128, 160], "weight": 0.3}
    assert model.settings["normalization"] == "minus one to one"
    image = read_image(cohort.parent / "0.nii.gz")
    result = Segmenter(model, device="cpu").examine(image)
    assert set(result.metrics.context_agreement) == {"liver", "right_kidney", "left_kidney", "spleen"}
    further = train(
        "segmentation", cohort, tmp_path / "further", **TINY, initial_weights=str(model.folder), context_epochs=1
    )
    before, after = model.state(), further.state()
    assert before.keys() == after.keys()
    changed = {name.split(".")[0] for name in before if not before[name].equal(after[name])}
    assert {"encoder", "decoder", "context"} <= changed
    assert further.settings == model.settings
    kept = train("segmentation", cohort, tmp_path / "kept", **TINY, initial_weights=str(model.folder))
    assert kept.settings == model.settings
    assert all(kept.state()[name].equal(before[name]) for name in before if name.startswith("context."))


def test_a_trained_classifier_assesses_and_its_card_says_what_it_saw(cohort, tmp_path):
    model = train("nowak2021", cohort, tmp_path / "run", **{**TINY, "epochs": 2, "image_size": 32, "batch_size": 4})
    assert model.name == "run"
    mask = read_image(cohort.parent / "liver.nrrd")
    result = assess(Case({"t2": read_image(cohort.parent / "1.nii.gz")}, masks={"liver": mask}), model, device="cpu")
    assert sum(result.probabilities.values()) == pytest.approx(1)
    assert not result.simulated
    card = json.loads((model.folder / "model.json").read_text())
    assert set(card["metrics"]) == {"segmented", "full"}
    assert card["seen"]["train"]["patients"] == sorted(patient_checksum(f"p{n}") for n in range(4))
    assert len(card["seen"]["validation"]["images"]) == 2
    assert "no pretrained weights" in card["description"]
    assert card["training"]["schedule"] == "short"
    assert card["training"]["precision"] in ("float32", "bfloat16", "float16")


def test_a_run_is_not_resumed_with_other_settings(cohort, tmp_path):
    (tmp_path / "run.json").write_text('{"seed": 0}')
    with pytest.raises(UserError, match="another seed"):
        train("segmentation", cohort, tmp_path, seed=5)


def test_a_cohort_that_cannot_train_is_refused(cohort, tmp_path):
    only_test = write_tiny_cohort(tmp_path / "only_test", ["test"] * 2)
    with pytest.raises(UserError, match='no case of split "train"'):
        train("nowak2021", only_test, tmp_path / "a", log=print)
    no_validation = write_tiny_cohort(tmp_path / "no_validation", ["train"] * 2)
    with pytest.raises(UserError, match='"validation"'):
        train("nowak2021", no_validation, tmp_path / "b", log=print)
    one_class = write_tiny_cohort(tmp_path / "one_class", ["train", "validation"], stages=[4, 4])
    with pytest.raises(UserError, match="all of one class"):
        train("nowak2021", one_class, tmp_path / "c", log=lambda line: None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "published"}, "needs pretrained weights"),
        ({"frozen_views": 2}, "--freeze-batch-norm"),
        ({"schedule": "long"}, "--schedule long: unknown"),
        ({"batch_size": 0}, "--batch-size 0: has to be above 0"),
        ({"precision": "float16", "device": "cpu"}, "needs a GPU"),
        ({"head": "ordinal"}, "--head ordinal: unknown"),
    ],
)
def test_options_that_cannot_work_are_refused_in_one_line(cohort, tmp_path, options, message):
    with pytest.raises(UserError, match=message) as caught:
        train("nowak2021", cohort, tmp_path / "run", log=lambda line: None, **options)
    assert "\n" not in str(caught.value)


def test_labels_that_do_not_say_what_they_are_are_refused_before_any_work(tmp_path):
    manifest = write_tiny_cohort(tmp_path / "cohort", labels="label")
    with pytest.raises(UserError, match="column label does not say whether it holds stages or cirrhosis"):
        train("nowak2021", manifest, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_stages_of_0_and_1_hold_no_cirrhosis_to_train_on(tmp_path):
    """A cohort of early stages is not taken for one of cirrhosis yes and no."""
    manifest = write_tiny_cohort(tmp_path / "cohort", stages=[0, 1, 0, 1, 0, 1])
    with pytest.raises(UserError, match="the training cases are all of one class"):
        train("nowak2021", manifest, tmp_path / "run", log=lambda line: None)


def test_all_stages_below_f4_are_no_cirrhosis_to_a_model_of_two_classes(tmp_path):
    rows = read_cohort(write_tiny_cohort(tmp_path, ("train",) * 5, stages=[0, 1, 2, 3, 4])).rows
    assert [class_label(row, ("no cirrhosis", "cirrhosis")) for row in rows] == [0, 0, 0, 0, 1]
    assert [class_label(row, ("F0", "F1", "F2", "F3", "F4")) for row in rows] == [0, 1, 2, 3, 4]
