"""Fixtures that the rooms' tests share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from LiverAILib.imaging.image import Image
from Testing.tiny_cohort import write_tiny_cohort

ROOT = Path(__file__).resolve().parent.parent

# No time limits, which fail on a busy machine, and the same examples in every run.
settings.register_profile("liverai", deadline=None, derandomize=True)
settings.load_profile("liverai")


@pytest.fixture(scope="session", autouse=True)
def user_folder(tmp_path_factory) -> Path:
    """An empty folder in place of the one with the models that the user of this computer has added."""
    folder = tmp_path_factory.mktemp("liverai-home")
    os.environ["LIVERAI_HOME"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The real images; tests that need them are skipped where they are absent."""
    folder = Path(os.environ.get("LIVERAI_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real images are not here: set LIVERAI_DATA ({folder} does not exist)")
    return folder


@pytest.fixture(scope="session")
def cohort(tmp_path_factory) -> Path:
    """Manifest of a tiny cohort of six cases: four to train on, two to validate on."""
    return write_tiny_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture
def oblique_image() -> Image:
    """A small image with unequal spacing, an origin and a direction that is no axis order."""
    angle = np.deg2rad(20)
    rotation = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, np.cos(0.3), -np.sin(0.3)], [0, np.sin(0.3), np.cos(0.3)]])
    array = np.random.default_rng(0).normal(100, 20, (7, 9, 11)).astype(np.float32)
    return Image(array, spacing=(0.8, 1.3, 5.0), origin=(-30.0, 12.0, 250.0), direction=rotation @ tilt, modality="MR")


def reoriented(image: Image, axes: tuple[int, int, int], flips: tuple[bool, bool, bool]) -> Image:
    """The same anatomy stored in another axis order: new axis n is old axis `axes[n]`, reversed where `flips[n]`.

    Written with index arithmetic on purpose, independently of `LiverAILib.imaging.geometry`.
    """
    matrix = image.index_to_lps
    new_size = [image.size[a] for a in axes]
    corner = np.zeros(4)
    corner[3] = 1
    columns = []
    for a, flip in zip(axes, flips, strict=True):
        step = np.zeros(4)
        step[a] = -1 if flip else 1
        corner[a] = image.size[a] - 1 if flip else 0
        columns.append(matrix @ step)
    index = np.indices(new_size).reshape(3, -1)
    old = np.empty_like(index)
    for n, (a, flip) in enumerate(zip(axes, flips, strict=True)):
        old[a] = new_size[n] - 1 - index[n] if flip else index[n]
    array = image.array[old[2], old[1], old[0]].reshape(new_size).transpose(2, 1, 0)
    spacing = [image.spacing[a] for a in axes]
    direction = np.stack([column[:3] / s for column, s in zip(columns, spacing, strict=True)], axis=1)
    origin = (matrix @ corner)[:3]
    return Image(np.ascontiguousarray(array), tuple(spacing), tuple(origin), direction, image.modality, image.meta)
