"""What each network of a model saw of a case: its part of the image, and its input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from LiverAILib.data.assessment import Assessment
from LiverAILib.data.structures import LIVER
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.jobs.assess import Assessor
from LiverAILib.methods.nowak2021.method import Nowak2021, choose_slice, network_input, prepare_slice
from LiverAILib.methods.yin2021.input import prepare_stack, window_starts
from LiverAILib.methods.yin2021.method import PIPELINE, Yin2021

BODY = 0.05
"""The body is what lies above this share of the 99th percentile (MR), or above -300 HU (CT)."""
BODY_HU = -300


@dataclass(frozen=True, eq=False)
class NetworkView:
    """One pipeline's view of a case.

    Attributes:
        network: The network, in evaluation mode.
        inputs: Its input, (1, channels, *spatial); of several windows the middle one.
        seen: Bool, in the array order of the image: what the input shows.
        support: Bool, same shape: where a map can sensibly put its mass, the liver where only that is shown, else the body.
    """

    network: torch.nn.Module
    inputs: torch.Tensor
    seen: np.ndarray
    support: np.ndarray


def network_views(assessor: Assessor, assessment: Assessment) -> dict[str, NetworkView]:
    """View of each pipeline on the case just assessed; empty for a method that is not known here."""
    if isinstance(assessor.method, Nowak2021):
        return _slice_views(assessor.method, assessment)
    if isinstance(assessor.method, Yin2021):
        return {PIPELINE: _volume_view(assessor.method, assessment)}
    return {}


def _slice_views(method: Nowak2021, assessment: Assessment) -> dict[str, NetworkView]:
    canonical, order = to_canonical(assessment.image)
    liver = order.apply(assessment.segmentation.image.array) == LIVER.label
    index = assessment.chosen_slice.index
    _, position, _ = choose_slice(assessment.image, canonical, order, liver, index)
    section = np.nan_to_num(canonical.array[position].astype(np.float32))
    pixel_mm = (canonical.spacing[1], canonical.spacing[0])
    views = {}
    for pipeline, network in method.networks.items():
        size = method.model.settings["image_size"]
        prepared, box = prepare_slice(section, liver[position], pixel_mm, pipeline=pipeline, size=size)
        seen = np.zeros(canonical.array.shape, bool)
        box.paste(np.ones((box.rows, box.columns), bool), seen[position])
        support = np.zeros_like(seen)
        body = section > BODY * np.percentile(section, 99)
        support[position] = liver[position] if pipeline == "segmented" else body
        inputs = network_input(prepared[None].to(method.device)).cpu()
        views[pipeline] = NetworkView(network, inputs, order.undo(seen), order.undo(support))
    return views


def _volume_view(method: Yin2021, assessment: Assessment) -> NetworkView:
    canonical, order = to_canonical(assessment.image)
    liver = order.apply(assessment.segmentation.image.array) == LIVER.label
    prepared, stack = prepare_stack(canonical, liver, method.settings)
    starts = window_starts(len(prepared), method.settings)
    start = starts[len(starts) // 2]
    inputs = prepared[None, None, start : start + method.settings.slices]
    seen = np.zeros(canonical.array.shape, bool)
    for position in np.flatnonzero(stack.weights().any(0)):
        stack.box.paste(np.ones((stack.box.rows, stack.box.columns), bool), seen[position])
    support = seen & (liver if method.settings.masking == "liver" else canonical.array > BODY_HU)
    return NetworkView(method.network, inputs, order.undo(seen), order.undo(support))
