import csv
import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from LiverAILib.data.cohort import read_cohort
from LiverAILib.errors import UserError
from LiverAILib.simulation import volume_kinds
from LiverAILib.simulation.cohort import KINDS, assign_splits, simulate_cohort
from LiverAILib.simulation.kind import assign_stages


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return simulate_cohort(tmp_path_factory.mktemp("simulated") / "cohort", cases=2, seed=11)


def rows_of(manifest):
    with manifest.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_manifest_names_files_that_exist_and_fit(manifest):
    rows = rows_of(manifest)
    assert [r["case_id"] for r in rows] == ["sim11-0000", "sim11-0001"]
    for row in rows:
        image = sitk.ReadImage(str(manifest.parent / row["image:t2"]))
        masks = {}
        for column, value in row.items():
            if not column.startswith("mask:"):
                continue
            file, _, label = value.partition("#")
            mask = sitk.ReadImage(str(manifest.parent / file))
            assert mask.GetSize() == image.GetSize()
            assert np.allclose(mask.GetSpacing(), image.GetSpacing())
            assert np.allclose(mask.GetOrigin(), image.GetOrigin())
            masks[column] = sitk.GetArrayFromImage(mask) == int(label or 1)
            if label:
                assert masks[column].any(), column
        lobes = [masks[f"mask:{name}"] for name in ("right_lobe", "left_lobe", "caudate")]
        assert np.array_equal(sum(lobe.astype(int) for lobe in lobes), masks["mask:liver"])  # they share out the liver
        record = json.loads((manifest.parent / row["case_id"] / "parameters.json").read_text(encoding="utf-8"))
        assert record["stage"] == int(row["stage"])
        assert record["caudate_level"] == int(row["caudate_level"])
        assert row["scanner"].startswith("simulated-")
        assert 18 <= int(row["age_years"]) <= 90
        assert row["sex"] in ("F", "M")


def test_case_does_not_depend_on_how_many_came_before(manifest, tmp_path):
    again = simulate_cohort(tmp_path / "again", cases=1, seed=11)
    for name in ("t2", "labels", "evidence"):
        file = f"sim11-0000/{name}.nii.gz"
        digest = [hashlib.sha256((m.parent / file).read_bytes()).hexdigest() for m in (manifest, again)]
        assert digest[0] == digest[1]


def test_refuses_a_folder_that_holds_something(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="not an empty folder"):
        simulate_cohort(tmp_path, cases=1, seed=0)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_nothing_is_left_when_it_fails(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(volume_kinds, "write_case", full)
    with pytest.raises(UserError, match="No space left"):
        simulate_cohort(tmp_path / "cohort", cases=1, seed=0)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled_and_progress_is_told(tmp_path, monkeypatch):
    quick = replace(KINDS["mr"], simulate=lambda task: dict.fromkeys(KINDS["mr"].columns, "x"))
    monkeypatch.setitem(KINDS, "mr", quick)
    told = []
    target = tmp_path / "empty"
    target.mkdir()
    simulate_cohort(target, cases=4, seed=0, progress=lambda share, text: told.append((share, text)))
    assert (target / "manifest.csv").exists()
    assert [share for share, _ in told] == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"cases": 0},
        {"seed": -1},
        {"stages": (0, 9)},
        {"stages": ()},
        {"prevalences": (1, 1)},
        {"prevalences": (0,) * 5},
    ],
)
def test_refuses_impossible_cohorts(wrong):
    given = {"cases": 10, "seed": 0} | wrong
    with pytest.raises(UserError):
        assign_stages(given.pop("cases"), **given)


def test_stages_follow_the_prevalences():
    plan = assign_stages(200, seed=5, stages=(0, 4), prevalences=(0.25, 0.75))
    assert plan.count(4) == pytest.approx(150, abs=2)
    assert assign_stages(50, seed=5, stages=(0, 4), prevalences=(0.25, 0.75)) == plan[:50]


def test_splits_keep_the_shares_of_the_stages():
    plan = assign_stages(400, seed=2)
    split = assign_splits(plan, seed=2)
    for stage in range(5):
        mine = [s for s, p in zip(split, plan, strict=True) if p == stage]
        assert mine.count("train") / len(mine) == pytest.approx(0.70, abs=0.04)
        assert mine.count("validation") / len(mine) == pytest.approx(0.15, abs=0.04)
        assert mine.count("test") / len(mine) == pytest.approx(0.15, abs=0.04)


def test_a_ct_cohort_has_the_same_patients_under_another_role(tmp_path):
    manifest = simulate_cohort(tmp_path / "ct", cases=2, seed=11, kind="ct", matrix=64)
    rows = read_cohort(manifest).rows
    assert [sorted(row.images) for row in rows] == [["ct"], ["ct"]]
    for row in rows:
        image = row.read_image("ct", "CT")
        assert image.modality == "CT"
        assert image.size[:2] == (64, 64)
        assert 345 < image.size[0] * image.spacing[0] < 405
        assert row.read_mask("liver", image).any()
        assert row.covariates["scanner"].startswith("simulated-CT-")
    assert [row.stage for row in rows] == assign_stages(2, seed=11)


@pytest.mark.parametrize("wrong", [{"kind": "pet"}, {"matrix": 20}])
def test_refuses_scans_that_there_are_not(tmp_path, wrong):
    with pytest.raises(UserError, match="cannot be simulated"):
        simulate_cohort(tmp_path / "cohort", cases=1, seed=0, **wrong)
    assert list(tmp_path.iterdir()) == []
