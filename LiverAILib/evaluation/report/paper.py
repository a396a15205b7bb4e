"""What a paper reported, in its own way: its thresholds, tests and figures, each labeled as the paper's.

The papers' sections are the caller's (`PaperSection`); here is what they share.
"""

from __future__ import annotations

from typing import Any

from LiverAILib.errors import UserError
from LiverAILib.evaluation.estimate import Estimate
from LiverAILib.evaluation.metrics import binary_metrics
from LiverAILib.evaluation.report.content import Section
from LiverAILib.evaluation.report.diagnosis import Diagnosis
from LiverAILib.evaluation.report.options import Options, PaperSection
from LiverAILib.evaluation.report.predictions import Predictions
from LiverAILib.evaluation.report.tasks import Result
from LiverAILib.evaluation.thresholds import Rule, in_sample_calls


def paper_section(
    paper: PaperSection, predictions: Predictions, options: Options, result: Result
) -> tuple[Section, dict[str, Any]]:
    """Section and numbers of a paper.

    Raises:
        UserError: The paper's protocol does not fit the labels, or rows are images.
    """
    if predictions.task not in paper.tasks:
        raise UserError(
            f"--paper {paper.name} needs labels of the kind {' or '.join(paper.tasks)}, but {predictions.path.name} has "
            f"{predictions.task}; leave --paper out, or give such labels (--task)"
        )
    if options.clustered:
        raise UserError(f"--paper {paper.name} counts patients; use --images mean to get one score per patient")
    return paper.make(predictions, options, result)


def in_sample_metrics(diagnosis: Diagnosis, rule: Rule, options: Options) -> dict[str, dict[str, Estimate]]:
    """Binary metrics of every score with an in-sample threshold, and of the readers."""
    found = {}
    for name, scores in diagnosis.question.scores.items():
        calls = in_sample_calls(diagnosis.question.truth, scores, rule=rule).calls
        found[name] = binary_metrics(diagnosis.question.truth, calls, level=options.level)
    for name, calls in diagnosis.question.readers.items():
        found[name] = binary_metrics(diagnosis.question.truth, calls, level=options.level)
    return found


def short_legend(diagnosis: Diagnosis) -> dict[str, str]:
    """Name and AUC of each score, without interval."""
    return {name: f"{name}, AUC {diagnosis.metrics[name]['auc'].value:.2f}" for name in diagnosis.question.scores}
