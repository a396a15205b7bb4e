"""What comes out for a case: segmentation, probabilities, heat map, measurements, warnings and where they come from."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from LiverAILib.data.structures import Structure
from LiverAILib.imaging.image import Image

RESEARCH_USE = "For research use only. Not a medical device; not for diagnosis or treatment decisions."
SIMULATED = "This classifier was trained on simulated cases only: its result says nothing about a real patient."


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
        """The measurement whose `record()` was stored; records of before there were cut-offs are read as well."""
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


@dataclass(frozen=True)
class CaseWarning:
    """Something about this case that cannot be trusted: a fixed code for programs and a sentence for people."""

    code: str
    text: str


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A label map in the geometry of the input.

    Attributes:
        image: uint8 labels, (k, j, i), size, spacing, origin and direction of the input.
        structures: The structures that it can hold, each with its label value, color and SNOMED CT code.
        source: "given" for a mask of the user, else the name of the segmentation model.
    """

    image: Image
    structures: tuple[Structure, ...]
    source: str


GRAD_CAM, HIRES_CAM = "grad-cam", "hirescam"
HEATMAP_TITLES = {GRAD_CAM: "Grad-CAM", HIRES_CAM: "HiResCAM"}
"""Ways to make a heat map that a user can choose, with their titles. The papers show the first."""


@dataclass(frozen=True, eq=False)
class HeatMap:
    """An explanation as a volume in the geometry of the input.

    Attributes:
        image: float32 raw map, 0 where nothing was computed.
        method: One of the titles of `HEATMAP_TITLES`.
        target: Class whose evidence it shows.
        pipeline: Which network input it explains ("segmented", "full").
        scale: What a value means.
        zero: What 0 means.
    """

    image: Image
    method: str
    target: str
    pipeline: str
    scale: str
    zero: str


@dataclass(frozen=True)
class InputFamiliarity:
    """How far a network's input lies from the cases that the network was trained on.

    Attributes:
        distance: Mahalanobis distance a feature: about 1 for training cases.
        threshold: Beyond it the input counts as unfamiliar.
        quantile: Share of familiar cases that the threshold was set to hold.
        validation_cases: Held-out cases that it was set by.
    """

    distance: float
    threshold: float
    quantile: float
    validation_cases: int

    @property
    def unfamiliar(self) -> bool:
        """Whether the distance lies beyond the threshold; an input without a distance is unfamiliar."""
        return not self.distance <= self.threshold


@dataclass(frozen=True, eq=False)
class Classification:
    """The result of one pipeline: probability by class (they sum to 1) and the heat map of the explained class.

    `familiarity` is None where the model does not know what is familiar.
    """

    probabilities: Mapping[str, float]
    heatmap: HeatMap
    familiarity: InputFamiliarity | None = None

    @property
    def predicted(self) -> str:
        """The class with the highest probability."""
        return max(self.probabilities, key=lambda name: self.probabilities[name])


@dataclass(frozen=True)
class ChosenSlice:
    """The slice that a 2D method looks at.

    Attributes:
        index: Slice number (from 0) along `axis` of the input.
        axis: Axis of the input, 0..2 for (i, j, k), that runs nearest to superior.
        center_lps: Center of the slice in mm, LPS.
        source: "given" or how it was chosen.
    """

    index: int
    axis: int
    center_lps: tuple[float, float, float]
    source: str


@dataclass(frozen=True, eq=False)
class Assessment:
    """All that LiverAI found for a case; everything spatial is in the geometry of the input.

    Attributes:
        case_id: The case.
        image: The input image.
        method: Published method ("nowak2021").
        model: Name of the trained model.
        segmentation: Label map of the input's geometry.
        pipelines: Result of every pipeline of the method, by name.
        primary: The pipeline whose result is the headline.
        chosen_slice: The slice that a 2D method looked at, else None.
        measurements: Numbers with units.
        not_assessed: What could not be measured, and why.
        drawings: How the measurements were made, for the picture; not stored on disk.
        warnings: What cannot be trusted.
        provenance: Versions, model checksum, input hash, settings, device.
        seconds: Wall time of each step.
        simulated: True where the classifier was trained on simulated cases.
    """

    case_id: str
    image: Image
    method: str
    model: str
    segmentation: Segmentation
    pipelines: Mapping[str, Classification]
    primary: str
    chosen_slice: ChosenSlice | None
    measurements: tuple[Measurement, ...] = ()
    not_assessed: tuple[NotAssessed, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    warnings: tuple[CaseWarning, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    simulated: bool = False

    @property
    def probabilities(self) -> Mapping[str, float]:
        """Probability by class of the primary pipeline."""
        return self.pipelines[self.primary].probabilities

    @property
    def predicted(self) -> str:
        """The class that the primary pipeline predicts."""
        return self.pipelines[self.primary].predicted

    @property
    def heatmap(self) -> HeatMap:
        """The heat map of the primary pipeline."""
        return self.pipelines[self.primary].heatmap

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that have to stand wherever the result is shown."""
        return (SIMULATED, RESEARCH_USE) if self.simulated else (RESEARCH_USE,)

    def record(self) -> dict[str, Any]:
        """The assessment without its voxels, JSON-able: what `assessment.json` holds."""
        return {
            "case_id": self.case_id,
            "method": self.method,
            "model": self.model,
            "predicted": self.predicted,
            "probabilities": dict(self.probabilities),
            "primary_pipeline": self.primary,
            "pipelines": {
                name: {
                    "predicted": result.predicted,
                    "probabilities": dict(result.probabilities),
                    "heatmap": {k: v for k, v in vars(result.heatmap).items() if k != "image"},
                    "familiarity": None if result.familiarity is None else asdict(result.familiarity),
                }
                for name, result in self.pipelines.items()
            },
            "slice": None if self.chosen_slice is None else asdict(self.chosen_slice),
            "segmentation": {
                "source": self.segmentation.source,
                "structures": {s.name: s.label for s in self.segmentation.structures},
            },
            "measurements": [m.record() for m in self.measurements],
            "not_assessed": [asdict(n) for n in self.not_assessed],
            "warnings": [asdict(w) for w in self.warnings],
            "notes": list(self.notes),
            "provenance": dict(self.provenance),
            "seconds": {name: round(value, 4) for name, value in self.seconds.items()},
        }
