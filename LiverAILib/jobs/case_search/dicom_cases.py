"""The DICOM volumes of a folder tree as cases."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from LiverAILib.errors import UserError
from LiverAILib.imaging.dicom import DicomFolder, DicomVolume, read_volume, scan_dicom
from LiverAILib.imaging.files import check_values
from LiverAILib.imaging.image import Image
from LiverAILib.jobs.case_search.folder_files import DICOM_SUFFIXES, FolderFiles, SetAside, stem


@dataclass(frozen=True, eq=False)
class DicomCase:
    """A DICOM volume that is a case.

    Attributes:
        place: The file, or the folder that holds all its files.
        label: What tells it apart from other cases of the same place, "" where it is the only one.
        paths: Its files.
        volume: The volume; None for files that cannot be read.
        fault: Why it cannot be read.
    """

    place: Path
    label: str
    paths: tuple[Path, ...]
    volume: DicomVolume | None
    fault: str = ""

    def read(self) -> Image:
        """The volume as an image.

        Raises:
            UserError: It cannot be read.
        """
        if self.volume is None:
            raise UserError(self.fault)
        image = read_volume(self.volume)
        check_values(image.array, self.place)
        return image


@dataclass
class DicomCases:
    """The cases among the DICOM files of a folder, and what is none."""

    cases: list[DicomCase] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)


def find_dicom_cases(source: Path, files: FolderFiles, *, modality: str) -> DicomCases:
    """Every DICOM volume of the modality below `source` as a case; files that are no DICOM are set aside too.

    Args:
        source: The folder.
        files: Its files as `list_files` sorted them: DICOM is looked for among the `others` only.
        modality: Modality that the model needs; a volume that does not say its modality is a case.

    Raises:
        UserError: A file cannot be read.
    """
    scans = [scan_dicom(place) for place in (source, *files.linked)] if files.others else []
    found = DicomCases()
    others = set(files.others)
    met: set[tuple[str, int]] = set()
    known: set[Path] = set()
    for scan in scans:
        known |= _known_files(scan)
        candidates = {id(volume.frames): volume for volume in scan.candidates}
        for volume in scan.volumes:
            if not others.intersection(volume.files):
                continue
            instances = {(frame.file.instance_uid or str(frame.file.path), frame.index) for frame in volume.frames}
            reason = "a copy of a series that lies elsewhere" if instances & met else _why_no_case(volume, modality)
            if not reason and id(volume.frames) not in candidates:
                reason = "localizer or color images"
            if reason:
                found.set_aside.append(SetAside(_place(volume.files), f"{_described(volume)}: {reason}"))
                continue
            met |= instances
            found.cases.append(DicomCase(_place(volume.files), "", volume.files, candidates[id(volume.frames)]))
            _set_copies_aside(volume, found)
        _add_damaged(scan, others, found)
        found.set_aside += [
            SetAside(path, "a DICOM segmentation, no image") for path in scan.segmentations if path in others
        ]
        found.set_aside += [SetAside(path, "a DICOM object without an image") for path in scan.others if path in others]
    found.cases[:] = _labeled(found.cases)
    for path in sorted(others - known):
        if path.name.lower().endswith(DICOM_SUFFIXES):
            fault = f"{path}: not a DICOM file, it is damaged or empty. Export or copy it again, or remove it."
            found.cases.append(DicomCase(path, "", (path,), None, fault))
        elif path.name.upper() != "DICOMDIR":
            found.set_aside.append(SetAside(path, "not an image file"))
    return found


def _known_files(scan: DicomFolder) -> set[Path]:
    frames = [frame for volume in scan.volumes for frame in (*volume.frames, *volume.copies)]
    return {*(frame.file.path for frame in frames), *scan.damaged, *scan.segmentations, *scan.others}


def _why_no_case(volume: DicomVolume, modality: str) -> str:
    if volume.localizer:
        return "a localizer"
    if volume.color:
        return "color images"
    if volume.modality and volume.modality != modality:
        return f"the model needs {modality}"
    return ""


def _described(volume: DicomVolume) -> str:
    return f"{volume.modality or 'DICOM'} series '{volume.description or 'no description'}'"


def _set_copies_aside(volume: DicomVolume, found: DicomCases) -> None:
    """One entry for each folder with copies of the volume's images."""
    folders = Counter(frame.file.path.parent for frame in volume.copies)
    found.set_aside += [
        SetAside(folder, f"{count} DICOM images that are also in {_place(volume.files)}", str(_place(volume.files)))
        for folder, count in folders.items()
    ]


def _add_damaged(scan: DicomFolder, others: set[Path], found: DicomCases) -> None:
    """Damaged files that belong to no volume: one case a folder, which fails with the reason."""
    counted = {path for volume in scan.volumes for path in volume.damaged}
    folders: dict[Path, list[Path]] = {}
    for path in scan.damaged:
        if path not in counted and path in others:
            folders.setdefault(path.parent, []).append(path)
    for paths in folders.values():
        fault = f"{paths[0]}: {scan.damaged[paths[0]]}."
        found.cases.append(DicomCase(_place(paths), "", tuple(paths), None, fault))


def _place(paths: Sequence[Path]) -> Path:
    """The file, or the folder that holds all of them."""
    return paths[0] if len(paths) == 1 else Path(os.path.commonpath([path.parent for path in paths]))


def _labeled(cases: Sequence[DicomCase]) -> list[DicomCase]:
    """The cases of one place with the description of their series; with a file name too where that is the same."""
    places = Counter(case.place for case in cases)
    labels = [_label(case) if places[case.place] > 1 else "" for case in cases]
    shared = Counter((case.place, label) for case, label in zip(cases, labels, strict=True))
    return [
        replace(case, label=f"{label} ({stem(case.paths[0])})" if label and shared[case.place, label] > 1 else label)
        for case, label in zip(cases, labels, strict=True)
    ]


def _label(case: DicomCase) -> str:
    if case.volume is None:
        return case.paths[0].name
    return ", ".join(part for part in (case.volume.description or "series", case.volume.differs) if part)
