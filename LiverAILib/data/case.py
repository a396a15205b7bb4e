"""What is examined: the images of one patient at one time point."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from LiverAILib.data.regions import Region, Regions
from LiverAILib.data.structures import PART_STRUCTURES, STRUCTURES
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image, with_modality

if TYPE_CHECKING:
    from LiverAILib.data.cohort import CohortRow

PARTS = tuple(PART_STRUCTURES)
"""What measurements and explanations use beside the organs; no network marks them."""


@dataclass(frozen=True, eq=False)
class Case:
    """The images of one patient at one time point, by role, and what else is known.

    Attributes:
        images: Role ("t2", "ct", "gray_scale", "elastogram", ...) to the images of that role, in order; a single image may be
            given as it is.
        case_id: How the case is called in results.
        masks: Structure ("liver", "spleen", ...) to a mask image; nonzero is inside. A given mask replaces the
            segmentation network's.
        covariates: Age, laboratory values, ... with the unit in the name (`age_years`, `ast_u_per_l`).
        regions: Rectangles that were drawn by hand: name ("liver", "kidney") to one on each image of the first role, or to one
            for all of them; a single one may be given as it is.

    Examples:
        >>> from LiverAILib import Case
        >>> from LiverAILib.simulation.t2_mr import simulate_t2_mr
        >>> simulated = simulate_t2_mr(4, seed=2, size=(128, 128, 18), spacing=(2.5, 2.5, 15.0))
        >>> case = Case({"t2": simulated.image}, "patient 7", covariates={"age_years": 54})
        >>> case.image("t2").modality
        'MR'
    """

    images: Mapping[str, tuple[Image, ...]]
    case_id: str = "case"
    masks: Mapping[str, Image] = field(default_factory=dict)
    covariates: Mapping[str, float | str] = field(default_factory=dict)
    regions: Regions = field(default_factory=dict)

    def __post_init__(self) -> None:
        images = {role: (given,) if isinstance(given, Image) else tuple(given) for role, given in self.images.items()}
        empty = [role for role, given in images.items() if not given]
        if empty:
            raise ValueError(f"case {self.case_id}: role '{empty[0]}' has no image; leave the role out")
        object.__setattr__(self, "images", images)
        regions = {name: (one,) if isinstance(one, Region) else tuple(one) for name, one in self.regions.items()}
        object.__setattr__(self, "regions", regions)

    def image(self, role: str, number: int = 0) -> Image:
        """The image of a role, the first one by default.

        Raises:
            UserError: There is none.
        """
        given = self.images.get(role, ())
        if number >= len(given):
            raise UserError(
                f"case {self.case_id}: no image '{role}'{f' number {number + 1}' if number else ''}; it has "
                f"{', '.join(self.images) or 'none'}. Give that image or choose another model."
            )
        return given[number]

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        role: str = "t2",
        series: str | None = None,
        modality: str | None = None,
        liver_mask: str | os.PathLike[str] | None = None,
        masks: Mapping[str, Sequence[str | os.PathLike[str]]] | None = None,
        covariates: Mapping[str, float | str] | None = None,
        label_names: str | os.PathLike[str] | None = None,
    ) -> Case:
        """A case of one image file or DICOM folder, with mask files and covariates where there are any.

        Args:
            path: The image.
            role: Its role.
            series: Which series of a DICOM folder.
            modality: What the image is ("MR", "CT"); None: what its header or its intensities say.
            liver_mask: `FILE`, `FILE#NAME` or `FILE#LABEL`; replaces the segmentation network.
            masks: Further structures ("spleen", "caudate", "right_lobe", "portal_vein", "lesions") to their files, each
                in the same form; several files of a structure are united.
            covariates: Age, laboratory values, ... with the unit in the name.
            label_names: Names of the labels of mask files that have none: "totalsegmentator", "totalsegmentator:TASK" or a JSON
                file (`stated_names`).

        Raises:
            UserError: A file is missing, unreadable, or not a single image.
        """
        from LiverAILib.imaging.files import image_name

        case = cls.from_files(
            {role: [path]},
            series=series,
            modality=modality,
            liver_mask=liver_mask,
            masks=masks,
            covariates=covariates,
            label_names=label_names,
        )
        return replace(case, case_id=image_name(Path(path)))

    @classmethod
    def from_files(
        cls,
        images: Mapping[str, Sequence[str | os.PathLike[str]]],
        *,
        case_id: str = "case",
        modalities: Mapping[str, str] | None = None,
        series: str | None = None,
        modality: str | None = None,
        liver_mask: str | os.PathLike[str] | None = None,
        masks: Mapping[str, Sequence[str | os.PathLike[str]]] | None = None,
        covariates: Mapping[str, float | str] | None = None,
        regions: Regions | None = None,
        label_names: str | os.PathLike[str] | None = None,
    ) -> Case:
        """A case of several files; arguments and errors as in `from_file`, and an error where they are of different patients.

        Args:
            images: Role to files; masks lie on the first image of the first role.
            case_id: How the case is called in results.
            modalities: Role to the modality of files that do not say theirs.
            series: See `from_file`.
            modality: See `from_file`; of all images.
            liver_mask: See `from_file`.
            masks: See `from_file`.
            covariates: See `from_file`.
            regions: Rectangles by name, see `Case`.
            label_names: See `from_file`.
        """
        from LiverAILib.data.masks import read_mask, stated_names, united
        from LiverAILib.imaging.dicom import check_one_patient
        from LiverAILib.imaging.files import read_image

        names = None if label_names is None else stated_names(label_names)
        known = modalities or {}
        given: dict[str, tuple[Image, ...]] = {}
        for role, paths in images.items():
            found = [with_modality(read_image(path, series=series), modality) for path in paths]
            given[role] = tuple(one if one.modality else replace(one, modality=known.get(role)) for one in found)
        check_one_patient((Path(path) for paths in images.values() for path in paths), where=f"case {case_id}")
        first = next(iter(given.values()))[0]
        read = {}
        for name, files in (dict(masks or {}) | ({} if liver_mask is None else {"liver": [liver_mask]})).items():
            read[name] = united([read_mask(file, name, reference=first, label_names=names) for file in files])
        return cls(given, case_id=case_id, masks=read, covariates=dict(covariates or {}), regions=regions or {})

    @classmethod
    def from_row(
        cls, row: CohortRow, roles: Mapping[str, str | None], *, masks: Collection[str] = (*STRUCTURES, *PARTS)
    ) -> Case:
        """The case of a cohort's row, with those of its masks that `masks` names, and its covariates.

        Args:
            row: The row.
            roles: Roles to read, each with the modality of images that do not say their own. Roles without an image in the
                row are left out; masks lie on the first image of the first role.
            masks: Structures.

        Raises:
            UserError: A file is missing or unreadable, files are of different patients, or the row has no image of any of the
                roles.
        """
        from LiverAILib.imaging.dicom import check_one_patient

        images = {role: row.read_images(role, modality) for role, modality in roles.items() if role in row.images}
        if not images:
            row.read_images(next(iter(roles)))  # raises: the row has no image of the role
        check_one_patient((path for role in images for path in row.images[role]), where=f"case {row.case_id}")
        first = next(iter(images.values()))[0]
        given = {name: row.read_mask_image(name, first) for name in row.masks if name in masks}
        return cls(images, row.case_id, given, row.covariates, row.regions)
