"""One case of an evaluation, assessed and kept on disk, so that a run that was interrupted goes on where it was."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from LiverAILib import __version__
from LiverAILib.data.assessment import Assessment
from LiverAILib.data.case import PARTS, Case
from LiverAILib.data.model import load_model
from LiverAILib.data.outcome import GRAD_CAM, Quantity
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.data.structures import LIVER, STRUCTURES
from LiverAILib.errors import UserError
from LiverAILib.explain.explained_case import ExplainedCase
from LiverAILib.jobs.assess import Assessor
from LiverAILib.jobs.cohort_evaluation.explained_arrays import explained_arrays, explained_cases
from LiverAILib.jobs.cohort_evaluation.subject import Assignment
from LiverAILib.morphometry import baseline_scores
from LiverAILib.segmentation.agreement import mask_agreement
from LiverAILib.whole_file import whole_file

FORMAT = 3


@dataclass(frozen=True)
class CaseSettings:
    """How cases are assessed; a kept result of other settings is computed again.

    Attributes:
        masks: "network" for the segmentation network's masks, "given" for the manifest's.
        explain: Keep what the tables of explanations need.
        heatmap: How the heat maps are made, as `assess` takes it.
        inputs_of: Cases whose network inputs are kept too, for the checks of faithfulness.
    """

    masks: str = "network"
    explain: bool = True
    heatmap: str = GRAD_CAM
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

    def explained(self, true_class: str | None) -> Iterator[ExplainedCase]:
        """The case with the heat map of each pipeline."""
        if self.arrays is None or self.error:
            return
        with np.load(self.arrays) as arrays:
            yield from explained_cases(self.test.row.case_id, true_class, self.record, arrays)


def kept_case(test: Assignment, folder: Path, settings: CaseSettings) -> CaseResult | None:
    """The result that an earlier run left in `folder`; None where there is none, it failed, or it had other settings."""
    place, arrays = _files(test, folder, settings)
    record = _kept(place, _key(test, settings))
    return None if record is None or (arrays and not arrays.is_file()) else CaseResult(test, record, arrays)


def assess_case(test: Assignment, assessor: Assessor, folder: Path, settings: CaseSettings) -> CaseResult:
    """Assess a case and keep the result in `folder`; a case that cannot be assessed is kept with its error."""
    place, arrays = _files(test, folder, settings)
    try:
        record, made = _assess(test, assessor, settings)
    except UserError as error:
        record, made = {"error": str(error)}, {}
    if arrays is not None and made:
        stream = io.BytesIO()
        np.savez_compressed(stream, **made)
        with whole_file(arrays) as unfinished:
            unfinished.write_bytes(stream.getvalue())
    record = {"key": _key(test, settings), "case_id": test.row.case_id, **record}
    with whole_file(place) as unfinished:
        unfinished.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return CaseResult(test, record, arrays if made else None)


def _files(test: Assignment, folder: Path, settings: CaseSettings) -> tuple[Path, Path | None]:
    """JSON file of a case, and the file of its arrays where there is one."""
    place = folder / f"{quote(test.row.case_id, safe='')}.json"
    return place, place.with_suffix(".npz") if settings.explain else None


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
    spec = assessor.spec
    case = case_of(test, spec.modalities, settings.masks if spec.segmentation else "network")
    assessment, examination = assessor.examine(case, AssessmentRequest(heatmap=settings.heatmap))
    outcomes = assessment.outcomes
    record = {
        "pipelines": {name: dict(getattr(one, "probabilities", {})) for name, one in outcomes.items()},
        "values": {name: one.value for name, one in outcomes.items() if isinstance(one, Quantity)},
        "predicted": {name: one.answer for name, one in outcomes.items()},
        "targets": {name: one.heatmaps[0].target for name, one in outcomes.items() if one.heatmaps},
        "primary": assessment.primary,
        "slice": None if assessment.chosen_slice is None else assessment.chosen_slice.index,
        "baselines": {} if assessment.segmentation is None else baseline_scores(assessment),
        "warnings": [warning.code for warning in assessment.warnings],
        "inputs_sha256": [given["sha256"] for given in assessment.provenance["inputs"]],
        "segmentation": assessment.provenance["segmentation"],
        "agreement": _agreement(test, assessment) if settings.masks == "network" else None,
        "seconds": dict(assessment.seconds),
    }
    made: dict[str, np.ndarray] = {}
    if settings.explain:
        keep_inputs = test.row.case_id in settings.inputs_of
        made, spacing = explained_arrays(examination, assessment, test.row, inputs=keep_inputs)
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


def _key(test: Assignment, settings: CaseSettings) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": __version__,
        "model": test.model.checksum,
        "segmentation_model": _segmentation_checksum(test, settings),
        "settings": hashlib.sha256(json.dumps(dict(test.model.settings), sort_keys=True).encode()).hexdigest(),
        "masks": settings.masks,
        "heatmap": settings.heatmap,
        "images": [[path.name, path.stat().st_size] for paths in test.row.images.values() for path in paths],
        "inputs": settings.explain and test.row.case_id in settings.inputs_of,
    }


def _segmentation_checksum(test: Assignment, settings: CaseSettings) -> str:
    """Of the model whose masks are used; empty where none is named."""
    name = test.model.card.segmentation_model
    return load_model(name).checksum if settings.masks == "network" and name else ""


def _kept(place: Path, key: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        record = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = dict(record.get("key", {}))
    if found.get("inputs"):
        found["inputs"] = key["inputs"]  # what is kept beyond what is asked for does no harm
    return record if found == key and "error" not in record else None
