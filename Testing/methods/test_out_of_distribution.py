"""Out-of-distribution detection: distances against scikit-learn and scipy, thresholds, storage, and the warning."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy.spatial.distance import mahalanobis
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA

from LiverAILib.data.assessment import Segmentation
from LiverAILib.data.case import Case
from LiverAILib.data.model import OUT_OF_DISTRIBUTION, load_model, save_model
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.data.structures import LIVER
from LiverAILib.imaging.image import Image
from LiverAILib.methods.nowak2021.method import Nowak2021
from LiverAILib.methods.nowak2021.view import network_input, prepare_slice
from LiverAILib.methods.out_of_distribution import (
    PooledFeatures,
    fit_feature_distribution,
    out_of_distribution_warnings,
    read_feature_distribution,
)
from LiverAILib.methods.yin2021.method import Yin2021
from LiverAILib.methods.yin2021.out_of_distribution import pooled_features
from LiverAILib.methods.yin2021.training import StackSet
from LiverAILib.methods.yin2021.view import prepare_stack
from LiverAILib.networks.classifier import ResNet50Classifier
from Testing.models import untrained_nowak2021, untrained_yin2021


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def correlated(rng, cases, width=12):
    """Features whose variances fall over four decades."""
    mixing = np.random.default_rng(0).normal(size=(width, width)) * np.logspace(0, -2, width)
    return rng.normal(size=(cases, width)) @ mixing.T + 5


def test_with_all_components_it_is_the_mahalanobis_distance_a_feature(rng):
    features = correlated(rng, 400)
    new = correlated(rng, 5)
    fitted = fit_feature_distribution(features, new, components=11)
    inverse = np.linalg.inv(np.cov(features.T))
    expected = [mahalanobis(row, features.mean(0), inverse) / np.sqrt(12) for row in new]
    np.testing.assert_allclose(fitted.score(new), expected, rtol=1e-4)


def test_with_fewer_it_ranks_like_the_likelihood_of_probabilistic_pca(rng):
    features, new = correlated(rng, 300), correlated(rng, 40)
    fitted = fit_feature_distribution(features, new, components=4)
    likelihood = PCA(4).fit(features).score_samples(new)
    constant = PCA(4).fit(features)
    normalizer = multivariate_normal(constant.mean_, constant.get_covariance()).logpdf(constant.mean_)
    np.testing.assert_allclose(fitted.score(new), np.sqrt(2 * (normalizer - likelihood) / 12), rtol=1e-4)


def test_more_features_than_cases_are_no_obstacle_and_training_cases_lie_near_one(rng):
    features = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 500)) + 0.1 * rng.normal(size=(40, 500))
    fitted = fit_feature_distribution(features[:30], features[30:], components=3)
    assert fitted.score(features[:30]).mean() == pytest.approx(1, abs=0.05)
    assert fitted.score(features[30:]).max() < 1.5
    assert fitted.score(10 * rng.normal(size=(1, 500)))[0] > 10


def test_each_class_has_its_own_mean(rng):
    labels = np.repeat([0, 1], 100)
    features = rng.normal(size=(200, 4)) + 30 * labels[:, None]
    between = np.full((1, 4), 15.0)
    one, two = (fit_feature_distribution(features, features, labels=known) for known in (None, labels))
    assert one.score(between)[0] < 1  # the middle of both classes lies at the mean of all
    assert two.score(between)[0] > 10
    assert two.score(np.full((1, 4), 30.0))[0] < 0.5


@pytest.mark.parametrize(("quantile", "expected"), [(0.9, 18), (0.5, 10), (0.99, 19)])
def test_the_threshold_is_the_conformal_quantile_of_the_validation_cases(rng, quantile, expected):
    fitted = fit_feature_distribution(rng.normal(size=(50, 3)), rng.normal(size=(19, 3)), quantile=quantile)
    assert fitted.threshold == np.sort(fitted.validation)[expected - 1]


def test_new_in_distribution_cases_exceed_the_threshold_as_rarely_as_promised(rng):
    flagged = []
    for _ in range(150):
        draw = rng.normal(size=(170, 6))
        fitted = fit_feature_distribution(draw[:60], draw[60:100], quantile=0.9)
        flagged.append((fitted.score(draw[100:]) > fitted.threshold).mean())
    assert 0.07 < np.mean(flagged) < 0.11  # 1 - 37 / 41 = .098 is expected


def test_what_a_model_stores_gives_the_same_distances(rng, tmp_path):
    features, validation = rng.normal(size=(60, 80)), rng.normal(size=(20, 80))
    fitted = fit_feature_distribution(features, validation, labels=np.arange(60) % 2)
    card = dict.fromkeys(("name", "method", "description", "training_data", "license"), "none")
    card |= {"modality": ["MR"], "classes": ["no", "yes"], "settings": {}}
    model = save_model(tmp_path / "model", card, fitted.state("familiarity.full."), storage="int8")
    found = read_feature_distribution(model.state(), "familiarity.full.")
    np.testing.assert_array_equal(found.score(validation), fitted.score(validation))
    assert (found.threshold, found.quantile) == (fitted.threshold, 0.99)
    assert read_feature_distribution(model.state(), "familiarity.segmented.") is None
    assert sum(value.numel() * value.element_size() for value in fitted.state("").values()) < 20_000


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"features": np.ones((1, 4))}, "too few"),
        ({"validation": np.ones((0, 4))}, "too few"),
        ({"validation": np.ones((3, 5))}, "equal width"),
        ({"features": np.full((9, 4), np.nan)}, "finite"),
        ({"labels": [0, 1]}, "2 labels for 9"),
        ({"quantile": 1.0}, "quantile"),
    ],
)
def test_what_cannot_be_fitted_is_refused(rng, change, text):
    settings = {"features": rng.normal(size=(9, 4)), "validation": rng.normal(size=(3, 4))} | change
    features, validation = settings.pop("features"), settings.pop("validation")
    with pytest.raises(ValueError, match=text):
        fit_feature_distribution(features, validation, **settings)


def test_the_pooled_features_are_those_of_the_same_forward_pass():
    torch.manual_seed(0)
    network = ResNet50Classifier(2).eval()
    pooled = PooledFeatures(network)
    inputs = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        scores = pooled.classify(pooled.features(inputs))
        torch.testing.assert_close(scores, network(inputs))
        torch.testing.assert_close(network.output(torch.from_numpy(pooled.pooled)), scores)


def _case():
    rng = np.random.default_rng(1)
    array = rng.normal(100, 5, (3, 40, 50)).astype(np.float32)
    labels = np.zeros(array.shape, np.uint8)
    labels[:, 10:30, 5:35] = LIVER.label
    image = Image(array, spacing=(1.5, 1.5, 7.0), modality="MR")
    return image, Segmentation(image.with_array(labels, modality=None), (LIVER,), "given")


def _examine(method, image, segmentation):
    return method.examine(
        Case({"t2": image}), segmentation, request=AssessmentRequest(slice_index=1), clock=lambda step: None
    )


def test_an_assessment_warns_of_an_out_of_distribution_input_with_its_numbers(tmp_path):
    plain = untrained_nowak2021(tmp_path / "plain", image_size=32)
    image, segmentation = _case()
    method = Nowak2021(plain, torch.device("cpu"))
    assert _examine(method, image, segmentation).outcomes["full"].distribution_distance is None
    state = dict(plain.state())
    rng = np.random.default_rng(2)
    for pipeline, network in method.networks.items():
        pooled = PooledFeatures(network)
        section, liver = image.array[1], segmentation.image.array[1] == LIVER.label
        prepared, _ = prepare_slice(section, liver, (1.5, 1.5), pipeline=pipeline, size=32)
        pooled.features(network_input(prepared[None]))
        # "full" was fitted around this very case, "segmented" far away from it.
        center = pooled.pooled if pipeline == "full" else pooled.pooled + 1
        near = center + 0.01 * rng.normal(size=(12, 2048))
        state |= fit_feature_distribution(near[:8], near[8:]).state(f"{OUT_OF_DISTRIBUTION}.{pipeline}.")
    card = {key: value for key, value in plain.card.entries.items() if key != "weights"}
    fitted = save_model(tmp_path / "fitted", card, state, storage="float32")
    found = _examine(Nowak2021(load_model(fitted.folder), torch.device("cpu")), image, segmentation)
    assert not found.outcomes["full"].distribution_distance.out_of_distribution
    judged = found.outcomes["segmented"].distribution_distance
    assert judged.out_of_distribution
    [warning] = [one for one in found.warnings if one.code == "unfamiliar_input"]
    assert f"{judged.distance:.2f}" in warning.text
    assert f"{judged.threshold:.2f}" in warning.text
    assert "'segmented'" in warning.text
    json.dumps(vars(judged))


def test_nothing_known_gives_no_warning():
    assert out_of_distribution_warnings({"full": None}) == ()


@pytest.mark.parametrize(("away", "flagged"), [(0.0, False), (1.0, True)])
def test_a_volume_is_judged_by_the_mean_of_its_windows(tmp_path, away, flagged):
    plain = untrained_yin2021(tmp_path / "plain", slices=8, stride=4)
    k, j, i = np.indices((16, 30, 30))
    liver = ((k - 8) / 7) ** 2 + ((j - 14) / 9) ** 2 + ((i - 14) / 9) ** 2 < 1
    array = np.random.default_rng(0).normal(0, 20, liver.shape) + 90 * liver
    image = Image(array.astype(np.int16), spacing=(2.0, 2.0, 5.0), modality="CT")
    segmentation = Segmentation(
        image.with_array(liver.astype(np.uint8) * LIVER.label, modality=None), (LIVER,), "given"
    )
    method = Yin2021(plain, torch.device("cpu"))
    prepared, _ = prepare_stack(image, liver, method.settings)  # axes are canonical already
    data = StackSet((prepared,), torch.tensor([0]))
    [center] = pooled_features(method.network, data, method.settings)
    near = center + away + 0.01 * np.random.default_rng(2).normal(size=(50, len(center)))
    state = {**plain.state(), **fit_feature_distribution(near[:30], near[30:]).state(f"{OUT_OF_DISTRIBUTION}.abdomen.")}
    card = {key: value for key, value in plain.card.entries.items() if key != "weights"}
    fitted = Yin2021(save_model(tmp_path / "fitted", card, state, storage="float32"), torch.device("cpu"))
    found = fitted.examine(Case({"ct": image}), segmentation, request=AssessmentRequest(), clock=lambda step: None)
    assert found.outcomes["abdomen"].distribution_distance.out_of_distribution is flagged
    assert ("unfamiliar_input" in [warning.code for warning in found.warnings]) is flagged
    before = method.examine(Case({"ct": image}), segmentation, request=AssessmentRequest(), clock=lambda step: None)
    assert found.outcomes["abdomen"].probabilities == before.outcomes["abdomen"].probabilities
