"""Each method's own part of the card: every fault is refused before a network is built."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from LiverAILib.data.model import list_models
from LiverAILib.data.model_card import ModelCard
from LiverAILib.errors import UserError
from LiverAILib.jobs.assess import Assessor
from LiverAILib.methods.byra2021.region.settings import RegionSettings
from LiverAILib.methods.byra2021.settings import Byra2021Settings
from LiverAILib.methods.nowak2021.settings import Nowak2021Settings
from LiverAILib.methods.xue2020.settings import Xue2020Settings
from LiverAILib.methods.yin2021.settings import InputSettings, NetworkSettings, Yin2021Settings
from LiverAILib.segmentation.predict import Segmenter
from LiverAILib.segmentation.settings import SegmentationSettings
from Testing.models import CARD, untrained_nowak2021, untrained_segmentation, untrained_yin2021, with_settings

NOWAK = {"pipelines": ["segmented"], "primary_pipeline": "segmented", "image_size": 64}
YIN = {"pipelines": ["abdomen"], "primary_pipeline": "abdomen"}
SEGMENTATION = {"encoder": "resnet34", "adjacent_slices": 3}
REFERENCE = {"cases": 1, "body": [[0.1, 0.2, 0.3, 0.4, 0.5]], "liver_ratio": None}
CASES = {
    "nowak2021": (Nowak2021Settings, ["no cirrhosis", "cirrhosis"], NOWAK),
    "yin2021": (Yin2021Settings, ["F0", "F1", "F2", "F3", "F4"], YIN),
    "segmentation": (SegmentationSettings, ["background", "liver"], SEGMENTATION),
}

KINDS = {
    **{method: kind for method, (kind, _, _) in CASES.items()},
    "xue2020": Xue2020Settings,
    "byra2021": Byra2021Settings,
    "byra2021-roi": RegionSettings,
}


def settings_of(method: str, changed=None, classes=None):
    """The settings of a sound card of `method` with changed entries; None takes one out."""
    kind, own, settings = CASES[method]
    settings = {key: value for key, value in {**settings, **(changed or {})}.items() if value is not None}
    entries = {**CARD, "method": method, "classes": classes or own, "settings": settings}
    return kind.from_card(ModelCard.of(entries, Path("model.json")))


def test_optional_entries_have_the_published_values():
    nowak = settings_of("nowak2021")
    assert (nowak.liver_margin, nowak.head, nowak.calibration) == (0.1, "softmax", {})
    yin = settings_of("yin2021")
    assert (yin.inputs, yin.network, yin.calibration) == (InputSettings(), NetworkSettings(), {})
    segmentation = settings_of("segmentation")
    assert [structure.name for structure in segmentation.structures] == ["liver"]
    assert segmentation.normalization is None


def test_every_installed_model_has_sound_settings():
    for model in list_models():
        assert KINDS[model.method].from_card(model.card)


@pytest.mark.parametrize(
    ("method", "changed", "message"),
    [
        (
            "nowak2021",
            {"pipelines": None},
            r"model\.json: settings\.pipelines is missing; expected a list of segmented, full",
        ),
        ("nowak2021", {"pipelines": []}, r"settings\.pipelines is \[\]"),
        ("nowak2021", {"pipelines": ["segmented", "half"]}, r'settings\.pipelines contains "half"'),
        ("nowak2021", {"primary_pipeline": "full"}, r'settings\.primary_pipeline is "full"; expected one of segmented'),
        ("nowak2021", {"image_size": "224"}, r'settings\.image_size is "224"; expected a whole number from'),
        ("nowak2021", {"image_size": 0}, r"settings\.image_size is 0"),
        ("nowak2021", {"liver_margin": -1}, r"settings\.liver_margin is -1; expected a number from 0 to 1"),
        ("nowak2021", {"head": "sigmoid"}, r'settings\.head is "sigmoid"; expected one of softmax, corn'),
        ("nowak2021", {"calibration": {"full": {}}}, r"settings\.calibration has the pipeline full"),
        ("yin2021", {"pipelines": ["segmented"]}, r"settings\.pipelines contains"),
        ("yin2021", {"slices": 0}, r"settings\.slices is 0"),
        ("yin2021", {"slice_mm": 0}, r"settings\.slice_mm is 0"),
        ("yin2021", {"stride": 1.5}, r"settings\.stride is 1\.5"),
        ("yin2021", {"masking": "spleen"}, r"settings\.masking is"),
        ("yin2021", {"kernel": [1, 4, 4]}, r"settings\.kernel is \[1, 4, 4\]; expected odd"),
        ("yin2021", {"channels": [8, 8]}, r"settings\.channels is \[8, 8\]; expected a list of 4"),
        ("yin2021", {"pooling": [2, 2, "2"]}, r"settings\.pooling contains"),
        ("yin2021", {"explained_convolution": 2}, r"settings\.explained_convolution is 2"),
        ("segmentation", {"encoder": None}, r"settings\.encoder is missing"),
        ("segmentation", {"encoder": "resnet35"}, r"settings\.encoder is resnet35"),
        ("segmentation", {"adjacent_slices": 5}, r"settings\.adjacent_slices is 5"),
        ("segmentation", {"normalization": "none"}, r"settings\.normalization is"),
        ("segmentation", {"low_confidence": {"liver": 2}}, r"settings\.low_confidence\.liver is 2"),
        ("segmentation", {"reference_intensities": {"MR": {**REFERENCE, "cases": "1"}}}, r"MR\.cases is"),
        ("segmentation", {"reference_intensities": {"MR": {**REFERENCE, "body": [[1]]}}}, r"MR\.body is no list"),
        (
            "segmentation",
            {"reference_intensities": {"MR": {**REFERENCE, "liver_ratio": [1]}}},
            r"MR\.liver_ratio is no",
        ),
    ],
)
def test_a_wrong_setting_is_named(method, changed, message):
    with pytest.raises(UserError, match=message):
        settings_of(method, changed)


@pytest.mark.parametrize(
    ("method", "classes"),
    [
        ("nowak2021", ["cirrhosis", "no cirrhosis"]),
        ("nowak2021", ["F0", "F1"]),
        ("yin2021", ["F0", "F1", "F2", "F3"]),
        ("segmentation", ["liver", "spleen"]),
        ("segmentation", ["background", "spleen", "liver"]),
        ("segmentation", ["background"]),
    ],
)
def test_classes_that_the_method_does_not_have_are_refused(method, classes):
    with pytest.raises(UserError, match=rf"classes are \[{', '.join(classes)}\]; a model of method {method} has"):
        settings_of(method, classes=classes)


def test_weights_that_do_not_fit_the_card_are_refused(tmp_path):
    """A card of stages with the weights of two classes, a head that the weights lack, another number of channels."""
    nowak = untrained_nowak2021(tmp_path / "nowak")
    yin = untrained_yin2021(tmp_path / "yin")
    segmentation = untrained_segmentation(tmp_path / "segmentation")
    entries = {**segmentation.card.entries, "classes": ["background", "liver"]}
    for build, model in (
        (lambda model: Assessor(model, device="cpu"), with_settings(nowak, head="corn")),
        (lambda model: Assessor(model, device="cpu"), with_settings(yin, channels=[4, 8, 8, 32])),
        (
            lambda model: Segmenter(model, device="cpu"),
            type(segmentation)(segmentation.folder, ModelCard.of(entries, segmentation.card.path)),
        ),
    ):
        with pytest.raises(
            UserError, match=r"weights\.safetensors: the weights do not fit the network that model\.json"
        ):
            build(model)


def test_the_margin_of_the_card_is_the_one_that_is_used(tmp_path):
    from LiverAILib.methods.nowak2021.view import prepare_slice

    section, liver = torch.rand(40, 40).numpy(), torch.zeros(40, 40, dtype=torch.bool).numpy()
    liver[10:30, 10:30] = True
    sides = [
        prepare_slice(section, liver, (1.0, 1.0), pipeline="segmented", size=32, margin=margin)[1].rows
        for margin in (
            0.0,
            settings_of("nowak2021").liver_margin,
            settings_of("nowak2021", {"liver_margin": 0.25}).liver_margin,
        )
    ]
    assert sides == [20, 24, 30]
