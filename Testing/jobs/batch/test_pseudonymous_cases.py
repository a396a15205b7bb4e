"""`liverai batch --pseudonymize`: stable pseudonyms, and no name of a case or file anywhere in the results."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest

from LiverAILib.cli import main
from LiverAILib.data.pseudonyms import KeyFile
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import write_image
from LiverAILib.imaging.image import Image
from LiverAILib.jobs.batch.hidden_names import HiddenNames
from LiverAILib.results.files import read_assessment
from Testing.imaging.dicom_files import write_series
from Testing.models import untrained_models
from Testing.phantom import SPACING_MM, phantom_liver, phantom_values
from Testing.test_privacy import contents

NAMES = ("qxmeier", "qxschmidt", "qxsecretfolder", "qxmask", "qxbroken", "qxnote")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Models; scans, DICOM, a broken file, a mask beside its scan and a note, all with names of persons."""
    folder = tmp_path_factory.mktemp("pseudonyms")
    untrained_models(folder / "models")
    liver = phantom_liver()
    place = folder / "qxsecretfolder"
    place.mkdir()
    values = phantom_values()
    image = Image(values.astype(np.float32), SPACING_MM)
    write_image(image, place / "QxMeier.nii.gz")
    write_image(image.with_array(liver.astype(np.uint8)), place / "QxMeier_mask.nii.gz")
    write_series(place / "QxSchmidt", (values + 3).astype(np.int16), Modality="MR", PatientName="Qxschmidt^A")
    (place / "QxBroken.nii").write_bytes(b"not an image" * 50)
    (place / "QxNote.txt").write_text("hello")
    return folder


@pytest.fixture(autouse=True)
def models(folder, monkeypatch):
    monkeypatch.setenv("LIVERAI_MODELS", str(folder / "models"))


def batch(source: Path, output: Path, key: Path, *options: str) -> int:
    words = [
        "batch",
        str(source),
        "--model",
        "classifier",
        "--output",
        str(output),
        "--device",
        "cpu",
        "--workers",
        "1",
    ]
    return main([*words, "--pseudonymize", str(key), *options])


def summary(output: Path) -> dict[str, dict[str, str]]:
    with (output / "summary.csv").open(newline="") as stream:
        return {row["case_id"]: row for row in csv.DictReader(stream)}


def names_in(output: Path) -> list[str]:
    found = []
    for path in output.rglob("*"):
        texts = [path.name.encode(), *(contents(path) if path.is_file() else ())]
        found += [
            f"{path.relative_to(output)}: {name}" for name in NAMES for text in texts if name.encode() in text.lower()
        ]
    return found


def test_no_name_of_a_case_or_file_is_in_the_results_and_the_key_leads_back(folder, tmp_path, capfd):
    assert batch(folder / "qxsecretfolder", tmp_path / "out", tmp_path / "key.json") == 1  # one file is broken
    printed = capfd.readouterr()
    rows = summary(tmp_path / "out")
    key = json.loads((tmp_path / "key.json").read_text())["pseudonyms"]
    assert sorted(key[name]["name"] for name in rows) == ["QxBroken", "QxMeier", "QxSchmidt"]
    assert names_in(tmp_path / "out") == []
    assert not [name for name in NAMES if name in (printed.out + printed.err).lower()]
    aside = (tmp_path / "out" / "set_aside.csv").read_text()
    assert "named as a mask of another one" in aside
    assert {key[line.split(",")[0]]["name"].rpartition("/")[2] for line in aside.splitlines()[1:]} == {
        "QxMeier_mask.nii.gz",
        "QxNote.txt",
    }
    (broken,) = [row for row in rows.values() if row["error"]]
    assert broken["error"].startswith(broken["case_id"])
    assert oct((tmp_path / "key.json").stat().st_mode & 0o777) == "0o600"
    done = next(name for name, row in rows.items() if not row["error"])
    assert read_assessment(tmp_path / "out" / done).case_id == done


def test_pseudonyms_are_the_same_with_the_same_key_and_finished_cases_are_kept(folder, tmp_path):
    batch(folder / "qxsecretfolder", tmp_path / "out", tmp_path / "key.json", "--quiet")
    first = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/assessment.json")}
    batch(folder / "qxsecretfolder", tmp_path / "out", tmp_path / "key.json", "--quiet")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/assessment.json")} == first
    batch(folder / "qxsecretfolder", tmp_path / "other", tmp_path / "other.json", "--quiet")
    assert not set(summary(tmp_path / "out")) & set(summary(tmp_path / "other"))


def test_dicom_objects_still_find_their_source(folder, tmp_path):
    source = tmp_path / "in"
    shutil.copytree(folder / "qxsecretfolder" / "QxSchmidt", source / "QxSchmidt")
    assert batch(source, tmp_path / "out", tmp_path / "key.json", "--dicom", "--quiet") == 0
    (report,) = (tmp_path / "out").glob("*/dicom/report.dcm")
    assert str(pydicom.dcmread(report).PatientName) == "Qxschmidt^A"


def test_a_key_file_among_the_results_or_of_something_else_is_refused(folder, tmp_path, capsys):
    assert batch(folder / "qxsecretfolder", tmp_path / "out", tmp_path / "out" / "key.json") == 2
    assert "would lie among the results" in capsys.readouterr().err
    (tmp_path / "other.json").write_text('{"secret": "zz"}')
    with pytest.raises(UserError, match="is no key file"):
        KeyFile.open(tmp_path / "other.json", apart_from=tmp_path / "out")
    assert (tmp_path / "other.json").read_text() == '{"secret": "zz"}'


def test_names_are_hidden_as_whole_words_the_longest_first():
    names = HiddenNames.of({"meier": "P1", "/data/meier.nii": "P2", "ab": "P3"})
    assert names.hide("/data/meier.nii: meier_late and meierhofer, ab") == "P2: P1_late and meierhofer, ab"
