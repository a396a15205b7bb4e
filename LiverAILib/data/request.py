"""What is asked of an assessment, beside the case and the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from LiverAILib.data.outcome import GRAD_CAM, HEATMAP_TITLES
from LiverAILib.errors import UserError


@dataclass(frozen=True)
class AssessmentRequest:
    """Which slice is looked at and what the heat map shows.

    Attributes:
        slice_index: Slice number (from 0) along the input's own slice axis; chosen automatically where None.
        target_class: Class whose evidence the heat map shows; the predicted one where None.
        heatmap: How the heat map is made, one of `HEATMAP_TITLES`.
    """

    slice_index: int | None = None
    target_class: str | None = None
    heatmap: str = GRAD_CAM

    def check(self, classes: Sequence[str], heatmaps: Sequence[str] = tuple(HEATMAP_TITLES)) -> None:
        """Refuse a class that the model does not have and a kind of heat map that its method does not make.

        Raises:
            UserError: Names those that there are.
        """
        if self.target_class is not None and self.target_class not in classes:
            known = f"Use one of {', '.join(classes)}." if classes else "The model has no classes: leave it out."
            raise UserError(f"target class '{self.target_class}': unknown to the model. {known}")
        if self.heatmap not in heatmaps:
            raise UserError(f"heat map '{self.heatmap}': unknown. Use one of {', '.join(heatmaps)}.")
