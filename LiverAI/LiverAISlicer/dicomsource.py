"""The DICOM files that volumes of the scene were loaded from: what DICOM objects of a result refer to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import slicer

from LiverAILib.errors import UserError

INSTANCES = "DICOM.instanceUIDs"
"""Attribute that Slicer gives a volume which it loaded from its DICOM database: SOP instance UIDs, separated by spaces."""


def dicomFiles(volumeNodes: Iterable[Any]) -> list[str]:
    """The files of the volumes in Slicer's DICOM database.

    Raises:
        UserError: A volume did not come from DICOM, was moved since, or its files are not in the database any more.
    """
    database = getattr(slicer, "dicomDatabase", None)
    files: list[str] = []
    for node in volumeNodes:
        if node is None:
            raise UserError("An image of the result is not in the scene any more. Load it, press Apply again.")
        instances = (node.GetAttribute(INSTANCES) or "").split()
        if not instances or database is None:
            raise UserError(
                f"{node.GetName()}: was not loaded from DICOM, so there is no study for DICOM objects to belong to. Load the "
                "series with the module DICOM."
            )
        if node.GetParentTransformNode() is not None:
            raise UserError(
                f"{node.GetName()}: lies under a transform, not where the scanner put it. Take it out, press Apply."
            )
        found = [database.fileForInstance(instance) for instance in instances]
        if not all(found):
            raise UserError(
                f"{node.GetName()}: not all of its files are in the DICOM database any more. Import the series again."
            )
        files += found
    return files
