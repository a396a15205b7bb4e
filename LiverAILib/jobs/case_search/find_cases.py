"""Which cases a folder or a manifest holds: every case once, under a name of its own, and why the rest is none."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from LiverAILib.data.case import Case
from LiverAILib.data.case_names import file_names
from LiverAILib.data.cohort import CohortRow, read_cohort
from LiverAILib.data.masks import read_mask
from LiverAILib.data.structures import LIVER
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import PICTURES, read_image
from LiverAILib.imaging.image import Image, with_modality
from LiverAILib.jobs.batch.hidden_names import HiddenNames
from LiverAILib.jobs.case_search.dicom_cases import DicomCase, find_dicom_cases
from LiverAILib.jobs.case_search.folder_files import ARCHIVES, IMAGE_SUFFIXES, SetAside, list_files, stem
from LiverAILib.methods import MethodSpec

SHOWN = 3
"""Files that a message about an unusable folder names."""


@dataclass(frozen=True)
class FoundCase:
    """One case to assess. It can be pickled, so that another process may assess it.

    Attributes:
        case_id: How it is called in the summary.
        file: Where it was found, relative to the folder or manifest, for a person.
        folder: Name of its folder in the output.
        read: Reads the case.
        paths: Its files.
        row: Its row of the manifest; None for a case of a folder.
        hidden: Names that nothing may show, where the case has a pseudonym.
    """

    case_id: str
    file: str
    folder: str
    read: Callable[[], Case]
    paths: tuple[Path, ...] = ()
    row: CohortRow | None = None
    hidden: HiddenNames | None = None

    @property
    def shown_path(self) -> Path:
        """Its first file, or its pseudonym."""
        return self.paths[0] if self.hidden is None else Path(self.file)

    def hide(self, text: str) -> str:
        """`text` without names that nothing may show."""
        return text if self.hidden is None else self.hidden.hide(text)


@dataclass(frozen=True)
class FoundCases:
    """What a folder or manifest holds.

    Attributes:
        cases: In the order of the manifest, or of the names.
        set_aside: Files that are not assessed, and why; a manifest names what is assessed and has none.
    """

    cases: tuple[FoundCase, ...]
    set_aside: tuple[SetAside, ...] = ()


def find_cases(
    source: Path,
    spec: MethodSpec,
    *,
    masks: Path | None = None,
    exclude: Collection[Path] = (),
    stated_modality: str | None = None,
) -> FoundCases:
    """The cases of a folder, searched to any depth, or the rows of a manifest with their masks and covariates.

    In a folder, every image file and every DICOM volume of the modality is a case. Masks beside their scans, results of
    earlier runs, localizers, other modalities, copies, links to files that were met before and hidden files are set aside.

    Args:
        source: Folder of images, or a CSV manifest.
        spec: The method of the model.
        masks: Folder of liver masks that are named like the images of `source`.
        exclude: Folders below `source` that are passed over, such as the output.
        stated_modality: What the image files of a folder are, where the user says so ("MR", "CT").

    Raises:
        UserError: There is no case, the manifest has faults or no images of the role, or two of its rows contradict.
    """
    if source.suffix.lower() == ".csv":
        if masks is not None:
            raise UserError(f"--masks {masks}: the manifest names the masks. Leave one of both out.")
        return _manifest_cases(source, spec)
    _check_folder(source)
    if not spec.single_image:
        raise UserError(
            f"{source}: {spec.name} takes several images per case, which a folder does not tell apart. Give a cohort manifest "
            f"(CSV) with the columns {', '.join('image:' + one.name for one in spec.images)}."
        )
    if masks is not None and not masks.is_dir():
        raise UserError(f"--masks {masks}: no such folder. Give the folder that holds the liver masks.")
    return _folder_cases(source, spec, masks, (*exclude, *((masks,) if masks else ())), stated_modality)


def _check_folder(source: Path) -> None:
    if source.is_dir():
        return
    if not source.exists():
        raise UserError(f"{source}: no such folder. Give the folder that holds the images, or a manifest (CSV).")
    if source.name.lower().endswith(ARCHIVES):
        raise UserError(f"{source}: an archive. Unpack it and give the folder.")
    if source.name.lower().endswith((".xlsx", ".xls", ".ods")):
        raise UserError(f"{source}: a spreadsheet. Save the manifest as CSV.")
    raise UserError(
        f"{source}: a file, neither a folder nor a manifest (CSV). Give the folder; `liverai assess` takes one image."
    )


def _manifest_cases(source: Path, spec: MethodSpec) -> FoundCases:
    rows = read_cohort(source, quantity=spec.answer.quantity_column).rows
    # A role of which a case may have no image cannot be asked for.
    needed = [role.name for role in spec.images if role.minimum] or list(spec.modalities)
    if not any(role in row.images for row in rows for role in needed):
        raise UserError(
            f"{source}: no column image:{needed[0]}, which the model needs. Add it or choose another model."
        )
    _check_rows(source, rows, [one.name for one in spec.images])
    folders = file_names(row.case_id for row in rows)
    return FoundCases(
        tuple(
            FoundCase(
                row.case_id,
                _first_file(row, spec, source),
                folders[row.case_id],
                partial(Case.from_row, row, spec.modalities),
                tuple(path for name in spec.modalities for path in row.images.get(name, ())),
                row,
            )
            for row in rows
        )
    )


def _first_file(row: CohortRow, spec: MethodSpec, source: Path) -> str:
    """The first image of a row that the method looks at, relative to the manifest; the manifest where there is none."""
    files = [row.images[role][0] for role in spec.modalities if role in row.images]
    return _relative(files[0], source.parent) if files else source.name


def _check_rows(source: Path, rows: Sequence[CohortRow], roles: Sequence[str]) -> None:
    """Refuse an image under two patients, and rows that would give one result under two names."""
    first: dict[Path, CohortRow] = {}
    same: dict[object, CohortRow] = {}
    for row in rows:
        paths = [(role, path) for role in roles for path in row.images.get(role, ())]
        for role, path in paths:
            owner = first.setdefault(path.resolve(), row)
            if owner.patient_id != row.patient_id:
                raise UserError(
                    f"{source}: the image {path.name} belongs to patient {owner.patient_id} (case {owner.case_id}) and to "
                    f"patient {row.patient_id} (case {row.case_id}). Correct the column image:{role}."
                )
        masks = tuple(sorted((name, os.path.realpath(mask)) for name, mask in row.masks.items()))
        images = tuple((role, path.resolve()) for role, path in paths)
        others = tuple(sorted(row.covariates.items())), tuple(sorted(row.regions.items()))
        twin = same.setdefault((images, masks, *others), row) if paths else row
        if twin is not row:
            raise UserError(
                f"{source}: cases {twin.case_id} and {row.case_id} have the same images, masks and covariates "
                f"({paths[0][1].name}). Remove one of both rows."
            )


def _folder_cases(
    source: Path, spec: MethodSpec, masks: Path | None, exclude: Collection[Path], stated_modality: str | None
) -> FoundCases:
    role, modality = spec.role, spec.modality
    pictures = spec.images[0].dimensions == 2
    files = list_files(source, exclude=exclude, pictures=pictures)
    dicom = find_dicom_cases(source, files, modality=modality)
    set_aside = [*files.set_aside, *dicom.set_aside]
    known = stated_modality or spec.default_modalities.get(role)
    found = [_image_candidate(path, source, known) for path in files.images]
    found += [_dicom_candidate(one, source) for one in dicom.cases]
    if not found:
        suffixes = (*IMAGE_SUFFIXES, *PICTURES) if pictures else IMAGE_SUFFIXES
        raise UserError(_nothing_found(source, modality, set_aside, suffixes))
    names = _unique_names(found)
    folders = file_names(names)
    cases = [
        FoundCase(name, one.file, folders[name], partial(_read, one.read, role, name, masks), one.paths)
        for one, name in zip(found, names, strict=True)
    ]
    return FoundCases(tuple(sorted(cases, key=lambda case: case.case_id)), tuple(set_aside))


@dataclass(frozen=True)
class _Candidate:
    """A case of a folder before all names are known to be unique."""

    name: str
    file: str
    read: Callable[[], Image]
    paths: tuple[Path, ...]


def _image_candidate(path: Path, source: Path, stated_modality: str | None) -> _Candidate:
    name = _relative(path.with_name(stem(path)), source)
    return _Candidate(name, _relative(path, source), partial(_read_image, path, stated_modality), (path,))


def _dicom_candidate(one: DicomCase, source: Path) -> _Candidate:
    file = source.resolve().name if one.place == source else _relative(one.place, source)
    name = _relative(one.place.with_name(stem(one.place)), source) if one.place.is_file() else file
    return _Candidate(f"{name}/{one.label}" if one.label else name, file, one.read, one.paths)


def _unique_names(found: Sequence[_Candidate]) -> list[str]:
    """The cases' names; the whole file name where several have one, and a number where that is not enough."""
    shared = Counter(one.name for one in found)
    unique: dict[str, None] = {}
    for one in found:
        name = chosen = one.file if shared[one.name] > 1 else one.name
        number = 2
        while chosen in unique:
            chosen, number = f"{name} ({number})", number + 1
        unique[chosen] = None
    return list(unique)


def _read_image(path: Path, stated_modality: str | None) -> Image:
    return with_modality(read_image(path), stated_modality)


def _read(read: Callable[[], Image], role: str, case_id: str, masks: Path | None) -> Case:
    """The case of an image, with its liver mask of the folder `masks` where that is given."""
    image = read()
    if masks is None:
        return Case({role: (image,)}, case_id)
    mask = read_mask(find_mask(masks, case_id), LIVER.name, reference=image)
    return Case({role: (image,)}, case_id, {LIVER.name: mask})


def find_mask(folder: Path, case_id: str) -> Path:
    """The file of `folder` that is named like a case, in the same subfolder.

    Raises:
        UserError: There is none, or there are several.
    """
    place = (folder / case_id).parent
    named = (Path(case_id).name.lower(), stem(Path(case_id)).lower())
    found = [
        path
        for path in (sorted(place.iterdir()) if place.is_dir() else ())
        if path.name.lower().endswith(IMAGE_SUFFIXES)
        and not path.name.startswith(".")
        and ({path.name.lower(), stem(path).lower(), stem(path).lower().removesuffix(".seg")} & set(named))
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UserError(f"{folder}: no mask of the case {case_id}. Name it like the image, or leave out --masks.")
    listed = ", ".join(path.name for path in found)
    raise UserError(f"{folder}: {len(found)} masks of the case {case_id} ({listed}). Keep one of them.")


def _nothing_found(source: Path, modality: str, set_aside: Sequence[SetAside], suffixes: Sequence[str]) -> str:
    shown = "; ".join(f"{_relative(one.path, source)}: {one.reason}" for one in set_aside[:SHOWN])
    more = f"; and {len(set_aside) - SHOWN} more" if len(set_aside) > SHOWN else ""
    why = f" ({shown}{more})" if shown else ""
    return (
        f"{source}: no {modality} image in this folder{why}. It needs files ending in {', '.join(suffixes)}, or DICOM "
        "files."
    )


def _relative(path: Path, folder: Path) -> str:
    """The path below `folder` with `/`, or the file's name where it lies elsewhere."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
