"""`assess`: geometry of what comes out, reuse of what does not change, bad input and warnings."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from LiverAILib.data.case import Case
from LiverAILib.data.model import save_model
from LiverAILib.data.structures import LIVER, SPLEEN
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import write_image
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.imaging.image import Image
from LiverAILib.jobs.assess import Assessor, assess
from LiverAILib.segmentation.predict import Segmenter
from Testing.conftest import reoriented
from Testing.models import untrained_nowak2021, untrained_segmentation, with_settings

segment = Segmenter.segment
ALL_48 = [
    (axes, flips) for axes in itertools.permutations(range(3)) for flips in itertools.product((False, True), repeat=3)
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return untrained_nowak2021(tmp_path_factory.mktemp("models") / "untrained", segmentation_model="segmenter")


@pytest.fixture(scope="module")
def assessor(model, tmp_path_factory):
    folder = untrained_segmentation(tmp_path_factory.mktemp("models") / "segmenter").folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVERAI_MODELS", str(folder.parent))
        yield Assessor(model, device="cpu")


@pytest.fixture(scope="module")
def phantom() -> tuple[Image, Image]:
    """An oblique volume with a bright, lopsided 'liver' and the mask of it."""
    rng = np.random.default_rng(0)
    k, j, i = np.indices((12, 40, 56))
    liver = ((k - 6) / 5) ** 2 + ((j - 18) / 12) ** 2 + ((i - 20) / (8 + k)) ** 2 < 1
    array = (rng.normal(60, 5, liver.shape) + 90 * liver + i).astype(np.float32)
    angle = np.deg2rad(12)
    direction = [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    image = Image(array, (1.6, 1.4, 7.0), (-40.0, 20.0, 100.0), direction, "MR")
    return image, image.with_array(liver.astype(np.uint8))


@pytest.mark.parametrize(("axes", "flips"), ALL_48)
def test_mask_and_map_follow_the_anatomy_through_every_axis_order(assessor, phantom, axes, flips):
    """The same anatomy stored in any axis order gives the same voxels at the same places in the patient."""
    image, mask = phantom
    expected = assessor.assess(Case({"t2": image}, masks={"liver": mask}))
    moved = reoriented(image, axes, flips)
    result = assessor.assess(Case({"t2": moved}, masks={"liver": reoriented(mask, axes, flips)}))
    assert result.probabilities == expected.probabilities
    for found, reference in (
        (result.heatmap.image, expected.heatmap.image),
        (result.outcomes["full"].heatmaps[0].image, expected.outcomes["full"].heatmaps[0].image),
        (result.segmentation.image, expected.segmentation.image),
    ):
        assert found.same_geometry(moved, tolerance_mm=1e-9)
        np.testing.assert_array_equal(found.array, reoriented(reference, axes, flips).array)
    np.testing.assert_allclose(result.chosen_slice.center_lps, expected.chosen_slice.center_lps, atol=1e-9)


@pytest.mark.parametrize(("axes", "flips"), ALL_48[::5])
def test_the_network_mask_follows_the_anatomy_through_the_axis_orders(assessor, phantom, axes, flips):
    image, _ = phantom
    segmenter = assessor._segmenters.setdefault("segmenter", _segmenter())
    expected, _ = segmenter.segment(image)
    moved = reoriented(image, axes, flips)
    found, _ = segmenter.segment(moved)
    assert found.image.same_geometry(moved, tolerance_mm=1e-9)
    assert expected.image.array.any()
    np.testing.assert_array_equal(found.image.array, reoriented(expected.image, axes, flips).array)


def _segmenter():
    from LiverAILib.data.model import load_model
    from LiverAILib.segmentation.predict import Segmenter

    return Segmenter(load_model("segmenter"), device="cpu")


def test_the_map_lies_in_the_chosen_slice_and_around_the_liver_only(assessor, phantom):
    image, mask = phantom
    result = assessor.assess(Case({"t2": image}, masks={"liver": mask}), slice_index=4)
    heat = result.heatmap.image.array
    assert result.chosen_slice.index == 4
    assert not np.delete(heat, 4, axis=0).any()
    assert heat.dtype == np.float32
    rows, columns = np.nonzero(mask.array[4])
    outside = np.ones(heat[4].shape, bool)
    side = 1.2 * max(np.ptp(rows) * 1.4, np.ptp(columns) * 1.6) + 2
    middle = ((rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2)
    outside[
        int(max(0, middle[0] - side / 2.8 - 1)) : int(middle[0] + side / 2.8 + 2),
        int(max(0, middle[1] - side / 3.2 - 1)) : int(middle[1] + side / 3.2 + 2),
    ] = False
    assert not heat[4][outside].any()


def test_a_corrected_mask_repeats_only_what_depends_on_it(assessor, phantom, monkeypatch):
    image, mask = phantom
    calls = []
    for pipeline, network in assessor.method.networks.items():
        original = type(network).features
        monkeypatch.setattr(
            network, "features", lambda x, p=pipeline, n=network, f=original: calls.append(p) or f(n, x), raising=False
        )
    moved = reoriented(image, (0, 1, 2), (False, False, False)).with_array(image.array + 1)
    assessor.assess(Case({"t2": moved}, masks={"liver": mask}), slice_index=5)
    assert sorted(calls) == ["full", "segmented"]
    calls.clear()
    assessor.assess(Case({"t2": moved}, masks={"liver": mask}), slice_index=5)
    assert calls == []
    corrected = mask.array.copy()
    corrected[5, :, :20] = 0
    assessor.assess(Case({"t2": moved}, masks={"liver": mask.with_array(corrected)}), slice_index=5)
    assert calls == ["segmented"]


def test_a_segmentation_model_that_was_retrained_meanwhile_is_loaded_again(model, phantom, tmp_path, monkeypatch):
    image, _ = phantom
    monkeypatch.setenv("LIVERAI_MODELS", str(tmp_path))
    first = untrained_segmentation(tmp_path / "segmenter")
    assessor = Assessor(model, device="cpu")
    loaded = []
    monkeypatch.setattr(
        Segmenter, "segment", lambda self, image: loaded.append(self.model.checksum) or segment(self, image)
    )
    before = assessor.assess(Case({"t2": image}))
    assessor.assess(Case({"t2": image}))
    assert loaded == [first.checksum]
    state = {name: value + 1e-4 if value.is_floating_point() else value for name, value in first.state().items()}
    second = save_model(first.folder, first.card.entries, state)
    after = assessor.assess(Case({"t2": image}))
    assert loaded == [first.checksum, second.checksum]
    assert after.provenance["segmentation"]["sha256"] == second.checksum
    assert after.provenance["fingerprint"] != before.provenance["fingerprint"]


def test_the_fingerprint_is_known_before_and_stands_in_the_result(assessor, phantom):
    image, mask = phantom
    case = Case({"t2": image}, masks={"liver": mask})
    request = assessor.request(slice_index=5, target_class="cirrhosis")
    known = assessor.fingerprint(case, request)
    result = assessor.assess(case, request)
    assert result.provenance["fingerprint"] == known.sha256
    assert known.changes(result.provenance["fingerprint_parts"]) == []
    assert result.chosen_slice.index == 5
    assert assessor.fingerprint(case, assessor.request(slice_index=6)).sha256 != known.sha256


def test_an_assessor_and_a_single_call_agree(assessor, model, phantom):
    image, mask = phantom
    case = Case({"t2": image}, masks={"liver": mask})
    assert assess(case, model, device="cpu").probabilities == assessor.assess(case).probabilities


def test_another_class_can_be_explained(assessor, phantom):
    image, mask = phantom
    case = Case({"t2": image}, masks={"liver": mask})
    maps = {name: assessor.assess(case, target_class=name).heatmap for name in ("cirrhosis", "no cirrhosis")}
    assert {name: heat.target for name, heat in maps.items()} == {name: name for name in maps}
    assert not np.array_equal(maps["cirrhosis"].image.array, maps["no cirrhosis"].image.array)
    with pytest.raises(UserError, match="unknown to the model"):
        assessor.assess(case, target_class="F3")


def test_a_finer_map_explains_the_same_probabilities_in_the_same_place(assessor, phantom):
    image, mask = phantom
    case = Case({"t2": image}, masks={"liver": mask})
    coarse, fine = assessor.assess(case), assessor.assess(case, heatmap="hirescam")
    for name, one in fine.outcomes.items():
        other = coarse.outcomes[name]
        assert one.probabilities == other.probabilities
        assert (one.heatmaps[0].method, other.heatmaps[0].method) == ("HiResCAM", "Grad-CAM")
        assert one.heatmaps[0].target == other.heatmaps[0].target
        axis = 2 - fine.chosen_slice.axis
        with_mass = np.flatnonzero(one.heatmaps[0].image.array.any(tuple(a for a in range(3) if a != axis)))
        assert with_mass.tolist() == [fine.chosen_slice.index]
    assert fine.provenance["settings"]["heatmap"] == "hirescam"
    with pytest.raises(UserError, match=r"heat map 'guided': unknown\. Use one of grad-cam, hirescam"):
        assessor.assess(case, heatmap="guided")


@pytest.mark.parametrize(("intercept", "called"), [(-15, "no cirrhosis"), (15, "cirrhosis")])
def test_the_card_calibrates_the_probabilities_and_the_class_that_is_explained(model, phantom, intercept, called):
    image, mask = phantom
    calibration = {"segmented": {"intercept": intercept, "slope": 1.0}}
    shifted = with_settings(model, calibration=calibration)
    case = Case({"t2": image}, masks={"liver": mask})
    plain, found = assess(case, model, device="cpu"), assess(case, shifted, device="cpu")
    assert found.predicted == found.heatmap.target == called
    assert found.outcomes["full"].probabilities == plain.outcomes["full"].probabilities
    log_odds = [np.log(one.probabilities["cirrhosis"] / one.probabilities["no cirrhosis"]) for one in (plain, found)]
    assert log_odds[1] == pytest.approx(log_odds[0] + intercept, abs=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modality": "CT"}, "the image is CT"),
        ({"modality": "US"}, "the image is US"),
    ],
)
def test_the_wrong_modality_is_refused(assessor, phantom, change, message):
    image, mask = phantom
    with pytest.raises(UserError, match=message):
        assessor.assess(Case({"t2": replace(image, **change)}, masks={"liver": mask}))


def test_a_ct_without_a_header_is_refused_by_its_intensities(assessor, phantom):
    image, mask = phantom
    hounsfield = np.where(image.array > 100, image.array, -1000).astype(np.int16)
    with pytest.raises(UserError, match="the image is CT"):
        assessor.assess(Case({"t2": replace(image, array=hounsfield, modality=None)}, masks={"liver": mask}))


def test_a_case_without_the_image_that_the_model_needs_is_refused(assessor, phantom):
    with pytest.raises(UserError, match="needs an image 't2'"):
        assessor.assess(Case({"ct": phantom[0]}))


def test_a_slice_that_does_not_exist_or_shows_no_liver_is_refused(assessor, phantom):
    image, mask = phantom
    case = Case({"t2": image}, masks={"liver": mask})
    with pytest.raises(UserError, match="Use 0 to 11"):
        assessor.assess(case, slice_index=12)
    with pytest.raises(UserError, match="shows no liver"):
        assessor.assess(case, slice_index=0)


def test_an_empty_mask_is_refused(assessor, phantom):
    image, mask = phantom
    with pytest.raises(UserError, match="no voxel"):
        assessor.assess(Case({"t2": image}, masks={"liver": mask.with_array(np.zeros_like(mask.array))}))


def test_what_the_reader_of_masks_found_and_took_is_in_the_assessment(assessor, phantom, tmp_path):
    """A probability map whose grid ends outside of the image, chosen without a word of the user."""
    image, mask = phantom
    soft = np.pad(mask.array * 0.75, ((0, 0), (0, 30), (0, 0)))
    soft[:, 40:] = 0.6
    write_image(image, tmp_path / "scan.nrrd")
    write_image(Image(soft, mask.spacing, mask.origin, mask.direction), tmp_path / "liver.nrrd")
    case = Case.from_file(tmp_path / "scan.nrrd", liver_mask=tmp_path / "liver.nrrd")
    result = assessor.assess(replace(case, images={"t2": image}))
    codes = [warning.code for warning in result.warnings]
    assert codes.count("mask_from_probabilities") == 1
    assert codes.count("mask_partly_outside") == 1
    assert result.provenance["masks"] == {"liver": "label 1 (the only label)"}


def test_a_mirrored_mask_is_warned_of(assessor, phantom):
    image, mask = phantom
    canonical, order = to_canonical(mask)
    mirrored = mask.with_array(np.ascontiguousarray(order.undo(canonical.array[:, :, ::-1])))
    for given, expected in ((mask, False), (mirrored, True)):
        found = {warning.code for warning in assessor.assess(Case({"t2": image}, masks={"liver": given})).warnings}
        assert bool(found & {"mask_flipped", "mask_on_wrong_side"}) == expected


def test_a_single_slice_is_assessed_with_a_warning(assessor, phantom):
    image, mask = phantom
    one = replace(image, array=image.array[5:6])
    result = assessor.assess(Case({"t2": one}, masks={"liver": replace(mask, array=mask.array[5:6])}))
    assert result.chosen_slice.index == 0
    assert "single_slice" in {warning.code for warning in result.warnings}
    assert [m.unit for m in result.measurements] == ["cm2"]
    pixels = mask.array[5].sum()
    assert result.measurements[0].value == pytest.approx(pixels * 1.6 * 1.4 / 100, abs=0.05)


def test_some_nan_a_cut_liver_and_odd_spacing_are_warned_of(assessor, phantom):
    image, mask = phantom
    array = image.array.copy()
    array[2, :5, :5] = np.nan
    array = np.repeat(array, 3, axis=0)[12:]
    cut = np.repeat(mask.array, 3, axis=0)[12:]
    damaged = replace(image, array=array, spacing=(1.6, 4.0, 16.0))
    result = assessor.assess(Case({"t2": damaged}, masks={"liver": replace(mask, array=cut, spacing=(1.6, 4.0, 16.0))}))
    codes = {warning.code for warning in result.warnings}
    assert {"liver_cut_off", "odd_spacing"} <= codes
    array[5, :5, :5] = np.nan
    result = assessor.assess(Case({"t2": damaged}, masks={"liver": replace(mask, array=cut, spacing=(1.6, 4.0, 16.0))}))
    assert "not_a_number" in {warning.code for warning in result.warnings}


def test_the_record_says_what_it_was_made_with(assessor, phantom, model):
    image, mask = phantom
    record = assessor.assess(Case({"t2": image}, masks={"liver": mask})).record()
    provenance = record["provenance"]
    assert provenance["model"]["sha256"] == model.checksum
    assert len(provenance["inputs"][0]["sha256"]) == 64
    assert set(record["seconds"]) >= {"check_input", "segment", "choose_slice", "measure"}
    assert any("simulated" in note for note in record["notes"])
    volume = next(m for m in record["measurements"] if m["name"] == "Liver volume")
    assert volume["unit"] == "mL"
    assert volume["value"] == pytest.approx(mask.array.sum() * 1.6 * 1.4 * 7.0 / 1000, abs=0.1)


def test_canonical_masks_have_the_patients_right_on_the_left(phantom):
    """Guards the convention that everything else stands on: canonical columns run from the patient's right to the left."""
    image, _ = phantom
    canonical, _ = to_canonical(reoriented(image, (1, 2, 0), (True, False, True)))
    x = [(canonical.index_to_lps @ [i, 0, 0, 1])[0] for i in (0, 1)]
    assert x[1] > x[0]


@pytest.mark.parametrize("liver_by", ["user", "network"])
def test_where_masks_overlap_the_liver_wins(assessor, phantom, liver_by):
    image, mask = phantom
    given = {"liver": mask} if liver_by == "user" else {}
    before = assessor.assess(Case({"t2": image}, masks=given)).segmentation.image.array
    liver = before == LIVER.label
    k, j, _ = np.argwhere(liver)[liver.sum() // 2]
    box = np.zeros(liver.shape, np.uint8)
    box[k, max(j - 3, 0) : j + 4, :] = 1
    assert (box[liver] > 0).any()
    assert (box[~liver] > 0).any()
    spleen = mask.with_array(box)
    for masks in ({"spleen": spleen, **given}, {**given, "spleen": spleen}):
        after = assessor.assess(Case({"t2": image}, masks=masks)).segmentation.image.array
        assert np.array_equal(after == LIVER.label, liver)
        assert np.array_equal(after == SPLEEN.label, (box > 0) & ~liver)
