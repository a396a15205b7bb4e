"""An assessment on disk: what is written comes back, whole or not at all."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverAILib.data.case import Case
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.jobs.assess import assess
from LiverAILib.results.files import read_assessment, write_assessment
from Testing.models import untrained_nowak2021


@pytest.fixture(scope="module")
def assessment(tmp_path_factory):
    model = untrained_nowak2021(tmp_path_factory.mktemp("models") / "untrained")
    rng = np.random.default_rng(0)
    k, j, i = np.indices((9, 40, 50))
    liver = ((k - 4) / 4) ** 2 + ((j - 18) / 12) ** 2 + ((i - 20) / 14) ** 2 < 1
    image = Image((rng.normal(60, 5, liver.shape) + 90 * liver).astype(np.float32), (1.5, 1.5, 7.0), modality="MR")
    case = Case({"t2": image}, case_id="<phantom & more>", masks={"liver": image.with_array(liver.astype(np.uint8))})
    return assess(case, model, device="cpu")


def test_what_was_written_comes_back(tmp_path, assessment):
    files = write_assessment(assessment, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(p.name for p in files.values())
    back = read_assessment(tmp_path / "out")
    assert json.loads(json.dumps(back.record())) == json.loads(json.dumps(assessment.record()))
    np.testing.assert_array_equal(back.segmentation.image.array, assessment.segmentation.image.array)
    for name, result in assessment.pipelines.items():
        np.testing.assert_array_equal(back.pipelines[name].heatmap.image.array, result.heatmap.image.array)
        assert back.pipelines[name].heatmap.image.same_geometry(assessment.image)


def test_the_heat_map_says_in_its_header_what_it_is(tmp_path, assessment):
    files = write_assessment(assessment, tmp_path)
    header = sitk.ReadImage(str(files["heatmap segmented"]))
    assert header.GetPixelID() == sitk.sitkFloat32
    assert header.GetMetaData("LiverAI_method") == "Grad-CAM"
    assert header.GetMetaData("LiverAI_target") == assessment.predicted
    assert "not computed" in header.GetMetaData("LiverAI_zero")


def test_the_report_holds_everything_itself_and_escapes_names(tmp_path, assessment):
    text = write_assessment(assessment, tmp_path)["report"].read_text()
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert "<phantom" not in text
    assert "&lt;phantom &amp; more&gt;" in text
    for sentence in assessment.notes:
        assert sentence in text
    assert f"{assessment.probabilities[assessment.predicted]:.3f}" in text


def test_an_earlier_result_is_replaced(tmp_path, assessment):
    write_assessment(assessment, tmp_path)
    (tmp_path / "assessment.json").write_text("{}")
    write_assessment(assessment, tmp_path)
    assert read_assessment(tmp_path).case_id == assessment.case_id


def test_a_file_in_place_of_the_folder_is_refused(tmp_path, assessment):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="not a folder"):
        write_assessment(assessment, tmp_path / "file")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full (Linux)")
def test_a_full_disk_leaves_nothing_half_written(tmp_path, assessment, monkeypatch):
    def full(self, *args, **options):
        with open("/dev/full", "w") as stream:
            stream.write("x" * 10)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError, match="No space left"):
        write_assessment(assessment, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder where not even root may write (Linux)")
def test_a_folder_that_cannot_be_written_is_refused(assessment):
    with pytest.raises(UserError, match="cannot be written"):
        write_assessment(assessment, "/proc/liverai")


def test_a_missing_or_damaged_record_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"assessment\.json"):
        read_assessment(tmp_path)
    (tmp_path / "assessment.json").write_text("{")
    with pytest.raises(UserError, match=r"assessment\.json"):
        read_assessment(tmp_path)
