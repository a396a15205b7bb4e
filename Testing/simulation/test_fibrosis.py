import numpy as np
import pytest

from LiverAILib.errors import UserError
from LiverAILib.simulation.fibrosis import STAGES, draw_fibrosis

RISING = (
    "nodule_amplitude_mm",
    "caudate_scale",
    "left_lobe_scale",
    "spleen_volume_scale",
    "texture_contrast",
    "texture_coverage",
    "fissure_widening_mm",
    "portal_vein_scale",
)


def drawn(stage, seed):
    return draw_fibrosis(stage, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(20))
def test_signs_rise_with_the_stage_in_one_patient(seed):
    patient = [drawn(stage, seed) for stage in STAGES]
    for name in RISING:
        values = [getattr(p, name) for p in patient]
        assert values == sorted(values), name
        assert values[4] > values[0], name
    right = [p.right_lobe_scale for p in patient]
    assert right == sorted(right, reverse=True)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_planted_at_stage_0(seed):
    healthy = drawn(0, seed)
    assert healthy.severity == healthy.nodule_amplitude_mm == healthy.texture_contrast == healthy.ascites_mm == 0
    assert healthy.caudate_scale == healthy.right_lobe_scale == healthy.spleen_volume_scale == 1
    assert healthy.varices_count == 0


def test_neighboring_stages_overlap_but_cirrhosis_stands_apart():
    amplitude = {s: np.array([drawn(s, 1000 * s + n).nodule_amplitude_mm for n in range(300)]) for s in STAGES}

    def auc(low, high):
        return (amplitude[high][:, None] > amplitude[low][None, :]).mean()

    assert 0.75 < auc(1, 2) < 0.999
    assert 0.75 < auc(2, 3) < 0.999
    assert auc(3, 4) > 0.98


@pytest.mark.parametrize("stage", [-1, 5, "F4", None, True])
def test_refuses_what_is_not_a_stage(stage):
    with pytest.raises(UserError, match="0 \\(none\\) to 4"):
        draw_fibrosis(stage, np.random.default_rng(0))
