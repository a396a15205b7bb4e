"""Many cases: what is computed again and what is not, and that no case has another's result."""

from __future__ import annotations

import csv
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import SimpleITK as sitk

from LiverAILib.data import fingerprint
from LiverAILib.data.assessment import Assessment
from LiverAILib.data.model import Model, read_model, save_model
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import write_image
from LiverAILib.imaging.image import Image
from LiverAILib.jobs.assess import Assessor
from LiverAILib.jobs.batch.case_job import CaseJob, ResultWriter, Writer, assess_one
from LiverAILib.jobs.batch.run import assess_all
from LiverAILib.jobs.case_search.find_cases import find_cases
from LiverAILib.methods import method_named
from Testing.batch_files import comparable_files
from Testing.models import untrained_segmentation, untrained_yin2021

SHAPE = (8, 48, 48)
SPACING = (3.0, 3.0, 10.0)
K, J, I = np.indices(SHAPE)  # noqa: E741
LIVER = ((K - 4) / 4) ** 2 + ((J - 20) / 14) ** 2 + ((I - 20) / 15) ** 2 < 1
BODY = ((J - 24) / 22) ** 2 + ((I - 24) / 23) ** 2 < 1
BLOOD = "age_years,ast_u_per_l,alt_u_per_l,platelets_1e9_per_l"


def ct(seed: int) -> Image:
    noise = np.random.default_rng(seed).normal(0, 12, SHAPE)
    return Image(np.where(BODY, 20 + 80 * LIVER + noise, -1000 + noise).astype(np.int16), SPACING, modality="CT")


def mask(radius: float = 1.0) -> Image:
    inside = radius > ((K - 4) / 4) ** 2 + ((J - 20) / 14) ** 2 + ((I - 20) / 15) ** 2
    return Image(inside.astype(np.uint8), SPACING)


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """An untrained classifier, and the segmentation model that it names."""
    folder = tmp_path_factory.mktemp("models")
    untrained_segmentation(folder / "segmenter", modality=("CT",))
    untrained_yin2021(folder / "classifier", segmentation_model="segmenter")
    return folder


@pytest.fixture(autouse=True)
def models(installed, tmp_path, monkeypatch) -> Path:
    """A copy of the models that a test may change."""
    shutil.copytree(installed, tmp_path / "models")
    monkeypatch.setenv("LIVERAI_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def computed(monkeypatch) -> list[str]:
    """The cases that were assessed, not taken from an earlier run."""
    cases: list[str] = []
    original = Assessor.assess
    monkeypatch.setattr(
        Assessor, "assess", lambda self, case, *more: cases.append(case.case_id) or original(self, case, *more)
    )
    return cases


@pytest.fixture
def cohort(tmp_path) -> Path:
    """A manifest of two patients with masks and laboratory values."""
    folder = tmp_path / "in"
    write_image(ct(0), folder / "a.nii.gz")
    write_image(ct(1), folder / "b.nii.gz")
    write_image(mask(), folder / "liver.nrrd")
    write_image(mask(), folder / "caudate.nrrd")
    (folder / "cohort.csv").write_text(
        f"case_id,patient_id,image:ct,mask:liver,mask:caudate,{BLOOD}\n"
        "a,p1,a.nii.gz,liver.nrrd,caudate.nrrd,60,40,36,100\n"
        "b,p2,b.nii.gz,liver.nrrd,,50,30,25,200\n"
    )
    return folder / "cohort.csv"


def write_record(assessment: Assessment, place: Path) -> dict:
    """Writes the record alone: pictures take longer than these networks."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "assessment.json").write_text(json.dumps(assessment.record()), encoding="utf-8")
    return assessment.record()


def batch(source: Path, output: Path, *, write: Writer | None = write_record, **more) -> dict[str, dict]:
    rows = assess_all(source, output, "classifier", device="cpu", write=write, **more)
    return {row["case_id"]: row for row in rows}


def table(output: Path, name: str = "summary.csv") -> list[dict[str, str]]:
    with (output / name).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def record(output: Path, case: str) -> dict:
    return json.loads((output / case / "assessment.json").read_text(encoding="utf-8"))


def retrained(model: Path, **settings: object) -> Model:
    """The model trained again in its folder: other weights, or other settings."""
    card = json.loads((model / "model.json").read_text())
    state = {
        name: value if settings or not value.is_floating_point() else value + 0.01
        for name, value in read_model(model).state().items()
    }
    return save_model(model, {**card, "settings": {**card["settings"], **settings}}, state, storage="float32")


def edit(cohort: Path, old: str, new: str) -> None:
    text = cohort.read_text()
    assert old in text
    cohort.write_text(text.replace(old, new))


CHANGES = {
    "image replaced": lambda cohort, models: write_image(ct(7), cohort.parent / "a.nii.gz"),
    "geometry of the image": lambda cohort, models: write_image(
        Image(ct(0).array, (3.0, 3.0, 9.0)), cohort.parent / "a.nii.gz"
    ),
    "part mask replaced": lambda cohort, models: write_image(mask(0.5), cohort.parent / "caudate.nrrd"),
    "covariate": lambda cohort, models: edit(cohort, "60,40,36,100", "60,160,36,100"),
}
CHANGES_OF_ALL = {
    "liver mask replaced": lambda cohort, models: write_image(mask(0.5), cohort.parent / "liver.nrrd"),
    "model retrained": lambda cohort, models: retrained(models / "classifier"),
    "setting of the model": lambda cohort, models: retrained(models / "classifier", calibration={}),
}


@pytest.mark.parametrize("what", [*CHANGES, *CHANGES_OF_ALL])
def test_a_case_is_computed_again_after_what_decides_its_result_has_changed(cohort, tmp_path, models, computed, what):
    first = batch(cohort, tmp_path / "out")
    assert computed == ["a", "b"]
    assert not any(row["error"] for row in first.values())
    computed.clear()
    assert batch(cohort, tmp_path / "out") == first
    assert computed == []
    (CHANGES | CHANGES_OF_ALL)[what](cohort, models)
    batch(cohort, tmp_path / "out")
    assert computed == (["a"] if what in CHANGES else ["a", "b"])
    fresh = batch(cohort, tmp_path / "fresh")
    assert table(tmp_path / "out") == table(tmp_path / "fresh")
    assert fresh["a"]["file"] == "a.nii.gz"


def test_a_changed_request_or_version_computes_again_and_an_unused_model_does_not(
    cohort, tmp_path, models, computed, monkeypatch
):
    out = tmp_path / "out"
    batch(cohort, out)
    retrained(models / "segmenter")  # the masks are given
    computed.clear()
    batch(cohort, out)
    assert computed == []
    for request in (AssessmentRequest(target_class="F2"), AssessmentRequest(target_class="F2", heatmap="hirescam")):
        batch(cohort, out, request=request)
        assert computed == ["a", "b"]
        assert record(out, "a")["provenance"]["settings"]["target_class"] == "F2"
        computed.clear()
        batch(cohort, out, request=request)
        assert computed == []
    monkeypatch.setattr(fingerprint, "__version__", "0.0.1")
    batch(cohort, out, request=request)
    assert computed == ["a", "b"]


def test_a_retrained_segmentation_model_computes_again(tmp_path, models, computed):
    write_image(ct(0), tmp_path / "in" / "a.nii.gz")
    batch(tmp_path / "in", tmp_path / "out")
    batch(tmp_path / "in", tmp_path / "out")
    retrained(models / "segmenter")
    batch(tmp_path / "in", tmp_path / "out")
    assert computed == ["a", "a"]


def test_renamed_inputs_and_reordered_columns_are_not_computed_again(cohort, tmp_path, computed):
    batch(cohort, tmp_path / "out")
    moved = tmp_path / "moved"
    cohort.parent.rename(moved)
    (moved / "a.nii.gz").rename(moved / "renamed.nii.gz")
    (moved / "cohort.csv").write_text(
        "scanner,mask:caudate,mask:liver,image:ct,patient_id,case_id,platelets_1e9_per_l,alt_u_per_l,ast_u_per_l,age_years\n"
        "A,caudate.nrrd,liver.nrrd,renamed.nii.gz,p1,a,100,36.0,40,60\n"
        "B,,liver.nrrd,b.nii.gz,p2,b,200,25,30,50\n"
    )
    computed.clear()
    rows = batch(moved / "cohort.csv", tmp_path / "out")
    assert computed == []
    assert rows["a"]["file"] == "renamed.nii.gz"


@pytest.mark.parametrize("removed", ["assessment.json", None])
def test_an_interrupted_case_is_computed_again(cohort, tmp_path, computed, removed):
    batch(cohort, tmp_path / "out")
    path = tmp_path / "out" / "a" / "assessment.json"
    if removed:
        path.unlink()
    else:
        path.write_text(path.read_text()[:100])
    (path.parent / ".writing-abc").mkdir()
    computed.clear()
    batch(cohort, tmp_path / "out")
    assert computed == ["a"]
    assert {one.name for one in path.parent.iterdir()} == {"assessment.json", "thumbnail.jpg"}


def test_a_failure_leaves_no_result_of_an_earlier_input(cohort, tmp_path):
    batch(cohort, tmp_path / "out", write=None)
    assert (tmp_path / "out" / "a" / "report.html").exists()
    (cohort.parent / "a.nii.gz").write_bytes(b"damaged")
    edit(cohort, "50,30,25,200", "51,30,25,200")

    def fail(assessment, place):
        raise UserError("the disk is full")

    rows = batch(cohort, tmp_path / "out", write=fail)
    assert "a.nii.gz" in rows["a"]["error"]
    assert rows["b"]["error"] == "the disk is full"
    assert not list((tmp_path / "out" / "a").iterdir())
    assert not list((tmp_path / "out" / "b").iterdir())


def test_an_image_that_is_away_for_a_while_does_not_cost_its_result(tmp_path, computed):
    write_image(ct(0), tmp_path / "in" / "a.nii.gz")
    (case,) = find_cases(tmp_path / "in", method_named("yin2021")).cases
    job = CaseJob(case, "classifier", tmp_path / "out", device="cpu", write=write_record)
    made = assess_one(job)
    (tmp_path / "in").rename(tmp_path / "away")
    with pytest.raises(UserError, match="no such file"):
        assess_one(job)
    (tmp_path / "away").rename(tmp_path / "in")
    assert assess_one(job)["provenance"]["created"] == made["provenance"]["created"]
    assert computed == ["a"]


def test_an_unexpected_error_is_recorded_with_its_type_and_the_others_go_on(cohort, tmp_path):
    seen = []

    def write(assessment, place):
        seen.append(table(tmp_path / "out") if (tmp_path / "out" / "summary.csv").exists() else None)
        if assessment.case_id == "a":
            raise RuntimeError("the renderer\nis gone")
        return write_record(assessment, place)

    rows = batch(cohort, tmp_path / "out", write=write)
    assert rows["a"]["error"] == "RuntimeError: the renderer is gone"
    assert rows["b"]["error"] == ""
    assert "Traceback" in (tmp_path / "out" / "errors.log").read_text()
    assert seen[0] is None
    assert [row["case_id"] for row in seen[1]] == ["a"]  # the summary is written after each case
    batch(cohort, tmp_path / "out")
    assert not (tmp_path / "out" / "errors.log").exists()


def test_results_in_the_folder_of_the_images_do_not_become_cases(tmp_path, computed):
    write_image(ct(0), tmp_path / "in" / "a.nii.gz")
    first = batch(tmp_path / "in", tmp_path / "in" / "results")
    assert batch(tmp_path / "in", tmp_path / "in" / "results") == first
    assert computed == ["a"]
    assert not (tmp_path / "in" / "results" / "set_aside.csv").exists()
    batch(tmp_path / "in", tmp_path / "in", write=None)
    assert set(batch(tmp_path / "in", tmp_path / "in", write=None)) == {"a"}
    assert computed == ["a", "a"]


def test_a_result_is_not_written_among_the_images_of_its_case(tmp_path):
    write_image(ct(0), tmp_path / "in" / "a" / "scan.nii.gz")
    (tmp_path / "cohort.csv").write_text("case_id,patient_id,image:ct\na,p1,in/a/scan.nii.gz\n")
    with pytest.raises(UserError, match=r"the result of a would be written among its images \(scan.nii.gz\)"):
        batch(tmp_path / "cohort.csv", tmp_path / "in")
    assert [path.name for path in (tmp_path / "in" / "a").iterdir()] == ["scan.nii.gz"]


def test_label_maps_and_copies_in_another_format_are_set_aside(tmp_path):
    write_image(ct(0), tmp_path / "in" / "a.nii.gz")
    copy = sitk.Cast(sitk.ReadImage(str(tmp_path / "in" / "a.nii.gz")), sitk.sitkFloat32)[:, ::-1]  # as dcm2niix stores
    sitk.WriteImage(copy, str(tmp_path / "in" / "copy.mha"))
    write_image(mask(), tmp_path / "in" / "labels" / "a.nii.gz")
    said = []
    rows = batch(tmp_path / "in", tmp_path / "out", progress=lambda share, text: said.append(text))
    assert set(rows) == {"a"}
    reasons = {Path(row["path"]).name: row["reason"] for row in table(tmp_path / "out", "set_aside.csv")}
    assert reasons == {"copy.mha": "the same voxels as a.nii.gz", "a.nii.gz": "a label map, no image"}
    assert sum(text.startswith("set aside: ") for text in said) == 2
    assert {path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")} == {
        "a", "summary.csv", "set_aside.csv", "report.html"
    }  # fmt: skip


def test_one_image_under_two_patients_of_a_manifest_fails(cohort, tmp_path):
    shutil.copy(cohort.parent / "a.nii.gz", cohort.parent / "b.nii.gz")
    rows = batch(cohort, tmp_path / "out")
    assert rows["a"]["error"] == ""
    assert "the same voxels as a.nii.gz, which belongs to another patient (case a)" in rows["b"]["error"]
    assert not (tmp_path / "out" / "b").exists()


def test_images_of_equal_names_keep_their_own_results(tmp_path):
    for seed, name in enumerate(("x/scan.nii.gz", "y/scan.nii.gz", "scan.mha", "scan.nii.gz")):
        write_image(ct(seed), tmp_path / "in" / name)
    rows = batch(tmp_path / "in", tmp_path / "out")
    assert list(rows) == ["scan.mha", "scan.nii.gz", "x/scan", "y/scan"]
    hashes = set()
    for row in rows.values():
        folder = row["case_id"].replace("/", "%2F")
        found = record(tmp_path / "out", folder)
        assert found["case_id"] == row["case_id"]
        hashes.add(found["provenance"]["inputs"][0]["sha256"])
    assert len(hashes) == 4


def test_one_case_can_be_assessed_by_another_process(cohort, tmp_path):
    case = find_cases(cohort, method_named("yin2021")).cases[0]
    job = pickle.loads(pickle.dumps(CaseJob(case, "classifier", tmp_path / "out", device="cpu", write=write_record)))
    made = assess_one(job)
    assert json.loads(json.dumps(made)) == record(tmp_path / "out", "a")
    assert batch(cohort, tmp_path / "other")["a"]["predicted"] == made["predicted"]


def test_no_request_that_the_model_cannot_answer_starts(cohort, tmp_path):
    with pytest.raises(UserError, match="unknown to the model"):
        batch(cohort, tmp_path / "out", request=AssessmentRequest(target_class="cirrhosis"))
    assert not (tmp_path / "out").exists()


def test_a_disk_that_is_full_fails_the_cases_and_leaves_nothing_half_written(cohort, tmp_path):
    """A limit to the size of files makes writing fail as a full disk does."""
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        rows = batch(cohort, tmp_path / "out", write=None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [("cannot be written" in str(row["error"]), len(str(row["error"]).splitlines())) for row in rows.values()] == [
        (True, 1), (True, 1),
    ]  # fmt: skip
    assert {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("[!.]*")} <= {
        "a", "b", "summary.csv", "report.html",
    }  # fmt: skip
    batch(cohort, tmp_path / "out", write=None)
    batch(cohort, tmp_path / "fresh", write=None)
    assert comparable_files(tmp_path / "out") == comparable_files(tmp_path / "fresh")


def test_a_finished_case_without_a_thumbnail_gets_one_and_is_not_computed_again(tmp_path, computed):
    write_image(ct(0), tmp_path / "in" / "a.nii.gz")
    batch(tmp_path / "in", tmp_path / "out", write=None)
    picture = tmp_path / "out" / "a" / "thumbnail.jpg"
    first = picture.read_bytes()
    picture.unlink()
    batch(tmp_path / "in", tmp_path / "out", write=None, parquet=True)
    assert computed == ["a"]
    assert picture.read_bytes() == first
    assert 'src="a/thumbnail.jpg"' in (tmp_path / "out" / "report.html").read_text()
    rows = pyarrow.parquet.read_table(tmp_path / "out" / "summary.parquet").to_pylist()
    assert {name: "" if value is None else str(value) for name, value in rows[0].items()} == table(tmp_path / "out")[0]
    batch(tmp_path / "in", tmp_path / "out", write=None)
    assert not (tmp_path / "out" / "summary.parquet").exists()  # it would be of the earlier run


def test_results_without_pictures_are_kept_until_pictures_are_wanted(tmp_path, computed):
    write_image(ct(0), tmp_path / "in" / "a.nii.gz")
    output = tmp_path / "out"
    for expected in (["a"], ["a"]):
        batch(tmp_path / "in", output, write=ResultWriter(pictures=False))
        assert computed == expected
    bare = {path.name for path in (output / "a").iterdir()}
    assert bare == {"assessment.json", "segmentation.seg.nrrd", "heatmap.nrrd", "thumbnail.jpg"}
    assert 'src="a/thumbnail.jpg"' in (output / "report.html").read_text()
    batch(tmp_path / "in", output, write=ResultWriter())
    assert computed == ["a", "a"]
    assert {"overlay.png", "report.html"} <= {path.name for path in (output / "a").iterdir()}
    batch(tmp_path / "in", output, write=ResultWriter(pictures=False))
    assert computed == ["a", "a"]
