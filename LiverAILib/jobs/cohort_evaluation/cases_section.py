"""Which cases an evaluation rests on: what failed, what came with warnings, and what is not known of them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from LiverAILib.data.cohort import Cohort, CohortRow
from LiverAILib.data.seen_cases import Seen
from LiverAILib.evaluation.report.content import Addition, Section, Table
from LiverAILib.jobs.cohort_evaluation.case_results import CaseResult
from LiverAILib.jobs.cohort_evaluation.cohort_settings import CohortSettings
from LiverAILib.jobs.cohort_evaluation.labels import ClassLabels, Labels
from LiverAILib.jobs.cohort_evaluation.predictions_csv import compared_outcomes, readers_of
from LiverAILib.jobs.cohort_evaluation.subject import Subject
from LiverAILib.methods import method_of


def cases_addition(results: Sequence[CaseResult], labels: Labels) -> Addition:
    """Which cases were assessed, failed, or came with warnings, and how good their masks were."""
    failed = [one for one in results if one.error]
    good = [one for one in results if not one.error]
    text = [f"{len(good)} of {len(results)} cases were assessed.", labels.text]
    if failed:
        sentence = "The failed cases are in no other number of this report."
        if isinstance(labels, ClassLabels):
            right = sum(labels.called(_primary(one)) == labels.of_row(one.test.row) for one in good)
            share = f"{right / len(results):.3f} ({right}/{len(results)})"
            sentence += f" Counted as wrong, the accuracy of the most probable class is {share}."
        text.append(sentence)
    tables = [
        Table(
            "cases_failed",
            "Failed cases",
            ("case_id", "patient_id", "label", "reason"),
            tuple(
                (one.test.row.case_id, one.test.row.patient_id, labels.of_row(one.test.row), one.error)
                for one in failed
            ),
        )
    ]
    counted: dict[str, int] = {}
    for one in good:
        for code in sorted(set(one.record["warnings"])):
            counted[code] = counted.get(code, 0) + 1
    rows = tuple((code, f"{n}/{len(good)}") for code, n in sorted(counted.items()))
    tables.append(Table("cases_warnings", "Warnings of the assessments", ("warning", "cases"), rows))
    dice = [one.record["agreement"]["dice"] for one in good if one.record.get("agreement")]
    record = {"assessed": len(good), "failed": {one.test.row.case_id: one.error for one in failed}, "warnings": counted}
    if dice:
        text.append(
            f"Liver masks of the segmentation network against the manifest's, {len(dice)} cases: mean Dice "
            f"{statistics.mean(dice):.3f}, worst {min(dice):.3f}."
        )
        record["liver_dice"] = {"n": len(dice), "mean": statistics.mean(dice), "worst": min(dice)}
    return Addition("cases", Section("Cases", tuple(text), tuple(tables)), record)


def _primary(one: CaseResult) -> Mapping[str, float]:
    """Probabilities of the primary pipeline."""
    return one.record["pipelines"][one.record["primary"]]


def _group_warning(who: Subject, rows: Sequence[CohortRow]) -> list[str]:
    """A sentence where several patients of the statistics are one person, by the column group_id."""
    patients: dict[str, set[str]] = {}
    for row in rows:
        patients.setdefault(row.group, set()).add(row.patient_id)
    several = sum(len(own) > 1 for own in patients.values())
    if not several:
        return []
    folds = "Folds keep them together" if who.cross_validated else "Folds that the report draws do not know of it"
    return [
        f"{several} persons (group_id) are counted as several patients, as Yin 2021 counts two livers of one person; intervals "
        f"treat them as independent. {folds}."
    ]


def cohort_warnings(who: Subject, cohort: Cohort, results: Sequence[CaseResult], settings: CohortSettings) -> list[str]:
    """Warnings to read before the numbers."""
    found = []
    failed = sum(1 for one in results if one.error)
    if failed:
        found.append(f"{failed} of {len(results)} cases could not be assessed; they are listed under Cases.")
    if who.first.simulated:
        found.append("The model was trained on simulated disease only: these numbers say nothing about real patients.")
    if any(not Seen.of(model.card).known for model in who.models.values()):
        found.append(
            "The model's card does not list the patients that it was trained on: that none of them is tested here is not known."
        )
    if any(who.first.card.calibration.values()):
        found.append(
            "The card's calibration is in all probabilities already: what is found under Calibration comes on top of it."
        )
    if settings.other_patients:
        found.append("Patients were not compared with those that trained the model (--other-patients); images were.")
    if settings.masks == "given" and method_of(who.first).segmentation:
        found.append(
            "The liver masks are the manifest's, not the segmentation network's: a user without them does worse."
        )
    if who.cross_validated and len(who.fold_of) < len(cohort):
        found.append(f"{len(cohort) - len(who.fold_of)} cases of the manifest are in no fold and were not tested.")
    found += _group_warning(who, [one.test.row for one in results])
    if settings.limit:
        found.append(f"Only the first {settings.limit} cases were tested (--limit).")
    outcomes, partial = compared_outcomes([one for one in results if not one.error])
    if partial and outcomes:
        found.append(
            f"Outcomes that some cases lack were left out: {', '.join(partial)}. The evaluated one is {outcomes[0]}."
        )
    _, lacking = readers_of([one.test.row for one in results])
    if lacking:
        found.append(f"Readers without a call for every case were left out: {', '.join(lacking)}.")
    return found
