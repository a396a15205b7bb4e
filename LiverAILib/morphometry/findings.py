"""What a measurement works on, and what it gives back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from LiverAILib.data.assessment import CaseWarning, Segmentation
from LiverAILib.data.measurement import Drawing, Measurement, NotAssessed
from LiverAILib.imaging.geometry import axis_order
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.intensity import modality_of


@dataclass(frozen=True)
class Morphometry:
    """Measurements, what could not be measured, how it was done, and what cannot be trusted."""

    measurements: tuple[Measurement, ...] = ()
    not_assessed: tuple[NotAssessed, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    warnings: tuple[CaseWarning, ...] = ()

    @classmethod
    def joined(cls, findings: Iterable[Morphometry]) -> Morphometry:
        """All of several findings, in their order."""
        findings = tuple(findings)
        return cls(
            measurements=tuple(m for one in findings for m in one.measurements),
            not_assessed=tuple(n for one in findings for n in one.not_assessed),
            drawings=tuple(d for one in findings for d in one.drawings),
            warnings=tuple(w for one in findings for w in one.warnings),
        )


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A segmented image in canonical axes: arrays (k, j, i) run to superior, posterior and left.

    Attributes:
        array: Voxel values.
        spacing: mm along (i, j, k).
        modality: "CT" or "MR".
        structures: Name of a structure ("liver", "spleen", "caudate", "right_lobe", "lesions") to its bool mask; only those
            that have a voxel.
        source: Where the masks come from: "given" or the name of the segmentation model.
        meta: What the file says about the image.
    """

    array: np.ndarray
    spacing: tuple[float, float, float]
    modality: str
    structures: Mapping[str, np.ndarray]
    source: str = "given"
    meta: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, image: Image, segmentation: Segmentation, parts: Mapping[str, np.ndarray]) -> Anatomy:
        """The anatomy of an assessment; `parts` are further masks, (k, j, i) of `image`."""
        order = axis_order(image)
        labels = order.apply(segmentation.image.array)
        masks = {structure.name: labels == structure.label for structure in segmentation.structures}
        masks |= {name: order.apply(np.asarray(part, bool)) for name, part in parts.items()}
        return cls(
            array=order.apply(image.array),
            spacing=(image.spacing[order.axes[0]], image.spacing[order.axes[1]], image.spacing[order.axes[2]]),
            modality=modality_of(image),
            structures={name: mask for name, mask in masks.items() if mask.any()},
            source=segmentation.source,
            meta=image.meta,
        )

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in mL."""
        return float(np.prod(self.spacing)) / 1000

    @property
    def is_volume(self) -> bool:
        """False for a single slice, in which nothing can be said about volumes."""
        return min(self.array.shape) > 1
