from LiverAILib.evaluation.report.card import OPEN, RESEARCH_ONLY, model_card, open_items

RUN = {
    "method_name": "net",
    "paper": "nowak2021",
    "software": {"numpy": "2.0"},
    "created": "2026-01-01",
    "seed": 0,
    "replicates": 2000,
}
DATA = {
    "file": "p.csv",
    "sha256": "abc",
    "patients": 104,
    "rows": 104,
    "labels": "0 24, 1 80",
    "aggregate": "",
    "clustered": False,
}


def card(known):
    return model_card(known, run=RUN, data=DATA, headline=[("AUC", "0.95 (0.90 to 0.98)")], thresholds=["youden, 0.5"])


def test_unknown_entries_are_open_and_counted():
    text = card({})
    assert "# Model card: net" in text
    assert RESEARCH_ONLY in text
    assert f"- Training data: {OPEN}" in text
    assert "- Method: nowak2021" in text
    assert "- AUC: 0.95 (0.90 to 0.98)" in text
    assert open_items(text) == 17


def test_a_models_own_record_fills_it():
    text = card(
        {"name": "A", "licence": "CC BY-NC-SA 4.0", "training_data": ["x", "y"], "labels": {"0": "no", "1": "yes"}}
    )
    assert "# Model card: A" in text
    assert "- License: CC BY-NC-SA 4.0" in text
    assert "- Training data: x, y" in text
    assert "- labels: 0: no; 1: yes" in text
    assert open_items(text) == 15


def test_aggregation_is_said():
    for change, words in (
        ({"aggregate": "mean"}, "the mean of a patient's rows"),
        ({"clustered": True}, "clustered by patient"),
    ):
        text = model_card({}, run=RUN, data={**DATA, **change}, headline=[], thresholds=[])
        assert words in text
