"""Training from a manifest to a model that assesses, on a tiny cohort."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from LiverAILib.case import Case
from LiverAILib.cohort import read_cohort
from LiverAILib.errors import UserError
from LiverAILib.experiment import train
from LiverAILib.imaging.files import read_image, write_image
from LiverAILib.imaging.image import Image
from LiverAILib.segmentation.predict import Segmenter
from LiverAILib.training.nowak2021 import batches, load_slices
from LiverAILib.training.segmentation_data import SliceSampler, load_training_volume
from LiverAILib.training.synthetic_contrast import TISSUES_OUTSIDE, random_contrast, tissue_classes


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Six blocks of noise with a bright ellipsoid 'liver'; those with cirrhosis are striped."""
    folder = tmp_path_factory.mktemp("cohort")
    k, j, i = np.indices((8, 64, 64))
    liver = ((k - 4) / 4) ** 2 + ((j - 30) / 18) ** 2 + ((i - 26) / 20) ** 2 < 1
    lines = ["case_id,patient_id,split,label,image:t2,mask:liver"]
    for number, split in enumerate(["train"] * 4 + ["validation"] * 2):
        stage = 4 * (number % 2)
        noise = np.random.default_rng(number).normal(60, 8, liver.shape)
        array = noise + liver * (90 + 40 * (stage == 4) * (i % 4 < 2))
        write_image(Image(array.astype(np.float32), (1.5, 1.5, 7.0)), folder / f"{number}.nii.gz")
        lines.append(f"c{number},p{number},{split},{stage},{number}.nii.gz,liver.nrrd")
    write_image(Image(liver.astype(np.uint8), (1.5, 1.5, 7.0)), folder / "liver.nrrd")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder / "manifest.csv"


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


def test_batches_hold_both_classes_equally_and_nothing_outside_the_mask(cohort):
    data = load_slices(read_cohort(cohort).split("train"), "segmented", staged=True, neighbors=1)
    assert len(data.labels) == 12
    images, labels = next(iter(batches(data, batch_size=8, steps=1, size=64)(0)))
    assert labels.tolist().count(1) == 4
    corner = images[:, :, :4, :4]
    background = (torch.zeros(3) - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(corner, background[None, :, None, None].expand_as(corner))


def test_a_trained_segmentation_model_segments(cohort, tmp_path):
    lines = []
    model = train("segmentation", cohort, tmp_path / "run", name="tiny", epochs=1, steps=2, seed=3, log=lines.append)
    assert model.card["training"]["seed"] == 3
    assert any("dice_liver" in line for line in lines)
    image = read_image(cohort.parent / "0.nii.gz")
    segmentation, _ = Segmenter(model, device="cpu").segment(image)
    assert segmentation.image.same_geometry(image)
    again = train("segmentation", cohort, tmp_path / "run", name="tiny", epochs=1, steps=2, seed=3, log=lines.append)
    assert again.checksum == model.checksum


def test_a_trained_classifier_assesses(cohort, tmp_path):
    from LiverAILib.assessor import assess

    model = train("nowak2021", cohort, tmp_path / "run", epochs=2, log=lambda line: None)
    assert model.name == "run"
    mask = read_image(cohort.parent / "liver.nrrd")
    result = assess(Case({"t2": read_image(cohort.parent / "1.nii.gz")}, masks={"liver": mask}), model, device="cpu")
    assert sum(result.probabilities.values()) == pytest.approx(1)
    assert not result.simulated
    metrics = json.loads((model.folder / "model.json").read_text())["metrics"]
    assert set(metrics) == {"segmented", "full"}


def test_a_run_is_not_resumed_with_other_settings(cohort, tmp_path):
    train("segmentation", cohort, tmp_path / "run", epochs=1, steps=1, log=lambda line: None)
    with pytest.raises(UserError, match="another seed"):
        train("segmentation", cohort, tmp_path / "run", epochs=1, steps=1, seed=5, log=lambda line: None)


def test_a_cohort_that_cannot_train_is_refused(cohort, tmp_path):
    text = cohort.read_text()
    only_test = cohort.with_name("test.csv")
    only_test.write_text(text.replace(",train,", ",test,"))
    with pytest.raises(UserError, match='no case of split "train"'):
        train("nowak2021", only_test, tmp_path / "a", log=print)
    no_validation = cohort.with_name("no_validation.csv")
    no_validation.write_text(text.replace(",validation,", ",test,"))
    with pytest.raises(UserError, match='"validation"'):
        train("nowak2021", no_validation, tmp_path / "b", log=print)
