"""`liverai demo` of a model whose method makes other heat maps than Grad-CAM, on the sample that fits it."""

from __future__ import annotations

import json

from LiverAILib.cli import main


def test_the_demo_of_the_views_shows_signed_maps_of_a_simulated_participant(tmp_path):
    output = tmp_path / "out"
    assert main(["demo", "--model", "byra2021-simulated", "--output", str(output), "--device", "cpu", "--quiet"]) == 0
    record = json.loads((output / "assessment.json").read_text(encoding="utf-8"))
    kinds = {(one["method"], one["signed"]) for outcome in record["outcomes"].values() for one in outcome["heatmaps"]}
    assert kinds == {("Signed CAM", True)}
    assert any("simulated" in note for note in record["notes"])
