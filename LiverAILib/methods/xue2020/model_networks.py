"""The networks of a Xue 2020 model together, and how they are kept in and read from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from LiverAILib.data.model import CARD, Model, load_network
from LiverAILib.errors import UserError
from LiverAILib.methods.xue2020.network import BinaryModels, FusionModels, Trunk, split_backbone
from LiverAILib.methods.xue2020.settings import GRAY_SCALE_ELASTOGRAM, MODALITIES, Xue2020Settings
from LiverAILib.networks.backbones import BUNDLED, Backbone, build_backbone

FUSION, TRUNK = "fusion", "trunk"


@dataclass(frozen=True, eq=False)
class Networks:
    """All networks of a model, and the settings that describe them.

    Attributes:
        settings: The settings.
        backbone: What they were split from.
        trunk: The frozen layers, shared.
        models: The binary models by modality.
        fusion: The classifiers of GM + EM.
    """

    settings: Xue2020Settings
    backbone: Backbone
    trunk: Trunk
    models: Mapping[str, BinaryModels]
    fusion: FusionModels

    def state(self) -> dict[str, torch.Tensor]:
        """What a model folder holds: what was trained, and the frozen layers only where no backbone in the box has them."""
        outcomes = self.settings.outcomes
        parts: dict[str, nn.Module] = {name: self.models[name] for name in MODALITIES if name in outcomes}
        if GRAY_SCALE_ELASTOGRAM in outcomes:
            parts[FUSION] = self.fusion
        if not self.settings.backbone.checksum:
            parts[TRUNK] = self.trunk
        return {f"{part}.{key}": value for part, one in parts.items() for key, value in one.cpu().state_dict().items()}


def load_networks(model: Model) -> Networks:
    """The networks of a model in evaluation mode, on the CPU; those that it does not answer with have random weights.

    Raises:
        UserError: The weights do not fit the card, or the backbone in the box is not the one that the model was trained on.
    """
    settings = Xue2020Settings.from_card(model.card)
    described = settings.backbone
    in_box = bool(described.checksum)
    backbone = build_backbone(described.name, weights=BUNDLED if in_box else None)
    trunk, layers, channels = split_backbone(backbone, described)
    if in_box and trunk.checksum != described.checksum:
        raise UserError(
            f"{model.folder / CARD}: was trained on another version of {described.name} (its frozen layers have the checksum "
            f"{described.checksum[:12]}..., those in the box {trunk.checksum[:12]}...). Install the model and LiverAI again."
        )
    state = model.state()
    if not in_box:
        # Of its tensors only the layers' are stored; the colors that it normalizes by are the backbone's.
        trunk.groups = load_network(model, lambda: trunk.groups, state, prefix=f"{TRUNK}.groups.").eval()
    models = {}
    for modality in MODALITIES:
        models[modality] = BinaryModels(layers, channels)
        if modality in settings.outcomes:
            models[modality] = load_network(model, lambda: BinaryModels(layers, channels), state, prefix=f"{modality}.")
    fusion = FusionModels(channels, settings.fusion_hidden)
    if GRAY_SCALE_ELASTOGRAM in settings.outcomes:
        hidden = settings.fusion_hidden
        fusion = load_network(model, lambda: FusionModels(channels, hidden), state, prefix=f"{FUSION}.")
    for one in (*models.values(), fusion):
        one.eval()
    return Networks(settings, backbone, trunk, models, fusion)
