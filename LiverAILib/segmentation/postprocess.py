"""What a radiologist expects of a mask: one connected organ without holes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    import torch


def largest_component(mask: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """The largest 6-connected component of a boolean mask, and the voxel counts of all, largest first."""
    box = ndimage.find_objects(mask.view(np.uint8), max_label=1)[0]
    if box is None:
        return mask, []
    components, _ = ndimage.label(mask[box])
    sizes = np.bincount(components.ravel())[1:]
    largest = np.zeros_like(mask)
    largest[box] = components == int(sizes.argmax()) + 1
    return largest, sorted((int(s) for s in sizes), reverse=True)


def slices_beyond_the_ends(mask: np.ndarray, *, waist: float = 0.2, regrowth: float = 2.0) -> np.ndarray:
    """Slices in which a mask grows again after the organ has tapered off.

    From its largest section the liver tapers to the dome above and to the tip of the right lobe below. Where the section
    has shrunk below `waist` of the largest and then grows to more than `regrowth` times its minimum, what follows is
    something else (lung or heart above, bowel or ascites below) that the mask touches. The tip of the right lobe may be
    lobed: below, only what grows beyond `waist` again is something else. Of the parts that waists divide the mask into, the
    one of the largest volume is the organ: a single section of ascites can be larger than any of the liver.

    Args:
        mask: Boolean (k, j, i), k from inferior to superior.
        waist: Share of the largest section.
        regrowth: Multiple of the smallest section.

    Returns:
        Boolean (k,): the slices that do not belong to the organ.
    """
    area = mask.sum(axis=(1, 2)).astype(float)
    number = np.arange(len(area))
    organ, largest = np.ones(len(area), bool), 0.0
    left = area.copy()
    while left.any():
        peak = int(left.argmax())
        first, last = _part_around(left, peak, waist=waist, regrowth=regrowth)
        part = (first <= number) & (number <= last)
        if left[part].sum() > largest:
            organ, largest = part, left[part].sum()
        left[(first < number) & (number < last) | (number == peak)] = 0  # a waist belongs to the parts on both sides
    return ~organ & (area > 0)


def _part_around(area: np.ndarray, peak: int, *, waist: float, regrowth: float) -> tuple[int, int]:
    """First and last slice of the part with the largest section `peak`: the waists on either side, or the ends."""
    ends = []
    for outward in (np.arange(peak, -1, -1), np.arange(peak, len(area))):
        lobed = outward[-1] == 0
        smallest, at, end = area[peak], peak, peak
        for number in outward[np.minimum.accumulate(area[outward]) > 0]:  # up to the first empty slice
            grown = regrowth * smallest < area[number] and (not lobed or area[number] > waist * area[peak])
            if area[number] <= smallest:
                smallest, at = area[number], int(number)
            elif smallest < waist * area[peak] and grown:
                end = at
                break
            end = int(number)
        ends.append(end)
    return ends[0], ends[1]


def fill_holes(labels: np.ndarray, label: int) -> None:
    """Give background enclosed by `label` within an axial slice that label, in place; labels are (k, j, i)."""
    boxes = ndimage.find_objects(labels, max_label=label)
    if len(boxes) < label or boxes[label - 1] is None:
        return
    for section in labels[boxes[label - 1]]:  # what is enclosed lies within the organ's box
        inside = section == label
        if inside.any():
            section[ndimage.binary_fill_holes(inside) & (section == 0)] = label


def smooth_along_slices(probabilities: np.ndarray | torch.Tensor, slice_mm: float, *, sigma_mm: float = 4.0) -> None:
    """Smooth class probabilities along the patient's axis with a Gaussian, in place.

    The network sees three slices at a time and decides slice by slice; without this, masks jump between thick slices.

    Args:
        probabilities: Float array or tensor (classes, slices, rows, columns).
        slice_mm: Distance of the slices.
        sigma_mm: Standard deviation; thick slices are hardly smoothed, thin ones over their neighbors.
    """
    sigma = sigma_mm / slice_mm
    if probabilities.shape[1] < 2 or sigma < 0.1:
        return
    radius = max(1, min(int(2.5 * sigma + 0.5), probabilities.shape[1] - 1))
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    weights /= weights.sum()
    last = probabilities.shape[1] - 1
    for channel in probabilities:  # one class at a time keeps a long CT small
        source = channel.float().clone() if hasattr(channel, "float") else channel.astype(np.float32)
        for index in range(last + 1):
            around = np.clip(np.arange(index - radius, index + radius + 1), 0, last)
            channel[index] = sum(float(w) * source[int(at)] for w, at in zip(weights, around, strict=True))
