"""Image networks without their classifier: last feature maps and pooled features, with pretrained weights by name or file.

Backbones are the classifiers of torchvision (`resnet50`, `inception_v3`, ...) and of timm (`tf_efficientnet_lite0`, ...) by
their names there; torchvision comes first where both have one. Nothing is fetched unless "imagenet" is asked for.
"""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn

from LiverAILib.errors import UserError
from LiverAILib.networks.pretrained import IMAGENET, IMAGENET_MEAN, IMAGENET_STD, download, load_weights, read_weights
from LiverAILib.resources import backbones_folder

BUNDLED = "bundled"
BACKBONE_CARD, BACKBONE_WEIGHTS = "backbone.json", "weights.safetensors"
UNIT_MEAN, UNIT_STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
"""Mean and deviation that bring 0..1 to -1..1, which networks that come from TensorFlow expect."""
HEADS = ("fc.", "classifier.", "head.", "AuxLogits.fc.", "aux1.", "aux2.")
"""First part of the names of the tensors that belong to the classes of ImageNet, which are not used."""
BEHIND = ("avgpool", "dropout", "fc", "classifier", "global_pool", "head")
"""Children of a classifier that come after its last feature maps."""
TRIAL_SIZE = 96
"""Rows and columns of the image that a new backbone is tried out with; Inception takes no less than 75."""


@dataclass(frozen=True)
class Preprocessing:
    """What a backbone expects of its input.

    Attributes:
        image_size: Rows and columns that it was trained with.
        mean: Taken off the channels (0..1).
        std: Divides them afterwards.
        interpolation: "bilinear" or "bicubic": how images were brought to that size in its training.
    """

    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str


class Backbone(nn.Module):
    """A network from color images (batch, 3, rows, columns) to features.

    Attributes:
        name: Its name in torchvision or timm.
        channels: Number of features.
        image_size: Rows and columns that it was trained with; others work too.
        mean: Of the channels, to be taken off an image in 0..1.
        std: Of the channels, to divide by afterwards.
        interpolation: How images were resized in its training, "bilinear" or "bicubic".
    """

    def __init__(self, name: str, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.name = name
        self.image_size, self.interpolation = preprocessing.image_size, preprocessing.interpolation
        self.mean, self.std = preprocessing.mean, preprocessing.std
        self.channels = 0

    @abstractmethod
    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Last feature maps before pooling (batch, channels, h, w)."""

    @property
    @abstractmethod
    def layer_groups(self) -> list[nn.Module]:
        """Groups of layers, first to last, for freezing and layer-wise learning rates."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Globally pooled features (batch, channels)."""
        return self.features(inputs).mean((2, 3))


class TorchvisionBackbone(Backbone):
    """A classifier of torchvision up to its last feature maps.

    Attributes:
        stages: Groups of layers in their order; the last three of inception_v3 are called Mixed_5, Mixed_6 and Mixed_7.
        auxiliary: The auxiliary classifier of inception_v3, which takes what its stage Mixed_6 gives; None of others.
    """

    def __init__(self, name: str, network: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__(name, preprocessing)
        self.stages = nn.Sequential(OrderedDict(_stages(network)))
        if name.startswith("densenet"):
            self.stages.add_module("relu", nn.ReLU())
        self.auxiliary: nn.Module | None = getattr(network, "AuxLogits", None)

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.stages(inputs)

    @property
    def layer_groups(self) -> list[nn.Module]:
        return [stage for stage in self.stages if next(stage.parameters(), None) is not None]


class TimmBackbone(Backbone):
    """A classifier of timm without its classifier."""

    def __init__(self, name: str, network: Any, preprocessing: Preprocessing) -> None:
        super().__init__(name, preprocessing)
        self.network = network

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.network.forward_features(inputs)

    @property
    def layer_groups(self) -> list[nn.Module]:
        return timm_layer_groups(self.network)


def timm_layer_groups(network: nn.Module) -> list[nn.Module]:
    """Groups of layers of a network of timm, first to last, without its classifier: the stem, each stage, what follows them."""
    groups: list[list[nn.Module]] = [[]]
    for name, child in network.named_children():
        if next(child.parameters(), None) is None or name in BEHIND:
            continue
        if isinstance(child, nn.Sequential):
            groups += [[part] for part in child] + [[]]
        else:
            groups[-1].append(child)
    return [nn.Sequential(*group) for group in groups if group]


def build_backbone(name: str, *, weights: str | Path | None = None, fetch: bool = True) -> Backbone:
    """The backbone `name`.

    Args:
        name: A convolutional classifier of torchvision or timm.
        weights: "imagenet" fetches torchvision's published weights (their checksum is compared, no pickled code is run);
            "bundled" takes those that come with LiverAI; else the path of a safetensors file of the network's state dict,
            whose output layer may be missing. None starts from random ones.
        fetch: Whether "imagenet" may use the network; otherwise the weights have to be on this machine from an earlier run.

    Raises:
        UserError: There is no such network, it has no feature maps, or the weights are not there or do not fit.

    Examples:
        >>> backbone = build_backbone("tf_efficientnet_lite0", weights="bundled").eval()
        >>> backbone.channels, backbone.image_size
        (1280, 224)
    """
    if name in torchvision.models.list_models(module=torchvision.models):
        backbone: Backbone = _torchvision_backbone(name, weights, fetch=fetch)
    else:
        backbone = _timm_backbone(name, weights)
    backbone.channels = _channels(backbone)
    return backbone


def backbone_checksum(backbone: nn.Module) -> str:
    """SHA-256 of all tensors of a network in their order, as float32, whatever their names; counters are left out."""
    digest = hashlib.sha256()
    for value in backbone.state_dict().values():
        if value.is_floating_point():
            digest.update(str(tuple(value.shape)).encode())
            digest.update(value.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()


def bundled_backbones() -> list[str]:
    """Names of the backbones whose weights come with LiverAI."""
    return sorted(card.parent.name for card in backbones_folder().glob(f"*/{BACKBONE_CARD}"))


def read_bundled(name: str) -> dict[str, torch.Tensor]:
    """The bundled weights of a backbone as float32, after their checksum was compared.

    Raises:
        UserError: There are none, or the file is damaged.
    """
    folder = backbones_folder() / name
    try:
        stated = json.loads((folder / BACKBONE_CARD).read_text(encoding="utf-8"))["sha256"]
        found = hashlib.sha256((folder / BACKBONE_WEIGHTS).read_bytes()).hexdigest()
    except (OSError, ValueError, KeyError):
        raise UserError(
            f"--encoder-weights bundled: no weights of {name} come with LiverAI, those of "
            f"{', '.join(bundled_backbones()) or 'none'} do. Use imagenet or a safetensors file."
        ) from None
    if stated != found:
        raise UserError(f"{folder / BACKBONE_WEIGHTS}: wrong checksum, the file is damaged. Install LiverAI again.")
    state = read_weights(folder / BACKBONE_WEIGHTS)
    return {key: value.float() if value.is_floating_point() else value for key, value in state.items()}


def _torchvision_backbone(name: str, weights: str | Path | None, *, fetch: bool) -> TorchvisionBackbone:
    enumeration = torchvision.models.get_model_weights(name)
    # The first version is the one that there was when the papers were written.
    published = getattr(enumeration, "IMAGENET1K_V1", None) or next(iter(enumeration))
    # The constructors of two networks warn unless told how to initialize.
    more = {"init_weights": weights is None} if name in ("inception_v3", "googlenet") else {}
    network = torchvision.models.get_model(name, weights=None, **more)
    if weights == IMAGENET:
        if not fetch:
            _check_fetched(name, published.url)
        network.load_state_dict(
            download(lambda: published.get_state_dict(progress=False, check_hash=True, weights_only=True))
        )
    else:
        _load(network, name, weights)
    transforms = published.transforms()
    mean, std = tuple(transforms.mean), tuple(transforms.std)
    if name in ("inception_v3", "googlenet"):
        # torchvision converts the colors of its other networks to those of these two inside of them.
        mean, std = UNIT_MEAN, UNIT_STD
    return TorchvisionBackbone(
        name, network, Preprocessing(transforms.crop_size[0], mean, std, transforms.interpolation.value)
    )


def _check_fetched(name: str, url: str) -> None:
    """Refuse weights that torchvision would have to fetch."""
    place = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not place.is_file():
        raise UserError(f"{name}: its ImageNet weights are not on this machine. Download {url} to {place}.")


def _timm_backbone(name: str, weights: str | Path | None) -> TimmBackbone:
    import timm

    if not timm.is_model(name):
        raise UserError(
            f"--backbone {name}: neither torchvision nor timm has such a network. Use resnet50, for example."
        )
    network: Any = timm.create_model(name, pretrained=False)
    card = network.pretrained_cfg
    if weights == IMAGENET:
        raise UserError(
            f"--encoder-weights imagenet: the weights of timm's {name} are not fetched. Download model.safetensors of "
            f"https://huggingface.co/{card.get('hf_hub_id') or 'timm'} and give the file instead."
        )
    _load(network, name, weights)
    network.reset_classifier(0)
    return TimmBackbone(
        name,
        network,
        Preprocessing(
            int(card.get("input_size", (3, 224, 224))[-1]),
            tuple(card.get("mean", IMAGENET_MEAN)),
            tuple(card.get("std", IMAGENET_STD)),
            str(card.get("interpolation", "bilinear")),
        ),
    )


def _load(network: nn.Module, name: str, weights: str | Path | None) -> None:
    if weights == BUNDLED:
        load_weights(network, f"bundled {name}", state=read_bundled(name), unused=HEADS)
    elif weights is not None:
        load_weights(network, weights, unused=HEADS)


def _stages(network: nn.Module) -> Iterable[tuple[str, nn.Module]]:
    """Name and layers of each group of a torchvision classifier, up to its last feature maps."""
    groups: OrderedDict[str, list[nn.Module]] = OrderedDict()
    for name, child in network.named_children():
        if name in BEHIND:
            break
        if name.startswith(("AuxLogits", "aux")):
            continue
        if name in ("features", "layers") and isinstance(child, nn.Sequential):
            groups |= {f"{name}_{number}": [part] for number, part in enumerate(child)}
        elif name.startswith("Mixed_"):
            groups.setdefault(name[: len("Mixed_5")], []).append(child)
        elif isinstance(child, nn.Sequential) or not groups:
            groups[name if isinstance(child, nn.Sequential) else "stem"] = [child]
        else:
            groups[next(reversed(groups))].append(child)
    return ((name, nn.Sequential(*parts) if len(parts) > 1 else parts[0]) for name, parts in groups.items())


@torch.no_grad()
def _channels(backbone: Backbone) -> int:
    """Number of feature maps, found by trying the backbone out."""
    training = backbone.training
    try:
        shape = backbone.eval().features(torch.zeros(1, 3, TRIAL_SIZE, TRIAL_SIZE)).shape
    except (RuntimeError, AssertionError, NotImplementedError, ValueError, TypeError):
        shape = torch.Size()
    backbone.train(training)
    if len(shape) != 4 or shape[2] != shape[3]:
        raise UserError(
            f"--backbone {backbone.name}: has no feature maps (channels, rows, columns) that could be pooled. Use a "
            "convolutional network, for example resnet50."
        )
    return int(shape[1])


@torch.no_grad()
def group_sizes(backbone: Backbone) -> list[tuple[int, int]]:
    """Channels and rows of the maps behind each layer group for an image of `TRIAL_SIZE` rows and columns.

    Raises:
        UserError: The groups one after the other are not the whole network.
    """
    training = backbone.training
    backbone.eval()
    image = torch.linspace(-1, 1, 3 * TRIAL_SIZE**2).view(1, 3, TRIAL_SIZE, TRIAL_SIZE)
    maps, sizes = image, []
    try:
        for group in backbone.layer_groups:
            maps = group(maps)
            sizes.append((maps.shape[1], maps.shape[2]))
        whole = maps.is_meta or torch.allclose(maps, backbone.features(image), rtol=1e-3, atol=1e-4)
    except (RuntimeError, TypeError, IndexError):
        whole = False
    backbone.train(training)
    if not whole:
        raise UserError(
            f"--backbone {backbone.name}: its layers do not follow each other one by one, so they cannot be split into groups "
            "that are frozen or left out. Use inception_v3, resnet50 or tf_efficientnet_lite0."
        )
    return sizes


def backbone_card(name: str) -> Mapping[str, Any]:
    """Source, license, checksum and input of bundled weights."""
    return json.loads((backbones_folder() / name / BACKBONE_CARD).read_text(encoding="utf-8"))
