"""Organ segmentation: the network's view of a volume, masks in the input geometry, their quality and their files."""

from __future__ import annotations

from typing import Any

__all__ = ["Segmenter", "segment"]


def __getattr__(name: str) -> Any:
    # Loaded on use: the types of this room are needed where torch must not be imported.
    if name in __all__:
        from LiverAILib.segmentation import predict

        return getattr(predict, name)
    raise AttributeError(f"module 'LiverAILib.segmentation' has no attribute {name!r}")
