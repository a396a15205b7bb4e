import numpy as np
import pytest

from LiverAILib.evaluation.delong import auc
from LiverAILib.evaluation.subgroups import subgroup_table


def test_counts_add_up_and_missing_values_are_a_group(binary):
    truth, good, _ = binary
    groups = np.where(np.arange(60) % 3 == 0, "1.5 T", np.where(np.arange(60) % 3 == 1, "3 T", ""))
    table = subgroup_table(truth, good, groups=groups, variable="field", calls=good >= 0.5)
    assert [one.group for one in table] == ["1.5 T", "3 T", "(missing)"]
    assert sum(one.n for one in table) == 60
    assert sum(one.n_positive for one in table) == truth.sum()
    own = groups == "3 T"
    assert table[1].auc == auc(truth[own], good[own])
    assert table[1].sensitivity.denominator == truth[own].sum()


def test_small_and_one_sided_groups_carry_a_warning(binary):
    truth, good, _ = binary
    groups = np.where(truth, "site A", "site B")
    for one in subgroup_table(truth, good, groups=groups):
        assert one.auc is None
        assert "one class only" in one.note
        assert one.sensitivity is None
    few = subgroup_table(truth, good, groups=np.where(np.arange(60) % 10 == 0, "rare", "common"))
    assert "fewer than 10" in few[1].note
    assert few[0].note == ""


def test_images_are_not_counted_as_patients(binary):
    truth, good, _ = binary
    with pytest.raises(ValueError, match="images would be counted"):
        subgroup_table(truth, good, groups=["x"] * 60, patients=["a"] * 60)
