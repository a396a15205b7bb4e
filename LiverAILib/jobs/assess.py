"""One case: `assess(case, model) -> Assessment`. The panel, the console, headless Slicer and the command line call this."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from importlib import metadata
from typing import Any

import numpy as np
import torch

from LiverAILib import __version__
from LiverAILib.data.assessment import Assessment, CaseWarning, Segmentation
from LiverAILib.data.case import Case
from LiverAILib.data.fingerprint import Fingerprint, same_model
from LiverAILib.data.masks import MASK_SOURCE
from LiverAILib.data.model import Model, load_model
from LiverAILib.data.named_segmentation import REPLACED, is_changed
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.data.structures import LIVER, STRUCTURES
from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import resample, to_canonical
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.modality import ModalityFinding, find_modality
from LiverAILib.jobs.checked_case import checked_images, fingerprint_of, segmentation_model
from LiverAILib.methods import method_of
from LiverAILib.methods.base import Examination
from LiverAILib.morphometry import Morphometry, hepatorenal_findings, measure, measure_covariates
from LiverAILib.networks.device import choose_device
from LiverAILib.segmentation.mask_plausibility import plausibility_warnings
from LiverAILib.segmentation.predict import Segmenter
from LiverAILib.segmentation.quality import image_warnings, segmentation_warnings

Progress = Callable[[float, str], None]
SEGMENTING, EXPLAINING, MEASURING = 0.1, 0.75, 0.93
"""Shares of the progress at which these steps start: about the time that they take with the segmentation network."""
PACKAGES = ("torch", "torchvision", "segmentation-models-pytorch", "SimpleITK", "numpy", "scikit-learn")


class Assessor:
    """A model ready to assess cases: networks stay loaded, and what an earlier call computed is not computed again.

    A second call on the same image with a corrected mask does not segment again, and repeats only those pipelines whose
    network input the mask changes.

    Examples:
        >>> from LiverAILib import Assessor, Case
        >>> from LiverAILib.simulation.t2_mr import simulate_t2_mr
        >>> simulated = simulate_t2_mr(4, seed=2, size=(128, 128, 18), spacing=(2.5, 2.5, 15.0))
        >>> liver = simulated.labels.with_array(simulated.labels.array == 1)
        >>> assessor = Assessor("nowak2021-simulated")
        >>> assessor.assess(Case({"t2": simulated.image}, masks={"liver": liver})).predicted
        'cirrhosis'
    """

    def __init__(
        self, model: Model | str | os.PathLike[str], *, device: str = "auto", progress: Progress | None = None
    ) -> None:
        self.model = model if isinstance(model, Model) else load_model(model)
        self.spec = method_of(self.model)
        self.device = choose_device(device)
        self.progress = progress or (lambda fraction, text: None)
        self.progress(0.02, f"Loading model {self.model.name}")
        self.method = self.spec.load()(self.model, self.device)
        self._segmenters: dict[str, Segmenter] = {}
        self._last_segmentation: tuple[str, Segmentation, tuple[CaseWarning, ...]] | None = None

    def assess(
        self,
        case: Case,
        request: AssessmentRequest | None = None,
        *,
        slice_index: int | None = None,
        target_class: str | None = None,
        heatmap: str | None = None,
    ) -> Assessment:
        """Segment the liver where the method needs it, answer and explain.

        Args:
            case: Needs the images of the model's method.
            request: Slice, class and kind of heat map, in place of the following three.
            slice_index: Slice number along the input's own slice axis; chosen automatically where None.
            target_class: Class that the heat map explains; the predicted one where None.
            heatmap: One of the method's kinds ("grad-cam", "hirescam", a finer map that takes a few seconds); the published
                one where None.

        Raises:
            UserError: The images do not suit the model, or there is no liver in them.
        """
        return self.examine(case, request or self.request(slice_index, target_class, heatmap))[0]

    def request(
        self, slice_index: int | None = None, target_class: str | None = None, heatmap: str | None = None
    ) -> AssessmentRequest:
        """A request to this model; arguments as in `assess`."""
        return AssessmentRequest(slice_index, target_class, heatmap or self.spec.heatmaps[0])

    def examine(self, case: Case, request: AssessmentRequest) -> tuple[Assessment, Examination]:
        """The assessment of a case, and what the networks saw; arguments and errors as in `assess`."""
        seconds: dict[str, float] = {}
        last = time.perf_counter()

        def clock(step: str) -> None:
            nonlocal last
            now = time.perf_counter()
            seconds[step] = seconds.get(step, 0.0) + now - last
            last = now

        self.progress(0.05, "Checking the images")
        images = checked_images(case, self.model, request)
        image = next(iter(images.values()))[0]
        warnings = [warning for given in images.values() for one in given for warning in image_warnings(one)]
        warnings += _mask_reading_warnings(case, image)
        fingerprint = self.fingerprint(case, request)
        clock("check_input")
        segmentation = None
        if self.spec.segmentation:
            self.progress(SEGMENTING, "Segmenting the liver")
            segmentation, more = self._segmentation(case, image, fingerprint)
            warnings += more
            clock("segment")
        examination = self.method.examine(
            replace(case, images=images), segmentation, request=request, clock=self._reporting(clock)
        )
        self.progress(MEASURING, "Measuring")
        if segmentation is None:
            drawn = images.get(self.spec.role, ()) if self.spec.regions else ()
            by_regions = hepatorenal_findings(drawn, case.regions, case.case_id)
            morphometry = Morphometry.joined((measure_covariates(case.covariates), by_regions))
        else:
            parts = {name: _on_grid(mask, image) for name, mask in case.masks.items() if name not in STRUCTURES}
            morphometry = measure(image, segmentation, parts=parts, covariates=case.covariates)
            clock("measure")
        self.progress(1.0, "Done")
        assessment = Assessment(
            case_id=case.case_id,
            images=images,
            method=self.model.method,
            model=self.model.name,
            segmentation=segmentation,
            outcomes=examination.outcomes,
            primary=examination.primary,
            chosen_slice=examination.chosen_slice,
            measurements=morphometry.measurements,
            not_assessed=morphometry.not_assessed,
            drawings=morphometry.drawings,
            warnings=(*warnings, *examination.warnings, *morphometry.warnings),
            provenance={**self._provenance(segmentation, images, request, fingerprint), "masks": _mask_sources(case)},
            seconds=seconds,
            simulated=self.model.simulated,
        )
        return assessment, examination

    def fingerprint(self, case: Case, request: AssessmentRequest) -> Fingerprint:
        """What decides the result of `examine(case, request)`, without running a network; errors as there."""
        return fingerprint_of(case, self.model, request, device=self.device)

    def _report_slices(self, done: int, count: int) -> None:
        share = SEGMENTING + (EXPLAINING - SEGMENTING) * done / max(count, 1)
        self.progress(share, f"Segmenting the liver: {done} of {count} slices")

    def _reporting(self, clock: Callable[[str], None]) -> Callable[[str], None]:
        """The clock, which also reports each step of the method that has ended."""
        self.progress(EXPLAINING, "Classifying and explaining")
        steps = 0

        def clock_and_report(step: str) -> None:
            nonlocal steps
            clock(step)
            steps += 1
            share = MEASURING - (MEASURING - EXPLAINING) / 2**steps  # how many steps come is the method's affair
            self.progress(share, f"Classifying and explaining: done with {step.replace('_', ' ')}")

        return clock_and_report

    def _segmentation(
        self, case: Case, image: Image, fingerprint: Fingerprint
    ) -> tuple[Segmentation, tuple[CaseWarning, ...]]:
        """The user's mask, or the segmentation network's; the last one is remembered."""
        model = segmentation_model(case, self.model, image)
        if model is None:
            return self._given_masks(case, image)
        key = fingerprint.sha256_of("images", "segmentation_model", "bfloat16")
        if self._last_segmentation is None or self._last_segmentation[0] != key:
            if model.name not in self._segmenters or not same_model(self._segmenters[model.name].model, model):
                self._segmenters[model.name] = Segmenter(model, device=self.device)
                self._segmenters[model.name].on_slices = self._report_slices
            self._last_segmentation = (key, *self._segmenters[model.name].segment(image))
        segmentation, warnings = self._last_segmentation[1:]
        segmentation = _with_given_organs(segmentation, case, image)
        changed = self._segmentation_model_warnings(model)
        return segmentation, (*changed, *warnings, *_plausibility(segmentation, case, image))

    def _segmentation_model_warnings(self, segmentation: Model) -> tuple[CaseWarning, ...]:
        """What is to be said where this is not the segmentation model that the classifier was validated with."""
        name = self.model.name
        if self.model.settings.get(REPLACED):
            text = f"The liver was segmented by {segmentation.name}, not by the model that {name} was validated with."
            return (CaseWarning("segmentation_model_replaced", text),)
        if self.model.card.segmentation_model and is_changed(self.model, segmentation):
            text = f"The weights of {segmentation.name} have changed since {name} was validated with its masks."
            return (CaseWarning("segmentation_model_changed", text),)
        return ()

    def _given_masks(self, case: Case, image: Image) -> tuple[Segmentation, tuple[CaseWarning, ...]]:
        """The user's masks of the organs in one label map; where two overlap, the liver wins."""
        empty = Segmentation(image.with_array(np.zeros(image.array.shape, np.uint8), modality=None), (), "given")
        given = _with_given_organs(empty, case, image)
        canonical, order = to_canonical(image)
        warnings = segmentation_warnings(order.apply(given.image.array), canonical)
        return given, (*warnings, *_plausibility(given, case, image))

    def _why_segmentation(self, segmentation: Segmentation, finding: ModalityFinding) -> str:
        """Why this segmentation was taken, for a person."""
        if segmentation.source == "given":
            return "masks given by the user"
        if self.model.settings.get(REPLACED):
            return f"given for this evaluation, instead of the one that {self.model.name} was validated with"
        named = self.model.card.segmentation_model
        return f"named by the card of {self.model.name}" if named else f"default model for {finding}"

    def _provenance(
        self,
        segmentation: Segmentation | None,
        images: Mapping[str, tuple[Image, ...]],
        request: AssessmentRequest,
        fingerprint: Fingerprint,
    ) -> dict[str, Any]:
        findings = {role: [find_modality(one) for one in given] for role, given in images.items()}
        return {
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "liverai": __version__,
            "python": platform.python_version(),
            "packages": {name: metadata.version(name) for name in PACKAGES},
            "device": str(self.device),
            "threads": torch.get_num_threads(),
            "model": {"name": self.model.name, "sha256": self.model.checksum, "simulated": self.model.simulated},
            "segmentation": None
            if segmentation is None
            else self._segmentation_provenance(segmentation, findings[self.spec.role][0]),
            "inputs": [
                _input_record(role, number, one, fingerprint.image_sha256(role, number), findings[role][number])
                for role, given in images.items()
                for number, one in enumerate(given)
            ],
            "settings": {**vars(request), **self.model.settings},
            "fingerprint": fingerprint.sha256,
            "fingerprint_parts": dict(fingerprint.parts),
        }

    def _segmentation_provenance(self, segmentation: Segmentation, finding: ModalityFinding) -> dict[str, Any]:
        segmenter = self._segmenters.get(segmentation.source)
        return {
            "source": segmentation.source,
            "why": self._why_segmentation(segmentation, finding),
            "sha256": segmenter.model.checksum if segmenter else None,
            "bfloat16": segmenter.mixed if segmenter else None,
        }


def _input_record(role: str, number: int, image: Image, checksum: str, finding: ModalityFinding) -> dict[str, Any]:
    """Where an input image comes from and lies, JSON-able."""
    return {
        "role": role,
        "number": number,
        "file": os.path.basename(str(image.meta.get("path", ""))) or None,
        "sha256": checksum,
        "modality": finding.modality,
        "modality_from": finding.source,
        "modality_why": finding.why,
        "size": list(image.size),
        "spacing_mm": list(image.spacing),
        "origin_lps_mm": list(image.origin),
        "direction_lps": [list(row) for row in image.direction],
    }


def _mask_reading_warnings(case: Case, image: Image) -> list[CaseWarning]:
    """What the reader of masks found, each once; what it found of the image itself is said elsewhere."""
    found = dict.fromkeys(warning for mask in case.masks.values() for warning in mask.read_warnings)
    return [CaseWarning(code, text) for code, text in found if (code, text) not in image.read_warnings]


def _mask_sources(case: Case) -> dict[str, str]:
    """Which segment or label of its file every given mask is, and why."""
    return {name: mask.meta[MASK_SOURCE] for name, mask in case.masks.items() if MASK_SOURCE in mask.meta}


def _plausibility(segmentation: Segmentation, case: Case, image: Image) -> tuple[CaseWarning, ...]:
    """Warnings about those organs whose masks the user gave."""
    given = [structure for name, structure in STRUCTURES.items() if name in case.masks]
    if not given:
        return ()
    canonical, order = to_canonical(image)
    return plausibility_warnings(order.apply(segmentation.image.array), canonical, given)


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
    request: AssessmentRequest | None = None,
    slice_index: int | None = None,
    target_class: str | None = None,
    heatmap: str | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Assessment:
    """Assess one case with one model: the whole of LiverAI in one call.

    Args:
        case: The images of a patient.
        model: A `Model`, the name of an installed one, or its folder.
        request: Slice, class and kind of heat map, in place of the following three.
        slice_index: Slice number along the input's own slice axis; chosen automatically where None.
        target_class: Class that the heat map explains; the predicted one where None.
        heatmap: One of the method's kinds ("grad-cam", "hirescam", a finer map that takes a few seconds); the published one
            where None.
        device: "auto", "cpu", "cuda" or "mps".
        progress: Called with a share 0..1 and a sentence.

    Raises:
        UserError: The case or the model cannot be used; the message says why and what to do.

    Examples:
        >>> from LiverAILib import Case, assess
        >>> from LiverAILib.simulation.t2_mr import simulate_t2_mr
        >>> simulated = simulate_t2_mr(4, seed=2, size=(128, 128, 18), spacing=(2.5, 2.5, 15.0))
        >>> assessment = assess(Case({"t2": simulated.image}, "patient 7"), "nowak2021-simulated")
        >>> assessment.predicted
        'cirrhosis'
        >>> assessment.heatmap.image.same_geometry(simulated.image)
        True
    """
    return Assessor(model, device=device, progress=progress).assess(
        case, request, slice_index=slice_index, target_class=target_class, heatmap=heatmap
    )
