"""Which model takes an image, and why."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image, with_modality
from LiverAILib.segmentation.choice import choose_model
from Testing.models import untrained_segmentation


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two models, for MR and for CT, before the bundled ones."""
    folder = tmp_path_factory.mktemp("models")
    untrained_segmentation(folder / "a-for-mr", modality=("MR",))
    untrained_segmentation(folder / "b-for-ct", modality=("CT",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVERAI_MODELS", str(folder))
        yield folder


@pytest.fixture
def ct():
    body = np.random.default_rng(0).normal(60, 60, (8, 20, 20))
    return Image(np.concatenate([np.full((6, 20, 20), -1000.0), body]), meta={"path": "scan.nrrd"})


def test_the_modality_decides_and_the_reason_is_given(models, ct):
    by_header = choose_model(Image(ct.array, modality="MR", meta={"modality_source": "DICOM Modality"}))
    assert (by_header.name, by_header.why) == ("a-for-mr", "MR: DICOM Modality")
    by_intensities = choose_model(ct)
    assert by_intensities.name == "b-for-ct"
    assert by_intensities.why.startswith("CT: intensities look like Hounsfield units (43 % air")
    assert by_intensities.record()["modality_from"] == "intensities"


def test_the_user_overrules_the_header_and_the_choice(models, ct):
    forced = choose_model(with_modality(ct, "MR"))
    assert (forced.name, forced.why) == ("a-for-mr", "MR: given by the user")
    assert with_modality(ct, None) is ct
    named = choose_model(ct, "a-for-mr")
    assert named.given
    assert named.why.startswith("named by the user; the image is CT")


def test_a_modality_without_a_model_is_refused_with_the_reason(models, ct):
    with pytest.raises(UserError, match=r"scan.nrrd: no segmentation model for US \(given by the user\)"):
        choose_model(with_modality(ct, "US"))
