"""What the card of a Xue 2020 model has to say of input, networks and what they are combined with. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from LiverAILib.data.model_card import Entries, ModelCard

CLASSES = ("S0-S1", "S2", "S3", "S4")
CUTS = (2, 3, 4)
"""Lowest stage of the positive class of each binary model: >=S2, >=S3, S4 (Xue 2020, Statistical analysis)."""
GRAY_SCALE, ELASTOGRAM = "gray_scale", "elastogram"
MODALITIES = (GRAY_SCALE, ELASTOGRAM)
"""Roles of the images, and the outcomes of one modality alone: GM and EM."""
GRAY_SCALE_STIFFNESS, GRAY_SCALE_ELASTOGRAM = "gray_scale_stiffness", "gray_scale_elastogram"
OUTCOMES = (GRAY_SCALE_ELASTOGRAM, GRAY_SCALE_STIFFNESS, GRAY_SCALE, ELASTOGRAM)
"""GM + EM, GM + LSM, GM and EM; the first one that a case can be answered with is its primary outcome."""
TITLES = {GRAY_SCALE: "GM", ELASTOGRAM: "EM", GRAY_SCALE_STIFFNESS: "GM + LSM", GRAY_SCALE_ELASTOGRAM: "GM + EM"}
"""What the paper calls them."""
EXPLAINED = {"S0-S1": (2, 0), "S2": (2, 1), "S3": (3, 1), "S4": (4, 1)}
"""Class to the binary model whose evidence a heat map of it shows, and to that model's class: 1 for at least the cut-off."""
IMAGES = 5
"""Images of a patient whose mean is the patient's score (Xue 2020, Multimodal ultrasound images)."""


def at_least(cut: int) -> str:
    """What a binary model asks: ">=S2"."""
    return f">=S{cut}"


@dataclass(frozen=True)
class BackboneSettings:
    """The network that all models start from.

    Attributes:
        name: In torchvision or timm (see `networks.backbones`).
        weights: "imagenet", "bundled", the name of the file of the pretrained weights, or "random".
        groups: How many of its layer groups are used; what follows them is cut off.
        frozen: How many of those, from the first one, are shared by all models and not trained.
        checksum: Of the frozen layers, where they are read from the backbones in the box; "" where the model holds them itself.
    """

    name: str = "inception_v3"
    weights: str = "imagenet"
    groups: int = 4
    frozen: int = 3
    checksum: str = ""

    @classmethod
    def of(cls, entries: Entries) -> BackboneSettings:
        """Those of the card's entry "backbone"."""
        groups = entries.integer("groups", least=1, most=100)
        return cls(
            entries.text("name"),
            entries.text("weights"),
            groups,
            entries.integer("frozen", least=0, most=groups - 1),
            entries.text("checksum", "", empty=True),
        )


@dataclass(frozen=True)
class StiffnessSettings:
    """How a binary model is joined with the liver stiffness (see `stiffness.StiffnessModel`, whose numbers these are)."""

    cutoff_kpa: float
    scale_kpa: float
    intercept: float
    gray_scale_weight: float
    stiffness_weight: float

    @classmethod
    def of(cls, entries: Entries) -> StiffnessSettings:
        """Those of an entry of the card's "stiffness"."""
        return cls(**{name: entries.number(name) for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Xue2020Settings:
    """The settings of a Xue 2020 model.

    Attributes:
        outcomes: Those of `OUTCOMES` that it answers with.
        image_size: Rows and columns of the networks' input.
        backbone: What the networks start from.
        fusion_hidden: Widths of the two hidden fully connected layers of GM + EM.
        stiffness: By cut-off, how GM is joined with the stiffness; empty without GM + LSM.
    """

    outcomes: tuple[str, ...] = OUTCOMES
    image_size: int = 299
    backbone: BackboneSettings = field(default_factory=BackboneSettings)
    fusion_hidden: tuple[int, int] = (1024, 256)
    stiffness: Mapping[int, StiffnessSettings] = field(default_factory=dict)

    @classmethod
    def from_card(cls, card: ModelCard) -> Xue2020Settings:
        """The settings of a model's card.

        Raises:
            UserError: An entry is missing or wrong.
        """
        card.check_classes(CLASSES)
        settings = card.method_settings
        outcomes = settings.texts("pipelines", allowed=OUTCOMES)
        if GRAY_SCALE not in outcomes or (GRAY_SCALE_ELASTOGRAM in outcomes and ELASTOGRAM not in outcomes):
            settings.refuse("pipelines", f"are {', '.join(outcomes)}; the others need {GRAY_SCALE} (and {ELASTOGRAM})")
        first, second = settings.integers("fusion_hidden", length=2, least=1, most=65536)
        stiffness = {}
        if GRAY_SCALE_STIFFNESS in outcomes:
            part = settings.part("stiffness")
            stiffness = {cut: StiffnessSettings.of(part.part(at_least(cut))) for cut in CUTS}
        return cls(
            outcomes,
            settings.integer("image_size", least=32, most=2048),
            BackboneSettings.of(settings.part("backbone")),
            (first, second),
            stiffness,
        )

    def record(self) -> dict[str, Any]:
        """The card's entry "settings"."""
        return {
            "pipelines": list(self.outcomes),
            "primary_pipeline": next(name for name in OUTCOMES if name in self.outcomes),
            "image_size": self.image_size,
            "backbone": asdict(self.backbone),
            "fusion_hidden": list(self.fusion_hidden),
            "stiffness": {at_least(cut): asdict(one) for cut, one in self.stiffness.items()},
        }
