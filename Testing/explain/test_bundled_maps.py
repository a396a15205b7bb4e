"""The maps of the classifier in the box depend on what it learned."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from LiverAILib.data.model import load_model
from LiverAILib.data.structures import LIVER
from LiverAILib.explain.map_family import MapFamily
from LiverAILib.explain.randomization import cascading_randomization
from LiverAILib.methods.nowak2021.method import Nowak2021
from LiverAILib.methods.nowak2021.settings import PIPELINES
from LiverAILib.methods.nowak2021.view import network_input, prepare_slice
from LiverAILib.simulation.t2_mr import simulate_t2_mr


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_randomized_weights_give_maps_uncorrelated_with_the_trained_ones(pipeline):
    case = simulate_t2_mr(4, seed=77, size=(128, 128, 18), spacing=(2.5, 2.5, 15.0))
    level = case.caudate_level
    prepared, _ = prepare_slice(
        case.image.array[level].astype(np.float32),
        case.labels.array[level] == LIVER.label,
        (2.5, 2.5),
        pipeline=pipeline,
    )
    method = Nowak2021(load_model("nowak2021-simulated"), torch.device("cpu"))
    network = method.networks[pipeline]

    def all_at_once(network):
        return [("all", network)]

    family = MapFamily(pipeline, network, groups=all_at_once)
    draws = network_input(prepared[None], method.settings.encoder).expand(
        8, -1, -1, -1
    )  # each with random weights of its own
    found = cascading_randomization(family, draws, targets=[1] * 8)
    assert len(found) == 8
    assert abs(np.mean([step.spearman for step in found])) < 0.4
    assert max(abs(step.spearman) for step in found) < 0.95
