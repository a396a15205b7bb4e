"""What the card of a Byra 2021 model has to say of input, backbone and heads."""

from __future__ import annotations

import re
from dataclasses import dataclass

from LiverAILib.data.model_card import Entries, ModelCard
from LiverAILib.methods.byra2021 import SPEC, VIEWS

CLASSES = ("liver fat",)
"""What a card names as the only output."""


@dataclass(frozen=True)
class InputSettings:
    """How the backbone's input is prepared.

    Attributes:
        image_size: Rows and columns.
        mean: Of the channels, taken off.
        std: Of the channels, divided by.
    """

    image_size: int = 224
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)

    @classmethod
    def of(cls, settings: Entries) -> InputSettings:
        """Those of a card's settings."""
        return cls(
            image_size=settings.integer("image_size", cls.image_size, least=32, most=2048),
            mean=settings.numbers("mean", length=3, least=0.0, most=1),
            std=settings.numbers("std", length=3, least=1e-6, most=1),
        )


@dataclass(frozen=True)
class BackboneSettings:
    """The backbone, which the model's folder does not hold.

    Attributes:
        name: See `networks.backbones`.
        weights: "bundled", "imagenet", or a safetensors file.
        sha256: `backbone_checksum` of the network that the heads were trained on.
        channels: Number of its features.
    """

    name: str
    weights: str
    sha256: str
    channels: int

    @classmethod
    def of(cls, settings: Entries) -> BackboneSettings:
        """That of a card's settings."""
        part = settings.part("backbone")
        checksum = part.text("sha256")
        if not re.fullmatch("[0-9a-f]{64}", checksum):
            part.refuse("sha256", "is no checksum; expected 64 hexadecimal digits")
        return cls(part.text("name"), part.text("weights"), checksum, part.integer("channels", least=1, most=65536))


@dataclass(frozen=True)
class Residuals:
    """How far the mean of the views missed the reference in participants that its heads had not seen.

    Attributes:
        level: Share of participants whose error was at most `error`.
        error: In percentage points of fat.
        participants: How many there were.
    """

    level: float
    error: float
    participants: int

    @classmethod
    def of(cls, settings: Entries) -> Residuals | None:
        """Those of a card's settings; None where it has none."""
        if settings.content.get("residuals") is None:
            return None
        part = settings.part("residuals")
        return cls(
            part.number("level", least=0.5, most=0.999),
            part.number("error", least=0.0),
            part.integer("participants", least=2, most=10**9),
        )


@dataclass(frozen=True)
class Byra2021Settings:
    """The settings of a Byra 2021 model.

    Attributes:
        inputs: How the input is prepared.
        backbone: What gives the features.
        views: Views with heads.
        composite: Whether there are heads of all views' features together.
        cutoffs: Cut-offs with a classifier, in percent.
        residuals: Out-of-participant errors of the mean of all views.
    """

    inputs: InputSettings
    backbone: BackboneSettings
    views: tuple[str, ...] = VIEWS
    composite: bool = False
    cutoffs: tuple[float, ...] = SPEC.answer.cutoffs
    residuals: Residuals | None = None

    @classmethod
    def from_card(cls, card: ModelCard) -> Byra2021Settings:
        """The settings of a model's card.

        Raises:
            UserError: An entry is missing or wrong.
        """
        card.check_classes(CLASSES)
        settings = card.method_settings
        return cls(
            InputSettings.of(settings),
            BackboneSettings.of(settings),
            settings.texts("views", allowed=VIEWS),
            settings.boolean("composite", False),
            SPEC.answer.cutoffs,
            Residuals.of(settings),
        )
