"""What comes out for a case: segmentation, outcomes with heat maps, measurements, warnings and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from LiverAILib.data.measurement import Drawing, Measurement, NotAssessed
from LiverAILib.data.outcome import HeatMap, Outcome
from LiverAILib.data.structures import Structure
from LiverAILib.imaging.image import Image

RESEARCH_USE = "For research use only. Not a medical device; not for diagnosis or treatment decisions."
SIMULATED = "This classifier was trained on simulated disease only: its result says nothing about a real patient."
"""Said before the result wherever it is shown."""
SCHEMA = 2
"""Version of `assessment.json`: docs/assessment.schema.json. Records without one are of version 1."""


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
    """All that LiverAI found for a case; everything spatial is in the geometry of the image that it is about.

    Attributes:
        case_id: The case.
        images: Role to the images that the method looked at.
        method: Published method ("nowak2021").
        model: Name of the trained model.
        segmentation: Label map in the geometry of `image`; None for a method that needs none.
        outcomes: What the method answers, by name (Nowak 2021: "segmented", "full").
        primary: Name of the outcome that is the headline.
        chosen_slice: The slice that a 2D method looked at, else None.
        measurements: Numbers with units.
        not_assessed: What could not be measured, and why.
        drawings: How the measurements were made, for the picture; not stored on disk.
        warnings: What cannot be trusted.
        provenance: Versions, model checksum, fingerprint, inputs, settings, device.
        seconds: Wall time of each step.
        simulated: True where the model was trained on simulated disease: simulated scans, or real ones with planted disease.
    """

    case_id: str
    images: Mapping[str, tuple[Image, ...]]
    method: str
    model: str
    segmentation: Segmentation | None
    outcomes: Mapping[str, Outcome]
    primary: str
    chosen_slice: ChosenSlice | None = None
    measurements: tuple[Measurement, ...] = ()
    not_assessed: tuple[NotAssessed, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    warnings: tuple[CaseWarning, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    simulated: bool = False

    @property
    def image(self) -> Image:
        """The first image of the first role: the one that the segmentation and the measurements are about."""
        return next(iter(self.images.values()))[0]

    @property
    def outcome(self) -> Outcome:
        """The primary outcome."""
        return self.outcomes[self.primary]

    @property
    def predicted(self) -> str:
        """The primary outcome in a word: the predicted class, or the value with its unit."""
        return self.outcome.answer

    @property
    def probabilities(self) -> Mapping[str, float]:
        """Probability by class of the primary outcome; empty where it is a quantity."""
        return getattr(self.outcome, "probabilities", {})

    @property
    def heatmap(self) -> HeatMap:
        """The first heat map of the primary outcome.

        Raises:
            ValueError: It has none.
        """
        if not self.outcome.heatmaps:
            raise ValueError(f"the outcome '{self.primary}' has no heat map")
        return self.outcome.heatmaps[0]

    @property
    def heatmaps(self) -> tuple[HeatMap, ...]:
        """The heat maps of all outcomes, those of the primary one first."""
        names = sorted(self.outcomes, key=lambda name: name != self.primary)
        return tuple(heatmap for name in names for heatmap in self.outcomes[name].heatmaps)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that have to be shown wherever the result is, those of `reservations` first."""
        return (*self.reservations, RESEARCH_USE)

    @property
    def reservations(self) -> tuple[str, ...]:
        """Notes that have to be read before the result."""
        return (SIMULATED,) if self.simulated else ()

    def record(self) -> dict[str, Any]:
        """The assessment without its voxels, JSON-able: what `assessment.json` holds."""
        return {
            "schema": SCHEMA,
            "case_id": self.case_id,
            "method": self.method,
            "model": self.model,
            "reservations": list(self.reservations),
            "predicted": self.predicted,
            "probabilities": dict(self.probabilities),
            "primary_outcome": self.primary,
            "outcomes": {name: outcome.record() for name, outcome in self.outcomes.items()},
            "slice": None if self.chosen_slice is None else asdict(self.chosen_slice),
            "segmentation": None
            if self.segmentation is None
            else {
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
