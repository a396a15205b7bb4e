"""What the networks are trained on: batches of a tiny cohort."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from LiverAILib.data.cohort import read_cohort
from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.methods.nowak2021.training import Preparation, batches, load_slices
from LiverAILib.methods.nowak2021.view import SliceView
from LiverAILib.segmentation.training.samples import SliceSampler, load_training_volume, sampling_weight
from LiverAILib.segmentation.training.synthetic_contrast import TISSUES_OUTSIDE, random_contrast, tissue_classes


def test_the_sampler_repeats_with_its_seed(cohort):
    volumes = [load_training_volume(row, ("liver", "spleen")) for row in read_cohort(cohort).split("train")]
    sampler = SliceSampler(volumes, batch_size=4, steps=2, size=(64, 96))
    first, again, other = (list(sampler.epoch(seed)) for seed in (1, 1, 2))
    assert all(
        torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels) for a, b in zip(first, again, strict=True)
    )
    assert not torch.equal(first[0].images, other[0].images)
    batch = first[0]
    assert batch.images.shape == (4, 3, 64, 96)
    assert batch.images.min() >= 0
    assert batch.images.max() <= 1
    assert batch.known.tolist() == [[True, False]] * 4
    assert set(batch.labels.unique().tolist()) <= {0, 1}


def test_volumes_are_drawn_by_their_weight(cohort):
    """Two volumes told apart by what their reference marks, one of them three times as heavy: 3 of 4 samples are its own."""
    volume = load_training_volume(read_cohort(cohort).split("train")[0], ("liver", "spleen"))
    heavy = replace(volume, known=(True, True), weight=3.0)
    sampler = SliceSampler([volume, heavy], batch_size=16, steps=25, size=(32, 32))
    drawn = torch.cat([batch.known[:, 1] for batch in sampler.epoch(0)])
    assert len(drawn) == 400
    assert abs(float(drawn.float().mean()) - 0.75) < 3 * (0.75 * 0.25 / 400) ** 0.5


@pytest.mark.parametrize(("cell", "weight"), [(None, 1.0), ("0.25", 0.25)])
def test_the_weight_stands_in_the_manifest(cohort, cell, weight):
    row = read_cohort(cohort).rows[0]
    assert sampling_weight(replace(row, covariates={} if cell is None else {"sampling_weight": cell})) == weight


@pytest.mark.parametrize("cell", ["0", "-1", "often", "nan", "inf"])
def test_a_weight_that_is_none_is_refused(cohort, cell):
    row = replace(read_cohort(cohort).rows[0], covariates={"sampling_weight": cell})
    with pytest.raises(UserError, match=f"case {row.case_id}, column sampling_weight: '{cell}'"):
        sampling_weight(row)


def test_synthetic_contrast_keeps_the_tissues_apart_but_not_their_brightness():
    rng = np.random.default_rng(0)
    labels = np.zeros((2, 40, 40), np.uint8)
    labels[:, 10:30, 10:30] = 1
    volume = np.clip(rng.normal(0.3, 0.05, labels.shape) + 0.3 * labels, 0, 1).astype(np.float32)
    classes = tissue_classes(volume, labels)
    assert set(np.unique(classes[labels == 1])) == {TISSUES_OUTSIDE, TISSUES_OUTSIDE + 1}
    images = torch.from_numpy(volume)[None]
    results = [
        random_contrast(images, torch.from_numpy(classes).long()[None], torch.Generator().manual_seed(s))
        for s in range(6)
    ]
    liver_means = [float(r[0][torch.from_numpy(labels == 1)].mean()) for r in results]
    assert np.ptp(liver_means) > 0.1
    assert all(r[0][torch.from_numpy(labels == 1)].std() < 0.1 for r in results)


def test_an_epoch_shows_one_slice_a_patient_once(cohort):
    (data,) = load_slices(read_cohort(cohort).split("train"), [Preparation("full", size=64)])
    assert data.cases.tolist() == [0, 1, 2, 3]
    epoch, steps = batches(replace(data, labels=data.cases), batch_size=3, size=32)
    assert steps == 2
    assert sorted(torch.cat([cases for _, cases in epoch(0)]).tolist()) == [0, 1, 2, 3]


def test_batches_hold_both_classes_equally_and_nothing_outside_the_mask(cohort):
    (data,) = load_slices(read_cohort(cohort).split("train"), [Preparation("segmented")], neighbors=1)
    assert len(data.labels) == 12
    epoch, _ = batches(data, batch_size=8, steps=1, size=64, balance="sampling")
    images, labels = next(iter(epoch(0)))
    assert labels.tolist().count(1) == 4
    corner = images[:, :, :4, :4]
    background = (torch.zeros(3) - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(corner, background[None, :, None, None].expand_as(corner))


def test_a_slice_picked_by_hand_is_the_one_trained_on(cohort):
    row = replace(read_cohort(cohort).split("train")[0], slice_index=1)
    (found,) = load_slices([row], [Preparation("full")])
    image = row.read_image("t2", "MR")
    canonical, order = to_canonical(image)
    expected = SliceView.of(image, canonical, order, row.read_mask("liver", image)[1], 1, pipeline="full").prepared
    assert torch.equal(found.slices, expected[None].half())
    assert not torch.equal(load_slices([replace(row, slice_index=None)], [Preparation("full")])[0].slices, found.slices)


def test_a_slice_without_liver_or_beyond_the_volume_is_refused(cohort):
    row = read_cohort(cohort).split("train")[0]
    with pytest.raises(UserError, match="case c0: slice 0 shows no liver in mask:liver"):
        load_slices([replace(row, slice_index=0)], [Preparation("full")])
    with pytest.raises(UserError, match=r"case c0: slice 8 does not exist\. Correct the column slice: 0 to 7"):
        load_slices([replace(row, slice_index=8)], [Preparation("full")])
