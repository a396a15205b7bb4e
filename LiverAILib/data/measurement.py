"""Numbers measured on a case, with units, how they were measured, and the published cut-offs that are about them."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Condition:
    """What has to be true for a cut-off to say anything: a sentence, and whether it is (None: not known)."""

    text: str
    met: bool | None


@dataclass(frozen=True)
class Cutoff:
    """A published cut-off of a measurement. It describes the patients of its source and is no diagnosis.

    Attributes:
        relation: "<", "<=", ">" or ">=".
        threshold: In the unit of the measurement.
        meaning: What values on that side of it mean in the source.
        source: Authors, journal, year, volume and page.
        population: Whom it was found in, and the reference standard.
        accuracy: Sensitivity, specificity, AUC as published.
        conditions: What has to hold for this case.
    """

    relation: str
    threshold: float
    meaning: str
    source: str
    population: str
    accuracy: str
    conditions: tuple[Condition, ...] = ()

    def reached(self, value: float) -> bool:
        """True where `value` lies on the side of the threshold that the cut-off is about."""
        compare = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}[self.relation]
        return compare(value, self.threshold)

    @property
    def applies(self) -> bool | None:
        """False where a condition is not met, None where one is not known, else True."""
        states = [condition.met for condition in self.conditions]
        if False in states:
            return False
        return None if None in states else True

    @property
    def open_conditions(self) -> tuple[Condition, ...]:
        """The conditions that are not met or not known."""
        return tuple(condition for condition in self.conditions if condition.met is not True)


@dataclass(frozen=True)
class Measurement:
    """A number with its unit and how it was measured.

    Attributes:
        name: What was measured, as shown to a person ("Liver volume").
        value: The number.
        unit: UCUM-like unit ("mL", "mm"); "" for a ratio.
        how: How it was measured, one sentence.
        interval: Lower and upper bound where there is one.
        key: What was measured, for programs ("liver_volume").
        cutoffs: Published cut-offs that are about this measurement on this kind of image.
    """

    name: str
    value: float
    unit: str
    how: str = ""
    interval: tuple[float, float] | None = None
    key: str = ""
    cutoffs: tuple[Cutoff, ...] = ()

    def record(self) -> dict[str, Any]:
        """JSON-able; every cut-off says whether it is reached and whether it applies."""
        cutoffs = [{**asdict(c), "reached": c.reached(self.value), "applies": c.applies} for c in self.cutoffs]
        return {**asdict(self), "cutoffs": cutoffs}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Measurement:
        """The measurement whose `record()` was stored; records that predate cut-offs are read as well."""
        cutoffs = []
        for stored in record.get("cutoffs", ()):
            fields = {name: value for name, value in stored.items() if name not in ("reached", "applies")}
            cutoffs.append(Cutoff(**{**fields, "conditions": tuple(Condition(**c) for c in stored["conditions"])}))
        interval = record.get("interval")
        interval = None if interval is None else (interval[0], interval[1])
        return cls(**{**record, "interval": interval, "cutoffs": tuple(cutoffs)})


@dataclass(frozen=True)
class NotAssessed:
    """A measurement that could not be made, and why; never a number in its place.

    Attributes:
        name: What would have been measured, as shown to a person.
        reason: Why not, and what would be needed.
        key: For programs, as in `Measurement`.
    """

    name: str
    reason: str
    key: str = ""


@dataclass(frozen=True, eq=False)
class Mark:
    """A line of a drawing.

    Attributes:
        points: float (n, 2), column and row in pixels of the canonical axial slice (columns to the patient's left, rows to
            posterior; pixel centers are whole numbers).
        label: What it is; "" where it needs no word.
        values: (n,) a number at each point, shown as its color, or None.
    """

    points: np.ndarray
    label: str = ""
    values: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Drawing:
    """How something was measured, drawn in one axial slice.

    Attributes:
        title: What was measured and the result.
        position: Slice number from the lowest one (first axis of a canonical array).
        marks: Lines.
        regions: Name to bool mask (rows, columns) of the slice.
        color_label: Meaning and unit of the marks' `values`.
    """

    title: str
    position: int
    marks: tuple[Mark, ...] = ()
    regions: Mapping[str, np.ndarray] = field(default_factory=dict)
    color_label: str = ""
