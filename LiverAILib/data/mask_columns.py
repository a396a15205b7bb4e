"""The mask columns of a manifest: `mask:<structure>`, and `mask:<structure>:<role>` with a mask for each image of a role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from LiverAILib.data.masks import read_mask, split_choice
from LiverAILib.data.structures import LIVER
from LiverAILib.imaging.image import Image

RoleMasks = dict[str, dict[str, tuple[str, ...]]]
"""Role to structure to a mask for each image of the role."""


def mask_columns(
    line: int, cells: Mapping[str, str], folder: Path, images: Mapping[str, Sequence[Path]], faults: list[str]
) -> tuple[dict[str, str], RoleMasks]:
    """The masks of a row by structure, and those of single images by role and structure.

    Args:
        line: Of the manifest, for the faults.
        cells: The row.
        folder: What its paths are relative to.
        images: Role to the files of the row.
        faults: Grows by what is wrong.
    """
    masks: dict[str, str] = {}
    role_masks: RoleMasks = {}
    for column, cell in cells.items():
        kind, _, name = (column or "").partition(":")
        if kind != "mask" or not (cell or "").strip():
            continue
        structure, of_role, role = name.partition(":")
        given = tuple(str(folder / part.strip()) for part in (cell.split(";") if of_role else [cell]))
        where = f"line {line}, column {column}"
        for mask in given:
            file, choice = split_choice(mask)
            if not file.exists():
                faults.append(f"{where}: {file} does not exist")
            elif choice is not None and not choice.strip():
                faults.append(f"{where}: there is nothing behind the '#'")
        if not of_role:
            masks[structure] = given[0]
            continue
        role_masks.setdefault(role, {})[structure] = given
        if len(given) != len(images.get(role, ())):
            faults.append(f"{where}: {len(given)} masks for {len(images.get(role, ()))} images; give one for each")
    return masks, role_masks


def read_structure_mask(file: str, structure: str, reference: Image) -> Image:
    """The mask (uint8 0/1) on the grid of `reference`; only the liver must have a voxel.

    Raises:
        UserError: The file cannot be read, several segments could be meant, or it does not fit the image.
    """
    return read_mask(file, structure, reference=reference, empty_allowed=structure != LIVER.name)
