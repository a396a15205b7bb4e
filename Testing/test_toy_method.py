"""A method in a folder of its own, registered by one line, goes through every command; its answers are known beforehand.

Each image is bright on its left half and darker on its right one. The value of a case is 20 plus half of the mean difference of
both halves, so that the trained weights, the answers and the signed maps are known.
"""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from LiverAILib import assess
from LiverAILib.cli import main
from LiverAILib.data.case import Case
from LiverAILib.data.model import load_model
from LiverAILib.data.outcome import Quantity
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image, write_image
from LiverAILib.imaging.image import Image
from LiverAILib.jobs.train import train
from LiverAILib.methods import METHODS_VARIABLE, list_methods
from LiverAILib.results.files import read_assessment
from Testing.toy_method.method import CELLS

ROOT = Path(__file__).resolve().parent.parent
ROWS, COLUMNS = 24, 32
SPLITS = ("train",) * 12 + ("validation",) * 2 + ("test",) * 8
ANGLE = np.deg2rad(20)
GEOMETRY = {
    "spacing": (0.5, 0.8, 3.0),
    "origin": (-12.0, 30.0, 5.0),
    "direction": ((np.cos(ANGLE), -np.sin(ANGLE), 0), (np.sin(ANGLE), np.cos(ANGLE), 0), (0, 0, 1)),
}


@pytest.fixture(scope="module", autouse=True)
def _registered():
    """The one line of registration."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(METHODS_VARIABLE, "Testing.toy_method")
        yield


def halves(number: int) -> np.ndarray:
    """Brightness of the left and the right half of the three images of a case (3, 2)."""
    rng = np.random.default_rng(number)
    return np.stack([rng.integers(90, 200, 3), rng.integers(20, 150, 3)], axis=1)


def value(number: int) -> float:
    """The true value of a case."""
    return 20 + 0.5 * float(np.diff(halves(number)[:, ::-1]).mean())


def image(left: int, right: int) -> Image:
    """A single image, somewhere in space."""
    array = np.full((1, ROWS, COLUMNS), right, np.uint8)
    array[..., : COLUMNS // 2] = left
    return Image(array, **GEOMETRY)


def write_cohort(folder: Path, numbers, splits, *, labels=None, column="brightness_percent") -> Path:
    """Write the images of the cases and their manifest."""
    folder.mkdir(parents=True)
    lines = [f"case_id,patient_id,split,{column},image:view,image:reference,reader:sonographer"]
    for number, split in zip(numbers, splits, strict=True):
        for name, (left, right) in zip("abr", halves(number), strict=True):
            write_image(image(left, right), folder / f"{number}{name}.nrrd")
        label = value(number) if labels is None else labels[number]
        lines.append(
            f"c{number},p{number},{split},{label},{number}a.nrrd;{number}b.nrrd,{number}r.nrrd,{value(number) + 4}"
        )
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder / "manifest.csv"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Path:
    return write_cohort(tmp_path_factory.mktemp("toy") / "cohort", range(len(SPLITS)), SPLITS)


@pytest.fixture(scope="module")
def model(cohort) -> Path:
    """The folder of the trained model."""
    run = cohort.parent.parent / "run"
    assert main(["train", "toy", "--cohort", str(cohort), "--output", str(run), "--device", "cpu", "--quiet"]) == 0
    return run / "model"


@pytest.fixture(scope="module")
def files(cohort) -> list[str]:
    """The images of a test case as options of the command line."""
    place = cohort.parent
    return [
        "--image", f"view={place / '20a.nrrd'}", "--image", f"view={place / '20b.nrrd'}",
        "--image", f"reference={place / '20r.nrrd'}",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def assessed(model, files, tmp_path_factory):
    """Folder of a result, made from the command line."""
    output = tmp_path_factory.mktemp("assessed") / "out"
    assert main(["assess", *files, "--model", str(model), "--output", str(output), "--device", "cpu", "--quiet"]) == 0
    return output


def case_of(number: int) -> Case:
    """A case of images in memory."""
    first, second, reference = (replace(image(*pair), modality="US") for pair in halves(number))
    return Case({"view": (first, second), "reference": (reference,)}, case_id=f"c{number}")


def test_one_line_registers_it(model, monkeypatch):
    assert list_methods()["toy"].images[0].maximum == 2
    monkeypatch.delenv(METHODS_VARIABLE)
    with pytest.raises(UserError, match="a model of method 'toy' does not assess cases"):
        assess(case_of(20), load_model(model))


def test_training_finds_the_planted_weights(model):
    trained = load_model(model)
    weight = np.full((CELLS, CELLS), 0.5 / (CELLS * CELLS // 2))
    weight[:, CELLS // 2 :] *= -1
    np.testing.assert_allclose(trained.state()["weight"], weight, rtol=1e-4)
    assert trained.card.entries["metrics"]["validation_mean_absolute_error"] < 1e-2
    assert len(trained.card.seen["train"]["images"]) == 3 * SPLITS.count("train")


def test_a_case_in_memory_gets_its_value_and_signed_maps_in_the_geometry_of_its_images(model):
    case = case_of(21)
    found = assess(case, load_model(model), device="cpu")
    assert isinstance(found.outcome, Quantity)
    assert found.outcome.value == pytest.approx(value(21), abs=0.01)
    assert found.segmentation is None
    assert found.measurements == ()
    maps = [(one.role, one.number) for one in found.outcome.heatmaps]
    assert maps == [("view", 0), ("view", 1), ("reference", 0)]
    for heatmap, (left, right) in zip(found.outcome.heatmaps, halves(21), strict=True):
        given = case.images[heatmap.role][heatmap.number]
        np.testing.assert_allclose(heatmap.image.index_to_lps, given.index_to_lps)
        share = 0.5 / (CELLS * CELLS // 2)
        expected = np.full((1, ROWS, COLUMNS), -share * right)
        expected[..., : COLUMNS // 2] = share * left
        np.testing.assert_allclose(heatmap.image.array, expected, rtol=1e-3)
        assert heatmap.signed


def test_the_command_line_writes_a_record_maps_pictures_and_a_report(assessed):
    record = json.loads((assessed / "assessment.json").read_text())
    schema = json.loads((ROOT / "docs" / "assessment.schema.json").read_text())
    jsonschema.validate(record, schema)
    [outcome] = record["outcomes"].values()
    assert outcome["value"] == pytest.approx(value(20), abs=0.01)
    assert [given["file"] for given in record["provenance"]["inputs"]] == ["20a.nrrd", "20b.nrrd", "20r.nrrd"]
    names = ["heatmap_reference_1.nrrd", "heatmap_view_1.nrrd", "heatmap_view_2.nrrd"]
    assert sorted(path.name for path in assessed.glob("heatmap*")) == names
    for name, source in zip(names, ("20r", "20a", "20b"), strict=True):
        heatmap = read_image(assessed / name)
        np.testing.assert_allclose(heatmap.index_to_lps, image(1, 0).index_to_lps, atol=1e-6)
        assert heatmap.array[0, 0, 0] > 0 > heatmap.array[0, 0, -1], source
    report = (assessed / "report.html").read_text()
    assert "Red is evidence for it, blue against it." in report
    assert f'<td>Brightness</td><td class="number">{value(20):.4g}</td><td>%</td>' in report
    assert "plus or minus 5" in report
    picture = read_png(assessed / "overlay.png")
    strong = picture.reshape(-1, 3)[np.ptp(picture.reshape(-1, 3), axis=1) > 40]
    red, blue = strong[:, 0] > strong[:, 2], strong[:, 0] < strong[:, 2]
    assert min(red.sum(), blue.sum()) > 1000  # both signs are shown


def read_png(path: Path) -> np.ndarray:
    """RGB (rows, columns, 3) as integers."""
    from matplotlib import image as pictures

    return (255 * pictures.imread(path)[..., :3]).astype(int)


def test_a_written_result_is_read_back_the_same(assessed, model, cohort):
    read = read_assessment(assessed)
    files = {
        "view": [cohort.parent / "20a.nrrd", cohort.parent / "20b.nrrd"],
        "reference": [cohort.parent / "20r.nrrd"],
    }
    case = Case.from_files(files, case_id=read.case_id, modalities=list_methods()["toy"].modalities)
    made = assess(case, load_model(model), device="cpu")
    volatile = ("created",)
    first, second = (
        {**one.record(), "seconds": {}, "provenance": {k: v for k, v in one.provenance.items() if k not in volatile}}
        for one in (read, made)
    )
    assert json.loads(json.dumps(first)) == json.loads(json.dumps(second))
    for role, images in made.images.items():
        for given, again in zip(images, read.images[role], strict=True):
            np.testing.assert_array_equal(given.array, again.array)
    for ours, again in zip(made.outcome.heatmaps, read.outcome.heatmaps, strict=True):
        np.testing.assert_array_equal(ours.image.array, again.image.array)


def refused(capsys, *arguments) -> str:
    """The one line that a command refuses its arguments with."""
    assert main([str(one) for one in arguments]) == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    return shown


def test_other_images_than_the_method_asks_for_are_refused(model, cohort, files, tmp_path, capsys):
    common = ("--model", model, "--output", tmp_path / "out", "--device", "cpu", "--quiet")
    view, reference = files[:2], files[4:]
    one_view = refused(capsys, "assess", *view, *reference, *common)
    assert "needs 2 images 'view', the case has 1 'view', 1 'reference'" in one_view
    assert "needs an image 'reference', the case has 2 'view'" in refused(capsys, "assess", *files[:4], *common)
    assert "takes 2 images 'view', 3 were given" in refused(capsys, "assess", *view, *files, *common)
    assert "has no images 'elastogram'" in refused(capsys, "assess", "--image", "elastogram=a.nrrd", *common)
    by_role = refused(capsys, "assess", cohort.parent / "20a.nrrd", *common)
    assert "takes its images by role. Write --image view=FILE --image reference=FILE" in by_role
    volume = image(100, 50)
    volume = Image(np.repeat(volume.array, 3, axis=0), volume.spacing, volume.origin, volume.direction)
    write_image(volume, tmp_path / "volume.nrrd")
    given = ("--image", f"view={tmp_path / 'volume.nrrd'}", *files[2:])
    assert "volume.nrrd: a volume of 3 slices" in refused(capsys, "assess", *given, *common)
    assert "slice 3 was asked for" in refused(capsys, "assess", *files, "--slice", "3", *common)
    assert "grad-cam" in refused(capsys, "assess", *files, "--heatmap", "grad-cam", *common)
    assert not (tmp_path / "out").exists()


def test_a_color_image_in_a_gray_scale_role_is_refused(model):
    gray = replace(image(100, 50), modality="US")
    color = replace(gray, array=np.repeat(gray.array[..., None], 3, axis=3))
    with pytest.raises(UserError, match=r"a color image; the model .* takes gray-scale images as 'reference'"):
        assess(Case({"view": (gray, gray), "reference": color}), model, device="cpu")


def test_a_batch_assesses_every_row_of_a_manifest_and_refuses_a_folder(model, cohort, tmp_path, capsys):
    common = ("--model", str(model), "--output", str(tmp_path / "out"), "--device", "cpu", "--quiet")
    numbers = range(60, 63)
    manifest = write_cohort(tmp_path / "cohort", numbers, ("", "", ""))
    assert "Give a cohort manifest (CSV) with the columns image:view, image:reference" in refused(
        capsys, "batch", cohort.parent, *common
    )
    assert main(["batch", str(manifest), *common]) == 0
    with (tmp_path / "out" / "summary.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["case_id"] for row in rows] == [f"c{number}" for number in numbers]
    for number, row in zip(numbers, rows, strict=True):
        assert float(row["brightness [%]"]) == pytest.approx(value(number), abs=0.01)
    assert (tmp_path / "out" / "c60" / "heatmap_view_2.nrrd").is_file()
    assert (tmp_path / "out" / "c60" / "overlay.png").stat().st_size > 1000


def evaluate(model, cohort, output, *more) -> int:
    return main(
        ["evaluate", str(model), "--cohort", str(cohort), "--output", str(output), "--bootstrap", "100", "--device", "cpu",
         "--quiet", *more]
    )  # fmt: skip


def metrics_of(output: Path) -> dict:
    return json.loads((output / "report" / "metrics.json").read_text())


def test_an_evaluation_compares_the_values(model, cohort, tmp_path):
    output = tmp_path / "out"
    assert evaluate(model, cohort, output) == 0
    with (output / "predictions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    tested = [number for number, split in enumerate(SPLITS) if split == "test"]
    assert [float(row["label"]) for row in rows] == pytest.approx([value(number) for number in tested])
    assert [float(row["score"]) for row in rows] == pytest.approx([value(number) for number in tested], abs=0.01)
    record = metrics_of(output)
    assert record["data"]["task"] == "values"
    found = record["results"]["agreement"]["metrics"]
    ours, reader = found["run"], found["sonographer"]
    assert ours["bias"]["value"] == pytest.approx(0, abs=0.01)
    assert reader["bias"]["value"] == pytest.approx(4)  # planted
    for name in ("Spearman correlation", "Pearson correlation"):
        assert ours[name]["value"] == pytest.approx(1, abs=1e-4)
    counts = record["results"]["cutoffs"]["from_50"]["counts"]
    above = sum(value(number) >= 50 for number in tested)
    assert counts == {"tp": above, "fp": 0, "fn": 0, "tn": len(tested) - above}
    assert min(above, len(tested) - above) >= 2
    assert record["run"]["threshold"] == "cut-off"
    assert {"recalibration", "conformal", "baselines"}.isdisjoint(record)
    assert record["explanation"]["evidence"] == []
    report = (output / "report" / "report.html").read_text()
    assert "Labels: Brightness in %, column brightness_percent." in report
    assert "Mass on known evidence: not assessed" in report
    assert (output / "report" / "figures" / "explanation_maps_1.svg").is_file()


def test_the_mass_of_the_maps_on_planted_evidence_is_reported(model, tmp_path):
    """The positive part of a map lies evenly on the left half, so that a quarter of the image at the left holds half of it."""
    numbers = range(20, 24)
    manifest = write_cohort(tmp_path / "cohort", numbers, ("test",) * 4)
    quarter = np.zeros((1, ROWS, COLUMNS), np.uint8)
    quarter[..., : COLUMNS // 4] = 1
    write_image(Image(quarter, **GEOMETRY), manifest.parent / "quarter.nrrd")
    head, *lines = manifest.read_text().splitlines()
    lines = [f"{line},quarter.nrrd;quarter.nrrd,quarter.nrrd" for line in lines]
    manifest.write_text("\n".join([f"{head},mask:evidence:view,mask:evidence:reference", *lines]) + "\n")
    assert evaluate(model, manifest, tmp_path / "out") == 0
    rows = metrics_of(tmp_path / "out")["explanation"]["evidence"]
    assert [(row["role"], row["cases"]) for row in rows] == [("view", 4), ("reference", 4)]
    for row in rows:
        assert row["chance"] == pytest.approx(0.25)
        assert row["times_chance"] == pytest.approx(2, abs=0.01)


def test_every_fold_of_a_cross_validation_is_tested_on_its_own_cases(cohort, tmp_path):
    models = train("toy", cohort, tmp_path / "run", folds=3, log=lambda line: None, device="cpu")
    assert len(models) == 3
    assert evaluate(tmp_path / "run", cohort, tmp_path / "out", "--no-explain") == 0
    assert "heat maps" not in (tmp_path / "out" / "report" / "report.html").read_text()
    record = metrics_of(tmp_path / "out")
    assert record["data"]["patients"] == len(SPLITS) - SPLITS.count("test")
    assert record["data"]["folds"] == 3
    assert record["results"]["agreement"]["metrics"]["run"]["mean absolute error"]["value"] < 0.01


def test_training_images_under_another_name_are_refused(model, tmp_path, capsys):
    """One of the three images of a case is a training image, its case and its patient are new."""
    manifest = write_cohort(tmp_path / "cohort", range(30, 36), ("test",) * 6)
    write_image(image(*halves(3)[1]), manifest.parent / "33b.nrrd")
    assert evaluate(model, manifest, tmp_path / "out") == 2
    assert "case c33" in capsys.readouterr().err
    assert not (tmp_path / "out" / "report").exists()


def test_labels_that_are_no_values_are_refused_by_line_and_column(model, tmp_path, capsys):
    def manifest(name, **change):
        return write_cohort(tmp_path / name, range(40, 46), ("train",) * 4 + ("test",) * 2, **change)

    labels = {number: value(number) for number in range(40, 46)}
    words = manifest("words", labels={**labels, 42: "bright", 44: "inf"})
    other = manifest("other", column="stage")
    lacking = manifest("lacking", labels={**labels, 41: "", 45: ""})
    same = manifest("same", labels=dict.fromkeys(range(40, 46), 7))
    for command in (("train", "toy"), ("evaluate", model), ("batch",)):
        source = (words,) if command == ("batch",) else ("--cohort", words)
        more = ("--model", model) if command == ("batch",) else ()
        shown = refused(capsys, *command, *source, *more, "--output", tmp_path / "out")
        assert "2 faults. line 4, column brightness_percent: 'bright' is no number; line 6" in shown
    for command in (("train", "toy"), ("evaluate", model)):
        shown = refused(capsys, *command, "--cohort", other, "--output", tmp_path / "out")
        assert "no labels. Add a column brightness_percent (a number)" in shown
        shown = refused(capsys, *command, "--cohort", other, "--labels", "stage", "--output", tmp_path / "out")
        assert "--labels stage: the labels are numbers, column brightness_percent" in shown
    shown = refused(capsys, "train", "toy", "--cohort", lacking, "--output", tmp_path / "out")
    assert "case c41: no label in the manifest. Fill the column brightness_percent" in shown
    shown = refused(capsys, "evaluate", model, "--cohort", lacking, "--output", tmp_path / "out")
    assert "case c45: no label in the manifest" in shown
    shown = refused(capsys, "evaluate", model, "--cohort", same, "--output", tmp_path / "out")
    assert "2 cases are too few for limits of agreement" in shown
    assert not (tmp_path / "out").exists()
