"""All measurements in one call: every one is there with its number or its reason, and the baselines rise with the stage."""

from __future__ import annotations

from LiverAILib.morphometry import BASELINES, baseline_scores, measure
from LiverAILib.morphometry.findings import Morphometry
from Testing.morphometry.phantoms import box_organs, by_key

BLOOD = {"age_years": 54, "ast_u_per_l": 80, "alt_u_per_l": 64, "platelets_1e9_per_l": 120, "ast_uln_u_per_l": 40}
ASKED_FOR = {
    "liver_volume", "spleen_volume", "spleen_to_liver_volume_ratio", "caudate_to_right_lobe_volume_ratio",
    "caudate_to_right_lobe_width_ratio", "surface_nodularity", "liver_attenuation", "liver_minus_spleen_attenuation",
    "apri", "fib4",
}  # fmt: skip


def test_every_measurement_is_there_with_a_number_or_a_reason():
    for modality in ("CT", "MR"):
        for covariates in ({}, BLOOD):
            found = measure(*box_organs(modality=modality), covariates=covariates)
            numbers, missing = set(by_key(found)), {one.key for one in found.not_assessed}
            assert numbers | missing >= ASKED_FOR
            assert not numbers & missing
            assert all(one.reason for one in found.not_assessed)
            assert all(one.how for one in found.measurements)


def test_a_broken_condition_is_a_warning_that_names_it():
    found = measure(*box_organs(spleen=130.0), covariates={"age_years": 12})
    texts = [warning.text for warning in found.warnings if warning.code == "cutoff_conditions"]
    assert len(texts) == 3  # spleen volume, liver attenuation, difference
    assert all("adult" in text for text in texts)
    assert any("unenhanced CT" in text for text in texts)
    fine = measure(*box_organs(), covariates={"age_years": 50})
    assert "cutoff_conditions" not in {warning.code for warning in fine.warnings}


def test_further_masks_are_parts():
    image, segmentation = box_organs()
    lobe = segmentation.image.array == 1
    caudate = lobe.copy()
    caudate[..., :35] = False
    found = by_key(measure(image, segmentation, parts={"caudate": caudate, "right_lobe": lobe & ~caudate}))
    assert found["caudate_to_right_lobe_volume_ratio"].value == round(10 / 30, 4)
    assert found["caudate_to_right_lobe_width_ratio"].value == round(10 / 30, 3)


def test_baselines_have_their_sign_and_what_is_missing_is_absent():
    found = measure(*box_organs(), covariates=BLOOD)
    scores = baseline_scores(found)
    measured = by_key(found)
    assert scores["spleen_volume"] == measured["spleen_volume"].value
    assert scores["small_liver_volume"] == -measured["liver_volume"].value
    assert scores["fib4"] == 4.5
    assert "caudate_to_right_lobe_volume_ratio" not in scores
    assert list(scores) == [name for name in BASELINES if name in scores]
    assert baseline_scores(Morphometry()) == {}
