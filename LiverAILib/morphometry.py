"""Measurements that need no training: volumes of the segmented organs."""

from __future__ import annotations

from LiverAILib.assessment import Measurement, Segmentation


def volume_measurements(segmentation: Segmentation) -> tuple[Measurement, ...]:
    """Volume in mL of every structure in the label map; for a single slice the area in cm2 instead."""
    image = segmentation.image
    found = []
    for structure in segmentation.structures:
        voxels = int((image.array == structure.label).sum())
        if not voxels:
            continue
        if min(image.size) == 1:
            axis = image.size.index(1)
            area = voxels * image.voxel_volume_ml * 1000 / image.spacing[axis] / 100
            found.append(
                Measurement(f"{structure.title} area", round(area, 1), "cm2", "Pixels of the mask in the slice.")
            )
        else:
            volume = voxels * image.voxel_volume_ml
            found.append(Measurement(f"{structure.title} volume", round(volume, 1), "mL", "Voxels of the mask."))
    return tuple(found)
