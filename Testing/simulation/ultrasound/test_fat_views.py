import numpy as np
import pytest

from LiverAILib.errors import UserError
from LiverAILib.simulation.ultrasound import simulate_fat_views
from LiverAILib.simulation.ultrasound.acquisition import draw_settings, received_power
from LiverAILib.simulation.ultrasound.device import draw_device
from LiverAILib.simulation.ultrasound.fan import Fan
from LiverAILib.simulation.ultrasound.fat_signs import draw_fatty_liver, draw_person, fat_sizes
from LiverAILib.simulation.ultrasound.scene import KIDNEY, LIVER, Scene
from LiverAILib.simulation.ultrasound.views import FAT_VIEWS, draw_build

SEED = 7


@pytest.fixture(scope="module")
def views():
    """The same participant without fat, with 8 % and with 25 %."""
    return {pdff: simulate_fat_views(pdff, seed=SEED).pictures for pdff in (0.0, 8.0, 25.0)}


def expected(role, pdff):
    """Expected power in dB and labels of a view, as one participant has it at a fat fraction."""
    person = draw_person(np.random.default_rng(SEED))
    fan = Fan(radius_mm=60, half_angle_deg=33, depth_mm=150)
    device, settings = draw_device(np.random.default_rng(2)), draw_settings(fan, np.random.default_rng(3))
    liver = draw_fatty_liver(pdff, person, np.random.default_rng(4))
    rng = np.random.default_rng(5)
    scene = Scene(fan, attenuation=liver.attenuation, rng=rng)
    FAT_VIEWS[role](scene, liver, draw_build(np.random.default_rng(6)), rng)
    return 10 * np.log10(received_power(scene, liver, settings, device)), scene


def test_liver_kidney_contrast_rises_with_the_fat_fraction():
    contrasts = []
    for pdff in (0, 5, 10, 20, 30, 40):
        _, scene = expected("liver_kidney", pdff)
        level = 10 * np.log10(scene.power)
        contrasts.append(np.median(level[scene.labels == LIVER]) - np.median(level[scene.labels == KIDNEY]))
    assert np.all(np.diff(contrasts) > 0)
    assert contrasts[-1] - contrasts[0] > 5


@pytest.mark.parametrize("role", FAT_VIEWS)
def test_the_deep_liver_darkens_with_the_fat_fraction(role):
    falls = []
    for pdff in (0, 10, 30):
        level, scene = expected(role, pdff)
        liver = scene.labels == LIVER
        shallow, deep = (
            (scene.fan.depth > 35) & (scene.fan.depth < 50),
            (scene.fan.depth > 85) & (scene.fan.depth < 100),
        )
        falls.append(np.median(level[liver & shallow]) - np.median(level[liver & deep]))
    assert np.all(np.diff(falls) > 1)


def test_signs_scatter_but_not_without_fat():
    scatter = np.array([0.2, -0.2])
    assert fat_sizes(0, scatter) == pytest.approx([0, 0])
    assert fat_sizes(20, scatter)[0] - fat_sizes(20, scatter)[1] == pytest.approx(0.4)


def test_every_sign_rises_with_the_fat_fraction_in_one_participant():
    for seed in range(30):
        person = draw_person(np.random.default_rng(seed))
        livers = [draw_fatty_liver(pdff, person, np.random.default_rng([seed, 1])) for pdff in range(0, 50, 2)]
        assert np.all(np.diff([one.level_db for one in livers]) >= 0)
        assert np.all(np.diff([one.attenuation for one in livers]) >= 0)
        assert np.all(np.diff([one.vessel_edge_mm for one in livers]) >= 0)


def test_the_same_seed_gives_the_same_pictures_and_another_seed_others(views):
    again = simulate_fat_views(8.0, seed=SEED).pictures
    other = simulate_fat_views(8.0, seed=SEED + 1).pictures
    for role in FAT_VIEWS:
        assert np.array_equal(again[role][0].image.array, views[8.0][role][0].image.array)
        assert not np.array_equal(other[role][0].image.array, views[8.0][role][0].image.array)


def test_the_evidence_is_where_pictures_with_and_without_fat_differ(views):
    for role in FAT_VIEWS:
        fat, none = views[25.0][role][0], views[0.0][role][0]
        fan, evidence = fat.fan.array[0] > 0, fat.evidence.array[0] > 0
        change = np.abs(fat.image.array[0, ..., 1].astype(float) - none.image.array[0, ..., 1])
        assert not none.evidence.array.any()
        assert evidence[~fan].sum() == 0
        assert 0.03 < evidence.sum() / fan.sum() <= 0.331
        assert change[evidence].mean() > 2 * change[fan & ~evidence].mean()


def test_pictures_are_color_with_equal_geometry_and_the_masks_are_inside(views):
    picture = views[8.0]["liver_kidney"][0]
    assert picture.image.color
    assert picture.image.array.dtype == np.uint8
    assert picture.image.modality == "US"
    for mask in (picture.fan, picture.liver, picture.evidence):
        assert mask.same_geometry(picture.image)
    assert not (picture.liver.array > picture.fan.array).any()
    # Text and scales lie beside the fan.
    outside = picture.image.array[0].max(2) * (picture.fan.array[0] == 0)
    assert (outside > 100).any()


@pytest.mark.parametrize(
    "wrong", [{"pdff_percent": -1, "seed": 0}, {"pdff_percent": 101, "seed": 0}, {"pdff_percent": 5, "seed": -1}]
)
def test_refuses_what_cannot_be(wrong):
    with pytest.raises(UserError, match="cannot be"):
        simulate_fat_views(wrong["pdff_percent"], seed=wrong["seed"])
