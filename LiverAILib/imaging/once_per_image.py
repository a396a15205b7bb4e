"""What is found out about an image once, however often it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from LiverAILib.imaging.image import Image

Found = TypeVar("Found")


class OncePerImage(Generic[Found]):
    """A function of an image that is computed once for each `Image` and forgotten with it."""

    def __init__(self, find: Callable[[Image], Found]) -> None:
        self._find = find
        self._found: WeakKeyDictionary[Image, Found] = WeakKeyDictionary()

    def __call__(self, image: Image) -> Found:
        if image not in self._found:
            self._found[image] = self._find(image)
        return self._found[image]

    def carry_over(self, copy: Image, original: Image) -> None:
        """Answer for `copy` as for `original`, where that was asked for."""
        if original in self._found:
            self._found[copy] = self._found[original]
