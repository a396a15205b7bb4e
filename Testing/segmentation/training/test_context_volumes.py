"""Training samples of the context network."""

from __future__ import annotations

import pytest
import torch

from LiverAILib.segmentation.context import VOXEL_MM, WINDOW
from LiverAILib.segmentation.training.context_volumes import ContextSampler, ContextVolume
from LiverAILib.segmentation.training.samples import TrainingVolume


def volume(modality: str = "CT", *, weight: float = 1.0, brightness: float = 0.8) -> ContextVolume:
    """A dark body with a bright liver in its right half, 1.5 mm pixels and slices of 10 mm."""
    images, labels = torch.full((20, 128, 160), 0.2), torch.zeros(20, 128, 160, dtype=torch.uint8)
    labels[5:15, 30:90, 20:80] = 1
    images[labels == 1] = brightness
    return ContextVolume.of(TrainingVolume(images, labels, None, 10.0, (True, False), modality, weight))


def test_a_volume_keeps_its_size_in_millimeters():
    small = volume()
    assert small.images.shape == (40, 48, 60)
    mm3 = VOXEL_MM[0] * VOXEL_MM[1] * VOXEL_MM[2]
    assert int((small.labels == 1).sum()) * mm3 == pytest.approx(10 * 10 * 60 * 1.5 * 60 * 1.5, rel=0.05)


def test_labels_move_with_the_images():
    sampler = ContextSampler([volume()], batch_size=4, steps=2)
    for batch in sampler.epoch(1):
        assert batch.images.shape == (4, 1, *WINDOW)
        assert batch.labels.shape == (4, *WINDOW)
        assert batch.known.tolist() == [[True, False]] * 4
        for image, labels in zip(batch.images[:, 0], batch.labels, strict=True):
            assert float(image[labels == 1].mean()) > float(image[(labels == 0) & (image > 0)].mean()) + 0.1


def test_the_liver_stays_on_the_patients_right():
    (batch,) = ContextSampler([volume()], batch_size=8, steps=1).epoch(2)
    for image, labels in zip(batch.images[:, 0], batch.labels, strict=True):
        liver, body = torch.nonzero(labels == 1)[:, 2], torch.nonzero(image > 0.01)[:, 2]
        assert liver.float().mean() < body.float().mean()


def test_the_same_seed_gives_the_same_samples():
    sampler = ContextSampler([volume(), volume("MR")], steps=1)
    first, again, other = (next(iter(sampler.epoch(seed))) for seed in (3, 3, 4))
    torch.testing.assert_close(first.images, again.images)
    assert not torch.equal(first.images, other.images)


def test_modalities_and_weights_decide_how_often_a_volume_is_drawn():
    volumes = [volume("MR"), volume("CT", weight=3), volume("CT")]
    assert ContextSampler(volumes, ct_share=0.4).chances.tolist() == pytest.approx([0.6, 0.3, 0.1])
    assert ContextSampler(volumes[1:]).chances.tolist() == pytest.approx([0.75, 0.25])
