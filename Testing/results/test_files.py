"""An assessment on disk: what is written comes back, whole or not at all."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import SimpleITK as sitk

from LiverAILib.data.assessment import RESEARCH_USE, SIMULATED
from LiverAILib.data.case import Case
from LiverAILib.data.record import upgrade_record
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image, write_image
from LiverAILib.imaging.image import Image
from LiverAILib.jobs.assess import assess
from LiverAILib.results import pictures
from LiverAILib.results.files import read_assessment, remove_assessment, write_assessment
from Testing.models import untrained_nowak2021
from Testing.phantom import SPACING_MM, phantom_liver, phantom_values
from Testing.records import as_version_1

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def assessment(tmp_path_factory):
    model = untrained_nowak2021(tmp_path_factory.mktemp("models") / "untrained")
    liver = phantom_liver()
    image = Image(phantom_values().astype(np.float32), SPACING_MM, modality="MR")
    case = Case({"t2": image}, case_id="<phantom & more>", masks={"liver": image.with_array(liver.astype(np.uint8))})
    return assess(case, model, device="cpu")


def test_what_was_written_comes_back(tmp_path, assessment):
    files = write_assessment(assessment, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(p.name for p in files.values())
    back = read_assessment(tmp_path / "out")
    assert json.loads(json.dumps(back.record())) == json.loads(json.dumps(assessment.record()))
    for one, other in ((back.image, assessment.image), (back.segmentation.image, assessment.segmentation.image)):
        assert_same_image(one, other)
    for name, outcome in assessment.outcomes.items():
        assert_same_image(back.outcomes[name].heatmaps[0].image, outcome.heatmaps[0].image)
        assert back.outcomes[name].distribution_distance == outcome.distribution_distance


def assert_same_image(one, other):
    assert (one.array.dtype, one.modality, dict(one.meta)) == (other.array.dtype, other.modality, dict(other.meta))
    np.testing.assert_array_equal(one.array, other.array)
    assert one.same_geometry(other, tolerance_mm=1e-9)


def test_an_image_from_a_file_is_read_again_while_it_is_what_was_assessed(tmp_path, assessment):
    file = write_image(assessment.image, tmp_path / "in" / "scan.nrrd")
    from_file = replace(assessment, images={"t2": (replace(read_image(file), modality="MR"),)})
    files = write_assessment(from_file, tmp_path / "out", pictures=False)
    assert "image t2 1" not in files, "the scan is not copied"
    assert_same_image(read_assessment(tmp_path / "out").image, from_file.image)
    write_image(assessment.image.with_array(assessment.image.array + 1), file)
    changed = read_assessment(tmp_path / "out").image
    assert changed.meta["without_voxels"]
    assert changed.same_geometry(assessment.image)
    assert not changed.array.any()


def test_pictures_only_where_they_are_wanted(tmp_path, assessment):
    write_assessment(assessment, tmp_path, pictures=False, images=False)
    names = {"assessment.json", "segmentation.seg.nrrd", "heatmap.nrrd", "heatmap_full.nrrd"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_a_result_that_is_replaced_takes_its_files_along_and_no_others(tmp_path, assessment):
    write_assessment(assessment, tmp_path, pictures=True)
    (tmp_path / "heatmap_of_mine.nrrd").touch()
    primary = {assessment.primary: assessment.outcomes[assessment.primary]}
    write_assessment(replace(assessment, outcomes=primary), tmp_path, pictures=False)
    left = {path.name for path in tmp_path.iterdir() if not path.name.startswith("image_")}
    assert left == {"assessment.json", "segmentation.seg.nrrd", "heatmap.nrrd", "heatmap_of_mine.nrrd"}
    remove_assessment(tmp_path)
    left = {path.name for path in tmp_path.iterdir() if not path.name.startswith("image_")}
    assert left == {"heatmap_of_mine.nrrd"}
    remove_assessment(tmp_path / "absent")


def test_each_picture_is_drawn_once(tmp_path, assessment, monkeypatch):
    drawn = []
    draw = pictures.assessment_figure
    monkeypatch.setattr(pictures, "assessment_figure", lambda shown: drawn.append(shown) or draw(shown))
    write_assessment(assessment, tmp_path)
    assert drawn == [assessment]


def test_the_record_follows_the_published_schema(tmp_path, assessment):
    schema = json.loads((ROOT / "docs" / "assessment.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    write_assessment(assessment, tmp_path, pictures=False)
    record = json.loads((tmp_path / "assessment.json").read_text(encoding="utf-8"))
    jsonschema.validate(record, schema)
    assert record["reservations"] == [SIMULATED]
    assert list(record).index("reservations") < list(record).index("predicted")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**record, "outcomes": {}}, schema)


def test_a_record_of_version_1_still_loads(tmp_path, assessment):
    """Written by version 0.1.0 before outcomes took the place of pipelines."""
    write_assessment(assessment, tmp_path, pictures=False)
    record = json.loads((tmp_path / "assessment.json").read_text(encoding="utf-8"))
    (tmp_path / "assessment.json").write_text(json.dumps(as_version_1(record)), encoding="utf-8")
    back = read_assessment(tmp_path)
    assert back.predicted == assessment.predicted
    assert back.outcomes["full"].probabilities == assessment.outcomes["full"].probabilities
    np.testing.assert_array_equal(back.heatmap.image.array, assessment.heatmap.image.array)
    assert back.image.same_geometry(assessment.image)


def test_a_record_without_reservations_gets_them_from_its_notes(assessment):
    """As versions wrote them before reservations had an entry of their own."""
    record = {name: value for name, value in assessment.record().items() if name != "reservations"}
    assert upgrade_record(record)["reservations"] == [SIMULATED]
    assert upgrade_record({**record, "notes": [RESEARCH_USE]})["reservations"] == []


@pytest.mark.parametrize(
    ("content", "says"), [("[]", "not the record"), ('{"schema": 9}', "later version"), ("{}", "not the")]
)
def test_what_is_no_record_is_refused(tmp_path, content, says):
    (tmp_path / "assessment.json").write_text(content)
    with pytest.raises(UserError, match=says):
        read_assessment(tmp_path)


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
    # What a model of simulated disease cannot say is read before its answer.
    assert assessment.simulated
    assert 0 < text.index(assessment.notes[0]) < text.index('class="headline"')
    assert text.count(assessment.notes[0]) == 1
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
