"""What is found out about an image is computed once, for that image."""

from __future__ import annotations

import gc

import numpy as np

from LiverAILib.imaging.image import Image
from LiverAILib.imaging.once_per_image import OncePerImage


def image(value: int) -> Image:
    return Image(np.full((1, 2, 2), value, np.uint8), (1, 1, 1))


def test_each_image_is_looked_at_once_and_not_kept_alive():
    asked = []

    def largest(one: Image) -> int:
        asked.append(one.array[0, 0, 0])
        return int(one.array.max())

    found = OncePerImage(largest)
    first, second = image(3), image(3)
    assert [found(first), found(first), found(second)] == [3, 3, 3]
    assert asked == [3, 3]
    copy = image(7)
    found.carry_over(copy, first)
    assert found(copy) == 3
    assert len(asked) == 2
    asked.clear()
    del first, second, copy
    gc.collect()
    assert len(found._found) == 0


def test_what_was_not_asked_for_is_not_carried_over():
    found = OncePerImage(lambda one: int(one.array.max()))
    copy = image(7)
    found.carry_over(copy, image(3))
    assert found(copy) == 7
