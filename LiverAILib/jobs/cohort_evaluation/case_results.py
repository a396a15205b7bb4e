"""One case of an evaluation, assessed and kept on disk, so that a run that was interrupted goes on where it was."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from LiverAILib.atomic_write import atomic_bytes, atomic_text
from LiverAILib.data.assessment import Assessment
from LiverAILib.data.case import PARTS, Case
from LiverAILib.data.case_names import single_file_name
from LiverAILib.data.fingerprint import Fingerprint, hash_mask
from LiverAILib.data.outcome import GRAD_CAM, Quantity
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.data.structures import LIVER, STRUCTURES
from LiverAILib.errors import UserError
from LiverAILib.explain.explained_case import ExplainedCase
from LiverAILib.jobs.assess import Assessor
from LiverAILib.jobs.checked_case import fingerprint_of, request_for_row
from LiverAILib.jobs.cohort_evaluation.explained_arrays import explained_arrays, explained_cases
from LiverAILib.jobs.cohort_evaluation.picture_maps import evidence_masks, picture_maps
from LiverAILib.jobs.cohort_evaluation.subject import Assignment
from LiverAILib.methods import method_of
from LiverAILib.morphometry import baseline_scores
from LiverAILib.networks.device import choose_device
from LiverAILib.segmentation.agreement import mask_agreement

FORMAT = 5


@dataclass(frozen=True)
class CaseSettings:
    """How cases are assessed; a kept result of other settings is computed again.

    Attributes:
        masks: "network" for the segmentation network's masks, "given" for the manifest's.
        explain: Keep what the tables of explanations need.
        heatmap: How the heat maps are made, as `assess` takes it.
        target_class: Class that the heat maps explain; None for the predicted one.
        inputs_of: Cases whose network inputs are kept too, for the checks of faithfulness.
    """

    masks: str = "network"
    explain: bool = True
    heatmap: str = GRAD_CAM
    target_class: str | None = None
    inputs_of: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class CaseResult:
    """A case that was assessed, or that failed.

    Attributes:
        test: The case, its model and fold.
        record: Content of its JSON file: "pipelines", "primary", "baselines", "warnings", ..., or "error".
        arrays: File with the arrays for explanations; None without.
    """

    test: Assignment
    record: Mapping[str, Any]
    arrays: Path | None

    @property
    def error(self) -> str:
        """Why the case failed; empty where it did not."""
        return self.record.get("error", "")

    def load_arrays(self) -> np.lib.npyio.NpzFile:
        """The arrays for explanations, to be closed after use.

        Raises:
            ValueError: The case was assessed without explanations.
        """
        if self.arrays is None:
            raise ValueError(f"case {self.test.row.case_id} was assessed without explanations")
        return np.load(self.arrays)

    def explained(self, true_class: str | None) -> Iterator[ExplainedCase]:
        """The case with the heat map of each pipeline."""
        if self.arrays is None or self.error:
            return
        with self.load_arrays() as arrays:
            yield from explained_cases(self.test.row.case_id, true_class, self.record, arrays)


def kept_case(test: Assignment, folder: Path, settings: CaseSettings, *, device: str = "auto") -> CaseResult | None:
    """The result that an earlier run left in `folder`; None where there is none, or its fingerprint is another.

    Raises:
        UserError: An input cannot be read.
    """
    place, arrays = _files(test, folder, settings)
    if not place.is_file() or (arrays and not arrays.is_file()):
        return None
    try:
        record = json.loads(place.read_text(encoding="utf-8"))
        kept, with_inputs = record["fingerprint"]["sha256"], record["inputs"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    case = _case(test, settings)
    assessed = fingerprint_of(case, test.model, _request(test, settings), device=choose_device(device))
    same = kept == _fingerprint(assessed, test, case, settings).sha256
    # Inputs that are kept beyond what is asked for do no harm.
    return CaseResult(test, record, arrays) if same and (with_inputs or not _keeps_inputs(test, settings)) else None


def assess_case(test: Assignment, assessor: Assessor, folder: Path, settings: CaseSettings) -> CaseResult:
    """Assess a case and keep the result in `folder`.

    Raises:
        UserError: The case cannot be assessed.
    """
    place, arrays = _files(test, folder, settings)
    record, made = _assess(test, assessor, settings)
    place.unlink(missing_ok=True)  # an earlier result; the record is written last
    if arrays is not None:
        stream = io.BytesIO()
        np.savez_compressed(stream, **made)  # type: ignore[arg-type]  # one of the names could be allow_pickle
        atomic_bytes(arrays, stream.getvalue())
    atomic_text(place, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return CaseResult(test, record, arrays)


def failed_case(test: Assignment, error: str) -> CaseResult:
    """A case that could not be assessed."""
    return CaseResult(test, {"case_id": test.row.case_id, "error": error}, None)


def _files(test: Assignment, folder: Path, settings: CaseSettings) -> tuple[Path, Path | None]:
    """JSON file of a case, and the file of its arrays where there is one."""
    place = folder / f"{single_file_name(test.row.case_id)}.json"
    return place, place.with_suffix(".npz") if settings.explain else None


def _case(test: Assignment, settings: CaseSettings) -> Case:
    spec = method_of(test.model)
    return case_of(test, spec.modalities, settings.masks if spec.segmentation else "network")


def case_of(test: Assignment, roles: Mapping[str, str], masks: str) -> Case:
    """The images, masks and covariates of a manifest's row as `assess` takes them.

    Raises:
        UserError: A file or a mask that is needed is missing.
    """
    if masks == "given" and LIVER.name not in test.row.masks:
        raise UserError(f"case {test.row.case_id}: no mask:liver in the manifest. Add it, or use --masks network.")
    return Case.from_row(test.row, roles, masks=(*STRUCTURES, *PARTS) if masks == "given" else PARTS)


def _assess(
    test: Assignment, assessor: Assessor, settings: CaseSettings
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    case, request = _case(test, settings), _request(test, settings)
    assessment, examination = assessor.examine(case, request)
    outcomes = assessment.outcomes
    fingerprint = _fingerprint(assessor.fingerprint(case, request), test, case, settings)
    record = {
        "fingerprint": fingerprint.record(),
        "case_id": test.row.case_id,
        "heatmap": settings.heatmap,
        "inputs": _keeps_inputs(test, settings),
        "pipelines": {name: dict(getattr(one, "probabilities", {})) for name, one in outcomes.items()},
        "cumulative": {name: dict(getattr(one, "cumulative", {})) for name, one in outcomes.items()},
        "values": {name: one.value for name, one in outcomes.items() if isinstance(one, Quantity)},
        "predicted": {name: one.answer for name, one in outcomes.items()},
        "target_class": settings.target_class,
        "targets": {name: one.heatmaps[0].target for name, one in outcomes.items() if one.heatmaps},
        "primary": assessment.primary,
        "slice": None if assessment.chosen_slice is None else assessment.chosen_slice.index,
        "baselines": baseline_scores(assessment),
        "warnings": [warning.code for warning in assessment.warnings],
        "inputs_sha256": [given["sha256"] for given in assessment.provenance["inputs"]],
        "segmentation": assessment.provenance["segmentation"],
        "agreement": _agreement(test, assessment) if settings.masks == "network" else None,
        "seconds": dict(assessment.seconds),
    }
    made: dict[str, np.ndarray] = {}
    if settings.explain and assessment.segmentation is None:
        made, record["maps"] = picture_maps(examination, assessment, case, test.row)
    elif settings.explain:
        made, spacing = explained_arrays(examination, assessment, test.row, inputs=record["inputs"])
        record["spacing"] = spacing
    return record, made


def _agreement(test: Assignment, assessment: Assessment) -> dict[str, float] | None:
    """The network's liver mask against the manifest's."""
    if LIVER.name not in test.row.masks or assessment.segmentation is None:
        return None
    image = assessment.image
    given = test.row.read_mask(LIVER.name, image)
    found = assessment.segmentation.image.array == LIVER.label
    if not given.any() or not found.any():
        return None
    return {"dice": mask_agreement(found, given, spacing=image.spacing).dice}


def _request(test: Assignment, settings: CaseSettings) -> AssessmentRequest:
    request = AssessmentRequest(target_class=settings.target_class, heatmap=settings.heatmap)
    return request_for_row(request, test.row, method_of(test.model))


def _keeps_inputs(test: Assignment, settings: CaseSettings) -> bool:
    return settings.explain and test.row.case_id in settings.inputs_of


def _fingerprint(assessed: Fingerprint, test: Assignment, case: Case, settings: CaseSettings) -> Fingerprint:
    """That of the assessment, and the manifest's masks, which agreement and explanations are measured with."""
    image = next(iter(case.images.values()))[0]
    # Without a segmentation nothing is measured with the manifest's masks but the maps on known evidence.
    used = test.row.masks if method_of(test.model).segmentation else ()
    masks = {name: hash_mask(image.with_array(test.row.read_mask(name, image).astype(np.uint8))) for name in used}
    for role, number, mask in evidence_masks(case, test.row) if settings.explain else ():
        masks[f"evidence:{role}:{number}"] = hash_mask(case.image(role, number).with_array(mask.astype(np.uint8)))
    return assessed.with_parts(evaluation=FORMAT, masks_of=settings.masks, manifest_masks=masks)
