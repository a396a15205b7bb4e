"""Several processes learn what one learns."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from LiverAILib.errors import UserError
from LiverAILib.networks.classifier import ResNet50Classifier
from LiverAILib.training import distributed
from Testing.training import distributed_run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folders of the run with one process, and with two."""
    folder = tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    distributed_run.run(folder / "one")
    distributed_run.write_gradient(folder / "one" / "gradient.safetensors")
    torchrun = ["-m", "torch.distributed.run", "--nproc_per_node=2", "--master_port=0", "--standalone"]
    command = [sys.executable, *torchrun, "-m", "Testing.training.distributed_run", str(folder / "two")]
    subprocess.run(command, check=True, cwd=ROOT, timeout=600, capture_output=True)
    return folder / "one", folder / "two"


@pytest.mark.slow
def test_two_processes_end_with_the_weights_of_one(runs):
    """Up to the order of sums in float32."""
    one, two = (load_file(run / "best.safetensors") for run in runs)
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(
            two[name], one[name], atol=1e-4, rtol=1e-4, msg=lambda text, name=name: f"{name}: {text}"
        )
    torch.manual_seed(0)
    start = distributed_run.SmallSegmenter().state_dict()
    assert (one["second.0.weight"] - start["second.0.weight"]).abs().max() > 0.01


@pytest.mark.slow
def test_the_gradient_of_a_resnet_is_that_of_the_whole_batch(runs):
    """Two samples each, of which one process has no case of class 0: only sums over both can be right."""
    one, two = (load_file(run / "gradient.safetensors") for run in runs)
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_two_processes_write_one_history(runs):
    one, two = (json.loads((run / "history.json").read_text()) for run in runs)
    for alone, shared in zip(one, two, strict=True):
        assert shared["loss"] == pytest.approx(alone["loss"], rel=1e-5)
        assert shared["score"] == pytest.approx(alone["score"], rel=1e-5)
        assert shared["lr"] == alone["lr"]


@pytest.mark.slow
def test_batch_normalization_over_shards_is_trained_and_said(runs):
    """torch's SyncBatchNorm does not run on the CPU: the run is a whole one, and its log says what it is not."""
    one, two = (run / "log.txt" for run in runs)
    assert "note:" not in two.read_text()
    log = (two.parent / "batch_norm" / "log.txt").read_text()
    assert log.startswith(
        "note: 2 processes on the CPU: batch normalization uses the statistics of each process's part"
    )
    history = json.loads((two.parent / "batch_norm" / "history.json").read_text())
    assert len(history) == len(json.loads((one.parent / "history.json").read_text()))
    assert all(np.isfinite(record["loss"]) for record in history)


def test_gpus_normalize_over_the_whole_batch(monkeypatch):
    """Every batch-norm layer becomes torch's synchronized one, with its parameters and names, wherever it is."""
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    monkeypatch.setattr(nn.Module, "to", lambda self, *args, **more: self)  # there is no GPU here
    network = ResNet50Classifier(2)
    layers = [name for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)]
    state = network.state_dict()
    assert distributed.batch_norm_note(network).startswith("note: 2 processes")
    placed = distributed.place_network(network, torch.device("cuda"))
    synchronized = [name for name, module in placed.named_modules() if isinstance(module, nn.SyncBatchNorm)]
    assert synchronized == layers
    assert len(layers) == 53
    assert placed.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in placed.state_dict().items())
    assert {id(module) for group in placed.layer_groups for module in group.modules()} <= set(map(id, placed.modules()))
    assert distributed.batch_norm_note(placed) == ""


def test_one_process_keeps_its_batch_normalization():
    network = nn.Sequential(nn.BatchNorm1d(3))
    assert type(distributed.place_network(network, torch.device("cpu"))[0]) is nn.BatchNorm1d
    assert distributed.batch_norm_note(network) == ""


def test_alone_nothing_is_split():
    batch = (torch.arange(4), [torch.ones(4, 2)])
    assert distributed.local_shard(batch) is batch
    assert distributed.world_size() == 1
    assert distributed.is_main_process()
    assert distributed.broadcast_from_main(lambda: 3) == 3


def test_a_batch_that_cannot_be_split_evenly_is_refused(monkeypatch):
    monkeypatch.setattr(distributed, "world_size", lambda: 3)
    with pytest.raises(UserError, match="--batch-size 4: cannot be split evenly among 3 processes"):
        distributed.local_shard(torch.ones(4))


def test_every_tensor_of_a_batch_is_reached():
    batch = (torch.ones(2), [torch.ones(3), "name"])
    doubled = distributed.map_tensors(batch, lambda tensor: 2 * tensor)
    assert doubled[0].tolist() == [2, 2]
    assert doubled[1][0].tolist() == [2, 2, 2]
    assert doubled[1][1] == "name"
