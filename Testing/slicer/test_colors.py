"""Colors of organs and heat maps, as persons see them who lack one of the three kinds of cones."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from LiverAISlicer.display import SIGNED, UNSIGNED

from LiverAILib.data.structures import LEFT_KIDNEY, LIVER, SPLEEN

VISION = {
    "usual": np.eye(3),
    # Machado, Oliveira, Fernandes 2009, severity 1.0, on linear RGB.
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
D65 = np.array([0.95047, 1.0, 1.08883])
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def lab(rgb, vision: str) -> np.ndarray:
    """CIE L*a*b* (n, 3) of sRGB colors, 0..255, as they are seen."""
    values = np.atleast_2d(np.asarray(rgb, float)) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    ratio = np.clip(linear @ np.array(VISION[vision]).T, 0, 1) @ TO_XYZ.T / D65
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def test_the_conversion_gives_known_values():
    assert lab((255, 0, 0), "usual")[0] == pytest.approx((53.24, 80.09, 67.20), abs=0.05)
    assert lab((255, 255, 255), "deuteranopia")[0] == pytest.approx((100, 0, 0), abs=0.1)


@pytest.mark.parametrize("vision", VISION)
def test_outlines_differ_from_each_other_and_from_the_heat_map(vision):
    organs = {one.name: lab(one.color, vision)[0] for one in (LIVER, LEFT_KIDNEY, SPLEEN)}
    for first, second in combinations(organs, 2):
        assert np.linalg.norm(organs[first] - organs[second]) > 20, (first, second)
    heat = lab(UNSIGNED.rgba(np.linspace(0.2, 1, 50), 0.0)[:, :3], vision)
    assert np.linalg.norm(heat - organs["liver"], axis=1).min() > 20


@pytest.mark.parametrize("vision", VISION)
def test_more_evidence_is_lighter(vision):
    lightness = lab(UNSIGNED.rgba(np.linspace(0, 1, 101), 0.0)[:, :3], vision)[:, 0]
    assert (np.diff(lightness) > 0).all()


@pytest.mark.parametrize("vision", VISION)
def test_evidence_for_and_against_differ(vision):
    for share in (0.3, 0.6, 1.0):
        colors = lab(SIGNED.rgba(np.array([-share, share]), 0.0)[:, :3], vision)
        assert np.linalg.norm(colors[0] - colors[1]) > 30, share


def test_what_lies_below_the_threshold_is_transparent_and_fades_in_above():
    opacity = UNSIGNED.rgba(np.linspace(0, 1, 101), 0.3)[:, 3]
    assert not opacity[:31].any()
    assert (np.diff(opacity[30:].astype(int)) >= 0).all()
    assert np.diff(opacity.astype(int)).max() < 10
    assert opacity[-1] == 255
    assert SIGNED.rgba(np.array([-1.0, 0.0, 1.0]), 0.3)[:, 3].tolist() == [255, 0, 255]
    assert UNSIGNED.rgba(np.array([0.99, 1.0]), 1.0)[:, 3].tolist() == [0, 0]
