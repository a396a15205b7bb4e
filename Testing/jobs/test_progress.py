"""What an assessment reports while it runs: every slice of the segmentation, every step, never backwards."""

from __future__ import annotations

import re

import pytest

from LiverAILib import Assessor, Case
from LiverAILib.simulation.t2_mr import simulate_t2_mr


@pytest.fixture(scope="module")
def reported() -> list[list[tuple[float, str]]]:
    """What a first call and a second one on the same image report."""
    case = Case({"t2": simulate_t2_mr(4, seed=2, size=(96, 96, 18), spacing=(3.3, 3.3, 15.0)).image}, "patient 7")
    calls: list[list[tuple[float, str]]] = [[]]
    assessor = Assessor(
        "nowak2021-simulated", device="cpu", progress=lambda share, text: calls[-1].append((share, text))
    )
    for _ in range(2):
        calls.append([])
        assessor.assess(case)
    return calls[1:]  # before them, the model was loaded


def test_slices_are_counted_and_take_most_of_the_bar(reported):
    found = [re.fullmatch(r"Segmenting the liver: (\d+) of (\d+) slices", text) for _, text in reported[0]]
    counts = [(int(one.group(1)), int(one.group(2))) for one in found if one]
    assert len(counts) > 1
    assert counts == sorted(counts)
    assert counts[-1][0] == counts[-1][1] == 18
    shares = [share for (share, _), one in zip(reported[0], found, strict=True) if one]
    assert shares[-1] - shares[0] > 0.3


def test_steps_are_named_and_progress_never_goes_back(reported):
    for call in reported:
        shares, texts = zip(*call, strict=True)
        assert list(shares) == sorted(shares)
        assert shares[-1] == 1.0
        assert {"Checking the images", "Classifying and explaining", "Measuring", "Done"} <= set(texts)
        assert "Classifying and explaining: done with classify and explain segmented" in texts


def test_what_is_remembered_is_not_reported_as_work(reported):
    assert not [text for _, text in reported[1] if "slices" in text]
