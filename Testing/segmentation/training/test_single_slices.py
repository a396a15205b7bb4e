"""One slice a patient, alone in the network's channels, each shown once an epoch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from LiverAILib.data.cohort import read_cohort
from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.segmentation.caudate_level import caudate_level
from LiverAILib.segmentation.training.single_slices import SingleSliceSampler, centered, load_single_slice
from LiverAILib.training.augmentation import Geometry, Intensity

PLAIN = {
    "geometry": Geometry(rotation_degrees=0, zoom=(1.0, 1.0)),
    "intensity": Intensity(contrast=0, brightness=0),
    "adjacent": 1,
}


def test_the_slice_lies_at_the_level_of_the_caudate_lobe(cohort):
    row = read_cohort(cohort).split("train")[0]
    found = load_single_slice(row, ("liver",))
    image = row.read_image("t2", "MR")
    canonical, order = to_canonical(image)
    liver = order.apply(row.read_mask("liver", image))
    level = caudate_level(liver)
    # The images have the network's pixels of 1.5 mm: nothing is interpolated.
    assert np.array_equal(found.labels[0].numpy() > 0, liver[level])
    assert np.corrcoef(found.images[0].float().numpy().ravel(), canonical.array[level].ravel())[0, 1] > 0.98
    assert found.images.shape == (1, 64, 64)
    assert found.tissues is None


def test_a_slice_picked_by_hand_is_taken_instead(cohort):
    row = replace(read_cohort(cohort).split("train")[0], slice_index=6)
    found = load_single_slice(row, ("liver",))
    image = row.read_image("t2", "MR")
    assert np.array_equal(found.labels[0].numpy() > 0, row.read_mask("liver", image)[6])


def test_every_slice_is_shown_once_an_epoch_and_fills_all_channels(cohort):
    slices = [load_single_slice(row, ("liver",)) for row in read_cohort(cohort)]
    sampler = SingleSliceSampler(slices, batch_size=4, size=(96, 64), **PLAIN)
    batches = list(sampler.epoch(3))
    assert sampler.steps == len(batches) == 2
    assert [batch.images.shape for batch in batches] == [(3, 3, 96, 64)] * 2
    images = torch.cat([batch.images for batch in batches])
    assert torch.equal(images[:, 0], images[:, 1])
    assert torch.equal(images[:, 0], images[:, 2])
    shown = [
        next(n for n, one in enumerate(slices) if torch.allclose(image[0, 16:80], one.images[0].float(), atol=1e-3))
        for image in images
    ]
    assert sorted(shown) == list(range(6))
    labels = torch.cat([batch.labels for batch in batches])
    assert set(labels.unique().tolist()) == {0, 1}
    again = torch.cat([batch.images for batch in sampler.epoch(3)])
    other = torch.cat([batch.images for batch in sampler.epoch(4)])
    assert torch.equal(again, images)
    assert not torch.equal(other, images)


def test_labels_move_with_the_image(cohort):
    slices = [load_single_slice(row, ("liver",)) for row in read_cohort(cohort)]
    turned = {**PLAIN, "geometry": Geometry(rotation_degrees=10, zoom=(0.9, 1.1))}
    (batch,) = SingleSliceSampler(slices, batch_size=8, size=(64, 64), **turned).epoch(0)
    inside = batch.images[:, 0][batch.labels == 1].mean()
    outside = batch.images[:, 0][batch.labels == 0].mean()
    assert inside > outside + 0.3


def test_slices_are_cut_and_padded_around_their_center():
    image = torch.arange(16.0).view(1, 4, 4)
    assert centered(image, (2, 4)).tolist() == image[:, 1:3].tolist()
    padded = centered(image, (4, 8))
    assert padded[..., 2:6].tolist() == image.tolist()
    assert padded[..., :2].abs().sum() == padded[..., 6:].abs().sum() == 0


def test_a_case_without_a_liver_is_refused(cohort):
    row = read_cohort(cohort).rows[0]
    with pytest.raises(UserError, match="case c0: no mask:liver"):
        load_single_slice(replace(row, masks={}), ("liver",))
