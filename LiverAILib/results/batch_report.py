"""The report of a batch: one HTML page to review all cases at a glance, the worst warnings first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, Template

from LiverAILib.results.files import REPORT, THUMBNAIL

SEVERE = (
    "no_liver",
    "mask_flipped",
    "mask_on_wrong_side",
    "mask_on_other_tissue",
    "implausible_liver_volume",
    "liver_position",
    "liver_intensity",
    "liver_cut_off",
    "several_components",
    "low_confidence",
    "unlike_training_data",
    "unfamiliar_input",
    "modality_in_doubt",
)
"""Codes of warnings after which mask or answer may be wrong as a whole; all others are reservations."""
FAILED, SEVERE_WEIGHT = 1_000_000, 1000
VOLUME = "liver_volume"


@dataclass(frozen=True)
class ReportRow:
    """A case as the report shows it.

    Attributes:
        case_id: The case.
        file: Where it was found.
        answer: Class, or value with unit; "" where it failed.
        probability: Of the class; None for a quantity.
        volume: Liver volume with its unit; "" where there is none.
        warnings: Code and sentence of each warning, the severe ones first.
        reservations: Why no number of the case may be taken at face value.
        error: Why it failed; "" where it did not.
        link: Address of its own report relative to this one; "" where it has none.
        thumbnail: Address of its thumbnail; "" where it has none.
    """

    case_id: str
    file: str
    answer: str = ""
    probability: float | None = None
    volume: str = ""
    warnings: tuple[tuple[str, str], ...] = ()
    reservations: tuple[str, ...] = ()
    error: str = ""
    link: str = ""
    thumbnail: str = ""

    @classmethod
    def of(cls, record: Mapping[str, Any], case_id: str, file: str, place: Path) -> ReportRow:
        """The row of a record.

        Args:
            record: `Assessment.record()`.
            case_id: The case.
            file: Where it was found.
            place: Folder of the result, beside the report.
        """
        outcome = record["outcomes"][record["primary_outcome"]]
        volume = next((one for one in record["measurements"] if one["key"] == VOLUME), None)
        warnings = [(one["code"], one["text"]) for one in record["warnings"]]
        folder = quote(place.name)
        return cls(
            case_id=case_id,
            file=file,
            answer=outcome["answer"],
            probability=max(outcome["probabilities"].values()) if outcome.get("probabilities") else None,
            volume="" if volume is None else f"{volume['value']:.4g} {volume['unit']}",
            warnings=tuple(sorted(warnings, key=lambda one: one[0] not in SEVERE)),
            reservations=tuple(record["reservations"]),
            link=f"{folder}/{REPORT}" if (place / REPORT).exists() else "",
            thumbnail=f"{folder}/{THUMBNAIL}" if (place / THUMBNAIL).exists() else "",
        )

    @property
    def badness(self) -> int:
        """How early the case is shown: failed ones, then those with severe warnings, then those with others."""
        severe = sum(code in SEVERE for code, _ in self.warnings)
        return FAILED * bool(self.error) + SEVERE_WEIGHT * severe + len(self.warnings) - severe


def batch_report(rows: Sequence[ReportRow], *, title: str, aside: int = 0) -> str:
    """The page as HTML text: self-contained but for the thumbnails, which lie in the folders of the cases.

    Args:
        rows: The cases in their order.
        title: What was assessed, with which model.
        aside: How many files were set aside.
    """
    answers = sorted({row.answer for row in rows if row.probability is not None})
    return _template().render(
        rows=sorted(enumerate(rows), key=lambda pair: -pair[1].badness),
        title=title,
        aside=aside,
        answers=answers,
        reservations=list(dict.fromkeys(text for row in rows for text in row.reservations)),
        failed=sum(bool(row.error) for row in rows),
        doubtful=sum(not row.error and row.badness >= SEVERE_WEIGHT for row in rows),
        severe=SEVERE,
        severe_weight=SEVERE_WEIGHT,
        failed_weight=FAILED,
    )


@cache
def _template() -> Template:
    environment = Environment(loader=PackageLoader("LiverAILib.results"), autoescape=True, trim_blocks=True)
    return environment.get_template("batch.html.j2")
