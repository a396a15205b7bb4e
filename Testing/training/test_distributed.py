"""Several processes learn what one learns."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

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
    """Also the running statistics of batch normalization; up to the order of sums in float32."""
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
    """Two samples each, of which one process has no case of class 0: only pooled statistics and sums can be right."""
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


def test_alone_nothing_is_shared_out():
    batch = (torch.arange(4), [torch.ones(4, 2)])
    assert distributed.own_part(batch) is batch
    assert distributed.world_size() == 1
    assert distributed.is_writer()
    network = nn.Sequential(nn.BatchNorm1d(3))
    distributed.synchronize_batch_norm(network)
    assert type(network[0]) is nn.BatchNorm1d


def test_every_tensor_of_a_batch_is_reached():
    batch = (torch.ones(2), [torch.ones(3), "name"])
    doubled = distributed.map_tensors(batch, lambda tensor: 2 * tensor)
    assert doubled[0].tolist() == [2, 2]
    assert doubled[1][0].tolist() == [2, 2, 2]
    assert doubled[1][1] == "name"
