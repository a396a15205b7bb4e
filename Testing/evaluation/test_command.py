"""``liverai evaluate`` as the command line runs it."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest
import scipy

import LiverAILib
from LiverAILib.cli import main
from LiverAILib.errors import UserError
from LiverAILib.evaluation.command import add_arguments, read_record, run
from LiverAILib.evaluation.report.content import Section
from LiverAILib.evaluation.report.options import PaperSection

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def predictions(tmp_path):
    rows = [f"c{i},p{i},{'yes' if i % 3 else 'no'},{(i * 37 % 100) / 100:.2f},{i % 2}" for i in range(40)]
    path = tmp_path / "predictions.csv"
    path.write_text("\n".join(["case_id,patient_id,label,score,score:reader", *rows]) + "\n")
    return path


def only_stages() -> PaperSection:
    """A paper whose own section needs stages."""
    return PaperSection("smith2020", ("stages",), lambda predictions, options, result: (Section("Smith"), {}))


def call(*args):
    parser = argparse.ArgumentParser()
    add_arguments(parser, papers={"smith2020": only_stages})
    return run(parser.parse_args([str(arg) for arg in args]))


def test_a_report_is_written_and_named(predictions, tmp_path, capsys):
    record = tmp_path / "model.json"
    record.write_text(json.dumps({"license": "MIT", "funding": "none"}))
    out = tmp_path / "out"
    code = call(
        "--predictions",
        predictions,
        "--output",
        out,
        "--positive",
        "yes",
        "--bootstrap",
        100,
        "--threshold",
        "0.5",
        "--record",
        record,
        "--seed",
        7,
        "--method-name",
        "net",
    )
    assert code == 0
    printed = capsys.readouterr().out
    assert "AUC: 0." in printed
    assert str(out / "report.html") in printed
    found = json.loads((out / "metrics.json").read_text())
    assert (found["run"]["seed"], found["run"]["threshold"], found["run"]["method_name"]) == (7, "fixed:0.5", "net")
    assert "- License: MIT" in (out / "model_card.md").read_text()


def test_the_record_names_the_versions(predictions, tmp_path, capsys):
    arguments = [
        "--predictions",
        str(predictions),
        "--output",
        str(tmp_path / "o"),
        "--positive",
        "yes",
        "--bootstrap",
        "100",
    ]
    assert main(["evaluate", *arguments]) == 0
    software = json.loads((tmp_path / "o" / "metrics.json").read_text())["run"]["software"]
    assert (software["LiverAI"], software["scipy"]) == (LiverAILib.__version__, scipy.__version__)


def test_an_old_report_is_not_lost(predictions, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="--overwrite"):
        call("--predictions", predictions, "--output", tmp_path / "out", "--positive", "yes")
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((), "name the positive one"),
        (("--positive", "maybe"), "'maybe' does not occur"),
        (("--positive", "yes", "--threshold", "best"), "--threshold: .*not understood"),
        (("--positive", "yes", "--paper", "choi2018"), "--paper 'choi2018' is unknown; use one of smith2020"),
        (("--positive", "yes", "--paper", "smith2020"), "needs labels of the kind stages"),
        (("--positive", "yes", "--images", "mode"), "--images 'mode' is unknown"),
        (("--positive", "yes", "--bootstrap", "5"), "--bootstrap 5 is too few"),
        (("--positive", "yes", "--folds", "1"), "--folds 1"),
        (("--positive", "yes", "--subgroup", "scanner"), "no column 'scanner'"),
        (("--positive", "yes", "--record", "none.json"), "none.json: no such file"),
    ],
)
def test_user_errors_are_one_line_and_leave_nothing(predictions, tmp_path, args, text):
    with pytest.raises(UserError, match=text) as caught:
        call("--predictions", predictions, "--output", tmp_path / "out", *args)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_record_has_to_be_a_json_object(tmp_path):
    path = tmp_path / "r.json"
    path.write_text("[1]")
    with pytest.raises(UserError, match="holds a list"):
        read_record(path)
    path.write_text("{")
    with pytest.raises(UserError, match="is not valid JSON"):
        read_record(path)


def test_asking_for_help_loads_nothing_heavy_and_evaluating_never_torch(predictions, tmp_path):
    code = f"""
import sys, argparse
from LiverAILib.evaluation.command import add_arguments, run
parser = argparse.ArgumentParser(); add_arguments(parser); parser.format_help()
heavy = [name for name in ("numpy", "scipy", "sklearn", "matplotlib", "jinja2") if name in sys.modules]
assert not heavy, heavy
args = ["--predictions", {str(predictions)!r}, "--output", {str(tmp_path / "o")!r}, "--positive", "yes", "--bootstrap", "100"]
run(parser.parse_args(args))
rooms = [name for name in sys.modules if name.startswith("LiverAILib.")]
own = ("LiverAILib.evaluation", "LiverAILib.errors", "LiverAILib.spreadsheet_text")
strange = [name for name in rooms if not name.startswith(own)]
assert not strange, strange
assert "torch" not in sys.modules
assert "matplotlib.pyplot" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
