"""What the multi-frame objects, segmentation and parametric map, have in common: the place of their frames."""

from __future__ import annotations

from highdicom import PixelMeasuresSequence
from pydicom.dataset import Dataset

from LiverAILib.results.dicom.source import SourceImage


def pixel_measures(source: SourceImage) -> PixelMeasuresSequence:
    """Pixel spacing, slice thickness and the distance of the slices as their positions give it, in mm.

    The element SpacingBetweenSlices of a source may say something else than its positions do.
    """
    rows, columns = source.image.spacing[1], source.image.spacing[0]
    step = source.image.spacing[2]
    thickness = float(source.first.get("SliceThickness") or 0) or step
    uneven = any(code == "uneven_slices" for code, _ in source.image.read_warnings)
    return PixelMeasuresSequence([rows, columns], thickness, None if uneven or len(source.frames) == 1 else step)


def restore_frame_numbers(made: Dataset, source: SourceImage) -> None:
    """Let references to frames of a multi-frame source have their numbers in the stored object."""
    if not source.frame_numbers:
        return
    items = {
        id(reference): reference  # segments of one slice share it
        for groups in made.PerFrameFunctionalGroupsSequence
        for derivation in groups.get("DerivationImageSequence") or ()
        for reference in derivation.SourceImageSequence
    }
    for reference in items.values():
        if "ReferencedFrameNumber" in reference:
            reference.ReferencedFrameNumber = source.frame_numbers[int(reference.ReferencedFrameNumber) - 1]
