"""What a batch says about its speed."""

from __future__ import annotations

from LiverAILib.jobs.batch.case_worker import CaseOutcome
from LiverAILib.jobs.batch.progress import BatchProgress, duration


def test_the_speed_is_that_of_the_last_cases_so_that_kept_ones_are_soon_forgotten():
    now, said = 0.0, []
    progress = BatchProgress(1000, lambda share, text: said.append((share, text)), clock=lambda: now)
    progress.begin("first")
    for number in range(100):  # kept from an earlier run
        now += 0.01
        progress.end(CaseOutcome(number))
    for number in range(100, 200):
        now += 36
        progress.end(CaseOutcome(number, process=7, peak_bytes=1_500_000_000))
    progress.begin("second")
    progress.done()
    assert said == [
        (0.0, "first (1 of 1000)"),
        (0.2, "second (2 of 1000), 100 cases/h, 8 h 00 min left"),
        (1.0, "Done; 1.5 GB of memory at most in a process"),
    ]


def test_durations_for_a_person():
    assert [duration(seconds) for seconds in (4.4, 89, 91, 3540, 3600, 20000)] == [
        "4 s", "89 s", "2 min", "59 min", "1 h 00 min", "5 h 33 min",
    ]  # fmt: skip
