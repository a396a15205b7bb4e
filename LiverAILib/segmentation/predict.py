"""Organ masks of a volume, from the segmentation network back to the geometry of the input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from scipy import ndimage

from LiverAILib.data.assessment import CaseWarning, Segmentation
from LiverAILib.data.model import Model, load_model, load_network
from LiverAILib.data.structures import LIVER
from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import AxisOrder, to_canonical
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.intensity import intensity_scale, modality_of
from LiverAILib.imaging.modality import find_modality
from LiverAILib.networks.context_unet import ContextUnet
from LiverAILib.networks.device import bfloat16_pays, choose_device
from LiverAILib.networks.unet import build_unet
from LiverAILib.segmentation.choice import choose_model
from LiverAILib.segmentation.context import context_agreement, context_probabilities, on_slices, pool
from LiverAILib.segmentation.disputes import context_disputes
from LiverAILib.segmentation.grid import SliceGrid, adjacent_slices, most_probable, pad_to_stride
from LiverAILib.segmentation.mask_metrics import MaskMetrics, mask_metrics, metric_warnings
from LiverAILib.segmentation.postprocess import (
    fill_holes,
    largest_component,
    slices_beyond_the_ends,
    smooth_along_slices,
)
from LiverAILib.segmentation.quality import segmentation_warnings
from LiverAILib.segmentation.settings import CONTEXT, SegmentationSettings
from LiverAILib.segmentation.views import VIEWS, invert_view, show

BATCH = 8


@dataclass(frozen=True, eq=False)
class SegmentationResult:
    """What the network found in one image.

    Attributes:
        segmentation: Label map in the geometry of the image.
        warnings: What of it cannot be trusted.
        metrics: What the warnings rest on.
        view_spread: How much the livers of the averaged views differ (1 - lowest Dice with their mean); None for one view.
    """

    segmentation: Segmentation
    warnings: tuple[CaseWarning, ...]
    metrics: MaskMetrics
    view_spread: float | None = None


class Segmenter:
    """A segmentation model, its network loaded once.

    Args:
        model: The model folder.
        device: "auto", "cpu", "cuda" or "mps".
        views: Over how many views of the volume the probabilities are averaged; each costs one more pass of the network.

    Attributes:
        on_slices: Called with the number of slices done and of all slices while the network runs, anew for each view.
    """

    def __init__(self, model: Model, *, device: str | torch.device = "auto", views: int = 1) -> None:
        if model.method != "segmentation":
            raise UserError(f"{model.name}: not a segmentation model but {model.method}. `liverai models` lists them.")
        if not 1 <= views <= len(VIEWS):
            raise UserError(f"--views {views}: there are 1 to {len(VIEWS)} views to average.")
        self.model = model
        self.on_slices: Callable[[int, int], None] = lambda done, count: None
        self.views = VIEWS[:views]
        self.device = choose_device(device) if isinstance(device, str) else device
        self.settings = SegmentationSettings.from_card(model.card)
        self.structures = self.settings.structures
        build = partial(
            build_unet,
            len(model.classes),
            encoder=self.settings.encoder,
            normalization=self.settings.normalization,
        )
        state = model.state()
        network = load_network(model, build, {name: t for name, t in state.items() if not name.startswith(CONTEXT)})
        network.eval().requires_grad_(False)
        # torch annotates `Module.to` without the memory format, which it documents.
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.context: ContextUnet | None = None
        if self.settings.context is not None:
            build_context = partial(ContextUnet, len(model.classes), self.settings.context.channels)
            self.context = load_network(model, build_context, state, prefix=CONTEXT).eval().requires_grad_(False)
            self.context.to(self.device)
        self.mixed = bfloat16_pays(self.device)

    def segment(self, image: Image) -> tuple[Segmentation, tuple[CaseWarning, ...]]:
        """Label map in the geometry of `image`, and what of it cannot be trusted."""
        result = self.examine(image)
        return result.segmentation, result.warnings

    def liver(self, image: Image) -> np.ndarray:
        """Bool (k, j, i) of `image`: the liver."""
        return self.segment(image)[0].image.array == LIVER.label

    def examine(self, image: Image) -> SegmentationResult:
        """Label map in the geometry of `image`, its warnings, and the metrics that they rest on.

        Raises:
            UserError: The model is not for the image's modality.
        """
        modality = self._modality(image)
        canonical, order = to_canonical(image)
        grid = SliceGrid.of(canonical.array.shape, canonical.spacing)
        scale = intensity_scale(canonical, modality)
        volume = grid.downsample(canonical.array, scale)
        probabilities, spread = self._averaged(canonical, scale, volume)
        voxel_mm = grid.voxel_mm(canonical.spacing)
        context, agreement, disputed = self._context_of(volume, voxel_mm, grid), {}, {}
        if context is not None:
            agreement = context_agreement(probabilities, context, self.structures)
            self._pool_context(probabilities, context)
        smooth_within_the_ends(probabilities, grid.group * canonical.spacing[2])
        components = self._keep_largest(probabilities)
        if context is not None:
            disputed = context_disputes(probabilities, context, self.structures, voxel_mm=voxel_mm)
        metrics = mask_metrics(volume, probabilities, self.structures, pixel_mm=voxel_mm[2])
        metrics = replace(metrics, context_agreement=agreement, context_disputes=disputed)
        labels = self._upsample(probabilities, grid)
        for structure in self.structures:
            fill_holes(labels, structure.label)
        reference = self.settings.reference_intensities.get(modality)
        limits = self.settings.low_confidence
        warnings = (
            *segmentation_warnings(labels, canonical, components),
            *metric_warnings(metrics, reference, view_spread=spread, low_confidence=limits),
        )
        return SegmentationResult(self._result(image, labels, order), warnings, metrics, spread)

    def _modality(self, image: Image) -> str:
        finding = find_modality(image)
        if finding.modality not in self.model.card.modality:
            raise UserError(
                f"{image.meta.get('path', 'image')}: the image is {finding}, the model '{self.model.name}' is for "
                f"{' and '.join(self.model.card.modality)}. Choose another image or model, or say what the "
                "image is (on the command line: --modality)."
            )
        return finding.modality

    def _averaged(
        self, canonical: Image, scale: Callable[[np.ndarray], np.ndarray], volume: torch.Tensor
    ) -> tuple[torch.Tensor, float | None]:
        """Mean class probabilities of the views on the grid of the first one, and how much their livers differ.

        Returns:
            Probabilities (classes, slices, rows, columns), and 1 - the lowest Dice of a view's liver with that of the mean;
            None for a single view.
        """
        first = self._probabilities(volume)
        if len(self.views) == 1:
            return first, None
        size = (volume.shape[-2], volume.shape[-1])
        seen = [first]
        for view in self.views[1:]:
            grid = SliceGrid.of(canonical.array.shape, canonical.spacing, pixel_mm=view.pixel_mm)
            shown = show(volume if grid.size == size else grid.downsample(canonical.array, scale), view)
            seen.append(invert_view(self._probabilities(shown), view, size).to(torch.bfloat16))
        mean = torch.zeros_like(first)
        for label in range(len(first)):
            mean[label] = torch.stack([one[label] for one in seen]).float().mean(0).to(torch.bfloat16)
        livers = [most_probable(one) == LIVER.label for one in (*seen, mean)]
        overlaps = [2 * (m & livers[-1]).sum() / (m.sum() + livers[-1].sum()).clamp_min(1) for m in livers[:-1]]
        return mean, round(1 - float(min(overlaps)), 4)

    def _context_of(
        self, volume: torch.Tensor, voxel_mm: tuple[float, float, float], grid: SliceGrid
    ) -> torch.Tensor | None:
        """Class probabilities of the context network for each slice, on its own rows and columns; None without one."""
        if self.context is None:
            return None
        return on_slices(context_probabilities(self.context, volume, voxel_mm, mixed=self.mixed), grid.slices)

    def _pool_context(self, probabilities: torch.Tensor, context: torch.Tensor) -> None:
        assert self.settings.context is not None
        pool(probabilities, context, self.settings.context.weight)

    def segment_slices(self, canonical: Image, positions: range) -> np.ndarray:
        """Labels uint8 (len(positions), j, i) of adjacent slices of a canonical image, without segmenting all of it."""
        grid = SliceGrid.of(canonical.array.shape, canonical.spacing)
        volume = grid.downsample(canonical.array, intensity_scale(canonical, modality_of(canonical)))
        first = max(grid.neighbors(positions[0])[0] - 1, 0)
        last = min(grid.neighbors(positions[-1])[1] + 2, grid.slices)
        probabilities = torch.zeros(len(self.structures) + 1, *volume.shape, dtype=torch.bfloat16)
        part = self._probabilities(volume[first:last])
        context = self._context_of(volume, grid.voxel_mm(canonical.spacing), grid)
        if context is not None:
            self._pool_context(part, context[:, first:last])
        smooth_within_the_ends(part, grid.group * canonical.spacing[2])
        probabilities[:, first:last] = part
        self._keep_largest(probabilities[:, first:last])
        labels = np.stack([grid.upsample_labels(probabilities, position) for position in positions])
        for structure in self.structures:
            fill_holes(labels, structure.label)
        return labels

    def _result(self, image: Image, labels: np.ndarray, order: AxisOrder) -> Segmentation:
        restored = np.ascontiguousarray(order.undo(labels))
        return Segmentation(image.with_array(restored), self.structures, self.model.name)

    def _probabilities(self, volume: torch.Tensor) -> torch.Tensor:
        """Class probabilities (classes, slices, rows, columns), bfloat16 to keep long CT small."""
        parts = []
        count = self.settings.adjacent_slices
        with torch.inference_mode():
            for first in range(0, len(volume), BATCH):
                last = min(first + BATCH, len(volume))
                batch = torch.stack([adjacent_slices(volume, index, count=count) for index in range(first, last)])
                padded, (rows, columns) = pad_to_stride(batch)
                with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed):
                    logits = self.network(padded.to(self.device, memory_format=torch.channels_last))
                parts.append(logits[..., :rows, :columns].float().softmax(1).to("cpu", torch.bfloat16))
                self.on_slices(last, len(volume))
        return torch.cat(parts).transpose(0, 1).contiguous()

    def _keep_largest(self, probabilities: torch.Tensor) -> dict[str, list[int]]:
        """Zero each organ's probability away from its largest component and the liver's beyond its ends, in place.

        Returns:
            Component sizes by organ, largest first.
        """
        predicted = most_probable(probabilities).numpy()
        sizes = {}
        for structure in self.structures:
            inside, sizes[structure.name] = largest_component(predicted == structure.label)
            if len(sizes[structure.name]) > 1:
                elsewhere = (predicted == structure.label) & ~ndimage.binary_dilation(inside)
                probabilities[structure.label][torch.from_numpy(elsewhere)] = 0
            if structure is LIVER:
                cut_beyond_the_ends(probabilities, inside)
        # Where a piece was taken away the second most probable organ shows: right where it joins that organ, else wrong.
        predicted = most_probable(probabilities).numpy()
        for structure in self.structures:
            mask = predicted == structure.label
            inside, pieces = largest_component(mask)
            if len(pieces) > 1:
                left_over = torch.from_numpy(mask & ~inside)
                probabilities[structure.label][left_over] = 0
                probabilities[0][left_over] = 1
        return sizes

    def _upsample(self, probabilities: torch.Tensor, grid: SliceGrid) -> np.ndarray:
        """Labels uint8 (k, j, i) of the canonical volume, interpolated from the network's grid slice by slice."""
        labels = np.zeros(grid.shape, np.uint8)
        with_organ = (probabilities[1:].amax((0, 2, 3)) > 0.05).tolist()
        for position in range(grid.shape[0]):
            low, high, _ = grid.neighbors(position)
            if with_organ[low] or with_organ[high]:
                labels[position] = grid.upsample_labels(probabilities, position)
        return labels


def segment(image: Image, model: Model | str | None = None, *, device: str = "auto", views: int = 1) -> Segmentation:
    """Organ masks of `image` in its own geometry; without a model, the bundled one for its modality.

    Raises:
        UserError: There is no model for the image's modality.

    Examples:
        >>> from LiverAILib import segment
        >>> from LiverAILib.simulation.t2_mr import simulate_t2_mr
        >>> simulated = simulate_t2_mr(4, seed=2, size=(128, 128, 18), spacing=(2.5, 2.5, 15.0))
        >>> segmentation = segment(simulated.image)
        >>> [structure.name for structure in segmentation.structures]
        ['liver', 'right_kidney', 'left_kidney', 'spleen']
        >>> liver = segmentation.image.array == 1
        >>> truth = simulated.labels.array == 1
        >>> bool(2 * (liver & truth).sum() / (liver.sum() + truth.sum()) > 0.9)  # Dice
        True
    """
    chosen = model if isinstance(model, Model) else load_model(model or default_model(image))
    return Segmenter(chosen, device=device, views=views).segment(image)[0]


def smooth_within_the_ends(probabilities: torch.Tensor, slice_mm: float) -> None:
    """Cut what lies beyond the liver's ends, then smooth (classes, slices, rows, columns) along the slices, in place.

    In this order, because a smoothed dome hides the waist between it and the lung.
    """
    liver, _ = largest_component((most_probable(probabilities) == LIVER.label).numpy())
    cut_beyond_the_ends(probabilities, liver)
    smooth_along_slices(probabilities, slice_mm)


def cut_beyond_the_ends(probabilities: torch.Tensor, liver: np.ndarray) -> None:
    """Turn the liver's probability (classes, slices, rows, columns) into background in slices beyond its ends, in place.

    Args:
        probabilities: Changed.
        liver: The connected mask whose ends they are, boolean (slices, rows, columns).
    """
    beyond = torch.from_numpy(slices_beyond_the_ends(liver))
    probabilities[0, beyond] += probabilities[LIVER.label, beyond]
    probabilities[LIVER.label, beyond] = 0


def default_model(image: Image) -> str:
    """Name of the installed segmentation model for the modality of `image`; `choose_model` says why."""
    return choose_model(image).name
