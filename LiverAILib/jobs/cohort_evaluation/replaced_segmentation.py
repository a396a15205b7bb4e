"""`evaluate --segmentation-model`: the masks of another segmentation model than the one that the model was validated with."""

from __future__ import annotations

from LiverAILib.data.model import load_model
from LiverAILib.errors import UserError
from LiverAILib.jobs.cohort_evaluation.cohort_settings import CohortSettings
from LiverAILib.jobs.cohort_evaluation.subject import Subject
from LiverAILib.methods import method_of


def replaced_segmentation(who: Subject, settings: CohortSettings) -> tuple[Subject, list[str]]:
    """The subject with the segmentation model of `settings`, and the warning about it.

    Raises:
        UserError: There is no such model, it is none for segmentation, or no network's masks are used.
    """
    name = settings.segmentation_model
    if name is None:
        return who, []
    spec = method_of(who.first)
    if settings.masks == "given" or not spec.segmentation:
        why = "the masks are the manifest's" if spec.segmentation else f"{spec.name} needs no segmentation"
        raise UserError(f"--segmentation-model {name}: would not be used, {why}. Leave it out.")
    segmentation = load_model(name)
    if segmentation.method != "segmentation" or spec.modality not in segmentation.card.modality:
        raise UserError(
            f"--segmentation-model {name}: no segmentation model for {spec.modality}. `liverai models` lists them."
        )
    named = who.first.card.segmentation_model
    own = f"{named}, with which {who.name} was validated" if named else f"the default model, as {who.name} names none"
    return who.with_segmentation(segmentation), [
        f"The liver was segmented by {segmentation.name} (--segmentation-model) instead of {own}."
    ]
