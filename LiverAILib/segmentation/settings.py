"""What the card of a segmentation model has to say of input and network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from LiverAILib.data.model_card import Entries, ModelCard
from LiverAILib.data.structures import STRUCTURES, Structure
from LiverAILib.networks.unet import ADJACENT_SLICES, NORMALIZATIONS, SINGLE_SLICE, encoder_names
from LiverAILib.segmentation.intensity_profile import QUANTILES

BACKGROUND = "background"
CONTEXT = "context."
"""First part of the names of the context network's tensors."""
CONTEXT_WEIGHT = 0.3
"""Share of the context network in a new model (see `ContextSettings`)."""


@dataclass(frozen=True)
class ContextSettings:
    """The context network of a segmentation model (see `context_unet`).

    Attributes:
        channels: Feature channels of its levels.
        weight: Its share in the weighted geometric mean of both networks' probabilities.
    """

    channels: tuple[int, ...]
    weight: float


@dataclass(frozen=True)
class SegmentationSettings:
    """The settings of a segmentation model.

    Attributes:
        structures: What the classes after the background are, in their order.
        encoder: Name of the U-Net's encoder.
        adjacent_slices: Adjacent slices that its channels hold: 3, or 1 for a single slice three times.
        normalization: One of `unet.NORMALIZATIONS` where the encoder expects it; None for 0..1.
        reference_intensities: Intensities of the training cases by modality (see `intensity_profile.reference_of`).
        low_confidence: Mean probability within the mask of a structure below which a warning is given.
        context: The network that sees the whole abdomen at low resolution; None where the model has none.
    """

    structures: tuple[Structure, ...]
    encoder: str
    adjacent_slices: int
    normalization: str | None
    reference_intensities: Mapping[str, Mapping[str, Any]]
    low_confidence: Mapping[str, float]
    context: ContextSettings | None = None

    @classmethod
    def from_card(cls, card: ModelCard) -> SegmentationSettings:
        """The settings of a model's card.

        Raises:
            UserError: An entry is missing or wrong.
        """
        settings = card.method_settings
        # The number of a class is the label of its structure in every label map.
        names = tuple(STRUCTURES)
        card.check_classes(*((BACKGROUND, *names[:count]) for count in range(len(names), 0, -1)))
        encoder = settings.text("encoder")
        if encoder not in encoder_names():
            settings.refuse("encoder", f"is {encoder}, which segmentation-models-pytorch does not have")
        references = settings.part("reference_intensities", {})
        for modality in references.content:
            _check_reference(references.part(modality))
        low_confidence = settings.part("low_confidence", {})
        return cls(
            structures=tuple(STRUCTURES[name] for name in card.classes[1:]),
            encoder=encoder,
            adjacent_slices=_adjacent_slices(settings),
            normalization=settings.text("normalization", None, allowed=tuple(NORMALIZATIONS)),
            reference_intensities=references.content,
            low_confidence={name: low_confidence.number(name, least=0, most=1) for name in low_confidence.content},
            context=_context(settings),
        )


def _adjacent_slices(settings: Entries) -> int:
    found = settings.integer("adjacent_slices", least=SINGLE_SLICE, most=ADJACENT_SLICES)
    if found not in (SINGLE_SLICE, ADJACENT_SLICES):
        settings.refuse("adjacent_slices", f"is {found}; expected {SINGLE_SLICE} or {ADJACENT_SLICES}")
    return found


def _context(settings: Entries) -> ContextSettings | None:
    if "context" not in settings.content:
        return None
    entries = settings.part("context")
    channels = entries.value("channels", (), expected="the feature channels of each level")
    if not isinstance(channels, list) or not 2 <= len(channels) <= 6 or not _numbers(channels, len(channels)):
        entries.refuse("channels", "is no list of the feature channels of two to six levels")
    return ContextSettings(tuple(int(count) for count in channels), entries.number("weight", least=0, most=1))


def _check_reference(reference: Entries) -> None:
    """What the warnings about intensities read of the training cases of one modality."""
    reference.integer("cases", least=1, most=10**9)
    bodies = reference.value("body", (), expected="a list of quantiles of each case")
    if not isinstance(bodies, list) or not bodies or not all(_numbers(body, len(QUANTILES)) for body in bodies):
        reference.refuse("body", f"is no list of {len(QUANTILES)} quantiles of each case")
    ratio = reference.value("liver_ratio", None, expected="two numbers")
    if ratio is not None and not _numbers(ratio, 2):
        reference.refuse("liver_ratio", "is no list of the lowest and the highest ratio")


def _numbers(values: Any, length: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == length
        and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    )
