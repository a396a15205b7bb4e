"""The files of a folder tree: which are images, and why the others are not cases."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from LiverAILib.errors import UserError
from LiverAILib.imaging.files import PICTURES, SUFFIXES
from LiverAILib.imaging.nrrd_file import read_nrrd_header
from LiverAILib.results.files import MEASUREMENTS, OVERLAY, RECORD, THUMBNAIL, is_dicom_result

IMAGE_SUFFIXES = tuple(suffix for suffix in (*SUFFIXES, ".hdr") if suffix != ".dcm")
"""Endings of files that hold a whole image, or its header."""

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
VOXEL_SUFFIXES = {".raw": (".mhd", ".nhdr"), ".zraw": (".mhd",), ".raw.gz": (".nhdr",), ".img": (".hdr",)}
"""Endings of files that hold the voxels of a header beside them."""

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar")
MASK_WORDS = re.compile(
    r"(?<![a-z])(seg|segs|segmentation|segmentations|label|labels|labelmap|mask|masks|roi|rois|gt)(?![a-z])"
)
"""Words of a file name that call it a mask, where the name begins with that of an image beside it."""

NOT_RAW_IN_BIDS = ("derivatives", "sourcedata", "code", "stimuli")
"""Folders beside `dataset_description.json` that hold what was made of the images, or what they were made of (BIDS 1.10)."""


@dataclass(frozen=True)
class SetAside:
    """A file or folder that is not assessed as a case, and why.

    Attributes:
        path: It.
        reason: Why.
        other: Name of another file or folder in the reason, else "".
    """

    path: Path
    reason: str
    other: str = ""


@dataclass
class FolderFiles:
    """What a folder tree holds.

    Attributes:
        images: Image files that may be cases, in the order of their names.
        others: Files without the ending of an image: DICOM or nothing.
        linked: Folders outside the tree that links lead to.
        set_aside: What is not a case, and why.
    """

    images: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    linked: list[Path] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)


def list_files(source: Path, *, exclude: Collection[Path] = (), pictures: bool = False) -> FolderFiles:
    """Sort the files below `source`, searched to any depth; links are followed, and every file is met once.

    Args:
        source: Folder.
        exclude: Folders below it that are passed over: where results are written, where masks lie.
        pictures: Whether PNG, JPEG and other pictures are images that may be cases.

    Raises:
        UserError: A folder cannot be read.
    """
    found = FolderFiles()
    folders = dict(_folders(source, {path.resolve() for path in exclude}, found))
    present = {folder: {path.name.lower() for path in files} for folder, files in folders.items()}
    seen: dict[tuple[int, int], Path] = {}
    # Links last, so that a file is known by its own place where that is searched too.
    for path in sorted(
        (path for files in folders.values() for path in files), key=lambda path: (path.is_symlink(), path)
    ):
        here = present[path.parent]
        first = "" if (reason := _why_no_image(path, here)) else _met_before(path, seen, source)
        if reason or first:
            found.set_aside.append(SetAside(path, reason or f"the same file as {first} (a link)", first))
        elif path.name.lower().endswith((*IMAGE_SUFFIXES, *PICTURES) if pictures else IMAGE_SUFFIXES):
            found.images.append(path)
        elif not _holds_voxels_of(path, here):
            found.others.append(path)
    for folder in folders:
        _set_masks_aside(found, folder)
    return found


def _folders(source: Path, exclude: set[Path], found: FolderFiles) -> Iterator[tuple[Path, list[Path]]]:
    """Every folder with its files, sorted; those that are no place for cases are set aside."""
    root = source.resolve()
    waiting, visited = [source], set[Path]()
    while waiting:
        folder = waiting.pop(0)
        real = folder.resolve()
        if real in exclude and folder != source:
            continue
        if folder != source and folder.is_symlink():
            if real in visited or root in (real, *real.parents) or real in root.parents:
                found.set_aside.append(SetAside(folder, "a link to a folder that is searched anyway"))
                continue
            found.linked.append(folder)
        visited.add(real)
        try:
            content = sorted(folder.iterdir())
        except OSError as error:
            raise UserError(f"{folder}: cannot be read ({error.strerror}). Check its permissions.") from None
        below = [path for path in content if path.is_dir()]
        aside = [SetAside(path, reason) for path in below if (reason := _why_no_folder(path))]
        found.set_aside += aside
        waiting[:0] = [path for path in below if path not in [one.path for one in aside]]
        yield folder, [path for path in content if path.is_file() or (path.is_symlink() and not path.is_dir())]


def _why_no_folder(path: Path) -> str:
    """Why a folder is no place for cases, "" where it may be one."""
    if path.name.startswith(".") or path.name == "__MACOSX":
        return "hidden folder"
    if path.name in NOT_RAW_IN_BIDS and (path.parent / "dataset_description.json").is_file():
        return f"{path.name} of a BIDS dataset, no original images"
    return ""


def _why_no_image(path: Path, present: set[str]) -> str:
    """Why a file is never a case, "" where it may be one."""
    name = path.name.lower()
    if name.startswith("._"):
        return "resource fork of macOS, no image"
    if name.startswith("."):
        return "hidden file"
    if not path.exists():
        return "a link to a file that does not exist"
    if name.endswith(ARCHIVES):
        return "an archive: unpack it to have its images assessed"
    if RECORD in present and (
        name.startswith(("heatmap", "image_"))
        or name in (RECORD, OVERLAY, MEASUREMENTS, THUMBNAIL, "segmentation.seg.nrrd")
    ):
        return "a result of LiverAI"
    if is_dicom_result(path) and (path.parent.parent / RECORD).is_file():
        return "a result of LiverAI"
    if name.endswith(".seg.nrrd"):
        return "a segmentation, no image"
    if name.endswith((".nrrd", ".nhdr")):
        return _why_no_image_by_header(path)
    if name.endswith(".img") and not _holds_voxels_of(path, present):
        return "the header that belongs to it (.hdr) is missing"
    return ""


def _why_no_image_by_header(path: Path) -> str:
    """What the header of an NRRD file says it is, where that is no image; a damaged file is left to whoever reads it."""
    try:
        keys = read_nrrd_header(path).pairs
    except (UserError, OSError):
        return ""
    if any(re.fullmatch(r"Segment\d+_ID", key) for key in keys):
        return "a segmentation, no image"
    return "a heat map of LiverAI, no image" if "LiverAI_pipeline" in keys else ""


def _met_before(path: Path, seen: dict[tuple[int, int], Path], source: Path) -> str:
    """The path below `source` under which a file was met before, else ""."""
    status = path.stat()
    if not status.st_ino:  # a file system without such numbers
        return ""
    first = seen.setdefault((status.st_dev, status.st_ino), path)
    return "" if first is path else first.relative_to(source).as_posix()


def _holds_voxels_of(path: Path, present: set[str]) -> bool:
    name = path.name.lower()
    return any(
        name.endswith(suffix) and any(name[: -len(suffix)] + header in present for header in headers)
        for suffix, headers in VOXEL_SUFFIXES.items()
    )


def stem(path: Path) -> str:
    """The file's name without the ending of an image."""
    name = path.name
    for suffix in (*IMAGE_SUFFIXES, *PICTURES, *DICOM_SUFFIXES):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


def _set_masks_aside(found: FolderFiles, folder: Path) -> None:
    """Set aside the images of `folder` whose names are that of another image and a word for a mask."""
    here = [path for path in found.images if path.parent == folder]
    names = {path: stem(path).lower() for path in here}
    for path in here:
        if not MASK_WORDS.search(names[path]):
            continue
        image = next((one for one in here if one != path and _named_after(names[path], names[one])), None)
        if image is not None:
            found.images.remove(path)
            found.set_aside.append(SetAside(path, f"named as a mask of {image.name}", image.name))


def _named_after(mask: str, image: str) -> bool:
    """Whether a mask's name is an image's with words before or behind it ("p1" and "p1-label", "mask_p1")."""
    if MASK_WORDS.search(image):
        return False
    bare = re.escape(re.sub(r"_0000$", "", image))  # nnU-Net's number of the channel
    return re.search(rf"(?<![a-z0-9]){bare}(?![a-z0-9])", mask) is not None
