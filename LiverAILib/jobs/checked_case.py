"""What can be said of a case and a model before any network is loaded: whether they fit, and the fingerprint of the result."""

from __future__ import annotations

from dataclasses import replace

import torch

from LiverAILib.data.case import Case
from LiverAILib.data.cohort import CohortRow
from LiverAILib.data.fingerprint import Fingerprint, case_fingerprint
from LiverAILib.data.model import Model, load_model
from LiverAILib.data.named_segmentation import named_segmentation
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.data.structures import LIVER
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.intensity import modality_of
from LiverAILib.imaging.values import fill_not_measured
from LiverAILib.methods import ImageRole, MethodSpec, method_of
from LiverAILib.morphometry.covariates import check_covariates
from LiverAILib.networks.device import bfloat16_pays
from LiverAILib.segmentation.predict import default_model


def fingerprint_of(case: Case, model: Model, request: AssessmentRequest, *, device: torch.device) -> Fingerprint:
    """What decides the result of an assessment. Of the device, only whether the segmentation runs in bfloat16 counts.

    Raises:
        UserError: As `checked_images`, or no segmentation model is installed for the image.
    """
    images = checked_images(case, model, request)
    used = segmentation_model(case, model, next(iter(images.values()))[0])
    return case_fingerprint(case, model, request, segmentation_model=used, bfloat16=bfloat16_pays(device))


def segmentation_model(case: Case, model: Model, image: Image) -> Model | None:
    """The segmentation model that is used for `image`; None where the method needs none or the liver mask is given.

    Its card is read every time: the model may have been replaced under the same name.
    """
    if not method_of(model).segmentation or LIVER.name in case.masks:
        return None
    return named_segmentation(model) or load_model(default_model(image))


def request_for_row(request: AssessmentRequest, row: CohortRow | None, spec: MethodSpec) -> AssessmentRequest:
    """The request with the slice that the manifest's row names, where the method looks at one and none was asked for."""
    if row is None or row.slice_index is None or not spec.slices or request.slice_index is not None:
        return request
    return replace(request, slice_index=row.slice_index)


def check_request(model: Model, request: AssessmentRequest) -> None:
    """Raise a `UserError` where the model cannot answer the request."""
    spec = method_of(model)
    request.check(model.classes, spec.heatmaps)
    if request.slice_index is not None and not spec.slices:
        raise UserError(
            f"slice {request.slice_index} was asked for, but the model '{model.name}' looks at the whole image. "
            "Leave the slice out."
        )


def checked_images(case: Case, model: Model, request: AssessmentRequest) -> dict[str, tuple[Image, ...]]:
    """The images that the model's method looks at, in the order of its roles, after request and covariates were checked.

    Raises:
        UserError: The model cannot answer the request, a covariate is impossible, an image is missing, there are too many,
            or one is of another modality or kind.
    """
    check_request(model, request)
    check_covariates(case.covariates, where=f"case {case.case_id}: covariate")
    images = {}
    for role in method_of(model).images:
        given = tuple(fill_not_measured(image) for image in case.images.get(role.name, ()))
        if len(given) < role.minimum:
            needed = f"an image '{role.name}'" if role.minimum == 1 else f"{role.minimum} images '{role.name}'"
            has = ", ".join(f"{len(some)} '{name}'" for name, some in case.images.items()) or "none"
            raise UserError(
                f"case {case.case_id}: the model '{model.name}' needs {needed}, the case has {has}. Give what is "
                "missing or choose another model."
            )
        if role.maximum is not None and len(given) > role.maximum:
            most = f"{role.maximum} image{'s' * (role.maximum > 1)} '{role.name}'"
            raise UserError(
                f"case {case.case_id}: the model '{model.name}' takes {most}, {len(given)} were given. Leave the "
                f"others out, or assess them as cases of their own."
            )
        for one in given:
            _check_image(case, model, one, role)
        if given:
            images[role.name] = given
    if not images:
        roles = ", ".join(role.name for role in method_of(model).images)
        raise UserError(
            f"case {case.case_id}: no image that the model '{model.name}' looks at ({roles}). Give at least one of them."
        )
    return images


def _check_image(case: Case, model: Model, image: Image, role: ImageRole) -> None:
    where = image.meta.get("path") or image.meta.get("name") or case.case_id
    modality = modality_of(image)
    if modality != role.modality:
        raise UserError(
            f"{where}: the image is {modality}, the model '{model.name}' is for {role.modality}. Choose another image or model."
        )
    if role.dimensions == 2 and image.size[2] != 1:
        raise UserError(
            f"{where}: a volume of {image.size[2]} slices; the model '{model.name}' takes single images as "
            f"'{role.name}'. Give one slice."
        )
    if image.color and not role.color:
        raise UserError(
            f"{where}: a color image; the model '{model.name}' takes gray-scale images as '{role.name}'. Give a gray-scale image."
        )
