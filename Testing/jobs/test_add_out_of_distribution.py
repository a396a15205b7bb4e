"""Out-of-distribution detection is added to a model from a cohort on disk, and warns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from LiverAILib.data.case import Case
from LiverAILib.data.cohort import read_cohort
from LiverAILib.data.model import network_state
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import write_image
from LiverAILib.imaging.image import Image
from LiverAILib.jobs.add_out_of_distribution import add_out_of_distribution
from LiverAILib.jobs.assess import assess
from LiverAILib.methods.nowak2021.out_of_distribution import pooled_features, slice_distribution
from LiverAILib.methods.nowak2021.training import SliceSet
from LiverAILib.methods.nowak2021.view import network_input
from LiverAILib.methods.out_of_distribution import FEWEST_VALIDATION, PooledFeatures
from LiverAILib.networks.classifier import ResNet50Classifier
from Testing.models import untrained_nowak2021, untrained_yin2021

SPACING = (4.0, 4.0, 9.0)
ROW, COLUMN = np.indices((24, 24))
LIVER = ((ROW - 11) ** 2 + (COLUMN - 12) ** 2 < 70)[None]


def patient(number: int) -> Image:
    """A bright disk on a ramp with a little noise."""
    rng = np.random.default_rng(number)
    array = 40 + ROW + 80 * LIVER * rng.uniform(0.9, 1.1) + rng.normal(0, 3, LIVER.shape)
    return Image(array.astype(np.float32), SPACING, modality="MR")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    write_image(Image(LIVER.astype(np.uint8), SPACING), folder / "liver.nrrd")
    lines = ["case_id,patient_id,split,stage,image:t2,mask:liver"]
    for number in range(2 * FEWEST_VALIDATION):
        write_image(patient(number), folder / f"{number}.nii.gz")
        split = "train" if number % 2 else "validation"
        lines.append(f"c{number},p{number},{split},{number // 2 % 2},{number}.nii.gz,liver.nrrd")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return read_cohort(folder / "manifest.csv")


def warnings_of(model, image):
    case = Case({"t2": image}, masks={"liver": image.with_array(LIVER.astype(np.uint8))})
    return [
        warning.text for warning in assess(case, model, device="cpu").warnings if warning.code == "unfamiliar_input"
    ]


def test_the_model_warns_of_noise_and_not_of_a_new_patient_and_is_else_the_same(cohort, tmp_path):
    plain = untrained_nowak2021(tmp_path / "plain", image_size=32)
    model = add_out_of_distribution(plain, cohort, tmp_path / "knowing")
    state = model.state()
    assert all(torch.equal(state[name], value) for name, value in plain.state().items())
    assert {name.split(".")[1] for name in state if name.startswith("familiarity.")} == {"segmented", "full"}
    noise = patient(0).with_array(np.random.default_rng(9).uniform(0, 200, LIVER.shape).astype(np.float32))
    assert warnings_of(plain, noise) == []
    assert len(warnings_of(model, noise)) == 2
    for known in (0, 2):  # validation cases lie below the threshold that they set, also on the way of an assessment
        assert warnings_of(model, patient(known)) == []


def test_a_staging_model_of_volumes_learns_it_the_same_way(tmp_path):
    liver = np.zeros((8, 24, 24), bool)
    liver[1:7, 5:19, 5:19] = True
    write_image(Image(liver.astype(np.uint8), SPACING), tmp_path / "liver.nrrd")
    lines = ["case_id,patient_id,split,stage,image:ct,mask:liver"]
    for number in range(2 * FEWEST_VALIDATION):
        array = np.random.default_rng(number).normal(0, 10, liver.shape) + 60 * liver
        write_image(Image(array.astype(np.int16), SPACING), tmp_path / f"{number}.nii.gz")
        split = "train" if number % 2 else "validation"
        lines.append(f"c{number},p{number},{split},{number % 5},{number}.nii.gz,liver.nrrd")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    plain = untrained_yin2021(tmp_path / "plain", slices=8)
    cohort = read_cohort(tmp_path / "manifest.csv")
    model = add_out_of_distribution(plain, cohort, tmp_path / "knowing", network_masks=False)
    assert "familiarity.abdomen.means" in model.state()
    assert network_state(model.state()).keys() == plain.state().keys()


def test_too_few_cases_and_other_methods_are_refused(cohort, tmp_path):
    model = untrained_nowak2021(tmp_path / "plain", image_size=32)
    few = type(cohort)(cohort.path, cohort.rows[:10])
    with pytest.raises(UserError, match="5 training and 5 validation cases"):
        add_out_of_distribution(model, few, tmp_path / "out")
    with pytest.raises(UserError, match="liver-mr-ct: a model of method 'segmentation' does not assess cases"):
        add_out_of_distribution("liver-mr-ct", cohort, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_features_of_a_batch_are_those_of_each_slice():
    torch.manual_seed(0)
    network = ResNet50Classifier(2)
    slices = torch.rand(3, 32, 32)
    found = pooled_features(network, slices)
    recorder = PooledFeatures(network.eval())
    with torch.no_grad():
        recorder.features(network_input(slices[1:2]))
    np.testing.assert_allclose(found[1], recorder.pooled[0], rtol=1e-4, atol=1e-3)


def test_few_validation_slices_or_slices_of_another_size_teach_nothing():
    few, many = (SliceSet(torch.rand(n, 32, 32), torch.arange(n) % 2, torch.arange(n)) for n in (3, 30))
    assert slice_distribution(ResNet50Classifier(2), many, few, "full", size=32) == {}
    assert slice_distribution(ResNet50Classifier(2), many, many, "full", size=64) == {}
