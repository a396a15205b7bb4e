import numpy as np
import pytest

from LiverAILib.evaluation.bootstrap import resample_patients
from LiverAILib.evaluation.delong import auc, auc_value


def test_class_sizes_stay_as_they_are():
    strata = np.array([0] * 7 + [1] * 3)
    drawn = resample_patients(lambda index: [(strata[index] == 0).sum(), index.size], strata, replicates=50)
    assert (drawn.values == [7, 10]).all()
    assert drawn.n_patients == 10


def test_images_of_a_patient_are_drawn_together():
    patients = np.array(["a", "a", "a", "b", "c", "c"])
    size = {"a": 3, "b": 1, "c": 2}

    def whole(index):
        names, counts = np.unique(patients[index], return_counts=True)
        return all(count % size[name] == 0 for name, count in zip(names, counts, strict=True))

    drawn = resample_patients(whole, np.zeros(6), patients=patients, replicates=100)
    assert drawn.values.all()
    assert drawn.n_patients == 3


def test_a_patient_with_both_classes_forms_its_own_stratum():
    strata = np.array([0, 1, 0, 0, 1, 1])
    patients = ["mixed", "mixed", "p", "q", "r", "s"]
    drawn = resample_patients(lambda index: (index < 2).sum(), strata, patients=patients, replicates=30)
    assert (drawn.values == 2).all()


def test_the_seed_decides():
    values = np.arange(20.0)

    def mean(index):
        return values[index].mean()

    first, second, other = (resample_patients(mean, values > 9, replicates=20, seed=s).values for s in (1, 1, 2))
    assert (first == second).all()
    assert (first != other).any()


def test_standard_error_agrees_with_delong(rng):
    truth = np.arange(200) < 80
    scores = rng.normal(size=200) + truth
    drawn = resample_patients(lambda index: auc_value(truth[index], scores[index]), truth, replicates=2000)
    found = drawn.estimate("AUC", auc_value(truth, scores))
    assert found.standard_error == pytest.approx(auc(truth, scores).standard_error, rel=0.06)
    assert found.interval.low < found.value < found.interval.high


def test_nothing_is_made_of_nothing():
    truth = np.array([0, 0, 1, 1])
    same = resample_patients(lambda index: 1.0, truth, replicates=20)
    assert same.interval() is None
    assert "no interval" in same.estimate("AUC", 1.0).note
    undefined = resample_patients(lambda index: np.nan, truth, replicates=20)
    assert undefined.interval() is None


def test_errors():
    with pytest.raises(ValueError, match="no cases"):
        resample_patients(len, [])
    with pytest.raises(ValueError, match="too few"):
        resample_patients(len, [0, 1], replicates=1)
    with pytest.raises(ValueError, match="lengths differ"):
        resample_patients(len, [0, 1], patients=["a"])
