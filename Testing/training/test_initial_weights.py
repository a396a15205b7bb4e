"""Training that goes on from a trained model."""

from __future__ import annotations

import pytest
import torch

from LiverAILib.errors import UserError
from LiverAILib.jobs.train import train
from LiverAILib.networks.classifier import ResNet50Classifier
from LiverAILib.networks.unet import build_unet
from LiverAILib.training.initial_weights import start_from
from Testing.models import untrained_nowak2021, untrained_segmentation


@pytest.mark.parametrize("pipeline", ["segmented", "full"])
def test_a_network_starts_as_the_model_ended(tmp_path, pipeline):
    model = untrained_nowak2021(tmp_path / "model")
    network = ResNet50Classifier(2)
    start_from(network, model, prefix=f"{pipeline}.")
    stored = model.state()
    assert all(torch.equal(value, stored[f"{pipeline}.{name}"]) for name, value in network.state_dict().items())


def test_fine_tuning_begins_at_the_model_and_says_so(cohort, tmp_path):
    """With a learning rate of almost nothing, what comes out is what went in, but for the batch-norm statistics."""
    model = untrained_nowak2021(tmp_path / "model")
    tuned = train(
        "nowak2021",
        cohort,
        tmp_path / "run",
        initial_weights=str(model.folder),
        epochs=1,
        steps=1,
        max_lr=1e-12,
        image_size=32,
        batch_size=4,
        log=lambda line: None,
    )
    before, after = model.state(), tuned.state()
    for name in (n for n in before if "running_" not in n and "num_batches" not in n):
        torch.testing.assert_close(after[name], before[name], msg=name)
    assert tuned.card.entries["training"]["initial_weights"] == {"name": "model", "sha256": model.checksum}
    assert tuned.card.entries["training"]["schedule"] == "fine-tune"


def test_a_segmentation_model_is_trained_further(cohort, tmp_path):
    model = untrained_segmentation(tmp_path / "model")
    arguments = {
        "initial_weights": str(model.folder),
        "epochs": 1,
        "steps": 1,
        "max_lr": 1e-12,
        "batch_size": 2,
        "image_size": 64,
    }
    tuned = train("segmentation", cohort, tmp_path / "run", log=lambda line: None, **arguments)
    stem = "encoder.conv1.weight"
    torch.testing.assert_close(tuned.state()[stem], model.state()[stem], atol=1e-3, rtol=1e-2)
    assert tuned.card.entries["training"]["initial_weights"]["sha256"] == model.checksum


def test_a_model_that_does_not_fit_is_refused(cohort, tmp_path):
    segmenter = untrained_segmentation(tmp_path / "segmenter")
    with pytest.raises(UserError, match="a model of method 'segmentation', not 'nowak2021'"):
        train("nowak2021", cohort, tmp_path / "a", initial_weights=str(segmenter.folder))
    assert not (tmp_path / "a").exists()
    with pytest.raises(UserError, match=r"2 of its weights do not fit this network \(segmentation_head"):
        start_from(build_unet(3), segmenter)
