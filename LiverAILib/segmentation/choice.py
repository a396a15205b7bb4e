"""Which segmentation model takes an image, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.modality import ModalityFinding, find_modality


@dataclass(frozen=True)
class ModelChoice:
    """The segmentation model for an image.

    Attributes:
        name: Name or folder of the model.
        finding: Modality of the image and how it is known.
        given: Whether the user named the model.
    """

    name: str
    finding: ModalityFinding
    given: bool

    @property
    def why(self) -> str:
        """Why this model, for a person: "CT: DICOM Modality"."""
        return f"{'named by the user; the image is ' if self.given else ''}{self.finding}"

    def record(self) -> dict[str, Any]:
        """The choice, JSON-able."""
        return {
            "model": self.name,
            "why": self.why,
            "modality": self.finding.modality,
            "modality_from": self.finding.source,
            "modality_why": self.finding.why,
        }


def choose_model(image: Image, name: str | None = None) -> ModelChoice:
    """The segmentation model called `name`, else the first installed one for the modality of `image`.

    Raises:
        UserError: No model for the modality is installed.
    """
    from LiverAILib.data.model import list_models

    finding = find_modality(image)
    if name is not None:
        return ModelChoice(str(name), finding, given=True)
    for model in list_models():
        if model.method == "segmentation" and finding.modality in model.card.modality:
            return ModelChoice(model.name, finding, given=False)
    raise UserError(
        f"{image.meta.get('path', 'image')}: no segmentation model for {finding.modality} ({finding.why}) is installed. "
        "Install one, give a mask, or say that the image is MR or CT (on the command line: --modality)."
    )
