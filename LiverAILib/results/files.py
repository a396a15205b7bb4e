"""An assessment on disk: `assessment.json`, `segmentation.seg.nrrd`, `heatmap.nrrd`, pictures, `report.html`."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from LiverAILib.atomic_write import PREFIX, atomic_files
from LiverAILib.data.assessment import Assessment, CaseWarning, ChosenSlice, Segmentation
from LiverAILib.data.fingerprint import hash_image
from LiverAILib.data.measurement import Measurement, NotAssessed
from LiverAILib.data.outcome import HeatMap, Outcome, outcome_from_record
from LiverAILib.data.record import upgrade_record
from LiverAILib.data.segmentation_file import write_segmentation
from LiverAILib.data.structures import STRUCTURES
from LiverAILib.errors import UserError
from LiverAILib.imaging.dicom import is_dicom, matching_volumes
from LiverAILib.imaging.files import read_image, write_image
from LiverAILib.imaging.image import IDENTIFIERS, NOT_STORED, READ_WARNINGS, Image
from LiverAILib.imaging.ultrasound import without_burned_in
from LiverAILib.imaging.values import fill_not_measured
from LiverAILib.output_paths import check_keeps_inputs, check_output_folder

RECORD, SEGMENTATION, HEATMAP = "assessment.json", "segmentation.seg.nrrd", "heatmap.nrrd"
OVERLAY, MEASUREMENTS, REPORT = "overlay.png", "measurements.png", "report.html"
THUMBNAIL = "thumbnail.jpg"
OTHER_FILES = (OVERLAY, MEASUREMENTS, REPORT, THUMBNAIL, "result.tsv", "scene.mrb")
"""Further files of a result: the thumbnail is that of a batch, the last two are those of headless Slicer."""
DICOM_FOLDER, DICOM_SEGMENTATION, DICOM_REPORT = "dicom", "segmentation.dcm", "report.dcm"
"""Subfolder of a result with its DICOM objects, and names of files in it."""
WITHOUT_VOXELS = "without_voxels"
"""Entry of `Image.meta` of an image that was read back without its voxels, because its file is gone or was replaced."""


def heatmap_files(outcomes: Mapping[str, Any], primary: str) -> Iterator[tuple[str, int, str]]:
    """Outcome, number and file name of every heat map; the primary outcome's is `heatmap.nrrd`.

    Args:
        outcomes: By name, outcomes or their records.
        primary: Name of the primary one.
    """
    for name, outcome in outcomes.items():
        heatmaps = outcome["heatmaps"] if isinstance(outcome, Mapping) else outcome.heatmaps
        base = "heatmap" if name == primary else f"heatmap_{re.sub(r'[^A-Za-z0-9.-]+', '_', name)}"
        for position, heatmap in enumerate(heatmaps):
            given = heatmap if isinstance(heatmap, Mapping) else vars(heatmap)
            suffix = f"_{given['role']}_{given['number'] + 1}" if len(heatmaps) > 1 else ""
            yield name, position, f"{base}{suffix}.nrrd"


def write_assessment(
    assessment: Assessment,
    output: str | os.PathLike[str],
    *,
    pictures: bool = True,
    images: bool = True,
    dicom: bool = False,
    keep_identifiers: bool = False,
) -> dict[str, Path]:
    """Write all files of an assessment to the folder `output`; files of an earlier run there are replaced.

    Everything is written beside its place first: a full disk leaves nothing half-written.

    Args:
        assessment: What is written.
        output: Folder, made where it is missing.
        pictures: Whether pictures and the report are made, which takes seconds.
        images: Whether input images that came from no file are kept too, so that `read_assessment` finds them.
        dicom: Whether DICOM objects are written too, to the subfolder `dicom`; see `write_dicom_objects`.
        keep_identifiers: Whether the record names the patient, study and series of DICOM images.

    Returns:
        What each file is, and where.

    Raises:
        UserError: The folder cannot be made or written, the disk is full, or DICOM objects cannot be made of the images.

    Examples:
        >>> from LiverAILib.results.files import write_assessment
        >>> files = write_assessment(assessment, "result")  # the one of the example of `LiverAILib.assess`
        >>> files["record"].name, files["heatmap segmented"].name
        ('assessment.json', 'heatmap.nrrd')
    """
    output = Path(output)
    check_output_folder(output)
    with atomic_files(output, last=RECORD) as unfinished:
        names = _write_volumes(assessment, unfinished, images=images)
        if pictures:
            names |= _write_pictures(assessment, unfinished)
        if dicom:
            names |= _write_dicom(assessment, unfinished)
        text = json.dumps(_record(assessment, output, names, keep_identifiers), indent=2, ensure_ascii=False)
        (unfinished / RECORD).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        remove_assessment(output)
    return {"record": output / RECORD, **{what: output / name for what, name in names.items()}}


def _write_volumes(assessment: Assessment, folder: Path, *, images: bool) -> dict[str, str]:
    names = {}
    if assessment.segmentation is not None:
        names["segmentation"] = SEGMENTATION
        write_segmentation(assessment.segmentation, folder / SEGMENTATION)
    for name, number, file in heatmap_files(assessment.outcomes, assessment.primary):
        heatmap = assessment.outcomes[name].heatmaps[number]
        header = {f"LiverAI_{key}": str(value) for key, value in heatmap.description().items()}
        write_image(heatmap.image, folder / file, header=header)
        names[f"heatmap {file.removesuffix('.nrrd').removeprefix('heatmap').strip('_') or name}"] = file
    for role, number, image in _all_images(assessment) if images else ():
        if not image.meta.get("path"):
            names[f"image {role} {number + 1}"] = f"image_{role}_{number + 1}.nrrd"
            write_image(_stored(image), folder / names[f"image {role} {number + 1}"])
    return names


def _stored(image: Image) -> Image:
    """An image as it is kept beside the result: an ultrasound picture without what is burned in beside its tissue."""
    return without_burned_in(image) if image.modality == "US" else image


def _write_pictures(assessment: Assessment, folder: Path) -> dict[str, str]:
    from LiverAILib.results.measurement_picture import measurement_figure
    from LiverAILib.results.pictures import assessment_figure, png_bytes
    from LiverAILib.results.report import html_report

    names = {"overlay": OVERLAY, "report": REPORT}
    overlay = png_bytes(assessment_figure(assessment))
    (folder / OVERLAY).write_bytes(overlay)
    drawn = measurement_figure(assessment)
    measurements = None if drawn is None else png_bytes(drawn)
    if measurements is not None:
        names["measurements"] = MEASUREMENTS
        (folder / MEASUREMENTS).write_bytes(measurements)
    report = html_report(assessment, overlay=overlay, measurements=measurements)
    (folder / REPORT).write_text(report, encoding="utf-8", errors="backslashreplace")
    return names


def _write_dicom(assessment: Assessment, folder: Path) -> dict[str, str]:
    from LiverAILib.results.dicom import write_dicom_objects

    written = write_dicom_objects(assessment, folder / DICOM_FOLDER)
    return {f"DICOM {what.replace('_', ' ')}": f"{DICOM_FOLDER}/{path.name}" for what, path in written.items()}


def _record(assessment: Assessment, output: Path, names: Mapping[str, str], keep_identifiers: bool) -> dict[str, Any]:
    """The record with the files of heat maps, and of images relative to the result."""
    record = assessment.record()
    for name, number, file in heatmap_files(assessment.outcomes, assessment.primary):
        record["outcomes"][name]["heatmaps"][number]["file"] = file
    record["images"] = []
    for role, number, image in _all_images(assessment):
        path = image.meta.get("path")
        where = _relative(Path(str(path)), output) if path else names.get(f"image {role} {number + 1}")
        record["images"].append(
            {
                "role": role,
                "number": number,
                "file": where,
                "modality": image.modality,
                "meta": {key: value for key, value in image.meta.items() if key not in ("path", *NOT_STORED)},
                **({IDENTIFIERS: image.meta[IDENTIFIERS]} if keep_identifiers and IDENTIFIERS in image.meta else {}),
                **({} if path or where is None else {"file_sha256": hash_image(_stored(image))}),
            }
        )
    return record


def _relative(path: Path, folder: Path) -> str:
    try:
        return os.path.relpath(path, folder).replace(os.sep, "/")
    except ValueError:  # another drive
        return str(path)


def _all_images(assessment: Assessment) -> Iterator[tuple[str, int, Image]]:
    for role, images in assessment.images.items():
        for number, image in enumerate(images):
            yield role, number, image


def remove_assessment(folder: Path) -> None:
    """Remove the files of an assessment from `folder`, the record first: what is left of it then counts as nothing.

    Files that the record does not name as results stay, images among them.

    Raises:
        UserError: A file cannot be removed.
    """
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        maps = [file for _, _, file in heatmap_files(record["outcomes"], record["primary_outcome"])]
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # damaged, or of an earlier version
        maps = [HEATMAP, "heatmap_full.nrrd"]
    try:
        for name in (RECORD, SEGMENTATION, *maps, *OTHER_FILES):
            (folder / name).unlink(missing_ok=True)
        remove_dicom_objects(folder / DICOM_FOLDER)
    except OSError as error:
        raise UserError(
            f"{error.filename}: an earlier result cannot be replaced ({error.strerror}). Close it or choose another output "
            "folder."
        ) from None


def dicom_files(folder: Path) -> list[Path]:
    """The DICOM objects that `write_dicom_objects` writes to `folder`: fixed names, and those of heat maps that are there."""
    maps = [path for name in ("heatmap_*.dcm", "fusion_*.dcm") for path in folder.glob(name)]
    return [folder / DICOM_REPORT, folder / DICOM_SEGMENTATION, *maps]


def is_dicom_result(path: Path) -> bool:
    """Whether a path is, by its name, a DICOM object in the folder of a result."""
    return path.parent.name == DICOM_FOLDER and path in dicom_files(path.parent)


def remove_dicom_objects(folder: Path) -> None:
    """Remove the DICOM objects of an assessment from `folder`, and the folder where nothing else is in it."""
    for path in dicom_files(folder):
        path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def remove_unfinished(folder: Path) -> None:
    """Remove what a run that was killed left half-written in `folder`."""
    for unfinished in folder.glob(f"{PREFIX}*"):
        shutil.rmtree(unfinished, ignore_errors=True)


def check_output(output: Path, inputs: Iterable[str | os.PathLike[str] | None]) -> None:
    """Raise where `write_assessment` could not write to the folder `output`, or would overwrite one of the inputs.

    Raises:
        UserError: As said.
    """
    check_output_folder(output)
    check_keeps_inputs(written_files(output), inputs)


def written_files(output: Path) -> list[Path]:
    """The files that `write_assessment` writes to the folder `output`, as far as their names are known before."""
    names = (RECORD, SEGMENTATION, HEATMAP, OVERLAY, MEASUREMENTS, REPORT)
    named = [*(output / name for name in names), *dicom_files(output / DICOM_FOLDER)]
    return [*named, *output.glob("heatmap_*.nrrd"), *output.glob("image_*.nrrd")]


def read_assessment(folder: str | os.PathLike[str]) -> Assessment:
    """The assessment that `write_assessment` wrote, but for the drawings.

    The images are read from the files that the case came from, as long as they are there and hold the same voxels. An image
    that cannot be had has the right geometry, no voxel values (all 0) and `WITHOUT_VOXELS` in its `meta`. Results of earlier
    versions are read too.

    Raises:
        UserError: A file is missing or damaged.

    Examples:
        >>> from LiverAILib.results.files import read_assessment
        >>> read_assessment("result").predicted  # the folder of the example of `write_assessment`
        'cirrhosis'
    """
    folder = Path(folder)
    path = folder / RECORD
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable assessment ({error}). Run `liverai assess` again.") from None
    record = upgrade_record(stored, where=str(path))
    try:
        return _assessment(record, folder)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise UserError(f"{path}: the record is damaged ({error!r}). Run `liverai assess` again.") from None


def _assessment(record: Mapping[str, Any], folder: Path) -> Assessment:
    segmentation = None
    if record["segmentation"] is not None:
        structures = tuple(STRUCTURES[name] for name in record["segmentation"]["structures"])
        labels = read_image(folder / SEGMENTATION, constant_allowed=True)
        segmentation = Segmentation(
            replace(labels, modality=None, meta={}), structures, record["segmentation"]["source"]
        )
    chosen = record["slice"]
    provenance = record["provenance"]
    return Assessment(
        case_id=record["case_id"],
        images=_images(record, folder),
        method=record["method"],
        model=record["model"],
        segmentation=segmentation,
        outcomes=_outcomes(record, folder),
        primary=record["primary_outcome"],
        chosen_slice=None if chosen is None else ChosenSlice(**{**chosen, "center_lps": tuple(chosen["center_lps"])}),
        measurements=tuple(Measurement.from_record(m) for m in record["measurements"]),
        not_assessed=tuple(NotAssessed(**n) for n in record["not_assessed"]),
        warnings=tuple(CaseWarning(**w) for w in record["warnings"]),
        provenance=provenance,
        seconds=record["seconds"],
        simulated=provenance["model"]["simulated"],
    )


def _outcomes(record: Mapping[str, Any], folder: Path) -> dict[str, Outcome]:
    maps: dict[str, list[HeatMap]] = {name: [] for name in record["outcomes"]}
    for name, number, file in heatmap_files(record["outcomes"], record["primary_outcome"]):
        stored = {k: v for k, v in record["outcomes"][name]["heatmaps"][number].items() if k != "file"}
        image = read_image(folder / file, constant_allowed=True)
        maps[name].append(HeatMap(replace(image, modality=None, meta={}), **stored))
    return {name: outcome_from_record(one, tuple(maps[name])) for name, one in record["outcomes"].items()}


def _images(record: Mapping[str, Any], folder: Path) -> dict[str, tuple[Image, ...]]:
    """The images of a record, read again where their files hold what was assessed."""
    stored = {(one["role"], one["number"]): one for one in record.get("images", ())}
    found: dict[str, list[Image]] = {}
    for given in record["provenance"]["inputs"]:
        role = given["role"] or "image"
        about = stored.get((given["role"], given["number"]), {})
        found.setdefault(role, []).append(_image(given, about, folder))
    return {role: tuple(images) for role, images in found.items()}


def _image(given: Mapping[str, Any], about: Mapping[str, Any], folder: Path) -> Image:
    meta = about.get("meta", {})
    if READ_WARNINGS in meta:
        meta = {**meta, READ_WARNINGS: tuple((code, text) for code, text in meta[READ_WARNINGS])}
    modality = about.get("modality", given["modality"])
    file = about.get("file")
    columns, rows, slices = given["size"]
    place = Image(
        np.broadcast_to(np.uint8(0), (slices, rows, columns)),
        tuple(given["spacing_mm"]),
        tuple(given["origin_lps_mm"]),
        tuple(tuple(row) for row in given["direction_lps"]),
        modality,
        meta,
    )
    if file and (folder / file).exists():
        found = _same_image(Path(os.path.normpath(folder / file)), place, about.get("file_sha256", given["sha256"]))
        if found is not None:
            unstored = {key: found.meta[key] for key in (*NOT_STORED, "path") if found.meta.get(key)}
            if file.startswith("image_"):  # kept beside the result
                unstored.pop("path", None)
            return replace(found, modality=modality, meta={**meta, **unstored})
    return replace(place, meta={**meta, WITHOUT_VOXELS: True})


def _same_image(path: Path, place: Image, checksum: str) -> Image | None:
    """The image of a file or DICOM folder that lies at a place and has a checksum; None where there is none."""
    try:
        if path.is_dir() or is_dicom(path):
            found: Iterable[Image] = (image for image, _ in matching_volumes([path], place))
        else:
            found = [read_image(path, constant_allowed=True)]
        for image in found:
            filled = fill_not_measured(image)
            if hash_image(filled) == checksum:
                return replace(filled, meta={**filled.meta, "path": str(path)})
    except (UserError, OSError):
        pass  # it was removed or replaced since
    return None
