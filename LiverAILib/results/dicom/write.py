"""All DICOM objects of an assessment as files of a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydicom.dataset import Dataset

from LiverAILib.atomic_write import atomic_files
from LiverAILib.data.assessment import Assessment
from LiverAILib.errors import UserError
from LiverAILib.imaging.dicom.elements import quiet_pydicom
from LiverAILib.output_paths import check_keeps_inputs, check_output_folder
from LiverAILib.results.dicom.fusion import fusion_picture
from LiverAILib.results.dicom.heatmap import parametric_map
from LiverAILib.results.dicom.identity import Identity
from LiverAILib.results.dicom.report import measurement_report
from LiverAILib.results.dicom.segmentation import dicom_segmentation
from LiverAILib.results.dicom.source import SourceImage, source_of
from LiverAILib.results.files import DICOM_REPORT, DICOM_SEGMENTATION, WITHOUT_VOXELS, dicom_files, remove_dicom_objects


def write_dicom_objects(
    assessment: Assessment,
    output: str | os.PathLike[str],
    *,
    sources: Sequence[str | os.PathLike[str]] | None = None,
) -> dict[str, Path]:
    """Write an assessment of DICOM images as DICOM objects, whole or not at all; objects of an earlier call there are replaced.

    Segmentation (DICOM SEG), measurements and outcomes (SR, TID 1500), and for every heat map a Parametric Map and a color
    picture (Secondary Capture). They belong to the patient and the study of the source, each kind in a series of its own. Images
    without a position, as ultrasound has, get pictures and the report only. The UIDs follow from the fingerprint of the
    assessment and the instances of the source, so that writing the same result again gives the same objects.

    Args:
        assessment: As `assess` or `read_assessment` gives it, with the voxels of its images.
        output: Folder, made where it is missing.
        sources: DICOM files and folders of all images together; where None, the files that the images were read from. Images
            that came from somewhere else, such as volume nodes of Slicer, need them.

    Returns:
        What each file is, and where.

    Raises:
        UserError: An image did not come from DICOM, the sources are not those of the assessed images, refer to no frame of
            reference, or the files cannot be written.

    Examples:
        >>> from LiverAILib.results.dicom import write_dicom_objects  # doctest: +SKIP
        >>> write_dicom_objects(assessment, "result/dicom")["report"].name  # doctest: +SKIP
        'report.dcm'
    """
    output = Path(output)
    check_output_folder(output)
    found = _sources(assessment, sources)
    inputs = [frame.file.path for source in found.values() for frame in source.frames]
    check_keeps_inputs(dicom_files(output), inputs)
    with quiet_pydicom():
        made = dicom_objects(assessment, found)
        with atomic_files(output, last=DICOM_REPORT) as unfinished:
            for name, dataset in made.items():
                dataset.save_as(unfinished / name, enforce_file_format=True)
            remove_dicom_objects(output)
    return {name.removesuffix(".dcm"): output / name for name in made}


def dicom_objects(assessment: Assessment, sources: Mapping[tuple[str, int], SourceImage]) -> dict[str, Dataset]:
    """The objects by file name; arguments as in `measurement_report`."""
    identity = Identity(assessment)
    main = next(iter(sources.values()))
    segmentation = dicom_segmentation(identity, main) if main.placed else None
    made: dict[str, Dataset] = {} if segmentation is None else {DICOM_SEGMENTATION: segmentation}
    maps, first_role = [], next(iter(assessment.images))
    for number, heatmap in enumerate(assessment.heatmaps, 1):
        source = sources[heatmap.role or first_role, heatmap.number]
        parametric = parametric_map(identity, source, heatmap, number) if source.placed else None
        if parametric is not None:
            made[f"heatmap_{number}.dcm"] = parametric
            maps.append(parametric)
        made[f"fusion_{number}.dcm"] = fusion_picture(identity, source, heatmap, number)
    made[DICOM_REPORT] = measurement_report(identity, sources, segmentation, maps)
    return made


def _sources(
    assessment: Assessment, files: Sequence[str | os.PathLike[str]] | None
) -> dict[tuple[str, int], SourceImage]:
    """The DICOM instances of every image by role and number.

    Raises:
        UserError: As `source_of`, or a volume has no frame of reference.
    """
    found = {}
    for role, images in assessment.images.items():
        for number, image in enumerate(images):
            if image.meta.get(WITHOUT_VOXELS):
                raise UserError(
                    f"{assessment.case_id}: the files of the image {role} are gone or were changed since it was assessed. "
                    "Assess it again."
                )
            source = source_of(image, files)
            if source.placed and not str(source.first.get("FrameOfReferenceUID") or ""):
                raise UserError(
                    f"{source.frames[0].file.path}: has no FrameOfReferenceUID, so a segmentation has no place to lie in. Export "
                    "the series again, or leave --dicom out."
                )
            found[role, number] = source
    return found
