"""Records of assessments (`assessment.json`): those of earlier versions in the form of today's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from LiverAILib.data.assessment import RESEARCH_USE, SCHEMA
from LiverAILib.errors import UserError


def upgrade_record(record: Mapping[str, Any], *, where: str = "assessment.json") -> dict[str, Any]:
    """`record` in the form of schema `SCHEMA`, with the reservations that earlier records do not list.

    Args:
        record: What `Assessment.record()` gave, in this version or an earlier one.
        where: The file, for the message.

    Raises:
        UserError: It is no record of an assessment, or one of a later version.
    """
    if not isinstance(record, Mapping):
        raise UserError(f"{where}: not the record of an assessment. Assess the case again.")
    version = record.get("schema", 1)
    if version not in (1, SCHEMA):
        raise UserError(
            f"{where}: written by a later version of LiverAI (schema {version}, this one reads up to {SCHEMA}). "
            "Update LiverAI, or assess the case again."
        )
    try:
        return {**(record if version == SCHEMA else _from_version_1(record)), "reservations": _reservations(record)}
    except (KeyError, TypeError, AttributeError):
        raise UserError(f"{where}: not the record of an assessment. Assess the case again.") from None


def _reservations(record: Mapping[str, Any]) -> list[str]:
    """The notes that have to be read before the result; earlier versions did not list them apart from the other notes."""
    if "reservations" in record:
        return list(record["reservations"])
    return [note for note in record["notes"] if note != RESEARCH_USE]


def _from_version_1(record: Mapping[str, Any]) -> dict[str, Any]:
    """Version 1 had one image, one heat map per outcome, and called the outcomes pipelines."""
    outcomes = {
        name: {
            "kind": "classification",
            "answer": one["predicted"],
            "probabilities": one["probabilities"],
            "heatmaps": [{**one["heatmap"], "role": "", "number": 0, "signed": False}],
            "familiarity": one.get("familiarity"),
        }
        for name, one in record["pipelines"].items()
    }
    kept = {name: value for name, value in record.items() if name not in ("pipelines", "primary_pipeline")}
    provenance = dict(record["provenance"])
    provenance["inputs"] = [{"role": "", "number": 0, **provenance.pop("input")}]
    return {
        **kept,
        "schema": SCHEMA,
        "primary_outcome": record["primary_pipeline"],
        "outcomes": outcomes,
        "not_assessed": record.get("not_assessed", []),
        "provenance": provenance,
    }
