"""The report warns where the stage goes with the scanner, and is silent where it does not."""

import numpy as np

from LiverAILib.evaluation.report.evaluate import evaluate
from LiverAILib.evaluation.report.options import Options
from LiverAILib.evaluation.report.predictions import read_predictions
from LiverAILib.evaluation.thresholds import Rule
from Testing.evaluation.report.conftest import write_csv

FAST = {"replicates": 100, "rule": Rule("fixed", 0.5)}


def run(folder, *, tied: bool):
    """120 patients; F0 from the emergency department's scanner, if `tied`; the year tells nothing."""
    rng = np.random.default_rng(0)
    stage = np.repeat([0, 2, 4], 40)
    table = rng.dirichlet(np.ones(5), 120)
    scanner = np.where(stage == 0, "emergency", "radiology") if tied else rng.choice(["emergency", "radiology"], 120)
    header = ["case_id", "patient_id", "label", *(f"score:F{s}" for s in range(5)), "scanner", "year"]
    rows = [
        (f"c{i}", f"p{i}", f"F{stage[i]}", *(f"{v:.6f}" for v in table[i]), scanner[i], rng.choice(["2010", "2011"]))
        for i in range(120)
    ]
    path = write_csv(folder / "predictions.csv", header, rows)
    return evaluate(read_predictions(path, subgroups=("scanner", "year")), Options(**FAST))


def test_a_scanner_that_tells_the_stage_is_a_warning_with_its_auc(tmp_path):
    found = run(tmp_path, tied=True)
    warnings = [text for text in found.warnings if text.startswith("Confounding")]
    assert len(warnings) == 1
    assert warnings[0].startswith("Confounding: the scanner alone reaches an AUC of 1.00")
    record = found.record["confounders"]
    assert record["association"]["scanner"]["cramers_v"] > 0.99
    assert record["association"]["scanner"]["counts"]["emergency"] == {"F0": 40, "F2": 0, "F4": 0}
    assert record["auc_alone"]["f2"]["scanner"]["value"] == 1
    assert record["auc_alone"]["f4"]["scanner"]["value"] < 0.8  # F2 comes from the same scanner
    section = next(one for one in found.sections if one.title.startswith("Confounding"))
    assert [table.name for table in section.tables] == [
        "confounders_association", "confounders_auc", "confounders_scanner", "confounders_year",
    ]  # fmt: skip


def test_an_unrelated_scanner_is_none(tmp_path):
    found = run(tmp_path, tied=False)
    assert not [text for text in found.warnings if text.startswith("Confounding")]
    assert found.record["confounders"]["association"]["scanner"]["p"] > 0.05
