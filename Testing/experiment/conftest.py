"""The tiny cohort that the training tests share."""

from __future__ import annotations

import pytest

from Testing.tiny_cohort import write_tiny_cohort


@pytest.fixture(scope="session")
def cohort(tmp_path_factory):
    """Manifest of six cases: four to train on, two to validate on."""
    return write_tiny_cohort(tmp_path_factory.mktemp("cohort"))
