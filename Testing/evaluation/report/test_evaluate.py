"""Whole evaluations: the numbers in metrics.json against the room's own functions and the papers."""

import csv
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from LiverAILib.errors import UserError
from LiverAILib.evaluation.delong import auc
from LiverAILib.evaluation.report.evaluate import evaluate, write_report
from LiverAILib.evaluation.report.options import Options
from LiverAILib.evaluation.report.predictions import read_predictions
from LiverAILib.evaluation.thresholds import Rule
from Testing.evaluation.report.conftest import paper

FAST = {"replicates": 100}


def run(path, options=None, **reading):
    return evaluate(read_predictions(path, **reading), options or Options(**FAST))


def test_nowak_counts_give_the_papers_table(nowak_csv):
    options = Options(paper=paper("nowak2021"), method_name="segmented", **FAST)
    found = run(nowak_csv, options, positive="cirrhosis", method_name="segmented").record["as_in_the_paper"]
    accuracy = found["metrics"]["segmented"]["accuracy"]
    assert (accuracy["numerator"], accuracy["denominator"]) == (100, 104)
    assert accuracy["interval"]["low"] == pytest.approx(0.904, abs=5e-4)
    assert found["metrics"]["full image"]["balanced_accuracy"]["value"] == pytest.approx(0.8958, abs=1e-4)
    p = {(one["test"], one["first"]): one["p_value"] for one in found["comparisons"]}
    fit = "chi-square goodness of fit"
    assert round(p[fit, "full image"], 4) == 0.6101
    assert round(p[fit, "resident"], 4) == 0.0108
    assert round(p[fit, "board"], 4) == 0.0022
    assert p["McNemar, exact", "board"] > p[fit, "board"]


def test_stages_have_every_cut_and_the_fold_means(yin_csv):
    found = run(yin_csv, Options(paper=paper("yin2021"), **FAST))
    assert set(found.record["results"]["cuts"]) == {"f1", "f2", "f3", "f4"}
    predictions = read_predictions(yin_csv)
    scores = predictions.probabilities[:, 3:].sum(axis=1)
    expected = auc(predictions.truth >= 3, scores)
    assert found.record["results"]["cuts"]["f3"]["metrics"]["method"]["auc"]["value"] == pytest.approx(expected.value)
    assert {"quadratic_weighted_kappa", "obuchowski_index"} <= set(
        found.record["results"]["stages"]["metrics"]["method"]
    )
    assert "quadratic_weighted_kappa" in found.record["results"]["stages"]["metrics"]["reader"]
    assert len(found.record["as_in_the_paper"]["fold_means"]["Advanced fibrosis (>=F3)"]["auc"]["values"]) == 5
    assert len(found.record["results"]["cuts"]["f3"]["thresholds"]["method"]["values"]) == 5


def test_values_have_agreement_and_cut_offs(byra_csv):
    options = Options(paper=paper("byra2021"), cutoffs=(5.0, 10.0, 500.0), quantity="PDFF", unit="%", **FAST)
    found = run(byra_csv, options)
    assert set(found.record["results"]["cutoffs"]) == {"from_5", "from_10"}
    assert any("500" in warning for warning in found.warnings)
    agreement = found.record["results"]["agreement"]
    assert {one["test"] for one in agreement["comparisons"]} == {"Meng", "Steiger"}
    tests = {one["test"] for one in found.record["as_in_the_paper"]["comparisons"]}
    assert tests == {"Welch t-test on bootstrap AUCs, Bonferroni", "DeLong, paired"}
    assert "+- SD" in str(found.record["as_in_the_paper"]["metrics"])


def test_measured_values_can_be_called_by_the_cut_off_itself(byra_csv):
    found = run(byra_csv, Options(rule=Rule("cut-off"), cutoffs=(5.0, 10.0), **FAST)).record["results"]["cutoffs"]
    predictions = read_predictions(byra_csv)
    for cutoff in (5, 10):
        truth, called = predictions.truth >= cutoff, predictions.scores["method"] >= cutoff
        counts = found[f"from_{cutoff}"]["counts"]
        assert (counts["tp"], counts["fp"]) == ((truth & called).sum(), (~truth & called).sum())


def test_classifiers_of_a_measured_value_answer_at_their_cut_off(write):
    """The value itself knows little, so that only the probabilities separate the patients."""
    fat = [0.5 * i + 0.25 for i in range(40)]
    values = [(7 * i) % 20 + 0.5 for i in range(40)]
    header = ["case_id", "patient_id", "label", "score", "score:>=5", "score:view", "score:view:>=5"]
    rows = [(f"c{i}", f"p{i}", fat[i], values[i], 0.9 if fat[i] >= 5 else 0.1, fat[i] - i % 3, 0.3) for i in range(40)]
    path = write(header, rows)
    found = run(path, Options(rule=Rule("cut-off"), cutoffs=(5.0, 10.0), **FAST)).record["results"]["cutoffs"]
    assert found["from_5"]["metrics"]["method"]["auc"]["value"] == 1
    assert found["from_5"]["metrics"]["view"]["auc"]["value"] == 0.5
    assert found["from_5"]["counts"] == {"tp": 30, "fp": 0, "fn": 0, "tn": 10}
    assert set(found["from_5"]["calibration"]) == {"method", "view"}
    # At 10 there is no classifier, so the value answers.
    by_value = roc_auc_score(np.array(fat) >= 10, values)
    assert found["from_10"]["metrics"]["method"]["auc"]["value"] == pytest.approx(by_value)
    more = [*rows, ("d0", "p0", fat[0], values[0], 0.3, fat[0], 0.1)]
    twice = read_predictions(write(header, more)).per_patient("mean")
    assert twice.cutoff_scores[5.0]["method"][0] == pytest.approx(0.2)
    assert list(twice.cutoff_scores[5.0]) == ["method", "view"]


def test_the_evaluated_method_needs_a_probability_of_its_own(write):
    header = ["case_id", "patient_id", "label", "score", "score:view", "score:view:>=5"]
    path = write(header, [(f"c{i}", f"p{i}", 0.7 * i, i, i, 0.5) for i in range(20)])
    with pytest.raises(UserError, match="has no column 'score:>=5'; give the probability of the evaluated method too"):
        read_predictions(path)


def test_measured_values_in_0_to_1_are_no_probabilities(write):
    rows = [(f"c{i}", f"p{i}", 0.01 * i + 0.005, 0.01 * i) for i in range(30)]
    path = write(["case_id", "patient_id", "label", "score"], rows)
    found = run(path, Options(cutoffs=(0.1,), **FAST))
    assert found.record["results"]["cutoffs"]["from_0_1"]["calibration"] == {}


def test_images_need_a_decision(images_csv):
    with pytest.raises(UserError, match=r"images.csv: 30 of 30 patients have several rows.*--images"):
        run(images_csv)
    with pytest.raises(UserError, match="is not a confidence level"):
        Options(level=95)


def test_aggregated_and_clustered_images(images_csv):
    patients = run(images_csv, Options(images="mean", **FAST)).record
    images = run(images_csv, Options(images="clustered", **FAST)).record
    assert (patients["data"]["rows"], patients["data"]["patients"]) == (120, 30)
    assert patients["results"]["diagnosis"]["n"] == 30
    clustered = images["results"]["diagnosis"]
    assert clustered["n"] == 120
    assert clustered["metrics"]["method"]["auc"]["interval"]["method"].startswith("Obuchowski clustered")
    assert clustered["metrics"]["method"]["sensitivity"]["interval"]["method"] == "Wilson, Rao-Scott clustered"
    assert all(one["test"].startswith("paired bootstrap") for one in clustered["comparisons"])
    assert clustered["calibration"] == {}


def test_in_sample_is_labelled_everywhere(nowak_csv):
    found = run(nowak_csv, Options(in_sample=True, **FAST), positive="cirrhosis")
    assert "as in the paper" in found.record["results"]["diagnosis"]["thresholds"]["method"]["note"]
    assert any("overstate the method" in warning for warning in found.warnings)
    default = run(nowak_csv, positive="cirrhosis")
    assert default.record["results"]["diagnosis"]["thresholds"]["method"]["note"].startswith("cross-fitted")


def test_scores_that_are_no_probabilities_are_evaluated_without_calibration(write):
    generator = np.random.default_rng(0)
    rows = [(f"c{i}", f"p{i}", i % 2, f"{generator.normal() + i % 2:.3f}") for i in range(40)]
    found = run(write(["case_id", "patient_id", "label", "score"], rows)).record["results"]["diagnosis"]
    assert found["calibration"] == {}
    assert "not probabilities" in found["notes"][0]
    assert 0 < found["metrics"]["method"]["auc"]["value"] < 1


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([("a", "p", 1, 0.5), ("b", "q", 1, 0.4)], "all 2 cases are positive"),
        ([("a", "p", 1, 0.5), ("b", "q", 0, 0.4)], "a class has a single patient.*fixed threshold"),
    ],
)
def test_degenerate_files_say_what_to_do(write, rows, text):
    with pytest.raises(UserError, match=text):
        run(write(["case_id", "patient_id", "label", "score"], rows))


STAGES = [f"score:{stage}" for stage in range(5)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("columns", "cells"),
    [
        (["score"], lambda i: (i % 2, 0.5)),  # ties only
        (["score"], lambda i: (i % 2, 0.1 + 0.8 * (i % 2))),  # perfect separation
        (
            ["score", "score:copy", "score:none"],
            lambda i: (i % 2, i / 20, i / 20, 0),
        ),  # a copy, and a reader who never calls
        (["score"], lambda i: (i % 2, 1e300 * (i % 3))),  # huge scores
        (STAGES, lambda i: (i % 5, *(float(s == i % 5) for s in range(5)))),  # certain and right
        (["score", "score:same"], lambda i: (1.5 * i, 1.5 * i, 3.0)),  # a perfect and a constant measurement
    ],
)
def test_degenerate_files_give_defined_numbers_without_a_warning(write, columns, cells):
    path = write(["case_id", "patient_id", "label", *columns], [(i, i, *cells(i)) for i in range(20)])
    found = run(path)
    json.dumps(found.record, allow_nan=False)
    assert len(found.headline) >= 3


def test_two_cases_can_be_evaluated_with_a_fixed_threshold(write):
    path = write(["case_id", "patient_id", "label", "score"], [("a", "p", 1, 0.9), ("b", "q", 0, 0.4)])
    found = run(path, Options(rule=Rule("fixed", 0.5), **FAST))
    assert found.record["results"]["diagnosis"]["counts"] == {"tp": 1, "fp": 0, "fn": 0, "tn": 1}
    json.dumps(found.record, allow_nan=False)


def test_a_paper_that_does_not_fit(nowak_csv, yin_csv, images_csv):
    with pytest.raises(UserError, match="--paper yin2021 needs labels of the kind stages"):
        run(nowak_csv, Options(paper=paper("yin2021"), **FAST), positive="cirrhosis")
    with pytest.raises(UserError, match="--paper nowak2021 counts patients"):
        run(images_csv, Options(paper=paper("nowak2021"), images="clustered", **FAST))


def test_the_same_seed_gives_the_same_numbers(yin_csv):
    first, second = (run(yin_csv, Options(seed=3, **FAST)).record["results"] for _ in range(2))
    assert first == second


class Links(HTMLParser):
    """Everything a page would load or jump to, the text, and whether every tag is closed in order."""

    def __init__(self):
        super().__init__()
        self.found, self.ids, self.tags, self.words, self.unclosed = [], set(), set(), [], []

    def handle_endtag(self, tag):
        assert self.unclosed.pop() == tag

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag not in ("meta", "img"):
            self.unclosed.append(tag)
        for name, value in attrs:
            if name in ("src", "href"):
                self.found.append(value)
            if name == "id":
                self.ids.add(value)

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def report(nowak_csv, tmp_path_factory):
    options = Options(
        paper=paper("nowak2021"), method_name="seg <b>", card={"funding": "<script>alert(1)</script>"}, **FAST
    )
    found = run(nowak_csv, options, positive="cirrhosis", method_name="seg <b>", subgroups=("field",))
    return found, write_report(found, tmp_path_factory.mktemp("report") / "out", options=options)


def test_the_folder_holds_everything(report):
    _, folder = report
    assert sorted(path.name for path in folder.iterdir()) == [
        "claim_checklist.csv",
        "figures",
        "metrics.json",
        "model_card.md",
        "report.html",
        "tables",
    ]
    figures = {path.name for path in (folder / "figures").iterdir()}
    for name in ("diagnosis_roc", "diagnosis_pr", "diagnosis_confusion", "diagnosis_reliability", "paper_figure3"):
        assert {f"{name}.png", f"{name}.svg", f"{name}.pdf"} <= figures
    tables = {path.name for path in (folder / "tables").iterdir()}
    assert {"diagnosis_metrics.csv", "diagnosis_comparisons.csv", "diagnosis_subgroups.csv"} <= tables


def test_the_page_loads_nothing_from_elsewhere_and_escapes_text(report):
    _, folder = report
    page = (folder / "report.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert links.unclosed == []
    assert all(link.startswith(("#", "data:image/svg+xml;base64,")) for link in links.found)
    assert {link[1:] for link in links.found if link.startswith("#")} <= links.ids
    assert "script" not in links.tags
    assert "url(" not in page
    assert "seg <b>" in "".join(links.words)
    assert "<script>alert(1)</script>" in "".join(links.words)
    assert "For research only" in page


def test_table_json_and_page_agree(report):
    found, folder = report
    record = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    one = record["results"]["diagnosis"]["metrics"]["seg <b>"]["auc"]
    with (folder / "tables" / "diagnosis_metrics.csv").open(newline="", encoding="utf-8") as file:
        row = next(row for row in csv.DictReader(file) if row["metric"] == "AUC")
    assert row["value"] == f"{one['value']:.3f}"
    assert row["low"] == f"{one['interval']['low']:.3f}"
    assert dict(found.headline)["AUC"].startswith(f"{one['value']:.3f} ({one['interval']['low']:.3f}")
    assert record["run"]["seed"] == 0
    assert re.fullmatch("[0-9a-f]{64}", record["data"]["sha256"])
    assert record["open_items"]["claim_checklist"] > 20


def test_every_wrong_case_is_listed(report):
    found, folder = report
    counts = found.record["results"]["diagnosis"]["counts"]
    with (folder / "tables" / "diagnosis_errors.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sum(row["error"] == "false positive" for row in rows) == counts["fp"]
    assert sum(row["error"] == "false negative" for row in rows) == counts["fn"]
