"""The networks of Xue 2020: three binary models a modality on a shared frozen trunk, and the classifier of both modalities."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import nn

from LiverAILib.errors import UserError
from LiverAILib.methods.xue2020.settings import CUTS, BackboneSettings, at_least
from LiverAILib.networks.backbones import TRIAL_SIZE, Backbone, backbone_checksum, group_sizes

EARLY_STRIDE = 8
"""HiResCAM looks at the last layer group whose maps are no coarser than the image divided by this."""
DROPOUT = 0.5
Score = Callable[[torch.Tensor], torch.Tensor]


class Trunk(nn.Module):
    """The frozen lower layers, which all binary models share: color images (batch, 3, rows, columns) in 0..1 to feature maps.

    Attributes:
        groups: Its layer groups, none where everything is trained.
        early: How many of all groups, its own and those that follow, HiResCAM looks behind.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, groups: Sequence[nn.Module], backbone: Backbone) -> None:
        super().__init__()
        self.groups = nn.ModuleList(groups)
        self.early = 0
        shape = (1, 3, 1, 1)
        self.register_buffer("mean", torch.tensor(backbone.mean).view(shape), persistent=False)
        self.register_buffer("std", torch.tensor(backbone.std).view(shape), persistent=False)

    def normalize(self, images: torch.Tensor) -> torch.Tensor:
        """Images as the backbone expects them."""
        return (images - self.mean) / self.std

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.normalize(images)
        for group in self.groups:
            maps = group(maps)
        return maps

    @property
    def checksum(self) -> str:
        """Of its tensors (see `backbone_checksum`)."""
        return backbone_checksum(self)


def split_backbone(backbone: Backbone, settings: BackboneSettings) -> tuple[Trunk, list[nn.Module], int]:
    """The frozen trunk in evaluation mode, the layers that are trained, and the number of their feature maps.

    Raises:
        UserError: The backbone has fewer layer groups, or its groups one after the other are not the whole network.
    """
    groups = backbone.layer_groups
    if not settings.frozen < settings.groups <= len(groups):
        raise UserError(
            f"--backbone {backbone.name}: has {len(groups)} layer groups; {settings.groups} of them, {settings.frozen} frozen, "
            "were asked for. Give --backbone-groups and --frozen-groups that fit."
        )
    sizes = group_sizes(backbone)
    trunk = Trunk(groups[: settings.frozen], backbone)
    trunk.early = max([n for n, (_, rows) in enumerate(sizes, 1) if rows * EARLY_STRIDE >= TRIAL_SIZE], default=1)
    trunk.early = min(trunk.early, settings.groups)
    trunk.eval().requires_grad_(False)
    layers = [group.requires_grad_() for group in groups[settings.frozen : settings.groups]]
    return trunk, layers, sizes[settings.groups - 1][0]


class BinaryModel(nn.Module):
    """The trained layers of one question (at least stage so and so, or not) on the trunk's maps."""

    def __init__(self, layers: Sequence[nn.Module], channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*copy.deepcopy(list(layers)))
        self.output = nn.Linear(channels, 2)

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Last feature maps (batch, channels, h, w) from the trunk's maps."""
        return self.layers(inputs)

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Scores (batch, 2) of the feature maps: below the cut-off, at least."""
        return self.output(features.mean((2, 3)))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.classify(self.features(inputs))


class BinaryModels(nn.Module):
    """The three binary models of a modality, which share nothing but the frozen trunk, so that one run trains all of them."""

    def __init__(self, layers: Sequence[nn.Module], channels: int) -> None:
        super().__init__()
        self.models = nn.ModuleDict({str(cut): BinaryModel(layers, channels) for cut in CUTS})

    def of(self, cut: int) -> BinaryModel:
        """The model for one cut-off."""
        model = self.models[str(cut)]
        assert isinstance(model, BinaryModel)
        return model

    @property
    def layer_groups(self) -> list[nn.Module]:
        """All that is trained, at one learning rate."""
        return [self]

    def pooled(self, maps: torch.Tensor) -> torch.Tensor:
        """Pooled features (batch, cut-offs, channels) of the trunk's maps."""
        return torch.stack([self.of(cut).features(maps).mean((2, 3)) for cut in CUTS], 1)

    def scores(self, pooled: torch.Tensor) -> torch.Tensor:
        """Scores (batch, cut-offs, 2) of pooled features."""
        return torch.stack([self.of(cut).output(pooled[:, number]) for number, cut in enumerate(CUTS)], 1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Scores (batch, cut-offs, 2)."""
        return self.scores(self.pooled(maps))


class AuxiliaryModels(nn.Module):
    """Binary models with Inception-V3's auxiliary classifier, which helps in training and is then left out.

    Where all layers before it are frozen it only learns itself: no gradient goes back from it.

    Attributes:
        before: How many of the trained layer groups it comes behind.
    """

    def __init__(self, models: BinaryModels, auxiliary: nn.Module, *, before: int) -> None:
        super().__init__()
        self.trained, self.before = models, before
        self.auxiliary = nn.ModuleDict()
        for cut in CUTS:
            own = copy.deepcopy(auxiliary)
            own.fc = nn.Linear(own.fc.in_features, 2)  # type: ignore[arg-type, union-attr]  # InceptionAux
            self.auxiliary[str(cut)] = own

    @property
    def layer_groups(self) -> list[nn.Module]:
        """As `BinaryModels`."""
        return [self]

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return self.trained(maps)

    def both(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores (batch, cut-offs, 2) of the models and of their auxiliary classifiers."""
        main, side = [], []
        for cut in CUTS:
            model, here = self.trained.of(cut), maps
            for number, layer in enumerate(model.layers):
                if number == self.before:
                    side.append(self.auxiliary[str(cut)](here))
                here = layer(here)
            main.append(model.classify(here))
        return torch.stack(main, 1), torch.stack(side, 1)


class FusionModel(nn.Module):
    """GM + EM: the pooled features of both modalities, three fully connected layers (Xue 2020, Multimodalities).

    4096-1024-256-2 with Inception-V3; ReLU and dropout between them are defaults.
    """

    def __init__(self, channels: int, hidden: Sequence[int]) -> None:
        super().__init__()
        first, second = hidden
        self.layers = nn.Sequential(
            nn.Linear(2 * channels, first), nn.ReLU(), nn.Dropout(DROPOUT),
            nn.Linear(first, second), nn.ReLU(), nn.Dropout(DROPOUT),
            nn.Linear(second, 2),
        )  # fmt: skip

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        """Scores (batch, 2) of pooled features (batch, 2 * channels), gray-scale first."""
        return self.layers(pooled)


class FusionModels(nn.Module):
    """GM + EM for every cut-off, each on the features of the two binary models for that cut-off."""

    def __init__(self, channels: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.models = nn.ModuleDict({str(cut): FusionModel(channels, hidden) for cut in CUTS})

    def of(self, cut: int) -> FusionModel:
        """The model for one cut-off."""
        model = self.models[str(cut)]
        assert isinstance(model, FusionModel)
        return model

    @property
    def layer_groups(self) -> list[nn.Module]:
        """All that is trained, at one learning rate."""
        return [self]

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        """Scores (batch, cut-offs, 2) of pooled features (batch, cut-offs, 2 * channels)."""
        return torch.stack([self.of(cut)(pooled[:, number]) for number, cut in enumerate(CUTS)], 1)


class ScoredModel(nn.Module):
    """A binary model on the trunk's maps, as Grad-CAM takes it: its own score, or that of GM + EM through its features.

    Attributes:
        model: The binary model.
        score: Function of pooled features (batch, channels) that gives the scores (batch, 2) to explain.
    """

    def __init__(self, model: BinaryModel, score: Score | None = None) -> None:
        super().__init__()
        self.model, self.score = model, score or model.output
        self.eval()

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Last feature maps from the trunk's maps."""
        return self.model.features(inputs)

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Scores (batch, 2) of the last feature maps."""
        return self.score(features.mean((2, 3)))


class EarlyModel(nn.Module):
    """The same from the image on, split behind an early layer group, as HiResCAM takes it."""

    def __init__(self, trunk: Trunk, model: BinaryModel, score: Score | None = None) -> None:
        super().__init__()
        self.trunk, self.scored = trunk, ScoredModel(model, score)
        self.eval()

    @property
    def _groups(self) -> list[nn.Module]:
        return [*self.trunk.groups, *self.scored.model.layers]

    def early_features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Feature maps of images (batch, 3, rows, columns) behind that group."""
        maps = self.trunk.normalize(inputs)
        for group in self._groups[: self.trunk.early]:
            maps = group(maps)
        return maps

    def classify_early(self, features: torch.Tensor) -> torch.Tensor:
        """Scores (batch, 2) of those."""
        for group in self._groups[self.trunk.early :]:
            features = group(features)
        return self.scored.classify(features)


def probabilities(scores: torch.Tensor) -> torch.Tensor:
    """Probability (batch, cut-offs) of at least each cut-off from scores (batch, cut-offs, 2)."""
    return F.softmax(scores.float(), -1)[..., 1]


def cut_names() -> list[str]:
    """What the binary models ask, in their order."""
    return [at_least(cut) for cut in CUTS]
