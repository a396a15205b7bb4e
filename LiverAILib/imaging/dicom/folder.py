"""The volumes of a folder tree with DICOM files, from their headers alone, and the choice of one of them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from LiverAILib.errors import UserError
from LiverAILib.imaging.dicom.attributes import DESCRIPTION, FREE_TEXT, NOT_SHOWN, described
from LiverAILib.imaging.dicom.descriptors import cleaned
from LiverAILib.imaging.dicom.elements import quiet_pydicom
from LiverAILib.imaging.dicom.header import SEGMENTATION_CLASSES, DicomFile, DicomFrame, read_header
from LiverAILib.imaging.dicom.pixels import same_pixels
from LiverAILib.imaging.dicom.split import COLOR, Part, split_volumes

LOCALIZER_TYPES = frozenset({"LOCALIZER", "SCOUT", "SURVEY", "TOPOGRAM"})
"""Words of ImageType that name images made to plan others."""

LISTED = 40
"""At most so many volumes are listed in a message."""


@dataclass(frozen=True, eq=False)
class DicomVolume:
    """Images of one DICOM series that make up one volume (or one single slice).

    Attributes:
        patient_id, patient_name, study_uid, series_uid, modality: As in the header, "" where absent; never in a message.
        description: SeriesDescription without what identifies a patient.
        frames: Its images in the order of the slices, along the normal of the image plane.
        copies: Images that are among `frames` already, from other files.
        differs: What tells it apart from the other volumes of its series ("b value 50 s/mm2"); "" where it is the only one.
        localizer: It is marked as a localizer.
        color: It is in color where gray values are needed: a report or a fused image beside the series of a volume.
        damaged: Files that cannot be read and belong to its series (or may do so, by their folder), each with the reason.
        notes: What a person should know of how it was put together.
    """

    patient_id: str
    patient_name: str
    study_uid: str
    series_uid: str
    description: str
    modality: str
    frames: tuple[DicomFrame, ...]
    copies: tuple[DicomFrame, ...] = ()
    differs: str = ""
    localizer: bool = False
    color: bool = False
    damaged: Mapping[Path, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """Its files, each once, in the order of the slices."""
        return tuple(dict.fromkeys(frame.file.path for frame in self.frames))

    def __str__(self) -> str:
        count = f"{len(self.frames)} image{'s' * (len(self.frames) != 1)}"
        differs = f", {self.differs}" if self.differs else ""
        what = f"{self.modality or '?'} '{self.description or 'no description'}'"
        return f"{what}, {count}{differs}"


@dataclass(frozen=True)
class DicomFolder:
    """What a folder tree (or a list of files) holds.

    Attributes:
        source: The folder or file that was given.
        volumes: Ordered by patient, study, series number and series; localizers and color images included.
        damaged: DICOM files that cannot be read, each with the reason and the fix.
        segmentations: DICOM segmentation objects.
        others: Other DICOM files that are no images (reports, presentation states, ...).
    """

    source: Path
    volumes: tuple[DicomVolume, ...]
    damaged: Mapping[Path, str]
    segmentations: tuple[Path, ...]
    others: tuple[Path, ...]

    @property
    def candidates(self) -> tuple[DicomVolume, ...]:
        """The volumes to choose from: without color images, and without the localizers that lie in the series of a volume.

        What is left out is said in the `notes` of the volume in whose series it lies.
        """
        chosen = []
        for volume in self.volumes:
            siblings = [one for one in self.volumes if one is not volume and _series(one) == _series(volume)]
            main = [one for one in siblings if not one.localizer and not one.color and len(one.frames) > 2]
            if volume.color or (volume.localizer and main):
                continue
            left_out = [one for one in siblings if one.color or one.localizer]
            notes = tuple(_left_out_note(one) for one in left_out) if not volume.localizer else ()
            chosen.append(replace(volume, notes=(*volume.notes, *notes)))
        return tuple(chosen)


def _series(volume: DicomVolume) -> tuple[str, ...]:
    return volume.patient_id, volume.patient_name, volume.study_uid, volume.series_uid


def _left_out_note(volume: DicomVolume) -> str:
    kind = "Color" if volume.color else "Localizer"
    names = ", ".join(path.name for path in volume.files[:3]) + (", ..." if len(volume.files) > 3 else "")
    differs = f"; {volume.differs}" if volume.differs else ""
    return f"{kind} images in the series were left out ({names}{differs})."


def scan_dicom(source: str | os.PathLike[str], *, files: Sequence[str | os.PathLike[str]] | None = None) -> DicomFolder:
    """Find the volumes of a folder, searched to any depth, or of one file. Headers alone are read, each once.

    Hidden files and folders, and what is not DICOM, are passed over. A series may lie in several folders.

    Args:
        source: Folder or DICOM file.
        files: Files and folders to look at instead of all below `source`, which is then their name in messages.

    Raises:
        UserError: A file or folder cannot be read.
    """
    source = Path(source)
    places = [source] if files is None else [Path(file) for file in files]
    headers = []
    with quiet_pydicom():
        for path in dict.fromkeys(path for place in places for path in _files_below(place)):
            try:
                header = read_header(path)
            except OSError as error:
                raise UserError(f"{path}: cannot be read ({error.strerror}). Check its permissions.") from None
            if header is not None:
                headers.append(header)
        images = [one for one in headers if one.is_image]
        parts = split_volumes((frame for one in images for frame in one.frames), same_pixels)
    damaged = [one for one in images if one.fault and not one.frames]
    volumes = sorted(_volumes(parts, damaged), key=_order)
    return DicomFolder(
        source,
        tuple(volumes),
        {one.path: one.fault for one in damaged},
        tuple(one.path for one in headers if one.sop_class in SEGMENTATION_CLASSES),
        tuple(one.path for one in headers if not one.is_image and one.sop_class not in SEGMENTATION_CLASSES),
    )


def _files_below(source: Path) -> Iterable[Path]:
    if source.is_file():
        yield source
        return

    def refuse(error: OSError) -> None:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror}). Check its permissions.")

    for folder, folders, files in os.walk(source, onerror=refuse):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for name in sorted(files):
            path = Path(folder) / name
            if not name.startswith(".") and path.is_file():
                yield path


def _order(volume: DicomVolume) -> tuple[object, ...]:
    number = volume.frames[0].attributes.get("series number", "")
    return (
        volume.patient_id,
        volume.patient_name,
        volume.study_uid,
        int(number) if number.lstrip("-").isdigit() else 0,
        volume.series_uid,
    )


def _volumes(parts: Sequence[Part], damaged: Sequence[DicomFile]) -> list[DicomVolume]:
    volumes = []
    for part in parts:
        first = part.frames[0].file
        siblings = [one for one in parts if _part_series(one) == _part_series(part)]
        labels = dict.fromkeys(label for one in siblings for label in one.values)
        differing = [
            label
            for label in labels
            if label != DESCRIPTION and len({one.values.get(label, "") for one in siblings}) > 1
        ]
        folders = {frame.file.path.parent for frame in part.frames}
        volumes.append(
            DicomVolume(
                first.patient_id,
                first.patient_name,
                first.study_uid,
                first.series_uid,
                first.description,
                first.modality,
                frames=tuple(part.frames),
                copies=tuple(part.copies),
                differs=", ".join(_difference(label, part, siblings) for label in differing),
                localizer=bool(LOCALIZER_TYPES & set(part.values.get("image type", "").upper().split("\\"))),
                color=bool(part.values.get(COLOR)) and not first.is_picture,
                damaged={one.path: one.fault for one in damaged if _may_belong(one, first.series_uid, folders)},
            )
        )
    return volumes


def _difference(label: str, part: Part, siblings: Sequence[Part]) -> str:
    """What a label says of a part; for UIDs and times, which of them it is, in their order."""
    text = part.values.get(label, "")
    if label not in NOT_SHOWN:
        return described(label, cleaned(text, part.frames[0].file.identifying) if label in FREE_TEXT else text)
    texts = sorted({one.values.get(label, "") for one in siblings})
    return f"{label} {texts.index(text) + 1} of {len(texts)}"


def _may_belong(file: DicomFile, series_uid: str, folders: Collection[Path]) -> bool:
    """Whether a damaged file belongs to a series, as far as its header says so."""
    return file.series_uid == series_uid if file.series_uid else file.path.parent in folders


def _part_series(part: Part) -> tuple[str, ...]:
    file: DicomFile = part.frames[0].file
    return file.patient_id, file.patient_name, file.study_uid, file.series_uid


def choose_volume(found: DicomFolder, choice: str | None = None) -> DicomVolume:
    """One of the volumes of a folder.

    Args:
        found: What `scan_dicom` found.
        choice: Its number among the candidates (from 1), series UID, description (as stored or as listed), or what tells it
            apart; None takes the only one.

    Raises:
        UserError: There is none, several without a choice, or not exactly one that the choice names.
    """
    candidates = found.candidates
    if not candidates:
        raise UserError(_nothing_there(found))
    if choice is None and len(candidates) == 1:
        return candidates[0]
    named = [
        one
        for number, one in enumerate(candidates, 1)
        if choice in (str(number), one.series_uid, one.description, _stored_description(one), one.differs)
    ]
    if choice is not None and len(named) == 1:
        return named[0]
    listing = "; ".join(describe_volumes(candidates))
    how = f"Choose one by number or description (--series on the command line): {listing}"
    if choice is not None:
        raise UserError(f"{found.source}: '{choice}' names {len(named)} of its {len(candidates)} volumes. {how}")
    raise UserError(f"{found.source}: {_why_several(candidates)}. {how}")


def _stored_description(volume: DicomVolume) -> str:
    return volume.frames[0].attributes.get(DESCRIPTION, "")


def _why_several(volumes: Sequence[DicomVolume]) -> str:
    series = {_series(one) for one in volumes}
    count = f"{len(volumes)} volumes" if len(series) < len(volumes) else f"{len(volumes)} series"
    place = "in this folder" if len({path for one in volumes for path in one.files}) > 1 else "in this file"
    if len({(one.patient_id, one.patient_name) for one in volumes}) > 1:
        return f"{count} of several patients {place}"
    if len(series) == 1:
        return f"{count} under one series UID {place}, with images at the same positions or of different kinds"
    return f"{count} {place}"


def describe_volumes(volumes: Sequence[DicomVolume]) -> list[str]:
    """One line per volume, numbered from 1; with a number for the patient where there are several. Nothing identifies them."""
    patients = list(dict.fromkeys((one.patient_id, one.patient_name) for one in volumes))
    lines = []
    for number, one in enumerate(volumes[:LISTED], 1):
        which = patients.index((one.patient_id, one.patient_name)) + 1
        patient = f"patient {which}, " if len(patients) > 1 else ""
        lines.append(f"{number}: {patient}{one}")
    if len(volumes) > LISTED:
        lines.append(f"... and {len(volumes) - LISTED} more")
    return lines


def _nothing_there(found: DicomFolder) -> str:
    if found.damaged:
        path, fault = next(iter(found.damaged.items()))
        return f"{path}: {fault}."
    if found.volumes:
        return f"{found.source}: the images of '{found.volumes[0].description}' are in color. Export the gray-scale series."
    if found.segmentations:
        return (
            f"{found.segmentations[0]}: a DICOM segmentation object (SEG), not an image. Give the image that it belongs to, and "
            "this file as its segmentation."
        )
    if found.others:
        return f"{found.others[0]}: a DICOM file without an image. Give the series with the images."
    return f"{found.source}: no DICOM image series in this folder. Give an image file or a folder with DICOM files."
