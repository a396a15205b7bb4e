import csv
import json

import numpy as np
import pytest
import SimpleITK as sitk

from LiverAILib.data.cohort import read_cohort
from LiverAILib.errors import UserError
from LiverAILib.morphometry.serum import serum_findings
from LiverAILib.simulation.cohort import simulate_cohort
from LiverAILib.simulation.kind import assign_fat_fractions


def test_a_fat_cohort_is_distributed_as_in_the_paper():
    fractions = np.array(assign_fat_fractions(135, seed=4))
    assert (fractions < 5).sum() == pytest.approx(17, abs=2)
    assert (fractions < 10).sum() == pytest.approx(51, abs=2)
    assert (fractions > 30).sum() == pytest.approx(5, abs=2)
    assert assign_fat_fractions(20, seed=4) == list(fractions[:20])


@pytest.fixture(scope="module")
def fibrosis(tmp_path_factory):
    return simulate_cohort(tmp_path_factory.mktemp("us") / "fibrosis", cases=1, seed=3, kind="fibrosis_ultrasound")


@pytest.fixture(scope="module")
def fat(tmp_path_factory):
    return simulate_cohort(tmp_path_factory.mktemp("us") / "fat", cases=2, seed=3, kind="fat_ultrasound")


def test_a_fibrosis_cohort_has_five_pairs_a_patient_and_what_serum_indices_need(fibrosis):
    (row,) = read_cohort(fibrosis).rows
    assert {role: len(files) for role, files in row.images.items()} == {"gray_scale": 5, "elastogram": 5}
    assert row.stage is not None
    assert 2 < float(row.covariates["stiffness_kpa"]) < 60
    assert [m.key for m in serum_findings(row.covariates).measurements] == ["apri", "fib4"]


def test_every_image_of_a_role_has_its_masks(fibrosis, fat):
    for manifest, quantity in ((fibrosis, ""), (fat, "pdff_percent")):
        for row in read_cohort(manifest, quantity=quantity).rows:
            for role, files in row.images.items():
                masks = row.role_masks[role]
                assert set(masks) == {"evidence", "liver", "fan"}
                for number, file in enumerate(files):
                    picture = sitk.GetArrayFromImage(sitk.ReadImage(str(file)))
                    assert picture.ndim == 3
                    for structure in masks:
                        mask = sitk.GetArrayFromImage(sitk.ReadImage(masks[structure][number]))
                        assert mask.shape == picture.shape[:2]
                        assert set(np.unique(mask)) <= {0, 255}


def test_a_fat_cohort_states_its_truth(fat):
    rows = read_cohort(fat, quantity="pdff_percent").rows
    assert [row.value for row in rows] == assign_fat_fractions(2, seed=3)
    record = json.loads((fat.parent / rows[0].case_id / "parameters.json").read_text(encoding="utf-8"))
    assert record["truth"]["pdff_percent"] == rows[0].value
    assert set(record["livers"]) == set(rows[0].images)


def test_a_case_does_not_depend_on_how_many_there_are(fat, tmp_path):
    again = simulate_cohort(tmp_path / "again", cases=1, seed=3, kind="fat_ultrasound")
    for file in sorted((again.parent / "sim3-0000").iterdir()):
        assert file.read_bytes() == (fat.parent / "sim3-0000" / file.name).read_bytes()
    with fat.open(newline="", encoding="utf-8") as stream:
        assert len(list(csv.DictReader(stream))) == 2


@pytest.mark.parametrize("wrong", [{"matrix": 256}, {"prevalences": (1, 1, 1, 1, 1)}])
def test_refuses_what_has_no_meaning_for_ultrasound(tmp_path, wrong):
    with pytest.raises(UserError, match="cannot be simulated"):
        simulate_cohort(tmp_path / "cohort", cases=1, seed=0, kind="fat_ultrasound", **wrong)
    assert list(tmp_path.iterdir()) == []
