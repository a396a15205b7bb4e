"""Training of Yin 2021: windows, augmentation, weights of rare stages, and that it learns, resumes and repeats."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from LiverAILib.data.model import read_model
from LiverAILib.data.named_segmentation import named_segmentation
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import write_image
from LiverAILib.imaging.image import Image
from LiverAILib.jobs.train import train
from LiverAILib.methods.yin2021 import training
from LiverAILib.methods.yin2021.method import build_network
from LiverAILib.methods.yin2021.settings import InputSettings, NetworkSettings, Yin2021Settings
from LiverAILib.methods.yin2021.view import prepare_stack
from LiverAILib.training.augmentation import Geometry
from LiverAILib.training.fit import FitOptions
from LiverAILib.training.schedule import YIN2021, Stage, one_cycle_optimizer, one_stage
from Testing.models import untrained_segmentation

TINY = NetworkSettings(channels=(4, 4, 8, 8), hidden=8, normalization="batch")
INPUTS = InputSettings(image_size=16, slices=8)


def stack_set(count=12, slices=10):
    """Stacks of noise, those of stage 4 with a bright block; the slice number is written into one pixel."""
    generator = torch.Generator().manual_seed(0)
    stacks, labels = [], []
    for number in range(count):
        stack = 0.4 + 0.1 * torch.rand(slices, 16, 16, generator=generator)
        stack[:, 4:9, 4:9] += 0.4 * (number % 2)
        stack[:, 0, 0] = torch.arange(slices) / 100
        stacks.append(stack.half())
        labels.append(4 * (number % 2))
    return training.StackSet(tuple(stacks), torch.tensor(labels))


def network():
    torch.manual_seed(0)
    return build_network(TINY)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Manifest of six CT of 10 slices, striped livers at stage 4."""
    folder = tmp_path_factory.mktemp("cohort")
    k, j, i = np.indices((10, 48, 48))
    liver = ((k - 5) / 4) ** 2 + ((j - 22) / 14) ** 2 + ((i - 18) / 14) ** 2 < 1
    lines = ["case_id,patient_id,split,stage,image:ct,mask:liver"]
    for number, split in enumerate(("train",) * 4 + ("validation",) * 2):
        stage = 4 * (number % 2)
        array = np.random.default_rng(number).normal(-50, 10, liver.shape) + liver * (150 + 20 * stage * (i % 4 < 2))
        write_image(Image(array.astype(np.int16), (1.5, 1.5, 5.0), modality="CT"), folder / f"{number}.nii.gz")
        lines.append(f"c{number},p{number},{split},{stage},{number}.nii.gz,liver.nrrd")
    write_image(Image(liver.astype(np.uint8), (1.5, 1.5, 5.0)), folder / "liver.nrrd")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder / "manifest.csv"


def test_an_epoch_shows_every_case_once_as_consecutive_slices_from_a_random_start():
    data = stack_set()
    draw, steps = training.batches(data, slices=8, batch_size=5)
    assert steps == 3
    starts, shown = [], []
    for windows, labels in draw(3):
        assert windows.shape[1:] == (1, 8, 16, 16)
        numbers = (windows[:, 0, :, 0, 0] * 100).round()
        assert (numbers.diff(dim=1) == 1).all()
        starts += numbers[:, 0].tolist()
        shown += labels.tolist()
    assert sorted(shown) == sorted(data.labels.tolist())
    assert set(starts) == {0, 1, 2}


def test_the_number_of_batches_can_be_given():
    draw, steps = training.batches(stack_set(count=4), slices=8, batch_size=3, steps=5)
    assert steps == 5
    assert [len(labels) for _, labels in draw(0)] == [3] * 5


def test_the_same_seed_draws_the_same_windows():
    draw, _ = training.batches(stack_set(), slices=8, batch_size=4, augmentation=training.LIGHT)
    first, again, other = (torch.cat([windows for windows, _ in draw(seed)]) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_augmentation_moves_all_slices_alike_and_mirrors_nothing():
    generator = torch.Generator().manual_seed(0)
    window = torch.zeros(6, 5, 32, 32)
    window[:, :, 8:12, 4:9] = 0.8  # in front, on the patient's right
    changed, _ = training.Augmentation(training.LIGHT.geometry)(window, generator)
    for number in range(1, 5):
        torch.testing.assert_close(changed[:, number], changed[:, 0])
    heavy = changed[:, 0].sum((1, 2))
    assert ((changed[:, 0, :16, :16].sum((1, 2)) / heavy) > 0.99).all()
    assert not torch.allclose(changed[0], changed[1])
    noisy, _ = training.LIGHT(window, generator)
    assert 0 <= noisy.min() <= noisy.max() <= 1


def test_the_livers_move_with_the_windows():
    generator = torch.Generator().manual_seed(0)
    window = torch.zeros(6, 5, 64, 64)
    window[:, :, 16:40, 8:40] = 0.8
    livers = window[:, :, ::4, ::4] / 0.8
    changed, moved = training.Augmentation(Geometry(rotation_degrees=40, shift=0.1))(window, generator, livers)
    coarse = F.avg_pool2d(changed, 4) / 0.8
    assert (coarse - moved).abs().mean() < 0.25 * (coarse - livers).abs().mean()
    data = replace(
        stack_set(), livers=tuple(torch.full((10, 4, 4), 0.01) * torch.arange(10)[:, None, None] for _ in range(12))
    )
    draw, _ = training.batches(data, slices=8, batch_size=4)
    windows, _, inside = next(iter(draw(0)))
    # Both begin with the same slice: its number is written into both.
    torch.testing.assert_close(inside[:, :, 0, 0], windows[:, 0, :, 0, 0], atol=1e-3, rtol=0)


def test_it_learns_what_tells_the_stages_apart(tmp_path):
    data, trained = stack_set(), network()
    options = training.NetworkOptions(INPUTS, batch_size=4, fit=FitOptions(seed=1))
    history = training.train_network(
        trained, data, stack_set(6), tmp_path, stages=one_stage(30, 1e-2), options=options, log=lambda line: None
    )
    found = training.predict(trained, stack_set(6), INPUTS)
    assert (found.argmax(1) == stack_set(6).labels).all()
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]


def test_prediction_is_what_the_method_computes(tmp_path):
    """Validation probabilities equal the mean over windows, one by one."""
    data, trained = stack_set(2), network().eval()
    found = training.predict(trained, data, INPUTS)
    windows = torch.stack([data.stacks[0][start : start + 8] for start in (0, 2)])[:, None].float()
    torch.testing.assert_close(found[0], trained(windows).softmax(1).mean(0).detach())


def test_the_score_counts_groups_of_stages():
    probabilities = torch.tensor([[0.6, 0.1, 0.1, 0.1, 0.1], [0.1, 0.1, 0.3, 0.3, 0.2], [0.0, 0.3, 0.3, 0.0, 0.4]])
    found = training.score(probabilities, torch.tensor([0, 3, 1]))
    assert found["validation_accuracy"] == pytest.approx(1 / 3)
    assert found["validation_accuracy_significant"] == pytest.approx(2 / 3)
    assert found["validation_accuracy_advanced"] == pytest.approx(2 / 3)
    assert found["validation_accuracy_cirrhosis"] == pytest.approx(1)
    assert found["score"] == pytest.approx(np.log([0.6, 0.3, 0.3]).mean())


def test_the_published_schedule_is_adam_at_one_rate():
    (stage,) = YIN2021
    assert (stage.epochs, stage.max_lr_last) == (200, 1e-4)
    trained = network()
    optimizer, scheduler = one_cycle_optimizer(trained.layer_groups, stage, steps=10)
    assert type(optimizer) is torch.optim.Adam
    assert sum(len(g["params"]) for g in optimizer.param_groups) == len(list(trained.parameters()))
    for _ in range(5):
        optimizer.step()
        scheduler.step()
        assert {group["lr"] for group in optimizer.param_groups} == {1e-4}


def test_an_interrupted_run_ends_as_an_uninterrupted_one(tmp_path):
    options = training.NetworkOptions(INPUTS, batch_size=6, augmentation=training.LIGHT)
    stages = (Stage("Adam", 3, 1e-3, 1e-3, policy="constant"),)
    states = []
    for folder in ("whole", "killed"):
        seen = []

        def log(line, seen=seen, folder=folder):
            seen.append(line)
            if folder == "killed" and len(seen) == 3:
                raise KeyboardInterrupt

        common = {"stages": stages, "options": options}
        trained = network()
        try:
            training.train_network(trained, stack_set(), stack_set(4), tmp_path / folder, log=log, **common)
        except KeyboardInterrupt:
            trained = network()
            training.train_network(
                trained, stack_set(), stack_set(4), tmp_path / folder, log=lambda line: None, **common
            )
        states.append(trained.state_dict())
    for name, value in states[0].items():
        torch.testing.assert_close(states[1][name], value, msg=name)


def test_from_manifest_to_model(cohort, tmp_path):
    model = train("yin2021", cohort, tmp_path / "run", image_size=16, epochs=2, batch_size=2, log=lambda line: None)
    card = json.loads((tmp_path / "run" / "model" / "model.json").read_text())
    assert card["method"] == "yin2021"
    assert card["settings"]["image_size"] == 16
    assert card["settings"]["normalization"] == "batch"
    build_network(Yin2021Settings.from_card(model.card).network).load_state_dict(read_model(model.folder).state())


def test_masking_is_kept_in_the_card_and_by_further_training(cohort, tmp_path):
    tiny = {"image_size": 16, "epochs": 1, "batch_size": 2, "log": lambda line: None}
    assert train("yin2021", cohort, tmp_path / "abdomen", **tiny).settings["masking"] == "none"
    masked = train("yin2021", cohort, tmp_path / "liver", masking="liver", **tiny)
    assert masked.settings["masking"] == "liver"
    further = train("yin2021", cohort, tmp_path / "further", initial_weights=str(masked.folder), **tiny)
    assert further.settings["masking"] == "liver"


def test_the_published_run_uses_the_published_network(cohort, tmp_path):
    model = train(
        "yin2021", cohort, tmp_path / "run", schedule="published", epochs_divisor=200, image_size=16, log=lambda _: None
    )
    assert model.settings["normalization"] == "none"
    assert model.settings["channels"] == [16, 32, 64, 128]
    assert model.settings["kernel"] == [1, 5, 5]


def test_the_card_names_the_segmentation_model(cohort, tmp_path):
    """An untrained network marks some of everything, and so gives the slice range of a liver."""
    masks = untrained_segmentation(tmp_path / "masks")
    tiny = {"image_size": 16, "epochs": 1, "batch_size": 2, "log": lambda line: None}
    model = train("yin2021", cohort, tmp_path / "run", segmentation_model=str(masks.folder), **tiny)
    assert model.settings["segmentation_model"] == "../../masks"
    assert model.settings["segmentation_model_sha256"] == masks.checksum
    assert named_segmentation(model).folder == masks.folder


def test_classes_equally_often_is_not_ignored():
    data = stack_set(count=12)
    rare = training.StackSet(data.stacks, torch.tensor([0] * 11 + [4]))
    draw, _ = training.batches(rare, slices=8, batch_size=6, balance="sampling")
    assert all(labels.tolist().count(4) == 3 for _, labels in draw(0))


def test_stacks_are_those_of_the_method_and_faults_are_named(cohort):
    from LiverAILib.data.cohort import read_cohort

    row = read_cohort(cohort).rows[1]
    data = training.load_stacks([row], INPUTS)
    image = row.read_image("ct")
    expected, _ = prepare_stack(image, row.read_mask("liver", image), INPUTS)
    torch.testing.assert_close(data.stacks[0], expected.half())
    assert data.labels.tolist() == [4]
    with pytest.raises(UserError, match="case c1: no mask:liver"):
        training.load_stacks([replace(row, masks={})], INPUTS)
    with pytest.raises(UserError, match="case c1: no stage"):
        training.load_stacks([replace(row, label=None)], INPUTS)
    with pytest.raises(UserError, match="case c1: no stage"):
        training.load_stacks([replace(row, label=1, label_kind="cirrhosis")], INPUTS)


def test_stages_cannot_be_learned_from_yes_and_no(cohort, tmp_path):
    manifest = cohort.with_name("cirrhosis.csv")
    manifest.write_text(cohort.read_text().replace("stage", "cirrhosis").replace(",4,", ",1,"))
    with pytest.raises(UserError, match=r"labels are cirrhosis \(0 or 1\), but stage \(0-4\) is needed"):
        train("yin2021", manifest, tmp_path / "run")
    assert not (tmp_path / "run").exists()
