"""The published schedules of Nowak 2021 (Table 2) run through with a local file of pretrained weights."""

from __future__ import annotations

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file

from LiverAILib.data.cohort import read_cohort
from LiverAILib.jobs.train import understood_options
from LiverAILib.methods.nowak2021 import training as nowak2021
from LiverAILib.methods.nowak2021.settings import CLASSES
from LiverAILib.methods.nowak2021.trainer import classifier_runs, new_classifier, pipeline_options, pipeline_slices
from LiverAILib.segmentation.training.trainer import train_segmentation
from LiverAILib.training.options import TrainingOptions
from LiverAILib.training.run_settings import fit_options

CONVOLUTIONS = ("conv", "downsample.0")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights in the form in which torchvision publishes them, by architecture."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(7)
    for name in ("resnet34", "resnet50"):
        save_file(getattr(torchvision.models, name)().state_dict(), folder / f"{name}.safetensors")
    return folder


def settings_of(method, **options):
    """Settings of a published run of one epoch a stage."""
    options = TrainingOptions(seed=1, device="cpu", precision="float32", epochs_divisor=1000, **options)
    return options.resolved(method, understood_options())


def changed(network, given, part):
    """Names of the tensors of `given` whose name holds `part` and which differ in `network`."""
    own = network.state_dict()
    return {name for name in own if name in given and part(name) and not torch.equal(own[name], given[name])}


@pytest.mark.slow
def test_the_six_stages_of_the_classifier(cohort, weights, tmp_path):
    file = weights / "resnet50.safetensors"
    settings = settings_of("nowak2021", encoder_weights=str(file), image_size=32, batch_size=4, steps=2)
    assert settings.schedule == "published"
    training, validation = pipeline_slices(read_cohort(cohort), CLASSES, None, settings)["full"]
    network = new_classifier(settings, CLASSES, "full")
    # The stem is a sequence here, its convolution the first and its batch-norm the second.
    given = load_file(file)
    given["stem.0.weight"] = given.pop("conv1.weight")
    assert not changed(network, given, lambda name: True)
    frozen, open_ = [], []

    def log(line):
        stage = line.split()[0].removeprefix("stage=")
        moved = changed(network, given, lambda name: any(part in name for part in (*CONVOLUTIONS, "stem.0")))
        normalized = changed(network, given, lambda name: ".bn" in name and name.endswith("weight"))
        (frozen if stage in "123" else open_).append((stage, moved, bool(normalized)))

    ((size, stages),) = classifier_runs(settings)
    options = pipeline_options(settings, size)
    history = nowak2021.train_pipeline(
        training, validation, tmp_path, network=network, stages=stages, options=options, log=log
    )
    # Frozen layers stay as they were, bit for bit, but for their batch-norm; later all are trained.
    assert [stage for stage, _, _ in frozen] == ["1", "2", "3"]
    assert not any(moved for _, moved, _ in frozen)
    assert all(normalized for _, _, normalized in frozen)
    assert [len(moved) for _, moved, _ in open_] == [53, 53, 53]
    assert [record["lr"][:-1] for record in history[:3]] == [[None] * 5] * 3
    for record, (last, first) in zip(history[3:], [(1e-4, 1e-6), (1e-4, 1e-5), (1e-4, 1e-4)], strict=True):
        # All groups are at the same point of their cycle, so their rates keep the shares of their peaks.
        shares = [rate / record["lr"][-1] for rate in record["lr"]]
        expected = [(first + (last - first) * layer / 5) / last for layer in range(6)]
        assert shares == pytest.approx(expected, rel=1e-3)


@pytest.mark.slow
def test_the_four_stages_of_the_segmentation_network(cohort, weights, tmp_path):
    file = weights / "resnet34.safetensors"
    settings = settings_of("segmentation", encoder_weights=str(file), image_size=32, batch_size=2, steps=1)
    lines = []
    card, state = train_segmentation(read_cohort(cohort), tmp_path, settings, lines.append)
    assert card["settings"]["normalization"] == "imagenet"
    assert [line.split()[0] for line in lines[1:]] == ["stage=1", "stage=2", "stage=3", "stage=4"]
    assert not (tmp_path / "refine").exists()
    assert state["encoder.conv1.weight"].shape == (64, 3, 7, 7)
    assert fit_options(settings).lr_spacing == "linear"
