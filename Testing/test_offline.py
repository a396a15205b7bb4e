"""No command opens a connection: a hook of the interpreter forbids sockets in every Python process of a run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from LiverAILib.imaging.files import write_image
from LiverAILib.imaging.image import Image
from Testing.models import untrained_models
from Testing.phantom import SPACING_MM, phantom_liver, phantom_values

HOOK = """
import os, sys
NAMES = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo", "urllib.Request")

def forbid(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"):
        address = arguments[1] if len(arguments) > 1 else None
        if isinstance(address, (str, bytes)):
            return  # a socket in the file system, between processes of this machine
    elif event not in NAMES:
        return
    with open(os.environ["CONNECTIONS"], "a") as log:
        log.write(f"{event} {arguments!r}\\n")
    raise OSError("no connections in this test")

sys.addaudithook(forbid)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The hook, untrained models, two scans and a mask."""
    folder = tmp_path_factory.mktemp("offline")
    (folder / "hook").mkdir()
    (folder / "hook" / "sitecustomize.py").write_text(HOOK)
    untrained_models(folder / "models")
    liver = phantom_liver()
    (folder / "scans").mkdir()
    for number in range(2):
        values = phantom_values(number)
        image = Image(values.astype(np.float32), SPACING_MM)
        write_image(image, folder / "scans" / f"case{number}.nii.gz")
    write_image(image.with_array(liver.astype(np.uint8)), folder / "mask.nrrd")
    return folder


def run(folder: Path, *words: object) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """A Python process with the hook, and the connections that it or a child of it tried."""
    log = folder / "connections.txt"
    log.unlink(missing_ok=True)
    paths = [str(folder / "hook"), str(Path(__file__).resolve().parents[1])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "CONNECTIONS": str(log),
        "LIVERAI_MODELS": str(folder / "models"),
    }
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done, log.read_text().splitlines() if log.exists() else []


def test_the_hook_sees_connections_of_children_too(folder):
    connect = "import socket; socket.create_connection(('127.0.0.1', 9))"
    _, connections = run(folder, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {connect!r}])")
    assert connections


@pytest.mark.parametrize(
    "words",
    [
        ["assess", "{}/scans/case0.nii.gz", "--model", "classifier", "--segmentation", "{}/mask.nrrd"],
        ["assess", "{}/scans/case0.nii.gz", "--model", "classifier", "--heatmap", "hirescam"],
        ["batch", "{}/scans", "--model", "classifier"],
    ],
    ids=["assess with a mask", "assess", "batch"],
)
def test_no_command_opens_a_connection(folder, tmp_path, words):
    arguments = [word.format(folder) for word in words]
    done, connections = run(folder, "-m", "LiverAILib.cli", *arguments, "--output", tmp_path / "out", "--device", "cpu")
    assert connections == []
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "out").rglob("report.html"))


def test_segment_opens_no_connection(folder, tmp_path):
    done, connections = run(
        folder, "-m", "LiverAILib.cli", "segment", folder / "scans" / "case0.nii.gz", "--model", "segmenter", "--device", "cpu",
        "--output", tmp_path / "liver.nii.gz",
    )  # fmt: skip
    assert connections == []
    assert done.returncode == 0, done.stderr
