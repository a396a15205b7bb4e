import numpy as np
import pytest
from sklearn.metrics import auc as trapezoid

from LiverAILib.evaluation.curves import curve
from LiverAILib.evaluation.delong import auc_value


def test_roc_points_enclose_the_auc(binary):
    truth, good, _ = binary
    found = curve(truth, good, replicates=0)
    assert trapezoid(found.x, found.y) == pytest.approx(auc_value(truth, good))
    assert (found.x[0], found.y[0], found.x[-1], found.y[-1]) == (0, 0, 1, 1)
    assert found.grid.size == 0


@pytest.mark.parametrize("kind", ["roc", "pr"])
def test_the_band_holds_the_curve_nearly_everywhere(binary, kind):
    truth, good, _ = binary
    found = curve(truth, good, kind=kind, replicates=200)
    at = np.searchsorted(found.x, found.grid, side="left").clip(max=found.x.size - 1)
    inside = (found.y[at] >= found.low - 0.12) & (found.y[at] <= found.high + 0.12)
    assert inside.mean() > 0.9
    assert (found.low <= found.high).all()
    assert found.prevalence == pytest.approx(25 / 60)


def test_band_of_a_known_roc():
    """Two normals one SD apart: at 1 - specificity .2 the true sensitivity is .563."""
    covered = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        truth = np.arange(200) < 100
        found = curve(truth, generator.normal(size=200) + truth, replicates=200, seed=seed)
        at = int(np.flatnonzero(np.isclose(found.grid, 0.2))[0])
        covered += found.low[at] <= 0.5630 <= found.high[at]
    assert covered >= 51


def test_images_of_a_patient_widen_the_band(rng):
    truth = np.repeat(np.arange(30) < 15, 4)
    scores = np.repeat(rng.normal(size=30), 4) + truth
    patients = np.repeat(np.arange(30), 4)
    alone = curve(truth, scores, replicates=200)
    together = curve(truth, scores, replicates=200, patients=patients)
    assert (together.high - together.low).mean() > 1.3 * (alone.high - alone.low).mean()


def test_faults(binary):
    truth, good, _ = binary
    with pytest.raises(ValueError, match="'lift' is unknown"):
        curve(truth, good, kind="lift")
    with pytest.raises(ValueError, match="a curve needs at least one case of either class"):
        curve([1, 1], [0.1, 0.2])
