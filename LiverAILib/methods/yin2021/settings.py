"""What the card of a Yin 2021 model has to say of input and network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from LiverAILib.data.model_card import Entries, ModelCard
from LiverAILib.training.options import MASKINGS

CLASSES = ("F0", "F1", "F2", "F3", "F4")
PIPELINE = "abdomen"
NORMALIZATIONS = ("none", "batch")


@dataclass(frozen=True)
class InputSettings:
    """How the input is prepared. The paper gives window and number of slices; the rest are defaults where it is silent.

    Attributes:
        image_size: Rows and columns.
        slices: Consecutive slices that the network sees at a time.
        slice_mm: Thickness of these slices.
        stride: Slices from one window to the next at inference.
        masking: "none" shows the whole abdomen, as the paper concludes; "liver" blacks out everything else, as its figure says.
    """

    image_size: int = 256
    slices: int = 32
    slice_mm: float = 5.0
    stride: int = 16
    masking: str = "none"

    @classmethod
    def of(cls, settings: Entries) -> InputSettings:
        """Those of a card's settings; an absent entry has its default."""
        return cls(
            image_size=settings.integer("image_size", cls.image_size, least=8, most=2048),
            slices=settings.integer("slices", cls.slices, least=1, most=1024),
            slice_mm=settings.number("slice_mm", cls.slice_mm, least=0.1, most=100),
            stride=settings.integer("stride", cls.stride, least=1, most=1024),
            masking=settings.text("masking", cls.masking, allowed=MASKINGS),
        )


@dataclass(frozen=True)
class NetworkSettings:
    """The network (see `Yin2021Network`, whose arguments these are). The defaults are the published network."""

    kernel: tuple[int, ...] = (1, 5, 5)
    channels: tuple[int, ...] = (16, 32, 64, 128)
    pooling: tuple[int, ...] = (2, 2, 2)
    hidden: int = 128
    normalization: str = "none"
    explained_convolution: int = 3

    @classmethod
    def of(cls, settings: Entries) -> NetworkSettings:
        """Those of a card's settings; an absent entry has its default."""
        kernel = settings.integers("kernel", cls.kernel, length=3, least=1, most=31)
        if any(size % 2 == 0 for size in kernel):
            settings.refuse("kernel", f"is {list(kernel)}; expected odd numbers")
        return cls(
            kernel=kernel,
            channels=settings.integers("channels", cls.channels, length=4, least=1, most=4096),
            pooling=settings.integers("pooling", cls.pooling, length=3, least=1, most=16),
            hidden=settings.integer("hidden", cls.hidden, least=1, most=65536),
            normalization=settings.text("normalization", cls.normalization, allowed=NORMALIZATIONS),
            explained_convolution=settings.integer("explained_convolution", cls.explained_convolution, least=3, most=4),
        )


@dataclass(frozen=True)
class Yin2021Settings:
    """The settings of a Yin 2021 model.

    Attributes:
        inputs: How the input is prepared.
        network: The network.
        calibration: Parameters that recalibrate the probabilities; empty where they are left as they are.
    """

    inputs: InputSettings
    network: NetworkSettings
    calibration: Mapping[str, float]

    @classmethod
    def from_card(cls, card: ModelCard) -> Yin2021Settings:
        """The settings of a model's card.

        Raises:
            UserError: An entry is missing or wrong.
        """
        card.check_classes(CLASSES)
        settings = card.method_settings
        settings.texts("pipelines", allowed=(PIPELINE,))
        settings.text("primary_pipeline", allowed=(PIPELINE,))
        return cls(InputSettings.of(settings), NetworkSettings.of(settings), card.calibration.get(PIPELINE, {}))
