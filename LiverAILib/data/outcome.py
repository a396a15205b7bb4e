"""What a method answers for a case: class probabilities or a quantity, each with the heat maps that explain it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from LiverAILib.imaging.image import Image

GRAD_CAM, HIRES_CAM = "grad-cam", "hirescam"
SIGNED_CAM = "signed-cam"
HEATMAP_TITLES = {GRAD_CAM: "Grad-CAM", HIRES_CAM: "HiResCAM", SIGNED_CAM: "Signed CAM"}
"""Kinds of heat map, with their titles. A method says which of them it makes, the published one first."""


@dataclass(frozen=True, eq=False)
class HeatMap:
    """An explanation as a volume in the geometry of the image that it explains.

    Attributes:
        image: float32 raw map (k, j, i), 0 where nothing was computed.
        method: One of the titles of `HEATMAP_TITLES`.
        target: Class, or quantity, whose evidence it shows.
        pipeline: Name of the outcome that it explains ("segmented", "full").
        scale: What a value means.
        zero: What 0 means.
        role: Role of the image that it explains ("t2"); "" in records older than schema 2.
        number: Which of the images of that role, from 0.
        signed: True where negative values are evidence against the target.
    """

    image: Image
    method: str
    target: str
    pipeline: str
    scale: str
    zero: str
    role: str = ""
    number: int = 0
    signed: bool = False

    def description(self) -> dict[str, Any]:
        """All but the voxels, JSON-able."""
        return {name: value for name, value in vars(self).items() if name != "image"}


@dataclass(frozen=True)
class DistributionDistance:
    """How far a network's input lies from the cases that the network was trained on.

    Attributes:
        distance: Mahalanobis distance a feature: about 1 for training cases.
        threshold: Beyond it the input counts as out of distribution.
        quantile: Share of in-distribution cases that the threshold was set to hold.
        validation_cases: Held-out cases that it was set by.
    """

    distance: float
    threshold: float
    quantile: float
    validation_cases: int

    @property
    def out_of_distribution(self) -> bool:
        """Whether the distance lies beyond the threshold; an input without a distance is."""
        return not self.distance <= self.threshold


@dataclass(frozen=True, eq=False)
class Classification:
    """The classes' probabilities and the heat maps of the explained class.

    Attributes:
        probabilities: By class; they sum to 1.
        heatmaps: Of the explained class.
        distribution_distance: None where the model has no feature distribution.
        cumulative: For ordered classes that binary models tell apart, the score (0..1) of each model by what it asks
            (">=S2"); empty where sums of the probabilities are all there is.
    """

    probabilities: Mapping[str, float]
    heatmaps: tuple[HeatMap, ...] = ()
    distribution_distance: DistributionDistance | None = None
    cumulative: Mapping[str, float] = field(default_factory=dict)

    @property
    def predicted(self) -> str:
        """The class with the highest probability."""
        return max(self.probabilities, key=lambda name: self.probabilities[name])

    @property
    def answer(self) -> str:
        """The predicted class."""
        return self.predicted

    @property
    def sentence(self) -> str:
        """The answer with its probability: "cirrhosis, probability 0.93"."""
        return f"{self.predicted}, probability {self.probabilities[self.predicted]:.2f}"

    def record(self) -> dict[str, Any]:
        """The outcome without voxels, JSON-able."""
        return {
            "kind": "classification",
            "answer": self.answer,
            "probabilities": dict(self.probabilities),
            **({"cumulative": dict(self.cumulative)} if self.cumulative else {}),
            **_common_record(self),
        }


@dataclass(frozen=True, eq=False)
class Quantity:
    """A measured quantity, with its interval where the method gives one.

    Attributes:
        name: What is measured, as shown to a person ("Liver fat fraction").
        value: The number.
        unit: UCUM-like unit ("%", "kPa"); "" for a ratio.
        interval: Lower and upper bound where there is one.
        interval_meaning: What the interval is ("95 % prediction interval").
        heatmaps: Heat maps of the quantity.
        distribution_distance: None where the model has no feature distribution.
    """

    name: str
    value: float
    unit: str
    interval: tuple[float, float] | None = None
    interval_meaning: str = ""
    heatmaps: tuple[HeatMap, ...] = ()
    distribution_distance: DistributionDistance | None = None

    @property
    def answer(self) -> str:
        """The value with its unit: "12.3 %"."""
        return f"{self.value:.4g} {self.unit}".strip()

    @property
    def sentence(self) -> str:
        """Name, value, unit and interval: "Liver fat fraction 12.3 % (9.8 to 15.1)"."""
        interval = "" if self.interval is None else " ({:.4g} to {:.4g})".format(*self.interval)
        return f"{self.name} {self.answer}{interval}"

    def record(self) -> dict[str, Any]:
        """The outcome without voxels, JSON-able."""
        return {
            "kind": "quantity",
            "answer": self.answer,
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "interval": None if self.interval is None else list(self.interval),
            "interval_meaning": self.interval_meaning,
            **_common_record(self),
        }


Outcome = Classification | Quantity


def cutoff_outcome(quantity: str, cutoff: float) -> str:
    """Name of the outcome that says whether a quantity reaches a cut-off, where the method has a classifier of its own for that.

    It is a `Classification` of two classes, the one at or above the cut-off last.

    Args:
        quantity: Name of the outcome with the value.
        cutoff: From this value on a case counts as positive.
    """
    return f"{quantity} >= {cutoff:g}"


def _common_record(outcome: Outcome) -> dict[str, Any]:
    return {
        "heatmaps": [heatmap.description() for heatmap in outcome.heatmaps],
        "familiarity": None if outcome.distribution_distance is None else asdict(outcome.distribution_distance),
    }


def outcome_from_record(record: Mapping[str, Any], heatmaps: tuple[HeatMap, ...]) -> Outcome:
    """The outcome whose `record()` was stored, with its heat maps as they were read."""
    distance = record["familiarity"]
    common: dict[str, Any] = {
        "heatmaps": heatmaps,
        "distribution_distance": None if distance is None else DistributionDistance(**distance),
    }
    if record["kind"] == "classification":
        return Classification(record["probabilities"], **common, cumulative=record.get("cumulative", {}))
    interval = record["interval"]
    return Quantity(
        record["name"],
        record["value"],
        record["unit"],
        None if interval is None else (interval[0], interval[1]),
        record["interval_meaning"],
        **common,
    )
