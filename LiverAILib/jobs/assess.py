"""One case: `assess(case, model) -> Assessment`. The panel, the console, headless Slicer and the command line call this."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from datetime import datetime, timezone
from importlib import metadata
from typing import Any

import numpy as np

from LiverAILib import __version__
from LiverAILib.data.assessment import GRAD_CAM, Assessment, CaseWarning, Segmentation
from LiverAILib.data.case import Case
from LiverAILib.data.fingerprint import hash_image
from LiverAILib.data.model import Model, load_model
from LiverAILib.data.structures import LIVER, STRUCTURES
from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import resample, to_canonical
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.intensity import modality_of
from LiverAILib.imaging.modality import ModalityFinding, find_modality
from LiverAILib.methods import method_of
from LiverAILib.methods.base import ToExplain
from LiverAILib.morphometry import measure
from LiverAILib.morphometry.covariates import check_covariates
from LiverAILib.networks.device import choose_device
from LiverAILib.segmentation.predict import Segmenter, default_model
from LiverAILib.segmentation.quality import image_warnings, segmentation_warnings

Progress = Callable[[float, str], None]
PACKAGES = ("torch", "torchvision", "segmentation-models-pytorch", "SimpleITK", "numpy", "scikit-learn")


class Assessor:
    """A model ready to assess cases: networks stay loaded, and what an earlier call computed is not computed again.

    A second call on the same image with a corrected mask does not segment again, and repeats only those pipelines whose
    network input the mask changes.
    """

    def __init__(
        self, model: Model | str | os.PathLike[str], *, device: str = "auto", progress: Progress | None = None
    ) -> None:
        self.model = model if isinstance(model, Model) else load_model(model)
        self.entry = method_of(self.model)
        self.device = choose_device(device)
        self.progress = progress or (lambda fraction, text: None)
        self.progress(0.02, f"Loading model {self.model.name}")
        self.method = self.entry.load()(self.model, self.device)
        self._segmenters: dict[str, Segmenter] = {}
        self._last_segmentation: tuple[str, Segmentation, tuple[CaseWarning, ...]] | None = None

    def assess(
        self,
        case: Case,
        *,
        slice_index: int | None = None,
        target_class: str | None = None,
        heatmap: str = GRAD_CAM,
    ) -> Assessment:
        """Segment the liver, choose the slice, classify and explain.

        Args:
            case: Needs the image role of the model's method.
            slice_index: Slice number along the input's own slice axis; chosen automatically where None.
            target_class: Class that the heat map explains; the predicted one where None.
            heatmap: "grad-cam" as published, or "hirescam", a finer map that takes a few seconds.

        Raises:
            UserError: The image does not suit the model, or there is no liver in it.
        """
        seconds: dict[str, float] = {}
        last = time.perf_counter()

        def clock(step: str) -> None:
            nonlocal last
            now = time.perf_counter()
            seconds[step] = seconds.get(step, 0.0) + now - last
            last = now

        explain = ToExplain(target_class, heatmap)
        explain.check(self.model)
        check_covariates(case.covariates, where=f"case {case.case_id}: covariate")
        image = self._image(case)
        warnings = list(image_warnings(image))
        image_hash = hash_image(image)
        clock("check_input")
        self.progress(0.1, "Segmenting the liver")
        segmentation, more = self._segmentation(case, image, image_hash)
        clock("segment")
        self.progress(0.7, "Classifying and explaining")
        examination = self.method.examine(image, segmentation, slice_index=slice_index, explain=explain, clock=clock)
        parts = {name: _on_grid(mask, image) for name, mask in case.masks.items() if name not in STRUCTURES}
        morphometry = measure(image, segmentation, parts=parts, covariates=case.covariates)
        clock("measure")
        self.progress(1.0, "Done")
        return Assessment(
            case_id=case.case_id,
            image=image,
            method=self.model.method,
            model=self.model.name,
            segmentation=segmentation,
            pipelines=examination.pipelines,
            primary=examination.primary,
            chosen_slice=examination.chosen_slice,
            measurements=morphometry.measurements,
            not_assessed=morphometry.not_assessed,
            drawings=morphometry.drawings,
            warnings=(*warnings, *more, *examination.warnings, *morphometry.warnings),
            provenance=self._provenance(segmentation, image, image_hash, slice_index, explain),
            seconds=seconds,
            simulated=self.model.simulated,
        )

    def _image(self, case: Case) -> Image:
        role = self.entry.role
        if role not in case.images:
            raise UserError(
                f"case {case.case_id}: the model '{self.model.name}' needs an image '{role}', the case has "
                f"{', '.join(case.images) or 'none'}. Give that image or choose another model."
            )
        image = case.images[role]
        modality = modality_of(image)
        if modality != self.entry.modality:
            raise UserError(
                f"{image.meta.get('path', case.case_id)}: the image is {modality}, the model '{self.model.name}' is for "
                f"{self.entry.modality}. Choose another image or model."
            )
        return image

    def _segmentation(self, case: Case, image: Image, image_hash: str) -> tuple[Segmentation, tuple[CaseWarning, ...]]:
        """The user's mask, or the segmentation network's; the last one is remembered."""
        if LIVER.name in case.masks:
            return self._given_masks(case, image)
        if self._last_segmentation is None or self._last_segmentation[0] != image_hash:
            name = self.model.settings.get("segmentation_model") or default_model(image)
            if name not in self._segmenters:
                self._segmenters[name] = Segmenter(load_model(name), device=self.device)
            self._last_segmentation = (image_hash, *self._segmenters[name].segment(image))
        segmentation, warnings = self._last_segmentation[1:]
        return _with_given_organs(segmentation, case, image), warnings

    def _given_masks(self, case: Case, image: Image) -> tuple[Segmentation, tuple[CaseWarning, ...]]:
        """The user's masks of the organs in one label map; where two overlap, the liver wins."""
        empty = Segmentation(image.with_array(np.zeros(image.array.shape, np.uint8), modality=None), (), "given")
        given = _with_given_organs(empty, case, image)
        canonical, order = to_canonical(image)
        return given, segmentation_warnings(order.apply(given.image.array), canonical)

    def _why_segmentation(self, segmentation: Segmentation, finding: ModalityFinding) -> str:
        """Why this segmentation was taken, for a person."""
        if segmentation.source == "given":
            return "masks given by the user"
        named = self.model.settings.get("segmentation_model")
        return f"named by the card of {self.model.name}" if named else f"default model for {finding}"

    def _provenance(
        self,
        segmentation: Segmentation,
        image: Image,
        image_hash: str,
        slice_index: int | None,
        explain: ToExplain,
    ) -> dict[str, Any]:
        segmenter = self._segmenters.get(segmentation.source)
        finding = find_modality(image)
        return {
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "liverai": __version__,
            "python": platform.python_version(),
            "packages": {name: metadata.version(name) for name in PACKAGES},
            "device": str(self.device),
            "model": {"name": self.model.name, "sha256": self.model.checksum, "simulated": self.model.simulated},
            "segmentation": {
                "source": segmentation.source,
                "why": self._why_segmentation(segmentation, finding),
                "sha256": segmenter.model.checksum if segmenter else None,
                "bfloat16": segmenter.mixed if segmenter else None,
            },
            "input": {
                "file": os.path.basename(str(image.meta.get("path", ""))) or None,
                "sha256": image_hash,
                "modality": finding.modality,
                "modality_from": finding.source,
                "modality_why": finding.why,
                "size": image.size,
                "spacing_mm": image.spacing,
                "origin_lps_mm": image.origin,
                "direction_lps": image.direction,
            },
            "settings": {"slice_index": slice_index, **vars(explain), **self.model.settings},
        }


def _with_given_organs(segmentation: Segmentation, case: Case, image: Image) -> Segmentation:
    """The label map with the organs of the user's masks in place of its own; what was the liver's stays the liver's."""
    organs = [structure for name, structure in STRUCTURES.items() if name in case.masks]
    if not organs:
        return segmentation
    labels = segmentation.image.array.copy()
    for structure in organs:  # the liver is the first of them
        inside = _on_grid(case.masks[structure.name], image)
        if not inside.any():
            raise UserError(
                f"the {structure.name.replace('_', ' ')} mask has no voxel in the image. Check that both belong together."
            )
        labels[labels == structure.label] = 0
        labels[inside & (labels != LIVER.label)] = structure.label
    held = {*segmentation.structures, *organs}
    structures = tuple(structure for structure in STRUCTURES.values() if structure in held)
    return Segmentation(segmentation.image.with_array(labels), structures, segmentation.source)


def _on_grid(mask: Image, image: Image) -> np.ndarray:
    """Bool (k, j, i) of `image`: where the mask is not zero."""
    inside = mask.with_array((mask.array > 0).astype(np.uint8))
    return resample(inside, image, nearest=True).array > 0


def assess(
    case: Case,
    model: Model | str | os.PathLike[str],
    *,
    slice_index: int | None = None,
    target_class: str | None = None,
    heatmap: str = GRAD_CAM,
    device: str = "auto",
    progress: Progress | None = None,
) -> Assessment:
    """Assess one case with one model: the whole of LiverAI in one call.

    Args:
        case: The images of a patient.
        model: A `Model`, the name of an installed one, or its folder.
        slice_index: Slice number along the input's own slice axis; chosen automatically where None.
        target_class: Class that the heat map explains; the predicted one where None.
        heatmap: "grad-cam" as published, or "hirescam", a finer map that takes a few seconds.
        device: "auto", "cpu", "cuda" or "mps".
        progress: Called with a share 0..1 and a sentence.

    Raises:
        UserError: The case or the model cannot be used; the message says why and what to do.
    """
    return Assessor(model, device=device, progress=progress).assess(
        case, slice_index=slice_index, target_class=target_class, heatmap=heatmap
    )
