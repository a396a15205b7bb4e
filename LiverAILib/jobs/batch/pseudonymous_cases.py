"""The cases of a batch under pseudonyms: no name of a case or file reaches a result, table or message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from LiverAILib.data.case import Case
from LiverAILib.data.masks import MASK_SOURCE
from LiverAILib.data.pseudonyms import KeyFile
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import image_name
from LiverAILib.imaging.image import READ_WARNINGS, Image
from LiverAILib.jobs.batch.hidden_names import HiddenNames
from LiverAILib.jobs.case_search.find_cases import FoundCase, FoundCases
from LiverAILib.jobs.case_search.folder_files import SetAside


def pseudonymous_cases(found: FoundCases, key: KeyFile, output: Path) -> FoundCases:
    """`found` under pseudonyms, which are noted in the key file; it is not written yet.

    Args:
        found: The cases.
        key: The key file.
        output: Folder of the results.
    """
    cases = tuple(_pseudonymous(case, key, output) for case in found.cases)
    aside = []
    for one in found.set_aside:
        pseudonym = key.pseudonym(str(one.path))
        reason = one.reason.replace(one.other, "another one") if one.other else one.reason
        aside.append(SetAside(Path(pseudonym), reason))
    return FoundCases(cases, tuple(aside))


def _pseudonymous(case: FoundCase, key: KeyFile, output: Path) -> FoundCase:
    pseudonym = key.pseudonym(case.case_id, file=case.file)
    paths = [*case.paths, *(case.row.files() if case.row else ())]
    texts = [case.case_id, case.file, *_texts(paths)]
    hidden = HiddenNames.of(dict.fromkeys(texts, pseudonym))
    read = partial(_read, case.read, pseudonym, hidden, output / pseudonym / pseudonym)
    return replace(case, case_id=pseudonym, file=pseudonym, folder=pseudonym, read=read, hidden=hidden)


def _texts(paths: Iterable[Path]) -> list[str]:
    """What names these files in a message: path, name, and name without ending, of the folders too that hold them."""
    texts = []
    for path in paths:
        texts += [str(path), str(path.resolve()), path.name, image_name(path), str(path.parent), path.parent.name]
    return texts


def _read(read: Callable[[], Case], pseudonym: str, hidden: HiddenNames, place: Path) -> Case:
    """The case that `read` reads, under its pseudonym.

    Args:
        read: Reads it under its name.
        pseudonym: Of the case.
        hidden: The names of its files.
        place: What the record says of where its images lie; nothing is there.

    Raises:
        UserError: It cannot be read.
    """
    try:
        case = read()
    except UserError as error:
        raise UserError(hidden.hide(str(error))) from None
    images = {role: tuple(_renamed(image, hidden, place) for image in some) for role, some in case.images.items()}
    masks = {name: _renamed(mask, hidden, place) for name, mask in case.masks.items()}
    return replace(case, case_id=pseudonym, images=images, masks=masks)


def _renamed(image: Image, hidden: HiddenNames, place: Path) -> Image:
    meta: Mapping[str, object] = {name: value for name, value in image.meta.items() if name != "name"}
    changed = {
        "path": str(place),
        READ_WARNINGS: tuple((code, hidden.hide(text)) for code, text in image.read_warnings),
        MASK_SOURCE: hidden.hide(str(image.meta.get(MASK_SOURCE, ""))),
    }
    return replace(image, meta={**meta, **{name: value for name, value in changed.items() if value}})
