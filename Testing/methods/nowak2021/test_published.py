"""The published schedules of Nowak 2021 (Table 2) run through with a local file of pretrained weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file

from LiverAILib.data.cohort import read_cohort
from LiverAILib.jobs.train import understood_options
from LiverAILib.methods.nowak2021 import training as nowak2021
from LiverAILib.methods.nowak2021.recipe import recipe_of
from LiverAILib.methods.nowak2021.settings import CLASSES
from LiverAILib.methods.nowak2021.trainer import new_classifier, pipeline_options, pipeline_slices
from LiverAILib.networks.unet import build_unet
from LiverAILib.segmentation.training import recipe as segmentation_recipe
from LiverAILib.segmentation.training.fitting import segmentation_task, single_slice_sampler
from LiverAILib.segmentation.training.single_slices import load_single_slice
from LiverAILib.segmentation.training.trainer import train_segmentation
from LiverAILib.training.fit import fit
from LiverAILib.training.options import TrainingOptions
from LiverAILib.training.precision import Precision
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


def classifier_of(file):
    """Options and recipe of a published run of the classifier on small images."""
    settings = settings_of(
        "nowak2021", encoder_weights=str(file), image_size=32, batch_size=4, validation_masks="given"
    )
    return settings, recipe_of(settings)


class StageStates:
    """A task whose scores are given, and which keeps the weights at the start and at the end of every epoch."""

    def __init__(self, task, scores):
        self.given, self.begun, self.ended = iter(scores), [], []
        self.network = task.network

        def batches(seed):
            self.begun.append(self.state())
            return task.batches(seed)

        def validate(network):
            self.ended.append(self.state())
            return {**task.validate(network), "score": next(self.given)}

        self.task = replace(task, batches=batches, validate=validate)

    def state(self):
        return {name: value.clone() for name, value in self.network.state_dict().items()}

    def origins(self):
        """For each epoch after the first one the epochs with whose weights it begins."""
        return [
            [n for n, one in enumerate(self.ended) if all(torch.equal(v, begun[name]) for name, v in one.items())]
            for begun in self.begun[1:]
        ]


@pytest.mark.slow
def test_each_stage_of_the_classifier_starts_with_the_weights_of_the_best_state_so_far(cohort, weights, tmp_path):
    settings, recipe = classifier_of(weights / "resnet50.safetensors")
    sets = pipeline_slices(read_cohort(cohort), CLASSES, None, recipe)["segmented"]
    network = new_classifier(settings, recipe, "segmented")
    ((size, stages),) = recipe.sized_runs("segmented")
    options = pipeline_options(settings, recipe, "segmented", size)
    run = StageStates(nowak2021.pipeline_task(network, *sets, options), [2.0, 1.0, 0.5, 3.0, 2.5, 0.0])
    fit(run.task, stages, output=tmp_path, options=options.fit, log=lambda line: None)
    assert run.origins() == [[0], [0], [0], [3], [3]]
    assert all(torch.equal(value, run.ended[3][name]) for name, value in run.state().items())


@pytest.mark.slow
def test_each_stage_of_the_segmentation_network_starts_with_the_last_weights_of_the_previous_one(
    cohort, weights, tmp_path
):
    settings = settings_of(
        "segmentation", encoder_weights=str(weights / "resnet34.safetensors"), image_size=64, batch_size=2
    )
    recipe = segmentation_recipe.recipe_of(settings)
    slices = [load_single_slice(row, recipe.organs) for row in read_cohort(cohort).split("train")]
    torch.manual_seed(0)
    network = build_unet(2, encoder_weights=settings.encoder_weights, normalization="imagenet")
    task = segmentation_task(network, single_slice_sampler(slices, recipe), slices, recipe, Precision())
    run = StageStates(task, [2.0, 1.0, 0.5, 0.0])
    fit(run.task, recipe.stages, output=tmp_path, options=fit_options(settings), log=lambda line: None)
    assert run.origins() == [[0], [1], [2]]


@pytest.mark.slow
def test_the_six_stages_of_the_classifier(cohort, weights, tmp_path):
    file = weights / "resnet50.safetensors"
    settings, recipe = classifier_of(file)
    assert settings.schedule == "published"
    training, validation = pipeline_slices(read_cohort(cohort), CLASSES, None, recipe)["full"]
    network = new_classifier(settings, recipe, "full")
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

    ((size, stages),) = recipe.sized_runs("full")
    options = pipeline_options(settings, recipe, "full", size)
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
    settings = settings_of("segmentation", encoder_weights=str(file), image_size=32, batch_size=2)
    lines = []
    card, state = train_segmentation(read_cohort(cohort), tmp_path, settings, lines.append)
    assert card["settings"] == {"encoder": "resnet34", "adjacent_slices": 1, "normalization": "imagenet"}
    assert card["classes"] == ["background", "liver"]
    assert [line.split(":")[0].strip() for line in card["departures_from_paper"]] == [
        "stages",
        "image size",
        "batch size",
    ]
    epochs = [line for line in lines if line.startswith("stage=")]
    assert [line.split()[0] for line in epochs] == ["stage=1", "stage=2", "stage=3", "stage=4"]
    assert all("dice_liver=" in line for line in epochs)
    assert "4 slices to train on, 2 to validate on" in lines
    assert not (tmp_path / "refine").exists()
    assert state["encoder.conv1.weight"].shape == (64, 3, 7, 7)
    assert state["segmentation_head.0.weight"].shape[0] == 2
    assert fit_options(settings).lr_spacing == "linear"
