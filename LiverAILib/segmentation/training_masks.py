"""The segmentation network whose masks a method is trained or validated with."""

from __future__ import annotations

from collections.abc import Callable

import torch

from LiverAILib.data.cohort import Cohort
from LiverAILib.data.model import load_model
from LiverAILib.data.seen_cases import Seen, patient_checksum
from LiverAILib.segmentation.predict import Segmenter
from LiverAILib.training.options import TrainingOptions


def load_segmenter(cohort: Cohort, options: TrainingOptions, *, log: Callable[[str], None]) -> Segmenter | None:
    """The segmentation model that `options` name, on their device; None where they name none.

    What makes its masks better than those of new patients, or not one's own, is logged.

    Args:
        cohort: What is trained on.
        options: `segmentation_model` and `device`.
        log: Called with a line for each finding.

    Raises:
        UserError: There is no such model, or it is none for segmentation.
    """
    if options.segmentation_model is None:
        return None
    model = load_model(options.segmentation_model)
    segmenter = Segmenter(model, device=torch.device(options.device))
    seen = Seen.of(model.card)
    trained_on = seen.patients.get("train", frozenset())
    shared = {
        split: [row.patient_id for row in cohort.split(split) if patient_checksum(row.patient_id) in trained_on]
        for split in ("train", "validation")
    }
    if not seen.known:
        log(f"warning: the card of {model.name} does not list its training patients, which may be those of validation")
    if shared["validation"]:
        log(
            f"warning: {model.name} was trained on patient {shared['validation'][0]} of split validation "
            f"({len(set(shared['validation']))} in all): its masks of them are better than those of new patients"
        )
    if options.published and seen.known and not shared["train"]:
        log(f"note: {model.name} was not trained on the training cases of this cohort, as the paper's own network was")
    return segmenter
