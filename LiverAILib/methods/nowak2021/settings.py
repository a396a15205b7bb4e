"""What the card of a Nowak 2021 model has to say of input and networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from LiverAILib.data.model_card import Entries, ModelCard
from LiverAILib.networks.classifier import RESNET50, ImageClassifier, build_classifier
from LiverAILib.networks.heads import HEADS
from LiverAILib.networks.pretrained import IMAGENET_MEAN, IMAGENET_STD

CLASSES = ("no cirrhosis", "cirrhosis")
STAGES = ("F0", "F1", "F2", "F3", "F4")
"""Classes of a model that goes beyond the paper: fibrosis stages."""
SEGMENTED, FULL = "segmented", "full"
PIPELINES = (SEGMENTED, FULL)
IMAGE_SIZE, FULL_IMAGE_SIZE = 224, 448
"""Rows and columns of the network input: the liver's box, and the whole slice, which is about twice as wide."""
LIVER_MARGIN = 0.1


@dataclass(frozen=True)
class EncoderSettings:
    """The convolutional layers of both pipelines. The defaults are the published network.

    Attributes:
        name: Network of torchvision or timm (see `networks.backbones`).
        groups: How many of its layer groups are used; 0 for all.
        mean: Of the three channels in 0..1, taken off the input.
        std: Divides it afterwards.
    """

    name: str = RESNET50
    groups: int = 0
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD

    @classmethod
    def of(cls, settings: Entries) -> EncoderSettings:
        """That of a card's settings; the published network where the card has no entry "encoder"."""
        if "encoder" not in settings.content:
            return cls()
        part = settings.part("encoder")
        return cls(
            part.text("name"),
            part.integer("groups", 0, least=0, most=1000),
            part.numbers("mean", length=3, least=0, most=1),
            part.numbers("std", length=3, least=1e-3, most=1),
        )

    def build(self, classes: int, *, weights: str | None = None, head: str = "softmax") -> ImageClassifier:
        """The network; arguments and errors as those of `build_classifier`."""
        return build_classifier(self.name, classes, weights=weights, groups=self.groups or None, head=head)


PUBLISHED_ENCODER = EncoderSettings()


@dataclass(frozen=True)
class Nowak2021Settings:
    """The settings of a Nowak 2021 model.

    Attributes:
        pipelines: Those that the model has networks for, of `PIPELINES`.
        primary_pipeline: The one whose result is the case's.
        image_sizes: Rows and columns of the network input, by pipeline.
        liver_margin: Border around the liver in the input of "segmented", as a share of the liver's longer side.
        head: One of `HEADS`.
        calibration: Parameters that recalibrate the probabilities, by pipeline.
        encoder: The convolutional layers.
    """

    pipelines: tuple[str, ...]
    primary_pipeline: str
    image_sizes: Mapping[str, int]
    liver_margin: float
    head: str
    calibration: Mapping[str, Mapping[str, float]]
    encoder: EncoderSettings = field(default_factory=EncoderSettings)

    @classmethod
    def from_card(cls, card: ModelCard) -> Nowak2021Settings:
        """The settings of a model's card.

        Raises:
            UserError: An entry is missing or wrong.
        """
        card.check_classes(CLASSES, STAGES)
        settings = card.method_settings
        pipelines = settings.texts("pipelines", allowed=PIPELINES)
        for name in card.calibration:
            if name not in pipelines:
                settings.refuse("calibration", f"has the pipeline {name}, which is none of {', '.join(pipelines)}")
        return cls(
            pipelines=pipelines,
            primary_pipeline=settings.text("primary_pipeline", allowed=pipelines),
            image_sizes=_image_sizes(settings, pipelines),
            liver_margin=settings.number("liver_margin", LIVER_MARGIN, least=0, most=1),
            head=settings.text("head", "softmax", allowed=HEADS),
            calibration=card.calibration,
            encoder=EncoderSettings.of(settings),
        )


def _image_sizes(settings: Entries, pipelines: tuple[str, ...]) -> dict[str, int]:
    """The entry "image_size": one number for all pipelines, or an object with one for each."""
    if isinstance(settings.content.get("image_size"), Mapping):
        entries = settings.part("image_size")
        return {name: entries.integer(name, least=32, most=2048) for name in pipelines}
    return dict.fromkeys(pipelines, settings.integer("image_size", least=32, most=2048))
