"""What comes out for a case: segmentation, probabilities, heat map, measurements, warnings and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from LiverAILib.imaging.image import Image
from LiverAILib.segmentation.structures import Structure

RESEARCH_USE = "For research use only. Not a medical device; not for diagnosis or treatment decisions."
SIMULATED = "This classifier was trained on simulated cases only: its result says nothing about a real patient."


@dataclass(frozen=True)
class Measurement:
    """A number with its unit and how it was measured.

    Attributes:
        name: What was measured, as shown to a person ("Liver volume").
        value: The number.
        unit: UCUM-like unit ("mL", "mm"); "" for a ratio.
        how: How it was measured, one sentence.
        interval: Lower and upper bound where there is one.
    """

    name: str
    value: float
    unit: str
    how: str = ""
    interval: tuple[float, float] | None = None


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


@dataclass(frozen=True, eq=False)
class HeatMap:
    """An explanation as a volume in the geometry of the input.

    Attributes:
        image: float32 raw map, 0 where nothing was computed.
        method: "Grad-CAM".
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


@dataclass(frozen=True, eq=False)
class Classification:
    """The result of one pipeline: probability by class (they sum to 1) and the heat map of the explained class."""

    probabilities: Mapping[str, float]
    heatmap: HeatMap

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
                }
                for name, result in self.pipelines.items()
            },
            "slice": None if self.chosen_slice is None else asdict(self.chosen_slice),
            "segmentation": {
                "source": self.segmentation.source,
                "structures": {s.name: s.label for s in self.segmentation.structures},
            },
            "measurements": [asdict(m) for m in self.measurements],
            "warnings": [asdict(w) for w in self.warnings],
            "notes": list(self.notes),
            "provenance": dict(self.provenance),
            "seconds": {name: round(value, 4) for name, value in self.seconds.items()},
        }
