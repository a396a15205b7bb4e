"""Organ masks of a volume, from the segmentation network back to the geometry of the input."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from LiverAILib.assessment import CaseWarning, Segmentation
from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import AxisOrder, to_canonical
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.intensity import intensity_scale, modality_of
from LiverAILib.model import Model, load_model
from LiverAILib.networks.device import bfloat16_pays, choose_device
from LiverAILib.networks.unet import build_unet
from LiverAILib.segmentation.grid import SliceGrid, adjacent_slices, pad_to_stride
from LiverAILib.segmentation.postprocess import fill_holes, largest_component, slices_beyond_the_ends
from LiverAILib.segmentation.quality import segmentation_warnings
from LiverAILib.segmentation.structures import LIVER, STRUCTURES

BATCH = 8


class Segmenter:
    """A segmentation model, its network loaded once."""

    def __init__(self, model: Model, *, device: str | torch.device = "auto") -> None:
        if model.method != "segmentation":
            raise UserError(f"{model.name}: not a segmentation model but {model.method}. `liverai models` lists them.")
        self.model = model
        self.device = choose_device(device) if isinstance(device, str) else device
        settings = model.settings
        self.structures = tuple(STRUCTURES[name] for name in model.classes[1:])
        network = build_unet(len(model.classes), in_channels=settings["adjacent_slices"], encoder=settings["encoder"])
        network.load_state_dict(model.state())
        network.eval().requires_grad_(False)
        self.network = network.to(self.device, memory_format=torch.channels_last)
        self.mixed = bfloat16_pays(self.device)

    def segment(self, image: Image) -> tuple[Segmentation, tuple[CaseWarning, ...]]:
        """Label map in the geometry of `image`, and what of it cannot be trusted."""
        modality = modality_of(image)
        if modality not in self.model.card["modality"]:
            raise UserError(
                f"{image.meta.get('path', 'image')}: the image is {modality}, the model '{self.model.name}' is for "
                f"{' and '.join(self.model.card['modality'])}. Choose another image or model."
            )
        canonical, order = to_canonical(image)
        grid = SliceGrid.of(canonical.array.shape, canonical.spacing)
        volume = grid.shrink(canonical.array, intensity_scale(canonical, modality))
        probabilities = self._probabilities(volume)
        components = self._keep_largest(probabilities)
        labels = self._enlarge(probabilities, grid)
        for structure in self.structures:
            fill_holes(labels, structure.label)
        warnings = segmentation_warnings(labels, canonical, components)
        return self._result(image, labels, order), warnings

    def segment_slices(self, canonical: Image, positions: range) -> np.ndarray:
        """Labels uint8 (len(positions), j, i) of adjacent slices of a canonical image, without segmenting all of it."""
        grid = SliceGrid.of(canonical.array.shape, canonical.spacing)
        volume = grid.shrink(canonical.array, intensity_scale(canonical, modality_of(canonical)))
        first = max(grid.neighbors(positions[0])[0] - 1, 0)
        last = min(grid.neighbors(positions[-1])[1] + 2, grid.slices)
        probabilities = torch.zeros(len(self.structures) + 1, *volume.shape, dtype=torch.bfloat16)
        probabilities[:, first:last] = self._probabilities(volume[first:last])
        self._keep_largest(probabilities[:, first:last])
        labels = np.stack([grid.enlarge_slice(probabilities, position).argmax(0).numpy() for position in positions])
        labels = labels.astype(np.uint8)
        for structure in self.structures:
            fill_holes(labels, structure.label)
        return labels

    def _result(self, image: Image, labels: np.ndarray, order: AxisOrder) -> Segmentation:
        restored = np.ascontiguousarray(order.undo(labels))
        return Segmentation(image.with_array(restored), self.structures, self.model.name)

    def _probabilities(self, volume: torch.Tensor) -> torch.Tensor:
        """Class probabilities (classes, slices, rows, columns), bfloat16 to keep long CT small."""
        parts = []
        with torch.inference_mode():
            for first in range(0, len(volume), BATCH):
                last = min(first + BATCH, len(volume))
                batch = torch.stack([adjacent_slices(volume, index) for index in range(first, last)])
                padded, (rows, columns) = pad_to_stride(batch)
                with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed):
                    logits = self.network(padded.to(self.device, memory_format=torch.channels_last))
                parts.append(logits[..., :rows, :columns].float().softmax(1).to("cpu", torch.bfloat16))
        return torch.cat(parts).transpose(0, 1).contiguous()

    def _keep_largest(self, probabilities: torch.Tensor) -> dict[str, list[int]]:
        """Zero each organ's probability away from its largest component and the liver's beyond its ends, in place.

        Returns:
            Component sizes by organ, largest first.
        """
        predicted = probabilities.argmax(0).numpy()
        sizes = {}
        for structure in self.structures:
            inside, sizes[structure.name] = largest_component(predicted == structure.label)
            if len(sizes[structure.name]) > 1:
                elsewhere = (predicted == structure.label) & ~ndimage.binary_dilation(inside)
                probabilities[structure.label][torch.from_numpy(elsewhere)] = 0
            if structure is LIVER:
                probabilities[structure.label, torch.from_numpy(slices_beyond_the_ends(inside))] = 0
        return sizes

    def _enlarge(self, probabilities: torch.Tensor, grid: SliceGrid) -> np.ndarray:
        """Labels uint8 (k, j, i) of the canonical volume, interpolated from the network's grid slice by slice."""
        labels = np.zeros(grid.shape, np.uint8)
        with_organ = (probabilities[1:].amax((0, 2, 3)) > 0.05).tolist()
        for position in range(grid.shape[0]):
            low, high, _ = grid.neighbors(position)
            if with_organ[low] or with_organ[high]:
                labels[position] = grid.enlarge_slice(probabilities, position).argmax(0).numpy()
        return labels


def segment(image: Image, model: Model | str | None = None, *, device: str = "auto") -> Segmentation:
    """Organ masks of `image` in its own geometry; without a model, the bundled one for its modality.

    Raises:
        UserError: There is no model for the image's modality.
    """
    chosen = model if isinstance(model, Model) else load_model(model or default_model(image))
    return Segmenter(chosen, device=device).segment(image)[0]


def default_model(image: Image) -> str:
    """Name of the installed segmentation model for the modality of `image`."""
    from LiverAILib.model import list_models

    modality = modality_of(image)
    for model in list_models():
        if model.method == "segmentation" and modality in model.card["modality"]:
            return model.name
    raise UserError(f"no segmentation model for {modality} images is installed. Install one or give a mask.")
