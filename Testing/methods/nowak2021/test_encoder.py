"""Nowak 2021 with another encoder, and with the penalty on evidence outside of the liver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from LiverAILib.data.case import Case
from LiverAILib.data.cohort import read_cohort
from LiverAILib.data.model import load_model
from LiverAILib.jobs.assess import assess
from LiverAILib.jobs.train import train
from LiverAILib.methods.nowak2021.settings import CLASSES, EncoderSettings, Nowak2021Settings
from LiverAILib.methods.nowak2021.slices import Preparation, SliceSet, batches, load_slices
from LiverAILib.methods.nowak2021.trainer import nowak2021_card
from LiverAILib.methods.nowak2021.training import PipelineOptions, evidence_outside, validated
from LiverAILib.methods.nowak2021.view import network_input
from LiverAILib.networks.backbones import read_bundled
from LiverAILib.networks.classifier import ImageClassifier
from LiverAILib.training.options import TrainingOptions
from Testing.models import untrained_nowak2021
from Testing.tiny_cohort import write_tiny_cohort

LITE = "tf_efficientnet_lite0"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_tiny_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="module")
def trained(cohort, tmp_path_factory):
    """The six published stages, one epoch each, on the encoder in the box."""
    output = tmp_path_factory.mktemp("run")
    lines = []
    model = train(
        "nowak2021",
        cohort,
        output,
        backbone=LITE,
        encoder_weights="bundled",
        schedule="published",
        epochs_divisor=1000,
        evidence_penalty=0.5,
        freeze_batch_norm=True,
        frozen_views=2,
        validation_masks="given",
        image_size=64,
        device="cpu",
        log=lines.append,
    )
    return model, lines


def test_all_published_stages_run_and_the_card_names_the_encoder(trained):
    model, lines = trained
    assert {line.split()[0] for line in lines if line.startswith("stage=")} == {f"stage={n}" for n in range(1, 7)}
    entry = {"name": LITE, "groups": 0, "mean": [0.5] * 3, "std": [0.5] * 3, "initial_weights": "bundled"}
    assert model.settings["encoder"] == entry
    assert model.settings["evidence_penalty"] == 0.5
    assert LITE in model.card.entries["description"]
    departed = model.card.entries["departures_from_paper"]
    assert any(line.startswith(f"backbone: {LITE} instead of resnet50") for line in departed)
    assert any(line.startswith("evidence penalty: 0.5 instead of 0.0") for line in departed)


def test_the_card_of_the_short_schedule_says_whether_the_encoder_was_pretrained(cohort):
    found = {"encoder": {"name": LITE}}
    pretrained, random = (
        nowak2021_card(read_cohort(cohort), CLASSES, found, {}, TrainingOptions(encoder_weights=weights))["description"]
        for weights in ("bundled", None)
    )
    assert "pretrained encoder" in pretrained
    assert "no pretrained weights" in random


def test_the_state_is_chosen_by_the_loss_with_the_penalty(trained):
    for stages in trained[0].card.entries["training_stages"].values():
        for stage in stages:
            found = stage["validation"]
            expected = -found["validation_cross_entropy"] - 0.5 * found["validation_evidence_outside"]
            assert found["score"] == pytest.approx(expected)
            assert 0 <= found["validation_evidence_outside"] < 1


def test_the_frozen_stages_begin_with_the_weights_in_the_box_and_the_last_ones_change_them(trained):
    state = trained[0].state()
    begin = read_bundled(LITE)["conv_stem.weight"]
    found = state["full.groups.0.0.weight"]
    assert found.shape == begin.shape
    assert 0 < (found - begin).abs().max() < 0.2 * begin.abs().max()


def test_the_model_assesses_a_case(trained, cohort):
    row = read_cohort(cohort).rows[0]
    image = row.read_image("t2", "MR")
    mask = image.with_array(row.read_mask("liver", image).astype(np.uint8))
    found = assess(Case({"t2": image}, masks={"liver": mask}), load_model(trained[0].folder), device="cpu")
    assert sum(found.probabilities.values()) == pytest.approx(1)
    assert found.heatmap.image.array.max() > 0


def test_a_card_without_an_encoder_means_the_published_one(tmp_path):
    card = untrained_nowak2021(tmp_path / "model").card
    assert "encoder" not in card.entries["settings"]
    assert Nowak2021Settings.from_card(card).encoder == EncoderSettings("resnet50")


def test_the_input_is_normalized_as_the_encoder_expects_it():
    gray = torch.tensor([[[0.0, 0.5, 1.0]]])
    lite = EncoderSettings(LITE, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    torch.testing.assert_close(network_input(gray, lite)[0, 1, 0], torch.tensor([-1.0, 0.0, 1.0]))


def test_the_liver_follows_the_slices_as_a_fourth_channel(cohort):
    [data] = load_slices(read_cohort(cohort).split("train"), [Preparation("segmented", size=64, livers=True)])
    assert data.livers.shape == (4, 16, 16)
    draw, _ = batches(data, batch_size=4, size=64)
    inputs, _ = next(iter(draw(0)))
    assert inputs.shape == (4, 4, 64, 64)
    # Black is what lies outside of the liver in this pipeline.
    black = inputs[:, 0] <= inputs[:, 0].min() + 1e-6
    assert inputs[:, 3][black].mean() < 0.15
    assert inputs[:, 3][~black].mean() > 0.85


class Passing(ImageClassifier):
    """The input, coarse, is the feature map; the output layer takes its first channel alone."""

    def __init__(self):
        super().__init__(3, 2)
        self.output.weight.data[:] = torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])

    layer_groups = ()

    def early_features(self, inputs):
        return F.avg_pool2d(inputs, 8)

    def late_features(self, features):
        return features


def test_the_evidence_outside_is_the_share_of_the_maps_beside_the_liver():
    encoder = EncoderSettings("own", mean=(0.0,) * 3, std=(1.0,) * 3)
    slices, livers = torch.zeros(2, 32, 32), torch.zeros(2, 8, 8, dtype=torch.uint8)
    livers[:, :4, :2] = 255  # positions (0, 0) and (1, 0) of 4 x 4
    slices[0, :8, :8] = 0.6  # on the liver
    slices[:, 24:, 24:] = 0.2  # beside it
    data = SliceSet(slices.half(), torch.tensor([0, 1]), torch.arange(2), livers)
    options = PipelineOptions(size=32, encoder=encoder, evidence_penalty=2.0)
    assert evidence_outside(Passing(), data, options) == pytest.approx((0.25 + 1) / 2, abs=1e-3)
    found = validated(Passing(), data, options)
    assert found["score"] == pytest.approx(-found["validation_cross_entropy"] - 2 * 0.625, abs=1e-3)
    assert "validation_evidence_outside" not in validated(Passing(), data, replace(options, evidence_penalty=0.0))
