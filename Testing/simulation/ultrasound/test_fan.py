import numpy as np
import pytest

from LiverAILib.simulation.ultrasound.fan import Fan, Frame


@pytest.fixture(scope="module")
def fan():
    return Fan(radius_mm=60, half_angle_deg=33, depth_mm=150)


def test_samples_lie_where_their_beam_and_depth_say(fan):
    middle = fan.shape[1] // 2
    assert np.allclose(np.hypot(fan.x, fan.y + 60) - 60, fan.depth, atol=1e-3)
    assert fan.y[-1, middle] == pytest.approx(150, abs=0.3)
    assert fan.x[0, 0] == pytest.approx(-60 * np.sin(np.deg2rad(33)), abs=0.2)
    assert fan.position(100, 0) == pytest.approx((0, 100))


def test_a_region_holds_every_sample_of_its_box(fan):
    for x, y in (((-10, 12), (30, 60)), ((-70, -40), (60, 120)), ((20, 60), (5, 30))):
        inside = (fan.x >= x[0]) & (fan.x <= x[1]) & (fan.y >= y[0]) & (fan.y <= y[1])
        outside = inside.copy()
        outside[fan.region(x, y)] = False
        # The curved sides of the box leave at most a sample's width.
        assert inside.any()
        assert outside.sum() <= 0.01 * inside.sum()


def test_scan_conversion_puts_a_reflector_where_it_is(fan):
    frame = Frame.fitted(fan, columns=800, rows=600, top=0.08)
    x, y = fan.position(90, 20)
    spot = np.exp(-((fan.x - x) ** 2 + (fan.y - y) ** 2) / 8)
    (picture,) = frame.converted(fan, spot)
    row, column = np.unravel_index(picture.argmax(), picture.shape)
    assert (row, column) == pytest.approx(frame.pixel_of(x, y), abs=1.0)


def test_the_fan_lies_in_the_picture(fan):
    frame = Frame.fitted(fan, columns=800, rows=600, top=0.08, width=0.8)
    rows, columns = np.where(frame.inside(fan))
    assert rows.max() < 0.96 * 600 + 1
    assert np.ptp(columns) <= 0.8 * 800 + 1
    area = np.deg2rad(33) * (210**2 - 60**2)  # mm^2 of an annular sector
    assert len(rows) * frame.pixel_mm**2 == pytest.approx(area, rel=0.01)
