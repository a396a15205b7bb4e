"""A fingerprint changes with everything that decides a result, one at a time, and with nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from LiverAILib.data import fingerprint
from LiverAILib.data.case import Case
from LiverAILib.data.fingerprint import case_fingerprint, hash_image, hash_mask, same_model
from LiverAILib.data.model import Model, save_model
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.imaging.image import DICOM_MODALITY, MODALITY_SOURCE, Image

SHAPE = (3, 4, 5)
IMAGE = Image(
    np.random.default_rng(0).integers(0, 500, SHAPE).astype(np.int16),
    (0.8, 1.3, 5.0),
    (-30.0, 12.0, 250.0),
    modality="MR",
    meta={"path": "a/scan.nii.gz"},
)
MASK = IMAGE.with_array((IMAGE.array > 250).astype(np.uint8), modality=None)
CARD = {
    "name": "m",
    "method": "nowak2021",
    "description": "first",
    "modality": ["MR"],
    "classes": ["no cirrhosis", "cirrhosis"],
    "settings": {"image_size": 64},
    "training_data": "none",
    "license": "Apache-2.0",
}


@dataclass(frozen=True)
class Job:
    """The arguments of a fingerprint, to change one at a time."""

    case: Case
    model: Model
    segmentation_model: Model | None
    request: AssessmentRequest = AssessmentRequest(2)  # noqa: RUF009
    bfloat16: bool = False

    def sha256(self) -> str:
        made = case_fingerprint(
            self.case,
            self.model,
            self.request,
            segmentation_model=self.segmentation_model,
            bfloat16=self.bfloat16,
        )
        return made.sha256


def model(folder: Path, value: float = 1.0, **card: object) -> Model:
    return save_model(folder, {**CARD, **card}, {"weight": torch.full((2, 2), value)}, storage="float32")


@pytest.fixture
def job(tmp_path) -> Job:
    case = Case({"t2": IMAGE}, "c1", {"liver": MASK, "spleen": MASK}, {"age_years": 54, "sex": "f"})
    return Job(case, model(tmp_path / "classifier"), model(tmp_path / "segmenter", method="segmentation"))


def with_image(job: Job, image: Image | tuple[Image, ...]) -> Job:
    return replace(job, case=replace(job.case, images={"t2": image}))


def with_masks(job: Job, **masks: Image) -> Job:
    return replace(job, case=replace(job.case, masks=masks))


def with_covariates(job: Job, **covariates: float | str) -> Job:
    return replace(job, case=replace(job.case, covariates=covariates))


def with_voxel(image: Image, index: tuple[int, int, int]) -> Image:
    changed = image.array.copy()
    changed[index] = 1 - changed[index]
    return image.with_array(changed)


TURNED = ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
FACTS = {
    "contrast_agent": "gadoxetate",
    "read_warnings": (("uneven_slices", "uneven"),),
    MODALITY_SOURCE: DICOM_MODALITY,
}
DECIDES = {
    "one voxel": lambda job, folder: with_image(job, with_voxel(IMAGE, (2, 3, 4))),
    "type of the voxels": lambda job, folder: with_image(job, IMAGE.with_array(IMAGE.array.astype(np.float32))),
    "spacing": lambda job, folder: with_image(job, replace(IMAGE, spacing=(0.8, 1.3, 5.001))),
    "origin": lambda job, folder: with_image(job, replace(IMAGE, origin=(-30.0, 12.0, 250.5))),
    "direction": lambda job, folder: with_image(job, replace(IMAGE, direction=TURNED)),
    "shape": lambda job, folder: with_image(job, replace(IMAGE, array=IMAGE.array.reshape(4, 3, 5))),
    "modality": lambda job, folder: with_image(job, replace(IMAGE, modality="CT")),
    **{
        f"fact {name}": lambda job, folder, fact={name: value}: with_image(job, replace(IMAGE, meta=fact))
        for name, value in FACTS.items()
    },
    "role": lambda job, folder: replace(job, case=replace(job.case, images={"ct": IMAGE})),
    "a second image": lambda job, folder: with_image(job, (IMAGE, with_voxel(IMAGE, (0, 0, 0)))),
    "voxel of a mask": lambda job, folder: with_masks(job, liver=with_voxel(MASK, (1, 1, 1)), spleen=MASK),
    "place of a mask": lambda job, folder: with_masks(job, liver=replace(MASK, origin=(0.0, 0.0, 0.0)), spleen=MASK),
    "voxel of another mask": lambda job, folder: with_masks(job, liver=MASK, spleen=with_voxel(MASK, (1, 1, 1))),
    "no other mask": lambda job, folder: with_masks(job, liver=MASK),
    "mask of another structure": lambda job, folder: with_masks(job, liver=MASK, caudate=MASK),
    "value of a covariate": lambda job, folder: with_covariates(job, age_years=55, sex="f"),
    "text of a covariate": lambda job, folder: with_covariates(job, age_years=54, sex="m"),
    "one more covariate": lambda job, folder: with_covariates(job, age_years=54, sex="f", stiffness_kpa=7),
    "name of a covariate": lambda job, folder: with_covariates(job, alt_u_per_l=54, sex="f"),
    "slice": lambda job, folder: replace(job, request=AssessmentRequest(3)),
    "class": lambda job, folder: replace(job, request=AssessmentRequest(2, "cirrhosis")),
    "kind of heat map": lambda job, folder: replace(job, request=AssessmentRequest(2, heatmap="hirescam")),
    "weights": lambda job, folder: replace(job, model=model(folder, 1.1)),
    "setting": lambda job, folder: replace(job, model=model(folder, settings={"image_size": 96})),
    "classes": lambda job, folder: replace(job, model=model(folder, classes=["cirrhosis", "no cirrhosis"])),
    "weights of the segmentation": lambda job, folder: replace(
        job, segmentation_model=model(folder, 1.1, method="segmentation")
    ),
    "setting of the segmentation": lambda job, folder: replace(
        job, segmentation_model=model(folder, method="segmentation", settings={"low_confidence": 0.1})
    ),
    "no segmentation model": lambda job, folder: replace(job, segmentation_model=None),
    "precision": lambda job, folder: replace(job, bfloat16=True),
}


@pytest.mark.parametrize("what", DECIDES)
def test_it_changes_with_each_thing_that_decides_a_result(job, tmp_path, what):
    assert DECIDES[what](job, tmp_path / "other").sha256() != job.sha256()


def test_it_changes_with_the_version(job, monkeypatch):
    before = job.sha256()
    monkeypatch.setattr(fingerprint, "__version__", "0.0.1")
    assert job.sha256() != before


def test_it_changes_with_the_order_of_several_images_of_a_role(job):
    other = with_voxel(IMAGE, (0, 0, 0))
    assert with_image(job, (IMAGE, other)).sha256() != with_image(job, (other, IMAGE)).sha256()
    assert with_image(job, (IMAGE,)).sha256() == job.sha256()


NAMES = {"path": "elsewhere/copy.mha", "name": "T2", "series_uid": "1.2.3", "series_description": "T2 SPIR"}
SAME = {
    "names of the image": lambda job, folder: with_image(job, replace(IMAGE, meta=NAMES)),
    "memory layout": lambda job, folder: with_image(job, IMAGE.with_array(np.asfortranarray(IMAGE.array))),
    "name of the case": lambda job, folder: replace(job, case=replace(job.case, case_id="another")),
    "order of covariates": lambda job, folder: with_covariates(job, sex="f", age_years=54),
    "covariates as text": lambda job, folder: with_covariates(job, age_years=" 54.0 ", sex="f"),
    "empty covariate": lambda job, folder: with_covariates(job, age_years=54, sex="f", height_cm=" "),
    "columns for statistics": lambda job, folder: with_covariates(
        job, **{"age_years": 54, "sex": "f", "scanner": "A", "site": "B", "reader:resident": "1", "score:x": ".2"}
    ),
    "order of masks": lambda job, folder: with_masks(job, spleen=MASK, liver=MASK),
    "label of a mask": lambda job, folder: with_masks(
        job, liver=MASK.with_array(MASK.array.astype(np.int32) * 255), spleen=MASK
    ),
    "folder of the model": lambda job, folder: replace(job, model=model(folder)),
    "description of the model": lambda job, folder: replace(job, model=model(folder, description="second")),
}


@pytest.mark.parametrize("what", SAME)
def test_it_does_not_change_with_what_decides_nothing(job, tmp_path, what):
    assert SAME[what](job, tmp_path / "other").sha256() == job.sha256()


def test_precision_does_not_matter_where_the_mask_is_given(job):
    given = replace(job, segmentation_model=None)
    assert replace(given, bfloat16=True).sha256() == given.sha256()


def test_the_record_is_json_and_says_what_differs(job):
    made = case_fingerprint(job.case, job.model, job.request, segmentation_model=None)
    record = json.loads(json.dumps(made.record()))
    assert record["sha256"] == made.sha256
    assert made.changes(record) == []
    other = replace(job.case, covariates={"age_years": 55})
    changed = case_fingerprint(other, job.model, AssessmentRequest(), segmentation_model=None)
    assert changed.changes(record) == ["covariates", "request"]
    assert "54" not in json.dumps(record["covariates"])  # patients' values are not written in the clear


def test_the_hash_of_an_image_knows_its_place_and_the_hash_of_a_mask_does_too():
    moved = replace(IMAGE, origin=(-30.0, 12.0, 251.0))
    assert hash_image(moved) != hash_image(IMAGE)
    assert hash_mask(replace(MASK, spacing=(0.8, 1.3, 6.0))) != hash_mask(MASK)


def test_geometry_counts_to_a_millionth_of_a_millimeter():
    """Files hold directions and spacings with rounding errors that decide nothing."""
    assert hash_image(replace(IMAGE, origin=(-30.0, 12.0, 250.0 + 2e-7))) == hash_image(IMAGE)
    assert hash_image(replace(IMAGE, origin=(-30.0, 12.0, 250.0 + 2e-6))) != hash_image(IMAGE)


def test_single_precision_is_the_default(job):
    made = case_fingerprint(job.case, job.model, job.request, segmentation_model=job.segmentation_model)
    assert made.sha256 == job.sha256()


def test_a_result_that_depends_on_more_has_a_fingerprint_of_more(job):
    made = case_fingerprint(job.case, job.model, job.request, segmentation_model=None)
    more = made.with_parts(threshold=0.5)
    assert more.sha256 != made.sha256
    assert more.parts == {**made.parts, "threshold": 0.5}
    assert more.sha256 != made.with_parts(threshold=0.4).sha256
    assert more.sha256_of("images", "model") == made.sha256_of("images", "model")
    assert made.sha256_of("images") != made.sha256_of("model")


def test_a_model_that_was_retrained_under_its_name_is_another(tmp_path):
    first = model(tmp_path / "m")
    again = model(tmp_path / "m")
    assert same_model(first, again)
    assert not same_model(first, model(tmp_path / "m", 1.5))


def test_the_sign_of_a_zero_in_the_direction_does_not_matter():
    """Readers differ in it."""
    array = np.zeros((2, 2, 2), np.uint8)
    negative = Image(array, direction=((1.0, -0.0, 0.0), (-0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
    assert hash_image(negative) == hash_image(Image(array))
