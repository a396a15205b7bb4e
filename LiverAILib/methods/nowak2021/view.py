"""What the networks of Nowak 2021 see: one slice, the liver alone or the whole of it, and the way back of a map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from LiverAILib.imaging.geometry import AxisOrder
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.intensity import clip_percentiles
from LiverAILib.methods.nowak2021.settings import IMAGE_SIZE, LIVER_MARGIN, PUBLISHED_ENCODER, EncoderSettings
from LiverAILib.methods.slice_box import SliceBox
from LiverAILib.methods.view import BODY_SHARE, View


def prepare_slice(
    section: np.ndarray,
    liver: np.ndarray,
    pixel_mm: tuple[float, float],
    *,
    pipeline: str,
    size: int = IMAGE_SIZE,
    margin: float = LIVER_MARGIN,
) -> tuple[torch.Tensor, SliceBox]:
    """The network input of one slice, before it is normalized as the encoder expects it.

    Defaults where the paper is silent (its Supplement S3 is not public): clip to the 1st and 99th percentile, for the
    segmented pipeline inside the liver only; square region, the liver's box plus 10 % a side; bilinear to 224x224.

    Args:
        section: Intensities (rows, columns), rows anterior to posterior, columns right to left of the patient.
        liver: Boolean mask, same shape.
        pixel_mm: Row and column spacing in mm.
        pipeline: "segmented" or "full".
        size: Rows and columns of the input.
        margin: Border around the liver in the segmented pipeline, as a share of the liver's longer side.

    Returns:
        float32 (size, size) in 0..1, and the region of the slice that it shows.
    """
    if pipeline == "segmented":
        box = SliceBox.around(liver, pixel_mm, margin=margin)
        scaled = clip_percentiles(section, mask=liver) * liver
    else:
        box = SliceBox.around(np.ones(section.shape, bool), pixel_mm, margin=0.0)
        scaled = clip_percentiles(section)
    region = torch.from_numpy(box.cut(scaled))[None, None]
    resized = F.interpolate(region, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    return resized[0, 0], box


def network_input(slices: torch.Tensor, encoder: EncoderSettings = PUBLISHED_ENCODER) -> torch.Tensor:
    """Slices (batch, rows, columns) in 0..1 as three equal channels, normalized as the encoder expects it."""
    mean = torch.tensor(encoder.mean, device=slices.device)[None, :, None, None]
    std = torch.tensor(encoder.std, device=slices.device)[None, :, None, None]
    return (slices[:, None].expand(-1, 3, -1, -1) - mean) / std


@dataclass(frozen=True, eq=False)
class SliceView(View):
    """One pipeline's view of a volume.

    Attributes:
        image: The volume, in its own axis order.
        order: Its axis order.
        section: Intensities (rows, columns) of the slice in canonical order.
        liver: Boolean mask of the liver in it.
        position: Canonical number of the slice.
        pipeline: "segmented" or "full".
        prepared: Network input before normalization, float32 (size, size) in 0..1.
        box: Region of the slice that the input shows.
        encoder: Whose normalization the network input has.
        role: Role of the volume.
        number: Which of the images of that role.
    """

    image: Image
    order: AxisOrder
    section: np.ndarray
    liver: np.ndarray
    position: int
    pipeline: str
    prepared: torch.Tensor
    box: SliceBox
    encoder: EncoderSettings = PUBLISHED_ENCODER
    role: str = "t2"
    number: int = 0

    @classmethod
    def of(
        cls,
        image: Image,
        canonical: Image,
        order: AxisOrder,
        liver: np.ndarray,
        position: int,
        *,
        pipeline: str,
        size: int = IMAGE_SIZE,
        margin: float = LIVER_MARGIN,
        encoder: EncoderSettings = PUBLISHED_ENCODER,
    ) -> SliceView:
        """The view of slice `position` of a volume.

        Args:
            image: The volume.
            canonical: The same in canonical axis order, as `order` says.
            order: Axis order of `image`.
            liver: Boolean mask (rows, columns) of the slice; not empty for the segmented pipeline.
            position: Canonical number of the slice.
            pipeline: "segmented" or "full".
            size: Rows and columns of the input.
            margin: Border around the liver in the segmented pipeline, as a share of the liver's longer side.
            encoder: Whose normalization the network input has.
        """
        section = np.nan_to_num(canonical.array[position].astype(np.float32))
        pixel_mm = (canonical.spacing[1], canonical.spacing[0])
        prepared, box = prepare_slice(section, liver, pixel_mm, pipeline=pipeline, size=size, margin=margin)
        return cls(image, order, section, liver, position, pipeline, prepared, box, encoder)

    @property
    def tensor(self) -> torch.Tensor:  # type: ignore[override]
        """The network input, float32 (3, size, size)."""
        return network_input(self.prepared[None], self.encoder)[0]

    def liver_seen(self) -> torch.Tensor:
        """Share of the liver at every point of the network input, float32 (size, size)."""
        region = torch.from_numpy(self.box.cut(self.liver.astype(np.float32)))[None, None]
        size = self.prepared.shape
        return F.interpolate(region, size=size, mode="bilinear", antialias=True, align_corners=False)[0, 0]

    def restore(self, map_: torch.Tensor) -> np.ndarray:
        """A map (h, w) in the chosen slice, bilinear."""
        size = (self.box.rows, self.box.columns)
        upsampled = F.interpolate(map_[None, None], size=size, mode="bilinear", align_corners=False)
        return self._placed(upsampled[0, 0].numpy(), np.float32)

    def seen(self) -> np.ndarray:
        """The region of the chosen slice."""
        return self._placed(np.ones((self.box.rows, self.box.columns), bool), bool)

    def support(self) -> np.ndarray:
        """The liver in the chosen slice, or the body for the full image."""
        inside = self.liver
        if self.pipeline == "full":
            inside = self.section > BODY_SHARE * np.percentile(self.section, 99)
        volume = self._empty(bool)
        volume[self.position] = inside
        return np.ascontiguousarray(self.order.undo(volume))

    def _empty(self, dtype: type) -> np.ndarray:
        return np.zeros(self.order.apply(self.image.array).shape, dtype)

    def _placed(self, region: np.ndarray, dtype: type) -> np.ndarray:
        volume = self._empty(dtype)
        self.box.paste(region, volume[self.position])
        return np.ascontiguousarray(self.order.undo(volume))
