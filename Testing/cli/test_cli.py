"""The command line as a user meets it: one line and exit code 2 for what cannot work."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

import LiverAILib
from LiverAILib.cli import build_parser, main
from LiverAILib.data.assessment import SIMULATED
from LiverAILib.imaging.files import read_image, write_image
from LiverAILib.imaging.image import Image
from Testing.models import untrained_models
from Testing.phantom import SPACING_MM, phantom_liver, phantom_values


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two untrained models, two images with a mask, and a CT."""
    folder = tmp_path_factory.mktemp("cli")
    untrained_models(folder / "models")
    liver = phantom_liver()
    (folder / "images").mkdir()
    for number in range(2):
        image = Image(phantom_values(number).astype(np.float32), SPACING_MM)
        write_image(image, folder / "images" / f"case{number}.nii.gz")
    write_image(image.with_array(liver.astype(np.uint8)), folder / "mask.nrrd")
    write_image(image.with_array(np.where(liver, 60, -1000).astype(np.int16)), folder / "ct.nii.gz")
    return folder


@pytest.fixture(autouse=True)
def models(folder, monkeypatch):
    monkeypatch.setenv("LIVERAI_MODELS", str(folder / "models"))


def test_assess_writes_the_files_and_prints_the_result(folder, tmp_path, capsys):
    code = main(
        ["assess", str(folder / "images" / "case0.nii.gz"), "--model", "classifier", "--output", str(tmp_path / "out"),
         "--segmentation", str(folder / "mask.nrrd"), "--device", "cpu"]
    )  # fmt: skip
    assert code == 0
    shown = capsys.readouterr()
    assert "predicted" in shown.out
    assert shown.out.index(SIMULATED) < shown.out.index("pipeline segmented")
    assert "[100 %]" in shown.err
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "assessment.json", "segmentation.seg.nrrd", "heatmap.nrrd", "heatmap_full.nrrd", "overlay.png", "measurements.png",
        "report.html",
    }  # fmt: skip
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / "segmentation.seg.nrrd")))
    np.testing.assert_array_equal(mask, sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "mask.nrrd"))))


def test_masks_and_laboratory_values_on_the_command_line_become_measurements(folder, tmp_path, capsys):
    spleen = np.zeros((9, 40, 50), np.uint8)
    spleen[3:6, 25:35, 40:48] = 3
    write_image(Image(spleen, (1.5, 1.5, 7.0)), tmp_path / "organs.nii.gz")
    main(
        ["assess", str(folder / "images" / "case0.nii.gz"), "--model", "classifier", "--output", str(tmp_path / "out"),
         "--segmentation", str(folder / "mask.nrrd"), "--mask", f"spleen={tmp_path / 'organs.nii.gz'}#3", "--device", "cpu",
         "--covariate", "age_years=54", "--covariate", "ast_u_per_l=80", "--covariate", "alt_u_per_l=64",
         "--covariate", "platelets_1e9_per_l=120", "--json"]
    )  # fmt: skip
    record = json.loads(capsys.readouterr().out)
    found = {measurement["key"]: measurement for measurement in record["measurements"]}
    assert found["fib4"]["value"] == 4.5
    assert [cutoff["reached"] for cutoff in found["fib4"]["cutoffs"]] == [False, True]
    assert found["spleen_volume"]["value"] == pytest.approx(240 * 1.5 * 1.5 * 7 / 1000, abs=0.06)
    assert {missing["key"] for missing in record["not_assessed"]} >= {"liver_attenuation", "surface_nodularity"}
    report = (tmp_path / "out" / "report.html").read_text()
    assert "Sterling RK" in report
    assert "It is no diagnosis." in report


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--covariate", "age=54"), "'age' is not known"),
        (("--covariate", "height_cm=1.75"), "Give the height in cm"),
        (("--mask", "spleen"), "not NAME=FILE"),
        (("--mask", "pancreas=x.nii.gz"), "'pancreas' is not known"),
        (("--mask", "spleen=absent.nii.gz"), "no such file"),
    ],
)
def test_bad_masks_and_covariates_are_refused_before_anything_is_written(folder, tmp_path, capsys, option, message):
    image = str(folder / "images" / "case0.nii.gz")
    assert message in refused(
        capsys, "assess", image, "--model", "classifier", "--output", str(tmp_path / "out"), *option
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("flag", "out"), [("--json", "{"), ("--quiet", ""), ("--progress", "<filter-progress>")])
def test_what_is_printed_can_be_chosen(folder, tmp_path, capsys, flag, out):
    main(["assess", str(folder / "images" / "case0.nii.gz"), "--model", "classifier", "--output", str(tmp_path / "o"),
          "--segmentation", str(folder / "mask.nrrd"), flag])  # fmt: skip
    shown = capsys.readouterr()
    assert shown.out.startswith(out)
    if flag == "--json":
        assert json.loads(shown.out)["case_id"] == "case0"
    if flag == "--quiet":
        assert shown.out == shown.err == ""


def refused(capsys, *arguments: str) -> str:
    """Runs a command that has to be refused; returns its one line."""
    assert main(list(arguments)) == 2
    shown = capsys.readouterr()
    lines = [line for line in shown.err.splitlines() if not line.startswith("[")]
    assert len(lines) == 1, shown.err
    assert shown.out == ""
    return lines[0]


def test_bad_input_is_refused_in_one_line_and_leaves_nothing(folder, tmp_path, capsys):
    out = str(tmp_path / "out")
    good = str(folder / "images" / "case0.nii.gz")
    assert "no such file" in refused(capsys, "assess", "nothing.nii", "--model", "classifier", "--output", out)
    assert "no such model" in refused(capsys, "assess", good, "--model", "other", "--output", out)
    assert "is CT" in refused(capsys, "assess", str(folder / "ct.nii.gz"), "--model", "classifier", "--output", out)
    assert "takes one image" in refused(capsys, "assess", good, good, "--model", "classifier", "--output", out)
    assert "segmentation" in refused(capsys, "assess", good, "--model", "segmenter", "--output", out)
    without_liver = ("--slice", "0", "--segmentation", str(folder / "mask.nrrd"))
    assert "no liver" in refused(capsys, "assess", good, "--model", "classifier", "--output", out, *without_liver)
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").touch()
    assert "not a folder" in refused(
        capsys, "assess", good, "--model", "classifier", "--output", str(tmp_path / "file")
    )


def test_a_given_device_that_is_not_there_is_refused(folder, tmp_path, capsys):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has the device")
    good = str(folder / "images" / "case0.nii.gz")
    line = refused(capsys, "assess", good, "--model", "classifier", "--output", str(tmp_path / "o"), "--device", "cuda")
    assert "--device cuda" in line


def test_segment_writes_a_label_map_of_the_input_geometry(folder, tmp_path, capsys):
    source = folder / "images" / "case1.nii.gz"
    assert main(["segment", str(source), "--output", str(tmp_path / "s.seg.nrrd"), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["model"] == "segmenter"
    found, image = sitk.ReadImage(str(tmp_path / "s.seg.nrrd")), sitk.ReadImage(str(source))
    assert (found.GetSize(), found.GetSpacing(), found.GetOrigin()) == (
        image.GetSize(),
        image.GetSpacing(),
        image.GetOrigin(),
    )


def test_batch_goes_on_after_a_failed_case_and_resumes(folder, tmp_path, capsys):
    images = tmp_path / "images"
    images.mkdir()
    for file in (folder / "images").iterdir():
        (images / file.name).write_bytes(file.read_bytes())
    (images / "bad.nii.gz").write_bytes(b"bad")
    command = ["batch", str(images), "--model", "classifier", "--output", str(tmp_path / "out"), "--device", "cpu"]
    code = main(command)
    rows = list(csv.DictReader((tmp_path / "out" / "summary.csv").open()))
    assert [row["case_id"] for row in rows] == ["bad", "case0", "case1"]
    errors = {row["case_id"]: row["error"] for row in rows}
    assert "bad.nii.gz" in errors["bad"]
    done = [name for name in ("case0", "case1") if not errors[name]]
    assert code == 1
    assert "failed: bad" in capsys.readouterr().out
    times = {name: (tmp_path / "out" / name / "assessment.json").stat().st_mtime_ns for name in done}
    main(command)
    again = list(csv.DictReader((tmp_path / "out" / "summary.csv").open()))
    assert again == rows
    assert times == {name: (tmp_path / "out" / name / "assessment.json").stat().st_mtime_ns for name in done}
    main([*command, "--heatmap", "hirescam"])
    made = [json.loads((tmp_path / "out" / name / "assessment.json").read_text()) for name in done]
    assert {one["outcomes"]["segmented"]["heatmaps"][0]["method"] for one in made} == ({"HiResCAM"} if done else set())


@pytest.mark.parametrize("output", ["mask.txt", "mask.mhd", "mask.dcm", "mask"])
def test_segment_refuses_an_ending_before_the_work(folder, tmp_path, capsys, output):
    image = str(folder / "images" / "case0.nii.gz")
    error = refused(capsys, "segment", image, "--output", str(tmp_path / output), "--model", "segmenter")
    assert f"{output}: a file with this ending cannot be written" in error
    sheet = ("--output", str(tmp_path / "mask.nrrd"), "--contact-sheet", str(tmp_path / "sheet.jpg"))
    assert "sheet.jpg" in refused(capsys, "segment", image, *sheet, "--model", "segmenter")
    assert list(tmp_path.iterdir()) == []


def test_no_command_overwrites_its_input(folder, tmp_path, capsys):
    for name in ("image.nii.gz", "heatmap.nrrd"):
        copy = sitk.ReadImage(str(folder / "images" / "case0.nii.gz"))
        sitk.WriteImage(copy, str(tmp_path / name))
    image, mask = tmp_path / "image.nii.gz", tmp_path / "segmentation.seg.nrrd"
    shutil.copy(folder / "mask.nrrd", mask)
    (tmp_path / "link.nii.gz").symlink_to(image)
    cohort = tmp_path / "summary.csv"
    cohort.write_text(f"case_id,patient_id,image:t2,mask:liver\na,p,{image},{mask}\n")
    (tmp_path / "predictions").mkdir()
    predictions = tmp_path / "predictions" / "predictions.csv"
    predictions.write_text("case_id,patient_id,label,score\n")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with_model = ("--model", "classifier", "--output", str(tmp_path))
    for arguments in (
        ("segment", str(image), "--output", str(image)),
        ("segment", str(image), "--output", str(tmp_path / "link.nii.gz")),
        ("segment", str(tmp_path / "link.nii.gz"), "--output", str(image)),
        ("assess", str(tmp_path / "heatmap.nrrd"), *with_model),
        ("assess", str(image), "--segmentation", str(mask), *with_model),
        ("assess", str(image), "--mask", f"spleen={mask}#1", *with_model),
        ("batch", str(cohort), *with_model),
        ("evaluate", "--predictions", str(predictions), "--output", str(predictions.parent), "--overwrite"),
    ):
        assert "would overwrite the input" in refused(capsys, *arguments), arguments
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_correct_output_beside_the_input_is_no_conflict(folder, tmp_path):
    shutil.copy(folder / "images" / "case0.nii.gz", tmp_path / "case0.nii.gz")
    command = ["segment", str(tmp_path / "case0.nii.gz"), "--model", "segmenter", "--device", "cpu", "--quiet"]
    for _ in range(2):  # an earlier output is replaced
        assert main([*command, "--output", str(tmp_path / "mask.seg.nrrd")]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["case0.nii.gz", "mask.seg.nrrd"]


def test_what_the_reader_found_is_among_the_warnings(folder, tmp_path, capsys):
    image = read_image(folder / "images" / "case0.nii.gz")
    array = image.array.copy()
    array[:, :3] = np.nan
    write_image(image.with_array(array), tmp_path / "nan.nii.gz")
    main(["segment", str(tmp_path / "nan.nii.gz"), "--model", "segmenter", "--device", "cpu", "--json", "--output",
          str(tmp_path / "mask.nrrd")])  # fmt: skip
    record = json.loads(capsys.readouterr().out)
    assert "not_a_number" in record["warning_codes"]
    assert any("NaN" in text for text in record["warnings"])
    main(["assess", str(tmp_path / "nan.nii.gz"), "--model", "classifier", "--device", "cpu", "--json", "--output",
          str(tmp_path / "out"), "--segmentation", str(folder / "mask.nrrd")])  # fmt: skip
    assert "not_a_number" in [warning["code"] for warning in json.loads(capsys.readouterr().out)["warnings"]]


def test_assess_and_batch_take_the_modality_from_the_user(folder, tmp_path, capsys):
    image, mask = str(folder / "ct.nii.gz"), str(folder / "mask.nrrd")
    options = ("--model", "classifier", "--device", "cpu", "--output")
    assert "the image is CT" in refused(capsys, "assess", image, *options, str(tmp_path / "a"), "--segmentation", mask)
    assert not (tmp_path / "a").exists()
    given = ["assess", image, *options, str(tmp_path / "a"), "--segmentation", mask, "--modality", "MR", "--json"]
    assert main(given) == 0
    assert json.loads(capsys.readouterr().out)["provenance"]["inputs"][0]["modality_from"] == "given"
    (tmp_path / "in").mkdir()
    shutil.copy(folder / "images" / "case0.nii.gz", tmp_path / "in" / "case0.nii.gz")
    main(["batch", str(tmp_path / "in"), *options, str(tmp_path / "b"), "--modality", "CT", "--json"])
    assert "the image is CT" in json.loads(capsys.readouterr().out)[0]["error"]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_console_without_the_characters_of_a_file_name_ends_no_run(folder, tmp_path, encoding):
    shutil.copy(folder / "images" / "case0.nii.gz", tmp_path / "肝 größer.nii.gz")
    command = [sys.executable, "-m", "LiverAILib.cli", "segment", "肝 größer.nii.gz", "--output", "脾.seg.nrrd"]
    done = subprocess.run(
        [*command, "--model", "segmenter", "--device", "cpu"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    )
    assert rb"written: \u813e.seg.nrrd" in done.stdout
    assert (tmp_path / "脾.seg.nrrd").exists()


def test_every_advised_option_is_one_of_the_command():
    """Sentences of the library advise options of `assess`; `batch` and `segment` have those of theirs."""
    parser = build_parser()
    commands = next(action for action in parser._actions if action.dest == "command").choices
    options = {name: set(command._option_string_actions) for name, command in commands.items()}
    assert all("--modality" in options[name] for name in ("assess", "segment", "batch", "demo"))
    known = set().union(*options.values())
    library = Path(LiverAILib.__file__).parent
    for file in sorted((*library.rglob("*.py"),)):
        if file.parent.name == "report":  # style sheets
            continue
        for option in re.findall(r"on the command line: (--[a-z-]+)", file.read_text(encoding="utf-8")):
            assert option in known, (file, option)


def test_batch_takes_the_masks_and_covariates_of_a_manifest(folder, tmp_path):
    (tmp_path / "cohort.csv").write_text(
        "case_id,patient_id,image:t2,mask:liver,age_years,ast_u_per_l,alt_u_per_l,platelets_1e9_per_l,scanner\n"
        f"a/1,p1,{folder}/images/case0.nii.gz,{folder}/mask.nrrd,54,80,64,120,A\n"
        f"b,p2,{folder}/images/case1.nii.gz,,,,,,B\n"
        "c,p3,,,,,,,\n"
    )
    command = ["batch", str(tmp_path / "cohort.csv"), "--model", "classifier", "--output", str(tmp_path / "out")]
    assert main([*command, "--device", "cpu", "--quiet"]) == 1
    rows = {row["case_id"]: row for row in csv.DictReader((tmp_path / "out" / "summary.csv").open())}
    assert list(rows) == ["a/1", "b", "c"]
    assert float(rows["a/1"]["FIB-4 []"]) == 4.5
    assert rows["b"]["FIB-4 []"] == ""
    assert "case c: no image:t2" in rows["c"]["error"]
    record = json.loads((tmp_path / "out" / "a%2F1" / "assessment.json").read_text())
    assert record["provenance"]["segmentation"]["source"] == "given"


def test_batch_refuses_a_manifest_without_the_image_that_the_model_needs(folder, tmp_path, capsys):
    (tmp_path / "cohort.csv").write_text(f"case_id,patient_id,image:ct\na,p,{folder}/ct.nii.gz\n")
    options = ("--model", "classifier", "--output", str(tmp_path / "out"))
    assert "no column image:t2" in refused(capsys, "batch", str(tmp_path / "cohort.csv"), *options)
    assert not (tmp_path / "out").exists()


def test_models_are_listed_and_shown(capsys):
    assert main(["models"]) == 0
    assert "classifier  (nowak2021, MR" in capsys.readouterr().out
    assert main(["models", "show", "classifier"]) == 0
    assert json.loads(capsys.readouterr().out)["weights"]["storage"] == "int8"
    assert "which one" in refused(capsys, "models", "show")


def test_nothing_slow_is_imported_before_it_is_needed():
    code = (
        "import sys, LiverAILib, LiverAILib.cli; LiverAILib.cli.build_parser();"
        "slow = 'torch torchvision SimpleITK sklearn scipy matplotlib jinja2 slicer qt ctk vtk'.split();"
        "print(sorted(set(slow) & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
