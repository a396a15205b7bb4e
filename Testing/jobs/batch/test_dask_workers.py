"""A batch on a Dask cluster gives what one process gives, also when a worker is killed."""

from __future__ import annotations

from pathlib import Path

import distributed
import pytest

from LiverAILib.errors import UserError
from LiverAILib.jobs.batch.dask_workers import slurm_cluster
from LiverAILib.jobs.batch.run import assess_all
from LiverAILib.jobs.batch.workers import Workers
from Testing.batch_files import comparable_files, unfinished_files
from Testing.jobs.batch.killing_writer import KillingWriter


def test_three_workers_one_of_which_is_killed_give_the_bytes_of_one_process(scans, one_worker, tmp_path):
    for name in "ab":
        (tmp_path / f"kills of {name}").mkdir()
    write = KillingWriter({"a": 1, "b": 0}, tmp_path)
    output = tmp_path / "out"
    assess_all(scans, output, "nowak2021-simulated", device="cpu", write=write, workers=Workers(3, scheduler="dask"))
    assert len(list((tmp_path / "kills of a").iterdir())) == 1
    assert comparable_files(output) == comparable_files(one_worker)
    assert unfinished_files(output) == []


def test_the_script_of_a_slurm_job_starts_a_worker_with_its_memory_cores_and_resource():
    with slurm_cluster(threads=4, worker_bytes=3_000_000_000) as cluster:
        script = cluster.job_script()
    lines = script.splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert {"#SBATCH -n 1", "#SBATCH --cpus-per-task=4", "#SBATCH --mem=3G"} <= set(lines)
    assert "distributed.cli.dask_worker tcp://" in lines[-1]
    assert "--nthreads 2" in lines[-1]
    assert "--resources LIVERAI=1" in lines[-1]


def test_a_scheduler_that_does_not_answer_is_said_in_one_line(scans: Path, tmp_path, monkeypatch):
    monkeypatch.setattr("LiverAILib.jobs.batch.dask_workers.CONNECT_SECONDS", 1)
    for address, text in (("tcp://127.0.0.1:9", "no Dask scheduler answers"), ("dusk", "no Dask scheduler answers")):
        with pytest.raises(UserError, match=f"--scheduler {address}: {text}"):
            assess_all(scans, tmp_path / "out", "nowak2021-simulated", workers=Workers(1, scheduler=address))


def test_a_scheduler_whose_workers_lack_the_resource_is_refused_instead_of_waiting_for_ever(scans, tmp_path):
    with distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster:
        workers = Workers(1, scheduler=cluster.scheduler_address)
        with pytest.raises(UserError, match=r"1 workers, none with the resource LIVERAI. Start them with: dask worker"):
            assess_all(scans, tmp_path / "out", "nowak2021-simulated", workers=workers)
