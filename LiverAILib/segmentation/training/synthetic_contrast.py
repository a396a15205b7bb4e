"""Synthetic contrast from label maps, so that the anatomy of one modality teaches another (after SynthSeg, Billot 2023)."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.cluster import MiniBatchKMeans

from LiverAILib.training.augmentation import uniform

TISSUES_OUTSIDE = 7
TISSUES_INSIDE = 2

# Portal venous CT in the abdominal window (-125..225 HU as 0..1): lowest and highest plausible mean of an organ.
CT_LIKE_ORGANS = {1: (0.52, 0.80), 2: (0.70, 1.0), 3: (0.70, 1.0), 4: (0.55, 0.85)}


def tissue_classes(volume: np.ndarray, labels: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Tissue number of every voxel: k-means intensity clusters outside the organs and in each of them, dark to bright.

    Args:
        volume: Intensities 0..1, (k, j, i).
        labels: Organ labels, same shape; 0 is outside.
        seed: Seed of the clustering.

    Returns:
        uint8, same shape: 0..TISSUES_OUTSIDE-1 outside; TISSUES_OUTSIDE + TISSUES_INSIDE * (label - 1) + n in an organ.
    """
    classes = np.zeros(volume.shape, np.uint8)
    for label in np.unique(labels):
        inside = labels == label
        clusters = TISSUES_OUTSIDE if label == 0 else TISSUES_INSIDE
        values = volume[inside].astype(np.float32).reshape(-1, 1)
        if len(values) < 10 * clusters:
            continue
        model = MiniBatchKMeans(clusters, random_state=seed, n_init=3, batch_size=4096).fit(
            values[:: max(1, len(values) // 50000)]
        )
        rank = np.argsort(np.argsort(model.cluster_centers_.ravel()))
        offset = 0 if label == 0 else TISSUES_OUTSIDE + TISSUES_INSIDE * (int(label) - 1)
        classes[inside] = rank[model.predict(values)] + offset
    return classes


def random_contrast(
    images: torch.Tensor, classes: torch.Tensor, generator: torch.Generator, *, ct_like_chance: float = 0.5
) -> torch.Tensor:
    """Images (batch, channels, rows, columns) with a random mean for each tissue and their own fine structure kept.

    Args:
        images: Intensities 0..1.
        classes: Tissue number of every voxel (see `tissue_classes`), int64, shape of `images`.
        generator: Source of randomness.
        ct_like_chance: Share of samples whose organs get the means of a portal venous CT; the others get any.
    """
    batch = images.shape[0]
    tissues = TISSUES_OUTSIDE + TISSUES_INSIDE * max(CT_LIKE_ORGANS)
    ct_like = torch.rand(batch, generator=generator) < ct_like_chance
    means = uniform((batch, tissues), 0.05, 0.95, generator)
    for label, (low, high) in CT_LIKE_ORGANS.items():
        first = TISSUES_OUTSIDE + TISSUES_INSIDE * (label - 1)
        organ = uniform((batch, 1), low, high, generator)
        any_mean = uniform((batch, 1), 0.1, 0.9, generator)
        center = torch.where(ct_like[:, None], organ, any_mean)
        offsets = uniform((batch, TISSUES_INSIDE), -0.04, 0.04, generator)
        means[:, first : first + TISSUES_INSIDE] = center + offsets
    means[:, 0] = torch.where(ct_like, torch.zeros(batch), uniform((batch,), 0.0, 0.3, generator))
    flat = classes.reshape(batch, -1)
    ones = torch.ones_like(flat, dtype=images.dtype)
    count = torch.zeros(batch, tissues).scatter_add_(1, flat, ones).clamp_min(1)
    own_mean = torch.zeros(batch, tissues).scatter_add_(1, flat, images.reshape(batch, -1)) / count
    structure = uniform((batch, tissues), 0.1, 1.0, generator) * torch.where(ct_like, 0.5, 1.0)[:, None]
    residual = (images.reshape(batch, -1) - own_mean.gather(1, flat)) * structure.gather(1, flat)
    return (means.gather(1, flat) + residual).reshape(images.shape).clamp(0, 1)
