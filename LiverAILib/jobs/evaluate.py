"""Evaluating a model, or the models of a cross-validation, on a cohort: from the manifest to the report."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from LiverAILib.atomic_write import atomic_csv
from LiverAILib.data.cohort import Cohort, read_cohort
from LiverAILib.data.model import Model, load_model
from LiverAILib.data.model_card import SEEN
from LiverAILib.data.named_segmentation import named_segmentation
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.data.seen_cases import Seen
from LiverAILib.errors import UserError
from LiverAILib.evaluation.report.content import Addition, Evaluation
from LiverAILib.evaluation.report.evaluate import evaluate, write_report
from LiverAILib.evaluation.report.options import Options
from LiverAILib.evaluation.report.predictions import Predictions, read_predictions
from LiverAILib.jobs.assess import Assessor
from LiverAILib.jobs.case_loop import Outcome, each_case
from LiverAILib.jobs.checked_case import check_request
from LiverAILib.jobs.cohort_evaluation.case_results import (
    CaseResult,
    CaseSettings,
    assess_case,
    failed_case,
    kept_case,
)
from LiverAILib.jobs.cohort_evaluation.cases_section import cases_addition, cohort_warnings
from LiverAILib.jobs.cohort_evaluation.characteristics import characteristics_addition
from LiverAILib.jobs.cohort_evaluation.cohort_settings import CohortSettings
from LiverAILib.jobs.cohort_evaluation.labels import ClassLabels, Labels, labels_of
from LiverAILib.jobs.cohort_evaluation.predictions_csv import (
    baselines_of,
    compared_outcomes,
    subgroups_of,
    write_predictions,
)
from LiverAILib.jobs.cohort_evaluation.readers import check_reader_columns
from LiverAILib.jobs.cohort_evaluation.replaced_segmentation import replaced_segmentation
from LiverAILib.jobs.cohort_evaluation.subject import Assignment, Subject, read_subject
from LiverAILib.methods import method_of
from LiverAILib.output_paths import check_keeps_inputs, check_output_folder
from LiverAILib.training.stage_summary import TRAINING_STAGES

REPORT, CASES, CALIBRATION = "report", "cases", "calibration_cases"
PREDICTIONS, CALIBRATION_PREDICTIONS, FAILED = "predictions.csv", "calibration_predictions.csv", "failed.csv"
LEAST_CALIBRATION = 20
"""With fewer validation patients, temperatures and quantiles are cross-fitted over the tested ones."""
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class CohortEvaluation:
    """What came out.

    Attributes:
        evaluation: Numbers, tables and figures.
        report: Folder of the report.
        failed: Case and reason of each case that could not be assessed.
    """

    evaluation: Evaluation
    report: Path
    failed: dict[str, str]


def evaluate_cohort(
    subject: str | os.PathLike[str],
    cohort: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    settings: CohortSettings | None = None,
    options: Callable[[Subject, Labels], Options],
    progress: Progress = lambda fraction, text: None,
) -> CohortEvaluation:
    """Assess every case of the test, and write predictions and report; the same call again goes on where it was.

    In `output`: ``cases/`` (each case as it was assessed), ``predictions.csv``, ``failed.csv`` where a case failed, and
    ``report/``.

    Args:
        subject: Name or folder of a model, or a run folder.
        cohort: Manifest.
        output: Folder for all of it.
        settings: What is evaluated.
        options: Function of the subject and its labels that gives the settings of the report.
        progress: Called with a share 0..1 and a sentence.

    Raises:
        UserError: Model and cohort do not fit, a patient was seen in training, or too few cases could be assessed.
    """
    who, output = read_subject(subject), Path(output)
    settings, not_explained = _settings_of(who, settings or CohortSettings())
    who, replaced = replaced_segmentation(who, settings)
    manifest = read_cohort(cohort, labels=settings.labels, quantity=method_of(who.first).answer.quantity_column)
    labels = labels_of(who.first, manifest)
    chosen = options(who, labels)
    tests = who.tests(manifest, settings.split, other_patients=settings.other_patients)
    tests = tests[: settings.limit] if settings.limit else tests
    validation = _validation_tests(who, manifest, tests, labels, settings, chosen)
    _check_before(tests, validation, labels, chosen)
    check_reader_columns([test.row for test in tests], settings.reader)
    _check_output(output, who, manifest)
    warnings = _refuse_segmentation(who, tests, settings)
    case_settings = _case_settings(tests, labels, settings)
    total, plain = len(tests) + len(validation), replace(case_settings, explain=False, inputs_of=frozenset())
    results = _assess(tests, output / CASES, case_settings, settings, _part(progress, 0, total))
    further = _assess(validation, output / CALIBRATION, plain, settings, _part(progress, len(tests), total))
    failed = {one.test.row.case_id: one.error for one in (*results, *further) if one.error}
    _write_failed(output / FAILED, failed)
    good = [one for one in results if not one.error]
    chosen = replace(chosen, method_name=_evaluated(good, chosen.method_name, who))
    predictions = _predictions(output / PREDICTIONS, good, labels, chosen)
    validation_cases = _validation_predictions(output / CALIBRATION_PREDICTIONS, further, labels, chosen)
    fitted_on = _fitted_on([one.test for one in further if not one.error], settings)
    described = characteristics_addition(manifest, [one.test.row for one in good], labels)
    additions = [cases_addition(results, labels), *([] if described is None else [described])]
    if settings.explain:
        additions += _explanation(good, labels, output, case_settings.inputs_of, settings, chosen, progress)
    progress(0.97, "statistics and report")
    warnings = [*replaced, *warnings, *cohort_warnings(who, manifest, results, settings), *not_explained]
    cases = {"calibration_cases": validation_cases if fitted_on else None, "validation_cases": validation_cases}
    evaluation = evaluate(predictions, chosen, **cases, additions=additions, warnings=warnings)
    report = write_report(evaluation, output / REPORT, options=chosen, overwrite=True)
    progress(1.0, "Done")
    return CohortEvaluation(evaluation, report, failed)


def card_of(model: Model) -> dict[str, Any]:
    """The model's card for the report, without checksums of patients."""
    card = {
        key: value for key, value in model.card.entries.items() if key not in (SEEN, "weights", "settings", "metrics")
    }
    try:
        named = named_segmentation(model)
    except UserError:  # raised again where its masks are needed
        named = None
    segmentation = {} if named is None else {"segmentation_card": _stages_of(named)}
    return {**card, **segmentation, "checksum": model.checksum}


def _stages_of(model: Model) -> dict[str, Any]:
    """Name and training stages of a segmentation model."""
    return {"name": model.name, TRAINING_STAGES: model.card.entries.get(TRAINING_STAGES, {})}


def _settings_of(who: Subject, settings: CohortSettings) -> tuple[CohortSettings, tuple[str, ...]]:
    """The settings as the method allows them, and why its heat maps are not evaluated where they should have been.

    Raises:
        UserError: The method makes no such heat maps.
    """
    spec = method_of(who.first)
    heatmap = settings.heatmap or spec.heatmaps[0]
    check_request(who.first, AssessmentRequest(target_class=settings.target_class, heatmap=heatmap))
    reason = ""
    if spec.segmentation and spec.answer.quantity_column:
        reason = "answers with a value, and the tables compare classes"
    explained = settings.explain and not reason
    left_out = settings.explain and not explained
    said = (f"The heat maps were not evaluated: {spec.name} {reason}.",) if left_out else ()
    return replace(settings, heatmap=heatmap, explain=explained), said


def _check_output(output: Path, who: Subject, manifest: Cohort) -> None:
    """Refuse a folder that cannot be written, or would overwrite an input."""
    check_output_folder(output)
    written = [output / name for name in (CASES, CALIBRATION, PREDICTIONS, CALIBRATION_PREDICTIONS, FAILED, "report")]
    check_keeps_inputs(written, [*manifest.files(), *(model.folder for model in who.models.values())])


def _validation_tests(
    who: Subject,
    cohort: Cohort,
    tests: Sequence[Assignment],
    labels: Labels,
    settings: CohortSettings,
    options: Options,
) -> list[Assignment]:
    """The validation cases that are assessed beside the test: to fit on, or because the paper reports them too."""
    if labels.task == "values":
        if settings.calibration == "validation":
            raise UserError(
                "--calibration validation: a measured value has no probabilities to calibrate. Leave it out."
            )
        return []
    if settings.split != "test":
        return []
    found = who.calibration(cohort, tests, other_patients=settings.other_patients)
    if settings.calibration == "validation" and not found:
        raise UserError(
            f'{cohort.path}: no case of split "validation" to fit on. Fill the column "split", or use --calibration cross.'
        )
    reported = options.paper is not None and options.paper.validation_half
    return found if reported or _fitted_on(found, settings) else []


def _fitted_on(validation: Sequence[Assignment], settings: CohortSettings) -> bool:
    """Whether temperatures and prediction sets are fitted on these validation cases, and not cross-fitted."""
    enough = len({test.row.patient_id for test in validation}) >= LEAST_CALIBRATION
    return settings.calibration == "validation" or (settings.calibration == "auto" and enough)


def _validation_predictions(
    path: Path, results: Sequence[CaseResult], labels: Labels, options: Options
) -> Predictions | None:
    """Predictions of the validation cases; None where those that could be assessed are too few."""
    known = [one for one in results if not one.error]
    if not known or labels.why_too_few([one.test.row for one in known]):
        return None
    return _predictions(path, known, labels, options)


def _check_before(
    tests: Sequence[Assignment], calibration: Sequence[Assignment], labels: Labels, options: Options
) -> None:
    """What would make hours of work useless is found first."""
    for test in (*tests, *calibration):
        labels.of_row(test.row)
    patients = [test.row.patient_id for test in tests]
    if len(set(patients)) < len(patients) and not options.images:
        twice = next(name for name in patients if patients.count(name) > 1)
        raise UserError(
            f"patient {twice} has several cases: counted as patients, they would make intervals too short. Give --images mean "
            "(one score per patient) or --images clustered."
        )
    reason = labels.why_too_few([test.row for test in tests])
    if reason:
        raise UserError(f"{reason}. Evaluate more cases.")


def _refuse_segmentation(who: Subject, tests: Sequence[Assignment], settings: CohortSettings) -> list[str]:
    """The segmentation model must not have seen the tested patients either; one that is chosen by image is met later."""
    named = named_segmentation(who.first) if settings.masks == "network" else None
    if named is None:
        return []
    seen = Seen.of(named.card)
    if not settings.other_patients:
        seen.refuse_patients([test.row for test in tests], named.name, splits=("train",))
    return (
        []
        if seen.known
        else [f"The card of {named.name} does not list its training patients: that none is tested is not known."]
    )


def _seen_by(source: str, model: Model) -> Seen:
    """What the segmentation model called `source`, which `model` names or which is installed, has seen."""
    named = named_segmentation(model)
    return Seen.of((named if named is not None and named.name == source else load_model(source)).card)


def _refuse_met(one: CaseResult, settings: CohortSettings, splits: tuple[str, ...]) -> None:
    """Refuse a case whose image the classifier or the segmentation network has seen, or whose patient the latter has."""
    row, checksums = one.test.row, one.record["inputs_sha256"]
    for checksum in checksums:
        Seen.of(one.test.model.card).refuse_image(checksum, row.case_id, one.test.model.name, splits=splits)
    segmentation = one.record["segmentation"]
    if segmentation is not None and segmentation["source"] != "given":
        source = segmentation["source"]
        seen = _seen_by(source, one.test.model)
        seen.refuse_image(checksums[0], row.case_id, source, splits=("train",))
        if not settings.other_patients:
            seen.refuse_patients([row], source, splits=("train",))


def _case_settings(tests: Sequence[Assignment], labels: Labels, settings: CohortSettings) -> CaseSettings:
    how = CaseSettings(settings.masks, settings.explain, settings.heatmap, settings.target_class)
    if not settings.explain or not all(method_of(test.model).segmentation for test in tests):
        return how
    from LiverAILib.jobs.cohort_evaluation.faithfulness_checks import cases_to_check

    checked = cases_to_check(tests, labels, settings.checked_cases)
    return replace(how, inputs_of=checked)


def _assess(
    tests: Sequence[Assignment], folder: Path, how: CaseSettings, settings: CohortSettings, progress: Progress
) -> list[CaseResult]:
    """All cases, the models one after the other, so that one at a time is in memory."""
    found: dict[str, CaseResult] = {}
    chosen_on = folder.name == CALIBRATION or (settings.split == "validation" and not any(test.fold for test in tests))
    splits = ("train",) if chosen_on else ("train", "validation")
    for model in dict.fromkeys(test.model for test in tests):
        mine = [test for test in tests if test.model is model]
        outcomes = list(each_case(mine, lambda test: kept_case(test, folder, how, device=settings.device)))
        missing = [one.case for one in outcomes if one.result is None and not one.error]
        done = [one for one in outcomes if one.result is not None or one.error]
        assessed: Iterator[Outcome[Assignment, CaseResult | None]] = iter(())
        if missing:
            assessor = Assessor(model, device=settings.device)
            assessed = each_case(
                missing,
                partial(assess_case, assessor=assessor, folder=folder, settings=how),
                before=lambda number, test: progress(
                    len(found), f"{test.row.case_id} ({len(found) + 1} of {len(tests)})"
                ),
            )
        for outcome in chain(done, assessed):
            one = outcome.result or failed_case(outcome.case, outcome.error)
            if not one.error:
                _refuse_met(one, settings, splits)
            found[outcome.case.row.case_id] = one
    return [found[test.row.case_id] for test in tests]


def _part(progress: Progress, start: int, total: int) -> Progress:
    """Progress of a part: cases done become a share of the whole."""
    return lambda done, text: progress(0.9 * (start + done) / max(total, 1), text)


def _predictions(path: Path, results: Sequence[CaseResult], labels: Labels, options: Options) -> Predictions:
    reason = labels.why_too_few([one.test.row for one in results])
    if reason:
        raise UserError(
            f"{path}: of the cases that could be assessed, {reason}. {path.parent / FAILED} says why the others failed."
        )
    write_predictions(path, results, labels)
    return read_predictions(
        path,
        positive=labels.positive,
        method_name=options.method_name,
        task=labels.task,
        subgroups=tuple(subgroups_of([one.test.row for one in results])),
        baselines=tuple(baselines_of(results)),
    )


def _evaluated(results: Sequence[CaseResult], name: str, who: Subject) -> str:
    """Name of what is evaluated: another outcome than the card's primary one where some cases lack that."""
    common, lacking = compared_outcomes(results)
    return common[0] if common and who.first.card.primary_pipeline in lacking else name


def _explanation(
    results: Sequence[CaseResult],
    labels: Labels,
    output: Path,
    checked: frozenset[str],
    settings: CohortSettings,
    options: Options,
    progress: Progress,
) -> list[Addition]:
    from LiverAILib.jobs.cohort_evaluation.explanation_section import explanation_addition
    from LiverAILib.jobs.cohort_evaluation.faithfulness_checks import check_maps
    from LiverAILib.jobs.cohort_evaluation.picture_maps import picture_maps_addition

    if not isinstance(labels, ClassLabels) or any("maps" in one.record for one in results):
        addition = picture_maps_addition(results, labels)
        return [] if addition is None else [addition]
    checks = []
    if checked:
        first = [one for one in results if one.test.row.case_id in checked]
        assessor = Assessor(first[0].test.model, device=settings.device) if first else None
        checks = check_maps(
            first,
            assessor,
            output,
            heatmap=settings.heatmap,
            seed=options.seed,
            progress=lambda text: progress(0.92, text),
        )
    progress(0.95, "tables of explanations")
    found = explanation_addition(results, labels, checks, reader=settings.reader)
    return [] if found is None else [found]


def _write_failed(path: Path, failed: dict[str, str]) -> None:
    if not failed:
        path.unlink(missing_ok=True)
        return
    atomic_csv(path, ("case_id", "reason"), failed.items())
