"""What the card of a model on a region of interest has to say."""

from __future__ import annotations

from dataclasses import dataclass

from LiverAILib.data.model_card import ModelCard
from LiverAILib.methods.byra2021.region import SPEC
from LiverAILib.methods.byra2021.settings import CLASSES, BackboneSettings, InputSettings, Residuals

PATCH_PIXELS = 28
GRAY_FACTOR = 1.123
"""The squares of Byra 2018 as they are published have the gray values of the image times this and times the square's hepatorenal
index: measured on the ten patients whose whole images are published too (1.122 to 1.125)."""


@dataclass(frozen=True)
class RegionSettings:
    """The settings of a model on a region of interest.

    Attributes:
        inputs: How a patch becomes the backbone's input.
        backbone: What gives the features.
        patch_pixels: Rows and columns of the squares of the stored image that the backbone looks at.
        gray_factor: Squares that are cut from a whole image get its gray values times this and times the hepatorenal index, as
            those that the model was trained on.
        cutoffs: Cut-offs with a classifier, in percent.
        residuals: Out-of-participant errors.
        caution: What has to be said with every result of this model; "" for nothing.
    """

    inputs: InputSettings
    backbone: BackboneSettings
    patch_pixels: int = PATCH_PIXELS
    gray_factor: float = GRAY_FACTOR
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
        return cls(
            InputSettings.of(settings),
            BackboneSettings.of(settings),
            settings.integer("patch_pixels", PATCH_PIXELS, least=8, most=1024),
            settings.number("gray_factor", GRAY_FACTOR, least=0.1, most=10.0),
            SPEC.answer.cutoffs,
            Residuals.of(settings),
            settings.text("caution", "", empty=True),
        )
