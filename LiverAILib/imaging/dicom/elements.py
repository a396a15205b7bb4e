"""Values of DICOM elements, read with pydicom: distinguishes absent, empty and undecodable ones, and is fast for many files."""

from __future__ import annotations

import functools
import math
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement, convert_raw_data_element
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

UNREADABLE = "unreadable"
"""Stands for a value that pydicom cannot decode."""

VALUE_ERRORS = (
    ValueError,
    TypeError,
    OverflowError,
    NotImplementedError,
    LookupError,
    AttributeError,
    struct.error,
    BytesLengthException,
)
UNREADABLE_ERRORS = (*VALUE_ERRORS, InvalidDicomError, EOFError, RecursionError, AssertionError, zlib.error)
"""What pydicom raises on bytes that are no DICOM elements."""


class BadValueError(ValueError):
    """An element that is needed holds something else than it must; the text is what a person has to know."""


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """pydicom warns of every value that is not to the letter of the standard: what matters is judged here, in one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@functools.lru_cache(maxsize=1024)
def _tag(keyword: str) -> BaseTag:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return BaseTag(tag)


@functools.lru_cache(maxsize=1 << 14)
def _converted(raw: RawDataElement, encoding: tuple[str, ...]) -> Any:
    return convert_raw_data_element(raw, encoding=list(encoding)).value


def get_value(dataset: Dataset, keyword: str) -> Any:
    """The value of an element, None where it is absent or empty, `UNREADABLE` where it cannot be decoded."""
    return get_value_at(dataset, _tag(keyword))


def get_value_at(dataset: Dataset, tag: BaseTag) -> Any:
    """As `get_value`, by tag, for private elements."""
    if tag not in dataset:
        return None
    try:
        raw = dataset.get_item(tag)
        if isinstance(raw, RawDataElement) and isinstance(raw.value, bytes):
            # Most values are the same in all files of a series: each is converted once.
            encoding = dataset.original_character_set or "iso8859"
            key = raw._replace(value_tell=0)
            value = _converted(key, (encoding,) if isinstance(encoding, str) else tuple(encoding))
        else:
            value = dataset[tag].value
    except VALUE_ERRORS:
        return UNREADABLE
    return None if value is None or (hasattr(value, "__len__") and len(value) == 0) else value


def value_text(value: Any, decimals: int | None = None) -> str:
    """A value as text that compares equal where the values mean the same: no padding, numbers rounded."""
    if value is None:
        return ""
    if isinstance(value, MultiValue | list | tuple):
        return "\\".join(value_text(one, decimals) for one in value)
    text = str(value).strip(" \0")
    if decimals is not None and text:
        try:
            return f"{round(float(text), decimals) + 0.0:.10g}"
        except ValueError:
            return text
    return text


def to_count(dataset: Dataset, keyword: str, default: int | None = None, *, least: int = 1) -> int:
    """A whole number that is at least `least`; `default` where there is none.

    Raises:
        BadValueError: It is missing without a default, or something else.
    """
    value = get_value(dataset, keyword)
    if value is None and default is not None:
        return default
    try:
        count = int(str(value))
    except ValueError:
        count = -1
    if count < least:
        stated = "is missing" if value is None else f"is {str(value)[:20]!r}"
        raise BadValueError(f"{keyword} {stated}, the DICOM file is damaged")
    return count


def to_numbers(value: Any, keyword: str, count: int) -> tuple[float, ...] | None:
    """`count` finite numbers, None where there is no value.

    Raises:
        BadValueError: It is something else.
    """
    if value is None:
        return None
    values = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if all(value_text(one) == "" for one in values):
        return None
    try:
        numbers = tuple(float(one) for one in values)
    except (ValueError, TypeError):
        numbers = ()
    if value == UNREADABLE or len(numbers) != count or not all(math.isfinite(one) for one in numbers):
        raise BadValueError(f"{keyword} is not {count} number{'s' * (count > 1)}")
    return numbers
