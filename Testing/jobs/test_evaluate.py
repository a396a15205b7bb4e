"""`liverai evaluate MODEL --cohort`: a whole run with an untrained model on a tiny cohort, from the command line."""

import csv
import json
import shutil

import numpy as np
import pytest

from LiverAILib.cli import main
from LiverAILib.data import fingerprint
from LiverAILib.data.cohort import read_cohort
from LiverAILib.data.model import save_model
from LiverAILib.data.model_card import SEEN
from LiverAILib.data.seen_cases import seen_cases
from LiverAILib.imaging.files import read_image, write_image
from LiverAILib.imaging.image import Image
from LiverAILib.jobs.assess import Assessor
from LiverAILib.jobs.batch.run import assess_all
from LiverAILib.jobs.cohort_evaluation.case_results import CaseSettings, assess_case, case_of, kept_case
from LiverAILib.jobs.cohort_evaluation.subject import read_subject
from Testing.models import untrained_nowak2021, untrained_segmentation
from Testing.tiny_cohort import write_tiny_cohort

CASES = 8
STAGES = [4 * (number % 2) for number in range(CASES)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight test cases, one of them with an image that cannot be used; a reader, scanners and ages; a model."""
    folder = tmp_path_factory.mktemp("evaluate")
    manifest = write_tiny_cohort(folder / "cohort", ("test",) * CASES, STAGES)
    lines = manifest.read_text().splitlines()
    added = ["mask:caudate,reader:resident,scanner,age_years,ast_u_per_l,alt_u_per_l,platelets_1e9_per_l"]
    added += [
        f"liver.nrrd,{int(n in (1, 3, 5, 6))},{'A' if n < 4 else 'B'},{40 + 5 * n},{30 + 9 * n},40,{200 - 10 * n}"
        for n in range(CASES)
    ]
    (folder / "cohort" / "7.nii.gz").write_bytes(b"damaged")
    manifest.write_text("\n".join(f"{line},{more}" for line, more in zip(lines, added, strict=True)) + "\n")
    untrained_nowak2021(folder / "untrained")
    return folder


@pytest.fixture(scope="module")
def done(folder):
    """The finished evaluation: exit code, folder, metrics."""
    code = main(command(folder, folder / "out"))
    return code, folder / "out", json.loads((folder / "out" / "report" / "metrics.json").read_text())


def command(folder, output, *more, cohort=None):
    return [
        "evaluate", str(folder / "untrained"), "--cohort", str(cohort or folder / "cohort" / "manifest.csv"), "--output",
        str(output), "--masks", "given", "--bootstrap", "100", "--explain-cases", "2", "--device", "cpu", "--quiet", *more,
    ]  # fmt: skip


def predictions(output):
    with (output / "predictions.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_scores_are_those_of_the_assessor_one_by_one(done, folder):
    rows = predictions(done[1])
    assessor = Assessor(folder / "untrained", device="cpu")
    tests = read_subject(folder / "untrained").tests(read_cohort(folder / "cohort" / "manifest.csv"), "test")
    for row, test in zip(rows[:2], tests[:2], strict=True):
        assessment = assessor.assess(case_of(test, {"t2": "MR"}, "given"))
        assert float(row["score:cirrhosis"]) == pytest.approx(assessment.probabilities["cirrhosis"], abs=1e-6)
        assert float(row["score:full"]) == pytest.approx(
            assessment.outcomes["full"].probabilities["cirrhosis"], abs=1e-6
        )
        assert row["label"] == ("cirrhosis" if test.row.stage == 4 else "no cirrhosis")
        volume = next(m.value for m in assessment.measurements if m.key == "liver_volume")
        assert float(row["score:small_liver_volume"]) == pytest.approx(-volume)
    assert [row["score:resident"] for row in rows] == list("0101011")
    assert [row["age_group"] for row in rows] == [
        "below 50",
        "below 50",
        *["50 to 64"] * 3,
        "65 and above",
        "65 and above",
    ]


def test_the_report_says_what_the_labels_are(done):
    report = (done[1] / "report" / "report.html").read_text()
    assert "Labels: fibrosis stages; F4 counts as cirrhosis, F0 to F3 as no cirrhosis." in report


def test_labels_that_do_not_say_what_they_are_are_refused_before_any_work(folder, tmp_path, capsys):
    """Stages of 0 and 1 only, under a name that does not say so: with the option there is no cirrhosis among them."""
    stages = [number % 2 for number in range(4)]
    manifest = write_tiny_cohort(tmp_path / "cohort", ("test",) * 4, stages, labels="label")
    assert main(command(folder, tmp_path / "out", cohort=manifest)) == 2
    assert "column label does not say whether it holds stages or cirrhosis" in capsys.readouterr().err
    assert main(command(folder, tmp_path / "out", "--labels", "stage", cohort=manifest)) == 2
    assert "all 4 cases are no cirrhosis" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main(command(folder, tmp_path / "out", "--labels", "cirrhosis", "--no-explain", cohort=manifest)) == 0
    assert [row["label"] for row in predictions(tmp_path / "out")] == ["no cirrhosis", "cirrhosis"] * 2


def test_a_failed_case_is_listed_counted_and_makes_exit_code_1(done):
    code, output, record = done
    assert code == 1
    assert len(predictions(output)) == CASES - 1
    assert list(record["cases"]["failed"]) == ["c7"]
    assert "c7" in (output / "failed.csv").read_text()
    assert any("1 of 8 cases could not be assessed" in warning for warning in record["warnings"])


def test_the_report_has_the_papers_tables_and_what_goes_beyond(done):
    _, output, record = done
    assert record["as_in_the_paper"]["paper"] == "nowak2021"
    assert set(record["as_in_the_paper"]["metrics"]) == {"segmented", "full", "resident"}
    assert record["data"]["subgroups"] == ["scanner", "age_group"]
    assert {"recalibration", "conformal", "explanation", "baselines", "cases"} <= set(record)
    assert "fib4" in [row["name"] for row in record["baselines"]["diagnosis"]]
    regions = {(row["pipeline"], row["region"]): row["text"] for row in record["explanation"]["explanation_regions"]}
    assert regions["full", "stomach"] == "not assessed"
    assert "/" in regions["segmented", "caudate"]
    families = {row["family"] for row in record["explanation"]["explanation_verdicts"]}
    assert families == {"segmented Grad-CAM", "full Grad-CAM"}
    card = (output / "report" / "model_card.md").read_text()
    assert SEEN not in card


def test_a_second_run_takes_the_kept_cases_and_tries_the_failed_one_again(done, folder, monkeypatch):
    _, output, record = done
    kept = {path: path.stat().st_mtime_ns for path in (output / "cases").glob("*.npz")}
    assessed = []
    original = Assessor.examine
    monkeypatch.setattr(
        Assessor, "examine", lambda self, case, *more: assessed.append(case.case_id) or original(self, case, *more)
    )
    assert main(command(folder, output, "--no-explain")) == 1
    assert assessed == []  # the damaged image fails before it is assessed
    assert kept == {path: path.stat().st_mtime_ns for path in (output / "cases").glob("*.npz")}
    again = json.loads((output / "report" / "metrics.json").read_text())
    assert again["results"] == record["results"]
    assert "explanation" not in again


def test_the_finer_maps_are_checked_and_shown_by_their_name(folder, tmp_path):
    assert main(command(folder, tmp_path / "out", "--heatmap", "hirescam", "--limit", "4")) == 0
    checked = json.loads((tmp_path / "out" / "faithfulness_segmented.json").read_text())
    assert checked["family"] == "segmented HiResCAM"
    report = (tmp_path / "out" / "report" / "report.html").read_text()
    assert "Verdict on full HiResCAM" in report
    assert "Verdict on full Grad-CAM" not in report


def test_a_case_is_kept_until_settings_or_weights_change(folder, tmp_path):
    test = read_subject(folder / "untrained").tests(read_cohort(folder / "cohort" / "manifest.csv"), "test")[0]
    settings = CaseSettings("given", explain=False)
    assert kept_case(test, tmp_path, settings) is None
    made = assess_case(test, Assessor(folder / "untrained", device="cpu"), tmp_path, settings)
    assert kept_case(test, tmp_path, settings).record == made.record
    assert kept_case(test, tmp_path, CaseSettings("network", explain=False)) is None
    assert kept_case(test, tmp_path, CaseSettings("given", explain=True)) is None
    assert kept_case(test, tmp_path, CaseSettings("given", explain=False, heatmap="hirescam")) is None
    planted = json.loads((tmp_path / "c0.json").read_text())
    planted["fingerprint"]["sha256"] = "another"
    (tmp_path / "c0.json").write_text(json.dumps(planted))
    assert kept_case(test, tmp_path, settings) is None


CHANGES = {
    "image": ("image:t2", lambda image: image.with_array(image.array + np.float32(1))),
    "geometry of the image": ("image:t2", lambda image: Image(image.array, (1.5, 1.5, 8.0))),
    "liver mask": ("mask:liver", lambda image: image.with_array(np.roll(image.array, 2, axis=2))),
    "mask that maps are compared with": (
        "mask:spleen",
        lambda image: image.with_array(np.roll(image.array, 2, axis=2)),
    ),
}


@pytest.mark.parametrize("masks", ["given", "network"])
@pytest.mark.parametrize("what", [*CHANGES, "covariate", "statistics"])
def test_a_case_is_not_kept_after_an_input_was_replaced(folder, tmp_path, monkeypatch, what, masks):
    models = tmp_path / "models"
    untrained_segmentation(models / "segmenter")
    model = untrained_nowak2021(models / "classifier", segmentation_model="segmenter").folder
    monkeypatch.setenv("LIVERAI_MODELS", str(models))
    manifest = write_tiny_cohort(tmp_path / "cohort", ("test",))
    shutil.copy(tmp_path / "cohort" / "liver.nrrd", tmp_path / "cohort" / "spleen.nrrd")
    header, row = manifest.read_text().splitlines()
    lines = f"{header},mask:spleen,age_years,reader:resident\n{row},spleen.nrrd,54,1\n"
    manifest.write_text(lines)
    settings = CaseSettings(masks, explain=False)

    def case():
        return read_subject(model).tests(read_cohort(manifest), "test")[0]

    made = assess_case(case(), Assessor(model, device="cpu"), tmp_path, settings)
    assert kept_case(case(), tmp_path, settings).record == made.record
    if what == "statistics":
        manifest.write_text(lines.replace(",54,1", ",54,0"))
        assert kept_case(case(), tmp_path, settings) is not None
        return
    if what == "covariate":
        manifest.write_text(lines.replace(",54,", ",55,"))
    else:
        column, change = CHANGES[what]
        path = (
            tmp_path
            / "cohort"
            / {"image:t2": "0.nii.gz", "mask:liver": "liver.nrrd", "mask:spleen": "spleen.nrrd"}[column]
        )
        write_image(change(read_image(path)), path)
    assert kept_case(case(), tmp_path, settings) is None


def test_a_case_is_not_kept_for_another_segmentation_model_or_version(folder, tmp_path, monkeypatch):
    first = untrained_segmentation(tmp_path / "first" / "segmenter")
    weights = {name: value + 1e-3 if value.is_floating_point() else value for name, value in first.state().items()}
    save_model(tmp_path / "second" / "segmenter", first.card.entries, weights)
    model = untrained_nowak2021(tmp_path / "classifier", segmentation_model="segmenter").folder
    test = read_subject(model).tests(read_cohort(folder / "cohort" / "manifest.csv"), "test")[0]
    settings = CaseSettings("network", explain=False)
    monkeypatch.setenv("LIVERAI_MODELS", str(tmp_path / "first"))
    (tmp_path / "cases").mkdir()
    assess_case(test, Assessor(model, device="cpu"), tmp_path / "cases", settings)
    assert kept_case(test, tmp_path / "cases", settings) is not None
    monkeypatch.setenv("LIVERAI_MODELS", str(tmp_path / "second"))
    assert kept_case(test, tmp_path / "cases", settings) is None
    monkeypatch.setenv("LIVERAI_MODELS", str(tmp_path / "first"))
    monkeypatch.setattr(fingerprint, "__version__", "0.0.1")
    assert kept_case(test, tmp_path / "cases", settings) is None


def test_a_training_image_renamed_is_refused_when_it_is_met(folder, tmp_path, capsys):
    """The planted leak: a training case stands in the test cohort under another name and patient."""
    train = read_cohort(write_tiny_cohort(tmp_path / "train", ("train",)))
    model = untrained_nowak2021(tmp_path / "leaky")
    card = json.loads((model.folder / "model.json").read_text())
    card[SEEN] = seen_cases(train.rows, [])
    (model.folder / "model.json").write_text(json.dumps(card))
    lines = write_tiny_cohort(tmp_path / "test", ("test",) * 2, patients=["new", "other"]).read_text()
    (tmp_path / "test" / "manifest.csv").write_text(lines.replace("c0,", "renamed,"))
    arguments = command(folder, tmp_path / "out", "--no-explain", cohort=tmp_path / "test" / "manifest.csv")
    arguments[1] = str(model.folder)
    assert main(arguments) == 2
    assert "case renamed is voxel-identical to a train case" in capsys.readouterr().err
    assert not (tmp_path / "out" / "report").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate", "--output", "o"], "give a model or run with --cohort, or --predictions CSV"),
        (["evaluate", "m", "--predictions", "p.csv", "--output", "o"], "one of the two"),
        (["evaluate", "m", "--output", "o"], "on which cases"),
        (["evaluate", "m", "--cohort", "c", "--positive", "x", "--output", "o"], "belong to --predictions"),
    ],
)
def test_what_does_not_go_together_is_said_in_one_line(arguments, words, capsys):
    assert main(arguments) == 2
    shown = capsys.readouterr().err
    assert words in shown
    assert shown.count("\n") == 1


def test_a_case_without_label_and_a_split_without_cases_are_found_before_any_work(folder, tmp_path, capsys):
    manifest = write_tiny_cohort(tmp_path / "c", ("test",) * 3)
    manifest.write_text(manifest.read_text().replace("c1,p1,test,4", "c1,p1,test,"))
    assert main(command(folder, tmp_path / "out", cohort=manifest)) == 2
    assert "case c1: no label in the manifest" in capsys.readouterr().err
    assert main(command(folder, tmp_path / "out", "--split", "validation", cohort=manifest)) == 2
    assert 'no case of split "validation"' in capsys.readouterr().err
    twice = write_tiny_cohort(tmp_path / "d", ("test",) * 3, patients=["a", "b", "a"])
    assert main(command(folder, tmp_path / "out", cohort=twice)) == 2
    assert "patient a has several cases" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_slice_of_the_manifest_is_the_one_assessed_and_the_target_class_the_one_explained(folder, tmp_path):
    lines = write_tiny_cohort(tmp_path / "c", ("test",) * 4).read_text().splitlines()
    picked = ["slice", "2", "", "5", ""]
    manifest = tmp_path / "c" / "manifest.csv"
    manifest.write_text("\n".join(f"{line},{cell}" for line, cell in zip(lines, picked, strict=True)) + "\n")
    arguments = command(folder, tmp_path / "out", "--target-class", "cirrhosis", cohort=manifest)
    assert main(arguments) == 0
    records = [json.loads((tmp_path / "out" / "cases" / f"c{n}.json").read_text()) for n in range(4)]
    assert [one["slice"] for one in records][::2] == [2, 5]
    assert records[1]["slice"] == records[3]["slice"] not in (2, 5)
    assert {target for one in records for target in one["targets"].values()} == {"cirrhosis"}
    page = (tmp_path / "out" / "report" / "report.html").read_text()
    assert "All maps explain the class cirrhosis, whatever the network predicts." in page
    rows = assess_all(manifest, tmp_path / "batch", folder / "untrained", device="cpu")
    assert [row["slice"] for row in rows] == [one["slice"] for one in records]


def test_validation_cases_are_evaluated_where_asked_for_and_beside_the_test_for_table_1(folder, tmp_path, capsys):
    """The model was chosen on the validation cases: refused as a test, allowed as what they are."""
    manifest = write_tiny_cohort(tmp_path / "c", ("test",) * 4 + ("validation",) * 4)
    model = untrained_nowak2021(tmp_path / "chosen")
    card = json.loads((model.folder / "model.json").read_text())
    card[SEEN] = seen_cases([], read_cohort(manifest).split("validation"))
    (model.folder / "model.json").write_text(json.dumps(card))

    def run(output, *more):
        arguments = command(folder, output, "--no-explain", *more, cohort=manifest)
        arguments[1] = str(model.folder)
        return main(arguments)

    assert run(tmp_path / "all", "--split", "all") == 2
    assert "was chosen on (validation) patient p4" in capsys.readouterr().err
    assert run(tmp_path / "validation", "--split", "validation") == 0
    record = json.loads((tmp_path / "validation" / "report" / "metrics.json").read_text())
    assert record["run"]["cases"] == "validation"
    assert any("on which the state of the model was chosen" in text for text in record["warnings"])
    assert [row["case_id"] for row in predictions(tmp_path / "validation")] == ["c4", "c5", "c6", "c7"]
    assert run(tmp_path / "test") == 0
    record = json.loads((tmp_path / "test" / "report" / "metrics.json").read_text())
    assert set(record["as_in_the_paper"]["validation"]["metrics"]) == {"segmented", "full"}
    assert "cross-fitted" in str(record["recalibration"])  # four validation cases are too few to fit on


def test_kept_arrays_give_the_maps_back(done, folder):
    """The map's mass on the common grid is that of the assessment, and the network saw the slice only."""
    test = read_subject(folder / "untrained").tests(read_cohort(folder / "cohort" / "manifest.csv"), "test")[0]
    with np.load(done[1] / "cases" / "c0.npz") as arrays:
        heat, seen = arrays["heat_segmented"], arrays["seen_segmented"]
    assessment = Assessor(folder / "untrained", device="cpu").assess(case_of(test, {"t2": "MR"}, "given"))
    expected = assessment.outcomes["segmented"].heatmaps[0].image.array
    assert heat.sum() == pytest.approx(expected.sum(), rel=1e-5)
    assert seen.any((1, 2)).sum() == 1
    assert heat[~seen].sum() == 0
