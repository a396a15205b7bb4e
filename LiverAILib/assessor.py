"""One case: `assess(case, model) -> Assessment`. The panel, the console, headless Slicer and the command line call this."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Callable
from datetime import datetime, timezone
from importlib import metadata
from typing import Any

import numpy as np

from LiverAILib import __version__
from LiverAILib.assessment import Assessment, CaseWarning, Segmentation
from LiverAILib.case import Case
from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import resample, to_canonical
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.intensity import modality_of
from LiverAILib.methods import method_of
from LiverAILib.model import Model, load_model
from LiverAILib.morphometry import volume_measurements
from LiverAILib.networks.device import choose_device
from LiverAILib.segmentation.predict import Segmenter, default_model
from LiverAILib.segmentation.quality import image_warnings, segmentation_warnings
from LiverAILib.segmentation.structures import LIVER

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

    def assess(self, case: Case, *, slice_index: int | None = None, target_class: str | None = None) -> Assessment:
        """Segment the liver, choose the slice, classify and explain.

        Args:
            case: Needs the image role of the model's method.
            slice_index: Slice number along the input's own slice axis; chosen automatically where None.
            target_class: Class that the heat map explains; the predicted one where None.

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

        image = self._image(case)
        warnings = list(image_warnings(image))
        image_hash = hash_image(image)
        clock("check_input")
        self.progress(0.1, "Segmenting the liver")
        segmentation, more = self._segmentation(case, image, image_hash)
        clock("segment")
        self.progress(0.7, "Classifying and explaining")
        examination = self.method.examine(
            image, segmentation, slice_index=slice_index, target_class=target_class, clock=clock
        )
        measurements = volume_measurements(segmentation)
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
            measurements=measurements,
            warnings=(*warnings, *more, *examination.warnings),
            provenance=self._provenance(segmentation, image, image_hash, slice_index, target_class),
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
            return self._given_mask(case.masks[LIVER.name], image)
        if self._last_segmentation is None or self._last_segmentation[0] != image_hash:
            name = self.model.settings.get("segmentation_model") or default_model(image)
            if name not in self._segmenters:
                self._segmenters[name] = Segmenter(load_model(name), device=self.device)
            self._last_segmentation = (image_hash, *self._segmenters[name].segment(image))
        return self._last_segmentation[1:]

    def _given_mask(self, mask: Image, image: Image) -> tuple[Segmentation, tuple[CaseWarning, ...]]:
        inside = mask.with_array((mask.array > 0).astype(np.uint8))
        labels = resample(inside, image, nearest=True).array
        if not labels.any():
            raise UserError("the liver mask has no voxel in the image. Check that both belong together.")
        given = Segmentation(image.with_array(labels * np.uint8(LIVER.label), modality=None), (LIVER,), "given")
        canonical, order = to_canonical(image)
        return given, segmentation_warnings(order.apply(given.image.array), canonical)

    def _provenance(
        self,
        segmentation: Segmentation,
        image: Image,
        image_hash: str,
        slice_index: int | None,
        target_class: str | None,
    ) -> dict[str, Any]:
        segmenter = self._segmenters.get(segmentation.source)
        return {
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "liverai": __version__,
            "python": platform.python_version(),
            "packages": {name: metadata.version(name) for name in PACKAGES},
            "device": str(self.device),
            "model": {"name": self.model.name, "sha256": self.model.checksum, "simulated": self.model.simulated},
            "segmentation": {
                "source": segmentation.source,
                "sha256": segmenter.model.checksum if segmenter else None,
                "bfloat16": segmenter.mixed if segmenter else None,
            },
            "input": {
                "file": os.path.basename(str(image.meta.get("path", ""))) or None,
                "sha256": image_hash,
                "modality": modality_of(image),
                "modality_from": "file" if image.modality else "intensities",
                "size": image.size,
                "spacing_mm": image.spacing,
                "origin_lps_mm": image.origin,
                "direction_lps": image.direction,
            },
            "settings": {"slice_index": slice_index, "target_class": target_class, **self.model.settings},
        }


def hash_image(image: Image) -> str:
    """SHA-256 of the voxels and the geometry of an image."""
    digest = hashlib.sha256(np.ascontiguousarray(image.array).tobytes())
    digest.update(repr((str(image.array.dtype), image.array.shape, image.index_to_lps.round(6).tolist())).encode())
    return digest.hexdigest()


def assess(
    case: Case,
    model: Model | str | os.PathLike[str],
    *,
    slice_index: int | None = None,
    target_class: str | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Assessment:
    """Assess one case with one model: the whole of LiverAI in one call.

    Args:
        case: The images of a patient.
        model: A `Model`, the name of an installed one, or its folder.
        slice_index: Slice number along the input's own slice axis; chosen automatically where None.
        target_class: Class that the heat map explains; the predicted one where None.
        device: "auto", "cpu", "cuda" or "mps".
        progress: Called with a share 0..1 and a sentence.

    Raises:
        UserError: The case or the model cannot be used; the message says why and what to do.
    """
    return Assessor(model, device=device, progress=progress).assess(
        case, slice_index=slice_index, target_class=target_class
    )
