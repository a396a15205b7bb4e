"""A case with its heat map and the masks that the tables of this room count in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class ExplainedCase:
    """One heat map on the grid of the image, numpy only.

    All arrays have the same shape: (k, j, i) for a volume, (rows, columns) for one slice. A method that looks at one slice
    may hand over the whole volume with `seen` marking the slice, so that distances to the liver surface are measured in 3D.

    Attributes:
        case_id: The case.
        pipeline: Which network input the map explains ("segmented", "full", "volume").
        true_class: Class by the reference standard ("cirrhosis", "F4"); None where unknown.
        predicted_class: Class that the network predicts.
        target: Class whose evidence the map shows.
        heatmap: Raw map >= 0, not scaled between cases.
        spacing: Distance between voxel centers in mm, one number an array axis, in the order of the array's axes.
        masks: Structure to boolean mask: "liver", "right_lobe", "left_lobe", "caudate", "spleen", "vessels", "lesions",
            "evidence", ... A structure without a mask is left out here and becomes "not assessed" in the tables.
        seen: Boolean, what the network's input shows (its box or slice); None: everything.
        support: Boolean, where the map could sensibly put its mass: the liver for a network that sees the liver only, the
            body for one that sees the whole image; None: not known.
    """

    case_id: str
    pipeline: str
    true_class: str | None
    predicted_class: str
    target: str
    heatmap: np.ndarray
    spacing: tuple[float, ...]
    masks: Mapping[str, np.ndarray] = field(default_factory=dict)
    seen: np.ndarray | None = None
    support: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = self.heatmap.shape
        others = {**self.masks, "seen": self.seen, "support": self.support}
        for name, mask in others.items():
            if mask is not None and mask.shape != shape:
                raise ValueError(f"case {self.case_id}: '{name}' has shape {mask.shape}, the heat map {shape}")
        if len(self.spacing) != len(shape) or min(self.spacing) <= 0:
            raise ValueError(
                f"case {self.case_id}: spacing {self.spacing} does not fit a map of shape {shape}: one length above 0 an axis"
            )
        if not np.isfinite(self.heatmap).all() or self.heatmap.min(initial=0) < 0:
            raise ValueError(
                f"case {self.case_id}: the heat map is signed or not finite: give its positive part (or score each sign)"
            )

    @property
    def view(self) -> np.ndarray:
        """Boolean mask of what the network's input shows."""
        return np.ones(self.heatmap.shape, bool) if self.seen is None else self.seen.astype(bool)

    def mask(self, name: str) -> np.ndarray | None:
        """The boolean mask of a structure, whole; None where there is none."""
        return self.masks[name].astype(bool) if name in self.masks else None
