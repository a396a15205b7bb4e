"""A run that the system kills without warning ends as one that nobody disturbed."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from LiverAILib.jobs.train import train

OPTIONS = {"epochs": 2, "steps": 1, "batch_size": 2, "image_size": 32}
TIMEOUT_SECONDS = 600


@pytest.mark.slow
def test_a_run_that_was_killed_is_resumed_to_the_same_weights(cohort, tmp_path):
    """SIGKILL after the first epoch that is on disk, wherever the second one is then."""
    killed = tmp_path / "killed"
    flags = [part for name, value in OPTIONS.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    command = ["-m", "LiverAILib.cli", "train", "segmentation", "--cohort", str(cohort), "--output", str(killed)]
    with subprocess.Popen([sys.executable, *command, *flags, "--quiet"]) as process:
        end = time.monotonic() + TIMEOUT_SECONDS
        while not (killed / "history.json").exists():
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        process.kill()
    assert process.returncode != 0
    assert not (killed / "model").exists()
    resumed = train("segmentation", cohort, killed, log=lambda line: None, **OPTIONS)
    whole = train("segmentation", cohort, tmp_path / "whole", log=lambda line: None, **OPTIONS)
    assert resumed.checksum == whole.checksum
    for part in ("best.safetensors", "refine/best.safetensors"):
        expected, found = load_file(tmp_path / "whole" / part), load_file(killed / part)
        assert all(torch.equal(found[name], value) for name, value in expected.items())
