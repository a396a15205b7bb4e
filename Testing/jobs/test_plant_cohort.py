"""Cohorts of planted disease: layout, splits, repeatability, and what is refused."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from LiverAILib.data.cohort import read_cohort
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import write_image
from LiverAILib.jobs.plant_cohort import plant_cohort
from LiverAILib.simulation.t2_mr import simulate_t2_mr
from LiverAILib.simulation.volume_kinds import columns_of

HEADER = ["case_id", "patient_id", "image:t2", "mask:liver", "mask:spleen", "sex"]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory) -> Path:
    """Manifest of two healthy scans of two patients; the second has no spleen mask."""
    folder = tmp_path_factory.mktemp("healthy")
    rows = []
    for name in ("a", "b"):
        case = simulate_t2_mr(0, seed=ord(name), size=(72, 72, 18), spacing=(4.4, 4.4, 14.0))
        write_image(case.image, folder / f"{name}.nii.gz")
        write_image(case.labels, folder / f"{name}_labels.nii.gz")
        spleen = f"{name}_labels.nii.gz#4" if name == "a" else ""
        rows.append([name, f"patient {name}", f"{name}.nii.gz", f"{name}_labels.nii.gz#1", spleen, "F"])
    return write(folder / "healthy.csv", HEADER, rows)


def write(path: Path, header: list[str], rows: list[list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def cells(manifest: Path) -> list[dict[str, str]]:
    with manifest.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def planted(healthy, tmp_path_factory) -> Path:
    return plant_cohort(healthy, tmp_path_factory.mktemp("planted") / "cohort", cases=6, seed=3, stages=(0, 4))


def test_the_cohort_is_laid_out_as_a_simulated_one(planted):
    rows = cells(planted)
    assert list(rows[0]) == [*columns_of("t2"), "source", "planted"]
    assert [row["case_id"] for row in rows] == [f"{name}-planted3-{n:03d}" for name in "ab" for n in range(3)]
    assert [row["planted"] for row in rows] == ["untouched", "planted", "planted"] * 2
    assert [row["source"] for row in rows] == list("aaabbb")
    assert {row["sex"] for row in rows} == {"F"}
    assert {row["stage"] for row in rows if row["planted"] == "untouched"} == {"0"}
    assert {row["stage"] for row in rows} == {"0", "4"}
    for row in read_cohort(planted):
        image = row.read_image("t2", "MR")
        masks = {name: row.read_mask(name, image) for name in row.masks}
        assert ("spleen" in masks) == row.case_id.startswith("a")
        lobes = [masks[name] for name in ("right_lobe", "left_lobe", "caudate")]
        assert np.array_equal(np.sum(lobes, 0), masks["liver"])
        assert masks["evidence"].any() == (row.stage == 4)
        assert masks["caudate"][int(row.covariates["caudate_level"])].any()
        record = json.loads((planted.parent / row.case_id / "parameters.json").read_text(encoding="utf-8"))
        assert (record["source"], record["planted"]) == (row.covariates["source"], row.covariates["planted"])
        assert record["stage"] == row.stage


def test_cases_depend_neither_on_their_number_nor_on_workers(healthy, planted, tmp_path):
    again = plant_cohort(healthy, tmp_path / "again", cases=4, seed=3, stages=(0, 4), workers=2)
    kept = [row["case_id"] for row in cells(again)]
    assert kept == ["a-planted3-000", "a-planted3-001", "b-planted3-000", "b-planted3-001"]
    for case_id in kept:
        files = sorted(path.name for path in (again.parent / case_id).iterdir())
        assert files == sorted(path.name for path in (planted.parent / case_id).iterdir())
        for name in files:
            one, other = ((m.parent / case_id / name).read_bytes() for m in (again, planted))
            assert hashlib.sha256(one).digest() == hashlib.sha256(other).digest(), (case_id, name)


def test_without_stage_0_there_is_no_untouched_scan(healthy, tmp_path):
    rows = cells(
        plant_cohort(healthy, tmp_path / "ill", cases=2, seed=1, stages=(1, 2), prevalences=(0, 1), split="test")
    )
    assert [(row["planted"], row["stage"], row["split"]) for row in rows] == [("planted", "2", "test")] * 2


def test_splits_of_the_sources_are_kept(healthy, tmp_path):
    rows = [[*row.values(), split] for row, split in zip(cells(healthy), ("train", "test"), strict=True)]
    manifest = write(healthy.parent / "split.csv", [*HEADER, "split"], rows)
    made = cells(plant_cohort(manifest, tmp_path / "cohort", cases=2, seed=1))
    assert [row["split"] for row in made] == ["train", "test"]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("stage", "3", "case b is not healthy"),
        ("mask:liver", "", "case b has no liver mask"),
        ("image:t2", "notes.txt", "case b: .*notes.txt"),
        ("mask:liver", "b_labels.nii.gz#3", "case b: the liver mask has"),
    ],
)
def test_a_source_that_cannot_be_used_is_named_and_nothing_is_left(healthy, tmp_path, column, value, message):
    (healthy.parent / "notes.txt").write_text("no image")
    header = list(dict.fromkeys([*HEADER, column]))
    rows = cells(healthy)[1:]
    rows[0][column] = value
    manifest = write(healthy.parent / "wrong.csv", header, [[row.get(name, "") for name in header] for row in rows])
    with pytest.raises(UserError, match=message):
        plant_cohort(manifest, tmp_path / "cohort", cases=1, seed=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "fat_ultrasound"}, "use mr"),
        ({"kind": "ct"}, "no case has image:ct"),
        ({"cases": 0}, "give 1 case or more"),
        ({"stages": (0, 7)}, "not fibrosis stages"),
        ({"prevalences": (1, 2)}, "do not fit stages"),
    ],
)
def test_impossible_requests_are_refused(healthy, tmp_path, wrong, message):
    with pytest.raises(UserError, match=message):
        plant_cohort(healthy, tmp_path / "cohort", **({"cases": 2, "seed": 1} | wrong))


def test_a_real_scan_keeps_its_geometry_and_does_not_fold(data_folder, tmp_path):
    folder = data_folder / "mr_t2_chaos"
    labels = folder / "label_21.nii.gz"
    row = ["21", "21", str(folder / "image_21.nii.gz"), f"{labels}#1", f"{labels}#4", ""]
    manifest = plant_cohort(write(tmp_path / "healthy.csv", HEADER, [row]), tmp_path / "c", cases=2, seed=5, stages=(0, 4),
                            prevalences=(0.01, 1))  # fmt: skip
    untouched, ill = read_cohort(manifest)
    assert (untouched.stage, ill.stage) == (0, 4)
    (source,) = read_cohort(tmp_path / "healthy.csv")
    image = source.read_image("t2", "MR")
    for made in (untouched, ill):
        assert made.read_image("t2", "MR").same_geometry(image)
    record = json.loads((manifest.parent / ill.case_id / "parameters.json").read_text(encoding="utf-8"))
    assert record["least_jacobian"] > 0
    assert record["reached_volume_factors"]["right"] < 0.95 < 1.1 < record["reached_volume_factors"]["caudate"]
    shown, healthy_liver = ill.read_mask("liver", image), source.read_mask("liver", image)
    assert 0.6 * healthy_liver.sum() < shown.sum() < healthy_liver.sum()
    assert 0.005 < ill.read_mask("evidence", image).sum() / shown.sum() < 1.5
