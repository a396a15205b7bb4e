"""The CLAIM 2024 checklist, filled as far as the run's record goes.

Topics are in our own words and follow the numbering of: Tejani AS, Klontzas ME, Gatti AA, Mongan JT, Moy L, Park SH,
Kahn CE Jr. Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 Update. Radiol Artif Intell
2024;6(4):e240300. The wording there is what counts. An item that neither the numbers nor the user's record can answer
is open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from LiverAILib.evaluation.report.content import Table

CITATION = (
    "Tejani AS, Klontzas ME, Gatti AA, et al. Checklist for Artificial Intelligence in Medical Imaging (CLAIM): "
    "2024 Update. "
    "Radiol Artif Intell 2024;6(4):e240300."
)
REPORTED, PARTLY, RECORD, OPEN = "reported here", "partly reported here", "from the record", "open"


@dataclass(frozen=True)
class Item:
    """One item: number, section, topic in our words, and the key of the user's record that answers it."""

    number: int
    section: str
    topic: str
    key: str


ITEMS = tuple(
    Item(*parts)
    for parts in (
        (1, "Title", "AI study named as such, with the kind of AI", "study_title"),
        (2, "Abstract", "structured summary of design, methods, results, conclusions", "abstract"),
        (3, "Introduction", "background, intended use and clinical role", "intended_use"),
        (4, "Introduction", "aims and hypotheses", "aims"),
        (5, "Study design", "prospective or retrospective", "study_design"),
        (6, "Study design", "goal of the study", "study_goal"),
        (7, "Data", "where the data come from", "data_sources"),
        (8, "Data", "inclusion and exclusion criteria", "eligibility"),
        (9, "Data", "preprocessing", "preprocessing"),
        (10, "Data", "how subsets of the data were selected", "data_subsets"),
        (11, "Data", "de-identification", "deidentification"),
        (12, "Data", "missing data", "missing_data"),
        (13, "Data", "image acquisition", "acquisition"),
        (14, "Reference standard", "how it was obtained", "reference_standard"),
        (15, "Reference standard", "why it was chosen", "reference_rationale"),
        (16, "Reference standard", "who annotated", "annotators"),
        (17, "Reference standard", "annotation of the test set", "test_annotation"),
        (18, "Reference standard", "variability between and within raters", "rater_variability"),
        (19, "Data partitions", "how cases were assigned to partitions", "partitions"),
        (20, "Data partitions", "level at which partitions are disjoint", "partition_level"),
        (21, "Testing data", "intended sample size", "sample_size"),
        (22, "Model", "description of the model", "architecture"),
        (23, "Model", "software with versions", "software"),
        (24, "Model", "initialization of parameters", "initialization"),
        (25, "Training", "how the model was trained", "training"),
        (26, "Training", "how the final model was selected", "model_selection"),
        (27, "Training", "ensembles", "ensemble"),
        (28, "Evaluation", "metrics of performance", "metrics"),
        (29, "Evaluation", "significance and uncertainty", "uncertainty"),
        (30, "Evaluation", "robustness or sensitivity analysis", "robustness"),
        (31, "Evaluation", "explainability, and how it was validated", "explainability"),
        (32, "Evaluation", "evaluation on internal data", "internal_evaluation"),
        (33, "Evaluation", "testing on external data", "external_evaluation"),
        (34, "Evaluation", "trial registration", "registration"),
        (35, "Results", "numbers included and excluded", "flow"),
        (36, "Results", "characteristics of the cases of each partition", "demographics"),
        (37, "Results", "performance with its uncertainty", "performance"),
        (38, "Results", "diagnostic performance and its precision", "diagnostic_performance"),
        (39, "Results", "analysis of failures", "failures"),
        (40, "Discussion", "limitations", "limitations"),
        (41, "Discussion", "implications for practice", "implications"),
        (42, "Other", "protocol or further technical details", "protocol"),
        (43, "Other", "availability of software, model and data", "availability"),
        (44, "Other", "funding", "funding"),
    )
)


def checklist(card: dict[str, Any], answers: dict[int, tuple[str, str]]) -> Table:
    """The checklist as a table.

    Args:
        card: The user's record; the value under an item's key answers it.
        answers: Number of an item, with status and place, for what the run itself reports.
    """
    rows = []
    for item in ITEMS:
        status, where = answers.get(item.number, (OPEN, ""))
        given = card.get(item.key)
        if given not in (None, "", [], {}):
            where = f"{where}; {given}" if where else str(given)
            status = RECORD if status == OPEN else status
        rows.append(
            (str(item.number), item.section, item.topic, status, where or f"give it as {item.key!r} in the record")
        )
    left = sum(row[3] == OPEN for row in rows)
    note = f"{left} of {len(rows)} items are open. Topics are paraphrased; the published wording is authoritative: {CITATION}"
    return Table(
        "claim_checklist",
        "CLAIM 2024 checklist",
        ("item", "section", "topic", "status", "where or what"),
        tuple(rows),
        note,
    )


def answers_of_run(run: dict[str, Any], data: dict[str, Any]) -> dict[int, tuple[str, str]]:
    """What the run itself answers; nothing is claimed that the program has not computed or checked.

    Args:
        run: The run's record (see `provenance`).
        data: The data's record: rows, patients, folds, subgroups, thresholds.
    """
    software = ", ".join(f"{name} {version}" for name, version in run["software"].items())
    answers = {
        12: (
            PARTLY,
            "the predictions have no missing score or label (checked); failures before prediction are not known here",
        ),
        23: (PARTLY, f"software of the evaluation: {software}; that of the model is open"),
        28: (REPORTED, "tables of metrics, each with the method of its interval"),
        29: (REPORTED, f"{100 * data['level']:g} % intervals, tests with their limits, Holm and false discovery rate"),
        35: (PARTLY, f"{data['patients']} patients, {data['rows']} rows evaluated; exclusions are not known here"),
        37: (REPORTED, "tables of metrics and metrics.json"),
        38: (REPORTED, "tables of metrics and metrics.json"),
        39: (PARTLY, "tables of cases called wrongly; the cause of each error is open"),
    }
    if data["folds"]:
        answers[20] = (PARTLY, f"no patient is in two of the {data['folds']} folds (checked)")
    if data["subgroups"]:
        answers[30] = (PARTLY, f"results by {', '.join(data['subgroups'])}")
    return answers
