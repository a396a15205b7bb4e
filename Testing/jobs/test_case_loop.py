"""The loop over cases: nothing that happens to one of them ends it."""

from __future__ import annotations

import pytest

from LiverAILib.errors import UserError
from LiverAILib.jobs.case_loop import each_case


def test_every_case_has_its_outcome_whatever_is_raised():
    def work(case: int) -> int:
        if case == 1:
            raise UserError("scan.nii.gz: broken. Export it again.")
        if case == 2:
            raise KeyError("pipelines")
        if case == 3:
            raise MemoryError
        return 10 * case

    started = []
    outcomes = list(each_case(range(5), work, before=lambda number, case: started.append((number, case))))
    assert [one.result for one in outcomes] == [0, None, None, None, 40]
    assert [one.error for one in outcomes] == [
        "", "scan.nii.gz: broken. Export it again.", "KeyError: 'pipelines'", "MemoryError: ", "",
    ]  # fmt: skip
    assert [bool(one.details) for one in outcomes] == [False, False, True, True, False]
    assert "in work" in outcomes[2].details
    assert started == [(number, number) for number in range(5)]


def test_a_user_can_interrupt_it():
    def work(case: int) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(each_case([1, 2], work))


def test_outcomes_come_one_by_one():
    done = []
    loop = each_case([1, 2], lambda case: done.append(case))
    next(loop)
    assert done == [1]
