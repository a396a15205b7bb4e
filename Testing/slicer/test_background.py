"""The background worker, as a real child process: results equal to those in process, errors with their cause, cancel."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from LiverAISlicer.background import BackgroundAssessor
from LiverAISlicer.jobs import Job, readJob, writeJob
from LiverAISlicer.nodes import imageFromVolumeNode, maskFromSegmentationNode
from LiverAISlicer.process import LineBuffer, SubprocessWorker, pythonCommand
from LiverAISlicer.selftest import knownAssessment
from LiverAISlicer.timeleft import TimeLeft

from LiverAILib.data.request import AssessmentRequest

SECONDS = 240


class Recorder:
    """A background assessor and what it reported."""

    def __init__(self) -> None:
        self.processes: list[SubprocessWorker] = []
        self.progress, self.done, self.errors = [], [], []
        self.assessor = BackgroundAssessor(self.new_process)
        self.assessor.onProgress = lambda share, text: self.progress.append((share, text))
        self.assessor.onDone = self.done.append
        self.assessor.onError = lambda text, details: self.errors.append((text, details))

    def new_process(self) -> SubprocessWorker:
        self.processes.append(SubprocessWorker())
        return self.processes[-1]

    def wait(self, condition) -> None:
        end = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < end, f"nothing came: {self.progress} {self.errors}"
            self.processes[-1].pump()
            time.sleep(0.02)


@pytest.fixture
def recorder():
    recorder = Recorder()
    yield recorder
    recorder.assessor.close()


@pytest.fixture(scope="module")
def lasting():
    """One worker for several tests: starting one takes seconds, and living on is part of what is tested."""
    recorder = Recorder()
    yield recorder
    recorder.assessor.close()


@pytest.fixture
def job(volume, logic, untrained_model) -> Job:
    """The known volume with its known liver, so that no segmentation network is needed."""
    nodes = logic.write(volume, knownAssessment(imageFromVolumeNode(volume)))
    return logic.job(
        volume,
        untrained_model,
        nodes.segmentationNode,
        6,
        "cirrhosis",
        segmentId="liver",
        device="cpu",
        covariates={"age_years": 54},
    )


def test_time_left_is_said_once_the_speed_is_known():
    """Loading takes 20 s and says nothing of the speed; then 1 % takes half a second."""
    now = 0.0
    left = TimeLeft(lambda: now)
    assert left.after(0.0) is None
    now = 20.0
    assert left.after(0.1) is None
    assert left.after(0.15) is None
    now = 30.0
    assert left.after(0.3) == 35
    now = 55.0
    assert left.after(0.8) == 10
    assert left.after(1.0) is None


def alive(process_id: int) -> bool:
    try:
        with open(f"/proc/{process_id}/stat") as stream:
            return stream.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def ends(process_id: int, *, seconds: float = 10.0) -> bool:
    """Whether a process that was told to end does so before long: the system needs a moment for it."""
    deadline = time.monotonic() + seconds
    while alive(process_id) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(process_id)


def test_job_files_are_exact(tmp_path, job):
    writeJob(job, tmp_path / "job-1")
    back = readJob(tmp_path / "job-1")
    assert np.array_equal(back.image.array, job.image.array)
    assert back.image.array.dtype == job.image.array.dtype
    assert np.array_equal(back.image.index_to_lps, job.image.index_to_lps)
    assert set(back.case.masks) == set(job.case.masks) == {"liver", "spleen"}
    for name, mask in job.case.masks.items():
        assert np.array_equal(back.case.masks[name].array, mask.array)
    assert (back.model, back.request) == (job.model, job.request)
    assert job.request == AssessmentRequest(6, "cirrhosis", "grad-cam")
    assert back.case.covariates == {"age_years": 54}
    assert back.case.case_id == "T2"
    assert not list(tmp_path.glob("*.tmp"))


def test_lines_are_cut_at_line_ends_only():
    buffer = LineBuffer()
    text = "über\nzwei\r\nrest".encode()
    lines = [line for byte in text for line in buffer.lines(bytes([byte]))]
    assert lines == ["über", "zwei"]
    assert buffer.rest() == ["rest"]


def test_same_result_as_in_process_and_second_job_reuses_the_process(lasting, volume, logic, job, untrained_model):
    recorder = lasting
    from LiverAILib.data.case import Case
    from LiverAILib.jobs.assess import Assessor

    recorder.assessor.submit(job)
    assert recorder.assessor.busy
    recorder.wait(lambda: recorder.done or recorder.errors)
    assert not recorder.errors
    first = recorder.done[0]
    case = Case({"t2": job.image}, case_id="T2", masks=job.case.masks, covariates={"age_years": 54})
    direct = Assessor(untrained_model, device="cpu").assess(case, slice_index=6, target_class="cirrhosis")
    assert first.probabilities == pytest.approx(direct.probabilities, abs=1e-6)
    assert np.allclose(first.heatmap.image.array, direct.heatmap.image.array, atol=1e-6)
    assert np.array_equal(first.segmentation.image.array, direct.segmentation.image.array)
    assert first.chosen_slice == direct.chosen_slice
    assert first.measurements == direct.measurements
    assert "spleen_volume" in {measurement.key for measurement in first.measurements}
    assert recorder.progress[-1][0] == 1.0
    assert all(a[0] <= b[0] for a, b in zip(recorder.progress, recorder.progress[1:], strict=False))

    nodes = logic.write(volume, first)
    assert np.array_equal(
        maskFromSegmentationNode(nodes.segmentationNode, "liver", volume).array, job.case.masks["liver"].array
    )

    worker = recorder.assessor.workerId
    assert recorder.progress[0][1] == "Loading the networks' libraries"
    assert any("Loading model" in text for _, text in recorder.progress)
    recorder.progress.clear()
    recorder.assessor.submit(job)
    recorder.wait(lambda: len(recorder.done) == 2)
    assert recorder.assessor.workerId == worker
    assert len(recorder.processes) == 1
    assert not any("Loading" in text for _, text in recorder.progress), "everything is loaded already"


def test_error_of_the_library_arrives_as_its_sentence_and_the_worker_lives_on(lasting, job):
    recorder = lasting
    recorder.errors.clear()
    recorder.assessor.submit(replace(job, model="no-such-model"))
    recorder.wait(lambda: recorder.errors)
    text, details = recorder.errors[0]
    assert text.startswith("no-such-model: no such model. Installed:")
    assert details == ""
    recorder.assessor.submit(replace(job, request=AssessmentRequest(99)))
    recorder.wait(lambda: len(recorder.errors) == 2)
    assert "slice 99 does not exist" in recorder.errors[1][0]
    assert len(recorder.processes) == 1


def test_cancel_ends_the_worker_and_leaves_no_files(recorder, job):
    recorder.assessor.submit(job)
    recorder.wait(lambda: recorder.progress)
    worker, folder = recorder.assessor.workerId, recorder.assessor._folder
    assert alive(worker)
    recorder.assessor.cancel()
    recorder.processes[0].pump()
    assert ends(worker)
    assert not folder.exists()
    assert not recorder.assessor.busy
    assert not recorder.done
    assert not recorder.errors


def test_worker_behind_a_launcher_ends_too(tmp_path, monkeypatch, recorder, job):
    """PythonSlicer is a launcher: killing it leaves its child, so the worker has to notice by itself."""
    launcher = tmp_path / "PythonSlicer"
    launcher.write_text(f'#!/bin/sh\n"{sys.executable}" "$@" &\nwait\n')
    launcher.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert pythonCommand() == str(launcher)
    recorder.assessor.submit(job)
    recorder.wait(lambda: recorder.progress)
    worker = recorder.assessor.workerId
    monkeypatch.setattr(os, "kill", lambda *arguments: None)
    recorder.assessor.cancel()
    assert ends(worker), "the worker outlived its launcher"


def test_worker_that_dies_is_reported_with_its_last_words(recorder, job):
    from LiverAISlicer import background

    recorder.assessor.submit(job)
    recorder.wait(lambda: recorder.progress)
    background.os.kill(recorder.assessor.workerId, 9)
    recorder.wait(lambda: recorder.errors)
    assert "ended with code -9" in recorder.errors[0][0]
    assert not recorder.assessor.busy
