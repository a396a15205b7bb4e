import csv

import pytest

from LiverAILib.cli.main import main
from LiverAILib.cli.simulate import simulated_kind
from LiverAILib.errors import UserError


def test_simulates_what_a_method_needs(tmp_path, capsys):
    assert main(["simulate", "--method", "byra2021", "--cases", "1", "--output", str(tmp_path / "cohort")]) == 0
    assert "manifest.csv" in capsys.readouterr().out
    with (tmp_path / "cohort" / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        (row,) = csv.DictReader(stream)
    assert float(row["pdff_percent"]) > 0
    assert (tmp_path / "cohort" / row["image:liver_kidney"]).is_file()


def test_the_modality_still_says_what_is_simulated():
    assert [simulated_kind(name) for name in ("nowak2021", "yin2021")] == ["mr", "ct"]


def test_a_method_that_nothing_is_simulated_for_is_refused(tmp_path):
    with pytest.raises(UserError, match="Use one of nowak2021, yin2021, xue2020, byra2021"):
        simulated_kind("unknown2000")


def test_a_method_and_a_modality_are_not_given_together(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["simulate", "--method", "xue2020", "--modality", "ct", "--output", str(tmp_path / "cohort")])
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--from", "healthy.csv", "--matrix", "96"], "--matrix 96: scans of --from keep"),
        (["--from", "healthy.csv", "--images", "2"], "--images 2: scans of --from keep"),
        (["--from", "healthy.csv"], "no such manifest"),
        (["--stages", "0;4"], "--stages 0;4: not numbers"),
        (["--prevalences", "a"], "--prevalences a: not numbers"),
        (["--method", "byra2021", "--stages", "0,4"], "have none"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path, capsys, options, message):
    output = tmp_path / "cohort"
    assert main(["simulate", *options, "--cases", "1", "--output", str(output)]) != 0
    assert message in capsys.readouterr().err
    assert not output.exists()


def test_only_the_wanted_stages_are_simulated(tmp_path):
    arguments = ["--stages", "1,3", "--matrix", "64", "--cases", "3", "--quiet", "--output", str(tmp_path / "cohort")]
    assert main(["simulate", *arguments]) == 0
    with (tmp_path / "cohort" / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        assert {row["stage"] for row in csv.DictReader(stream)} == {"1", "3"}
