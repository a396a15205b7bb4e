"""The networks of Xue 2020: how a backbone is split, what is shared, what is trained, and what the heat maps see."""

from __future__ import annotations

import pytest
import torch

from LiverAILib.errors import UserError
from LiverAILib.explain.gradcam import grad_cam
from LiverAILib.explain.hirescam import hires_cam
from LiverAILib.methods.xue2020.network import (
    AuxiliaryModels,
    BinaryModels,
    EarlyModel,
    FusionModel,
    FusionModels,
    ScoredModel,
    probabilities,
    split_backbone,
)
from LiverAILib.methods.xue2020.settings import BackboneSettings
from LiverAILib.networks.backbones import build_backbone

LITE = "tf_efficientnet_lite0"


@pytest.fixture(scope="module")
def lite():
    return build_backbone(LITE, weights="bundled").eval()


def images(count=2, size=64):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("frozen", [0, 4, 8])
def test_the_parts_of_a_backbone_are_the_whole(lite, frozen):
    trunk, layers, channels = split_backbone(lite, BackboneSettings(LITE, "bundled", 9, frozen))
    models = BinaryModels(layers, channels).eval()
    given = images()
    with torch.no_grad():
        expected = lite((given - torch.tensor(lite.mean).view(1, 3, 1, 1)) / torch.tensor(lite.std).view(1, 3, 1, 1))
        pooled = models.pooled(trunk(given))
    assert channels == lite.channels == 1280
    for number in range(3):
        torch.testing.assert_close(pooled[:, number], expected, rtol=1e-3, atol=1e-4)


def test_inception_is_frozen_up_to_mixed_6e_and_has_2048_features():
    backbone = build_backbone("inception_v3")
    trunk, layers, channels = split_backbone(backbone, BackboneSettings("inception_v3", "random", 4, 3))
    assert channels == 2048
    assert [type(one).__name__ for one in layers[0]] == ["InceptionD", "InceptionE", "InceptionE"]  # Mixed_7a to 7c
    assert not any(one.requires_grad for one in trunk.parameters())
    fusion = FusionModel(channels, (1024, 256)).layers
    assert [(one.in_features, one.out_features) for one in fusion if isinstance(one, torch.nn.Linear)] == [
        (4096, 1024), (1024, 256), (256, 2),
    ]  # fmt: skip
    models = BinaryModels(layers, channels)
    assert backbone.auxiliary is not None
    both = AuxiliaryModels(models, backbone.auxiliary, before=0).eval()
    with torch.no_grad():
        main, side = both.both(torch.rand(1, 768, 17, 17))
    assert main.shape == side.shape == (1, 3, 2)


def test_the_auxiliary_classifier_teaches_the_layers_before_it():
    backbone = build_backbone("inception_v3")
    _, layers, channels = split_backbone(backbone, BackboneSettings("inception_v3", "random", 4, 2))
    assert backbone.auxiliary is not None
    both = AuxiliaryModels(BinaryModels(layers, channels), backbone.auxiliary, before=1).train()
    # Behind Mixed_5, before Mixed_6: 35 x 35 positions of an image of 299 x 299.
    both.both(torch.rand(2, 288, 35, 35))[1].sum().backward()
    first, last = both.trained.of(2).layers
    assert all(one.grad is not None for one in first.parameters())
    assert all(one.grad is None for one in last.parameters())


def test_a_truncated_backbone_keeps_its_first_groups(lite):
    trunk, layers, channels = split_backbone(lite, BackboneSettings(LITE, "bundled", 6, 5))
    assert (len(trunk.groups), len(layers), channels) == (5, 1, 112)
    assert BinaryModels(layers, channels)(trunk(images())).shape == (2, 3, 2)


@pytest.mark.parametrize(("groups", "frozen"), [(10, 3), (4, 4)])
def test_numbers_of_groups_that_do_not_fit_are_refused(lite, groups, frozen):
    with pytest.raises(UserError, match=f"has 9 layer groups; {groups} of them, {frozen} frozen, were asked for"):
        split_backbone(lite, BackboneSettings(LITE, "bundled", groups, frozen))


def test_a_backbone_whose_groups_are_not_the_whole_network_is_refused():
    # timm's ResNet has an activation and a pooling between its layers with parameters.
    with pytest.raises(UserError, match="its layers do not follow each other"):
        split_backbone(build_backbone("resnet14t"), BackboneSettings("resnet14t", "random", 3, 1))


def test_the_three_models_learn_apart(lite):
    """A loss of one of them leaves the others where they are."""
    trunk, layers, channels = split_backbone(lite, BackboneSettings(LITE, "bundled", 5, 4))
    models = BinaryModels(layers, channels)
    models(trunk(images()))[:, 1].sum().backward()
    trained = {cut: any(one.grad.any() for one in models.of(cut).parameters()) for cut in (2, 3, 4)}
    assert trained == {2: False, 3: True, 4: False}
    assert all(one.grad is None for one in trunk.parameters())


def test_the_checksum_is_that_of_the_frozen_layers(lite):
    first = split_backbone(lite, BackboneSettings(LITE, "bundled", 6, 5))[0]
    same = split_backbone(build_backbone(LITE, weights="bundled"), BackboneSettings(LITE, "bundled", 7, 5))[0]
    other = split_backbone(build_backbone(LITE), BackboneSettings(LITE, "random", 6, 5))[0]
    assert first.checksum == same.checksum != other.checksum


def test_heat_maps_explain_the_score_that_is_shown(lite):
    trunk, layers, channels = split_backbone(lite, BackboneSettings(LITE, "bundled", 6, 5))
    models = BinaryModels(layers, channels).eval()
    given, targets = images(size=96), torch.tensor([1, 0])
    with torch.no_grad():
        expected = models(trunk(given))[:, 2]
    scores, maps = grad_cam(ScoredModel(models.of(4)), trunk(given), targets)
    torch.testing.assert_close(scores, expected)
    assert maps.shape == (2, 6, 6)
    fine_scores, fine = hires_cam(EarlyModel(trunk, models.of(4)), given, targets)
    torch.testing.assert_close(fine_scores, expected, rtol=1e-3, atol=1e-4)
    assert fine.shape == (2, 96, 96)


def test_a_map_of_both_modalities_follows_one_while_the_other_stays(lite):
    """The gradient of GM + EM's score at the gray-scale features, by finite differences."""
    trunk, layers, channels = split_backbone(lite, BackboneSettings(LITE, "bundled", 6, 5))
    models, fusion = BinaryModels(layers, channels).eval(), FusionModels(channels, (16, 8)).eval()
    maps = trunk(images(1))
    other = models.pooled(trunk(images(1) / 2))[:, 0]

    def score(pooled):
        return fusion.of(2)(torch.cat([pooled, other], 1))

    scored = ScoredModel(models.of(2), score)
    scores, signed = grad_cam(scored, maps, torch.tensor([1]), relu=False)
    with torch.no_grad():
        features = scored.features(maps)
        torch.testing.assert_close(
            scores, fusion(torch.cat([features.mean((2, 3)), other], 1)[:, None].expand(-1, 3, -1))[:, 0]
        )
        step = 1e-3
        raised = scored.classify(features * (1 + step))[0, 1] - scored.classify(features * (1 - step))[0, 1]
    # Features times gradient, summed, is how the score grows with all of them.
    torch.testing.assert_close(signed.sum(), raised / (2 * step), rtol=2e-2, atol=1e-3)


def test_probabilities_are_those_of_at_least_the_cutoff():
    scores = torch.tensor([[[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]]])
    expected = torch.tensor([[0.5, 1 / (1 + torch.e**2), 1 / (1 + torch.e**-2)]])
    torch.testing.assert_close(probabilities(scores), expected)
