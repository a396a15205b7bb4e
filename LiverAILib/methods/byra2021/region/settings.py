"""What the card of a model on a region of interest has to say."""

from __future__ import annotations

from dataclasses import dataclass

from LiverAILib.data.model_card import ModelCard
from LiverAILib.methods.byra2021.region import SPEC
from LiverAILib.methods.byra2021.settings import CLASSES, BackboneSettings, InputSettings, Residuals

PATCH_PIXELS = 28


@dataclass(frozen=True)
class RegionSettings:
    """The settings of a model on a region of interest.

    Attributes:
        inputs: How a patch becomes the backbone's input.
        backbone: What gives the features.
        patch_pixels: Rows and columns of the squares of the stored image that the backbone looks at.
        mean_gray: Mean gray value, of 0..1, that every patch is scaled to, so that gain does not matter; None where gray values
            are taken as they are.
        cutoffs: Cut-offs with a classifier, in percent.
        residuals: Out-of-participant errors.
        caution: What has to be said with every result of this model; "" for nothing.
    """

    inputs: InputSettings
    backbone: BackboneSettings
    patch_pixels: int = PATCH_PIXELS
    mean_gray: float | None = None
    cutoffs: tuple[float, ...] = SPEC.answer.cutoffs
    residuals: Residuals | None = None
    caution: str = ""

    @classmethod
    def from_card(cls, card: ModelCard) -> RegionSettings:
        """The settings of a model's card.

        Raises:
            UserError: An entry is missing or wrong.
        """
        card.check_classes(CLASSES)
        settings = card.method_settings
        gray = settings.content.get("mean_gray")
        return cls(
            InputSettings.of(settings),
            BackboneSettings.of(settings),
            settings.integer("patch_pixels", PATCH_PIXELS, least=8, most=1024),
            None if gray is None else settings.number("mean_gray", least=0.05, most=0.95),
            SPEC.answer.cutoffs,
            Residuals.of(settings),
            settings.text("caution", "", empty=True),
        )
