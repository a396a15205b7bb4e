"""What the network of Yin 2021 sees: the whole upper abdomen within the liver's slice range, and the way back of a map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from LiverAILib.imaging.geometry import AxisOrder, to_canonical
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.intensity import intensity_scale
from LiverAILib.methods.slice_box import SliceBox
from LiverAILib.methods.view import BODY_HU, View
from LiverAILib.methods.yin2021.settings import InputSettings

LIVER_STEP = 4
"""Points of the prepared slices, along rows and columns, from one stored share of the liver to the next."""


@dataclass(frozen=True)
class SliceStack:
    """Where the network's slices lie in a canonical volume.

    Attributes:
        shape: Shape (k, j, i) of the volume.
        box: The region of every slice that the input shows.
        first: Position of the lower face of the first network slice, in stored slices from the lower face of slice 0.
        step: Thickness of a network slice in stored slices.
        count: Number of network slices.
    """

    shape: tuple[int, int, int]
    box: SliceBox
    first: float
    step: float
    count: int

    @classmethod
    def around(cls, liver: np.ndarray, spacing: tuple[float, float, float], settings: InputSettings) -> SliceStack:
        """The stack of the slices that show the liver, extended evenly beyond both ends to the least number.

        Args:
            liver: Boolean mask (k, j, i) of a canonical image, not empty.
            spacing: Voxel distance in mm along (i, j, k).
            settings: Slice thickness and least number of slices.
        """
        inside = np.flatnonzero(liver.any((1, 2)))
        low, high = float(inside[0]), float(inside[-1] + 1)
        step = settings.slice_mm / spacing[2]
        count = max(settings.slices, round((high - low) / step))
        first = (low + high) / 2 - count * step / 2
        whole = np.ones(liver.shape[1:], bool)
        return cls(liver.shape, SliceBox.around(whole, (spacing[1], spacing[0]), margin=0.0), first, step, count)

    def weights(self) -> np.ndarray:
        """Share of each stored slice in each network slice, float32 (count, k): by overlap, 0 beyond the image.

        Thin stored slices are averaged and thick ones repeated, so that nothing aliases.
        """
        lower = self.first + self.step * np.arange(self.count)[:, None]
        stored = np.arange(self.shape[0])[None, :]
        overlap = np.clip(np.minimum(lower + self.step, stored + 1) - np.maximum(lower, stored), 0, None)
        total = overlap.sum(1, keepdims=True)
        return np.divide(overlap, total, out=np.zeros_like(overlap), where=total > 0).astype(np.float32)

    def upsample(self, maps: torch.Tensor) -> np.ndarray:
        """Maps (count, h, w) of the network's slices as a volume float32 (k, j, i): linear, 0 where the input does not reach."""
        volume = np.zeros(self.shape, np.float32)
        for position in range(self.shape[0]):
            place = (position + 0.5 - self.first) / self.step
            if not 0 <= place <= self.count:
                continue
            place = min(max(place - 0.5, 0.0), self.count - 1.0)
            low = int(place)
            between = torch.lerp(maps[low], maps[min(low + 1, self.count - 1)], place - low)
            size = (self.box.rows, self.box.columns)
            whole = F.interpolate(between[None, None], size=size, mode="bilinear", align_corners=False)
            self.box.paste(whole[0, 0].numpy(), volume[position])
        return volume


def prepare_stack(canonical: Image, liver: np.ndarray, settings: InputSettings) -> tuple[torch.Tensor, SliceStack]:
    """The network input of a case before it is cut into windows.

    Clipped to -125..225 HU and scaled to 0..1 (Yin 2021, Materials and Methods); values that are no HU are rescaled first.

    Args:
        canonical: CT in canonical axis order, HU.
        liver: Boolean mask, same shape, not empty.
        settings: Size, thickness, masking.

    Returns:
        float32 (slices, rows, columns) in 0..1, at least `settings.slices` slices, zeros where the image does not reach; and
        where they lie.
    """
    stack = SliceStack.around(liver, canonical.spacing, settings)
    weights = torch.from_numpy(stack.weights())
    scale = intensity_scale(canonical, "CT")
    size = (settings.image_size, settings.image_size)
    prepared = torch.zeros(stack.count, *size)
    # One stored slice at a time: a long CT of thin slices is never held in memory as floating point.
    for position in torch.nonzero(weights.any(0)).flatten().tolist():
        section = scale(canonical.array[position])
        if settings.masking == "liver":
            section = section * liver[position]
        region = torch.from_numpy(stack.box.cut(section))[None, None]
        small = F.interpolate(region, size=size, mode="bilinear", antialias=True, align_corners=False)[0, 0]
        for index in torch.nonzero(weights[:, position]).flatten().tolist():
            prepared[index] += weights[index, position] * small
    return prepared, stack


def window_starts(count: int, settings: InputSettings) -> list[int]:
    """First slices of the windows at inference: every `stride` slices, the last window ending with the stack."""
    last = count - settings.slices
    return [*range(0, last, settings.stride), last]


def windows(stack: torch.Tensor, settings: InputSettings) -> list[tuple[int, torch.Tensor]]:
    """The windows of a stack (slices, rows, columns) at inference: first slice, and float32 (1, slices, rows, columns)."""
    return [
        (start, stack[None, start : start + settings.slices].float()) for start in window_starts(len(stack), settings)
    ]


@dataclass(frozen=True, eq=False)
class StackView(View):
    """The network's view of a CT.

    Attributes:
        image: The CT, in its own axis order.
        order: Its axis order.
        liver: Boolean mask in canonical order.
        stack: Where the network's slices lie.
        prepared: The slices, float32 (slices, rows, columns) in 0..1.
        settings: How they were prepared.
        role: Role of the CT.
        number: Which of the images of that role.
    """

    image: Image
    order: AxisOrder
    liver: np.ndarray
    stack: SliceStack
    prepared: torch.Tensor
    settings: InputSettings
    role: str = "ct"
    number: int = 0

    @classmethod
    def of(cls, image: Image, liver: np.ndarray, settings: InputSettings) -> StackView:
        """The view of a CT whose liver is `liver`, boolean (k, j, i) of `image`, not empty."""
        canonical, order = to_canonical(image)
        inside = order.apply(liver)
        prepared, stack = prepare_stack(canonical, inside, settings)
        return cls(image, order, inside, stack, prepared, settings)

    def liver_seen(self) -> torch.Tensor:
        """Share of the liver at every fourth point of the prepared slices, float32 (slices, rows / 4, columns / 4)."""
        weights, size = torch.from_numpy(self.stack.weights()), max(1, self.settings.image_size // LIVER_STEP)
        found = torch.zeros(self.stack.count, size, size)
        for position in np.flatnonzero(self.liver.any((1, 2))):
            region = torch.from_numpy(self.stack.box.cut(self.liver[position].astype(np.float32)))[None, None]
            small = F.interpolate(region, size=(size, size), mode="bilinear", antialias=True, align_corners=False)[0, 0]
            found += weights[:, position, None, None] * small
        return found

    @property
    def tensor(self) -> torch.Tensor:  # type: ignore[override]
        """The middle window, float32 (1, slices, rows, columns)."""
        found = windows(self.prepared, self.settings)
        return found[len(found) // 2][1]

    def restore(self, map_: torch.Tensor) -> np.ndarray:
        """Maps (slices of the stack, h, w) in the CT, linear."""
        return np.ascontiguousarray(self.order.undo(self.stack.upsample(map_)))

    def seen(self) -> np.ndarray:
        """Where the network's slices lie, air around the patient included."""
        return np.ascontiguousarray(self.order.undo(self._seen()))

    def support(self) -> np.ndarray:
        """The body within the network's slices, or the liver where only that is shown."""
        inside = self.liver if self.settings.masking == "liver" else self.order.apply(self.image.array) > BODY_HU
        return np.ascontiguousarray(self.order.undo(self._seen() & inside))

    def _seen(self) -> np.ndarray:
        seen = np.zeros(self.stack.shape, bool)
        whole = np.ones((self.stack.box.rows, self.stack.box.columns), bool)
        for position in np.flatnonzero(self.stack.weights().any(0)):
            self.stack.box.paste(whole, seen[position])
        return seen
