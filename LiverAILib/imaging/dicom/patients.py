"""Whether several image files are of one patient, as far as their DICOM headers say so."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from pydicom.filereader import read_partial
from pydicom.tag import Tag

from LiverAILib.errors import UserError
from LiverAILib.imaging.dicom.deflated import check_deflated
from LiverAILib.imaging.dicom.elements import UNREADABLE_ERRORS, get_value, quiet_pydicom, value_text
from LiverAILib.imaging.dicom.header import is_dicom

PATIENT_ID = Tag(0x0010, 0x0020)


def check_one_patient(paths: Iterable[Path], *, where: str) -> None:
    """Raise where two of the files or folders have DICOM headers of different patients.

    Args:
        paths: Image files and DICOM folders of one case; a folder of several patients decides nothing.
        where: What messages call the case.

    Raises:
        UserError: Patient IDs differ. The message does not name them.
    """
    known: dict[str, Path] = {}
    different = list(dict.fromkeys(paths))
    for path in different if len(different) > 1 else ():
        found = _patient_ids(path)
        if len(found) == 1:
            known.setdefault(found.pop(), path)
    if len(known) > 1:
        first, other, *_ = known.values()
        raise UserError(
            f"{where}: {first.name} and {other.name} are of different patients (PatientID in their DICOM headers). A case holds "
            "the images of one patient; give the images of each as a case of its own."
        )


def _patient_ids(path: Path) -> set[str]:
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    with quiet_pydicom():
        return set(chain.from_iterable(_patient_id(file) for file in files))


def _patient_id(file: Path) -> list[str]:
    try:
        if not is_dicom(file):
            return []
        check_deflated(file)
        with file.open("rb") as stream:
            dataset = read_partial(stream, lambda tag, vr, length: tag > PATIENT_ID, force=True)
        text = value_text(get_value(dataset, "PatientID"))
    except (OSError, *UNREADABLE_ERRORS):
        return []  # whoever reads the image says what is wrong with it
    return [text] if text else []
