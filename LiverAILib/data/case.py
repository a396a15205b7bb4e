"""What is examined: the images of one patient at one time point."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from LiverAILib.data.structures import STRUCTURES
from LiverAILib.imaging.image import Image

if TYPE_CHECKING:
    from LiverAILib.data.cohort import CohortRow

PARTS = ("caudate", "right_lobe", "left_lobe", "portal_vein", "vessels", "lesions")
"""What measurements and explanations use beside the organs; no network marks them."""


@dataclass(frozen=True, eq=False)
class Case:
    """The images of one patient at one time point, by role, and what else is known.

    Attributes:
        images: Role ("t2", "ct", "gray_scale", "elastogram", ...) to image.
        case_id: How the case is called in results.
        masks: Structure ("liver", "spleen", ...) to a mask image; nonzero is inside. A given mask replaces the
            segmentation network's.
        covariates: Age, laboratory values, ... with the unit in the name (`age_years`, `ast_u_per_l`).
    """

    images: Mapping[str, Image]
    case_id: str = "case"
    masks: Mapping[str, Image] = field(default_factory=dict)
    covariates: Mapping[str, float | str] = field(default_factory=dict)

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        role: str = "t2",
        series: str | None = None,
        liver_mask: str | os.PathLike[str] | None = None,
        masks: Mapping[str, Sequence[str | os.PathLike[str]]] | None = None,
        covariates: Mapping[str, float | str] | None = None,
    ) -> Case:
        """A case of one image file or DICOM folder, with mask files and covariates where there are any.

        Args:
            path: The image.
            role: Its role.
            series: Which series of a DICOM folder.
            liver_mask: `FILE` or `FILE#LABEL`; replaces the segmentation network.
            masks: Further structures ("spleen", "caudate", "right_lobe", "portal_vein", "lesions") to their files, each
                `FILE` or `FILE#LABEL`; several files of a structure are united.
            covariates: Age, laboratory values, ... with the unit in the name.

        Raises:
            UserError: A file is missing, unreadable, or not a single 3D scalar image.
        """
        from LiverAILib.data.segmentation_file import read_segmentation_mask
        from LiverAILib.imaging.files import image_name, read_image

        image = read_image(path, series=series)
        files = dict(masks or {}) | ({} if liver_mask is None else {"liver": [liver_mask]})
        read = {}
        for name, paths in files.items():
            parts = [read_segmentation_mask(file, name, reference=image) for file in paths]
            read[name] = parts[0].with_array(np.maximum.reduce([part.array for part in parts]))
        return cls({role: image}, case_id=image_name(path), masks=read, covariates=dict(covariates or {}))

    @classmethod
    def from_row(cls, row: CohortRow, role: str, *, masks: Collection[str] = (*STRUCTURES, *PARTS)) -> Case:
        """The case of a cohort's row, with those of its masks that `masks` names, and its covariates.

        Raises:
            UserError: A file is missing or unreadable, or there is no image of the role.
        """
        image = row.read_image(role)
        given = {
            name: image.with_array(row.read_mask(name, image).astype(np.uint8), modality=None)
            for name in row.masks
            if name in masks
        }
        return cls({role: image}, row.case_id, given, row.covariates)
