"""DICOM folders: which series there are, and one of them as an image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverAILib.errors import UserError
from LiverAILib.imaging.dicom_elements import pixel_data_state
from LiverAILib.imaging.geometry import from_sitk
from LiverAILib.imaging.image import DICOM_MODALITY, MODALITY_SOURCE, Image

MODALITY, DESCRIPTION, IMAGE_TYPE = "0008|0060", "0008|103e", "0008|0008"
CONTRAST_AGENT = "0018|0010"
UNEVEN_SPACING_TOLERANCE = 0.05


@dataclass(frozen=True)
class DicomSeries:
    """A series of a DICOM folder: its UID, description, modality and files in the order of the slices."""

    uid: str
    description: str
    modality: str
    files: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.modality or '?'} '{self.description or 'no description'}', {len(self.files)} files, UID {self.uid}"
        )


def list_dicom_series(folder: str | Path) -> list[DicomSeries]:
    """The image series below `folder` (searched one level deep where it holds no file itself), ordered by UID."""
    folders = [Path(folder), *sorted(p for p in Path(folder).iterdir() if p.is_dir())]
    found = []
    for place in folders:
        for uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(place)):
            files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(place), uid)
            header = _header(files[0])
            # GDCM's identifier carries more than the UID where one series holds several orientations or sizes.
            found.append(DicomSeries(uid, header.get(DESCRIPTION, ""), header.get(MODALITY, ""), tuple(files)))
    return found


def _header(file: str) -> dict[str, str]:
    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    reader.LoadPrivateTagsOff()
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        raise UserError(f"{file}: the DICOM file is damaged. Export the series again.") from None
    return {key: reader.GetMetaData(key).strip() for key in reader.GetMetaDataKeys()}


def choose_series(folder: Path, found: list[DicomSeries], series: str | None) -> DicomSeries:
    """The one of `found` that `series` names: its number (from 1), UID or description; the only one without it."""
    if not found:
        raise UserError(
            f"{folder}: no DICOM image series in this folder. Give an image file or a folder with DICOM files."
        )
    listing = "; ".join(f"{number}: {one}" for number, one in enumerate(found, 1))
    if series is None:
        if len(found) > 1:
            raise UserError(f"{folder}: {len(found)} series in this folder. Choose one with --series NUMBER: {listing}")
        return found[0]
    chosen = [one for number, one in enumerate(found, 1) if series in (str(number), one.uid, one.description)]
    if len(chosen) != 1:
        raise UserError(
            f"{folder}: --series {series} names {len(chosen)} series. Use the number of one of these: {listing}"
        )
    return chosen[0]


def read_dicom_series(folder: Path, *, series: str | None = None) -> Image:
    """One series of a DICOM folder, slices ordered and spaced by their positions.

    Raises:
        UserError: No series, several of them without a choice, color images, or a file that cannot be read.
    """
    found = list_dicom_series(folder)
    chosen = choose_series(folder, found, series)
    _check_none_left_out(Path(chosen.files[0]).parent, {file for one in found for file in one.files})
    header = _header(chosen.files[0])
    if int(header.get("0028|0002", "1")) > 1:
        raise UserError(f"{folder}: series '{chosen.description}' is in color. Export the gray-scale series.")
    for file in chosen.files:
        check_pixel_data(Path(file))
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(chosen.files)
    warnings_on = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # uneven spacing is judged below, in words a user can act on
    try:
        itk = reader.Execute()
    except RuntimeError:
        raise UserError(
            f"{folder}: a file of series '{chosen.description}' is damaged or cut off. Export it again."
        ) from None
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(warnings_on)
    if itk.GetDimension() == 4:
        itk = itk[:, :, :, 0]
    meta = {
        "path": str(folder),
        MODALITY_SOURCE: DICOM_MODALITY,
        "series_description": chosen.description,
        "series_uid": chosen.uid,
    }
    if header.get(CONTRAST_AGENT):
        meta["contrast_agent"] = header[CONTRAST_AGENT]
    warning = _uneven_spacing([_header(file) for file in chosen.files])
    if warning:
        meta["geometry_warning"] = warning
    return from_sitk(itk, modality=chosen.modality or None, meta=meta)


def _check_none_left_out(folder: Path, known: set[str]) -> None:
    """Raise where GDCM passed over a DICOM image without a word because it could not be read."""
    for file in sorted(p for p in folder.iterdir() if p.is_file() and str(p) not in known):
        with file.open("rb") as stream:
            is_dicom = stream.read(132)[128:] == b"DICM"
        if is_dicom and pixel_data_state(file) in ("whole", "cut_off"):
            raise UserError(f"{file}: the DICOM file is damaged or cut off. Export the series again.")


def check_pixel_data(file: Path) -> None:
    """Raise where the pixel data end before the length that their element states: GDCM fills the rest with zeros."""
    state = pixel_data_state(file)
    if state == "absent":
        raise UserError(f"{file}: the DICOM file has no pixel data, it is damaged or cut off. Export the series again.")
    if state == "cut_off":
        raise UserError(f"{file}: the DICOM file is damaged or cut off. Export the series again.")


def _uneven_spacing(headers: list[dict[str, str]]) -> str | None:
    """A sentence where the slices are not evenly spaced along their normal (missing slices, gantry tilt), else None."""
    try:
        positions = np.array([[float(v) for v in h["0020|0032"].split("\\")] for h in headers])
        rows, columns = np.array([float(v) for v in headers[0]["0020|0037"].split("\\")]).reshape(2, 3)
    except (KeyError, ValueError):
        return None
    if len(positions) < 3:
        return None
    steps = np.diff(positions, axis=0)
    along = steps @ np.cross(rows, columns)
    typical = np.median(along)
    if np.abs(along - typical).max() > UNEVEN_SPACING_TOLERANCE * abs(typical):
        return (
            f"The slices are unevenly spaced ({np.abs(along).min():.2f} to {np.abs(along).max():.2f} mm): slices are missing or "
            "doubled, and volumes and positions are wrong where they are."
        )
    tilt = np.linalg.norm(steps - along[:, None] * np.cross(rows, columns), axis=1).max()
    if tilt > UNEVEN_SPACING_TOLERANCE * abs(typical):
        return f"The slices are sheared by {tilt:.2f} mm a slice (gantry tilt): positions are off by the accumulated shift."
    return None
