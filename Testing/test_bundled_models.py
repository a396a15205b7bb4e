"""The models in the box: their cards, and that they do what their cards say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from LiverAILib.data.case import Case
from LiverAILib.data.cohort import read_cohort
from LiverAILib.data.fingerprint import hash_image
from LiverAILib.data.model import list_models, load_model
from LiverAILib.data.seen_cases import Seen
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image
from LiverAILib.jobs.assess import Assessor
from LiverAILib.networks.backbones import bundled_backbones
from LiverAILib.resources import backbones_folder, resources_folder
from LiverAILib.segmentation.agreement import mask_agreement
from LiverAILib.segmentation.predict import Segmenter, default_model
from LiverAILib.segmentation.training.public_data import write_manifests
from LiverAILib.simulation.ct import simulate_ct
from LiverAILib.simulation.t2_mr import simulate_t2_mr


def bundled():
    """The models below Resources, whatever LIVERAI_MODELS says."""
    return [model for model in list_models() if resources_folder() in model.folder.parents]


def test_the_box_holds_a_segmentation_model_and_a_classifier():
    assert {model.name for model in bundled()} >= {"liver-mr-ct", "nowak2021-simulated"}


@pytest.mark.parametrize("model", bundled(), ids=lambda model: model.name)
def test_every_card_says_data_license_metrics_and_limits(model):
    for key in ("training_data", "license", "metrics", "limits", "intended_use", "training"):
        assert model.card.entries[key], key
    assert (model.folder / "LICENSE.md").is_file()
    assert model.name == model.folder.name
    model.state()


def test_classifiers_trained_on_simulated_cases_say_so():
    assert load_model("nowak2021-simulated").simulated
    assert "simulated" in load_model("nowak2021-simulated").card.description.lower()


def test_together_they_leave_room_in_a_slicer_extension():
    folders = [model.folder for model in bundled()] + [backbones_folder() / name for name in bundled_backbones()]
    assert sum(file.stat().st_size for folder in folders for file in Path(folder).iterdir()) < 85e6
    assert load_model("liver-mr-ct").card.weights.bytes <= 26e6


def test_the_segmentation_network_is_the_one_that_the_card_describes(data_folder, tmp_path):
    """On scans that it was trained on, which tests no more than that: the held-out figures are those of another training."""
    model = load_model("liver-mr-ct")
    stated = model.card.entries["metrics"]["seen_in_training"]["liver_dice"]
    segmenter = Segmenter(model, device="cpu")
    manifest, _ = write_manifests(data_folder, tmp_path)
    rows = [row for row in read_cohort(manifest).split("test") if "t2" in row.images]
    assert len(rows) == 4
    for row in rows:
        image = row.read_image("t2")
        assert default_model(image) == "liver-mr-ct"
        mask = segmenter.segment(image)[0].image.array == 1
        dice = mask_agreement(mask, row.read_mask("liver", image), spacing=image.spacing).dice
        # A processor without bfloat16 computes in float32: the same to the third digit.
        assert dice == pytest.approx(stated[row.case_id], abs=0.005)


def test_the_card_states_held_out_figures_of_patients_that_their_network_did_not_see(data_folder, tmp_path):
    """The model in the box has seen every real scan, so it is refused a test on them."""
    model = load_model("liver-mr-ct")
    manifest, _ = write_manifests(data_folder, tmp_path)
    cohort = read_cohort(manifest)
    rows = cohort.split("test")
    left_out = model.card.entries["metrics"]["left_out"]
    assert set(left_out["cases"]) == {row.case_id for row in rows}
    liver = [dice["liver"] for case, dice in left_out["cases"].items() if case.startswith("lits")]
    assert left_out["CT of LiTS"]["liver"]["dice_mean"] == pytest.approx(np.mean(liver), abs=1e-4)
    assert set(model.card.entries["training_data"]["cases"]) >= {row.case_id for row in cohort}
    with pytest.raises(UserError, match="was trained on patient chaos_mr_10"):
        Seen.of(model.card).refuse_patients(rows, model.name, splits=("train",))


@pytest.mark.parametrize("stage", [0, 4])
def test_livers_of_new_simulated_ct_are_found(stage):
    case = simulate_ct(stage, seed=876_540 + stage, size=(144, 144, 48), spacing=(2.6, 2.6, 5.0))
    mask = Segmenter(load_model("liver-mr-ct"), device="cpu").segment(case.image)[0].image.array == 1
    assert mask_agreement(mask, case.labels.array == 1, spacing=case.image.spacing).dice > 0.85


@pytest.fixture(scope="module")
def assessor():
    return Assessor("nowak2021-simulated", device="cpu")


def test_new_simulated_cases_are_told_apart(assessor):
    """Cirrhoses rank above healthy livers; a threshold of .5 finds about half of them (docs/models.md)."""
    found: dict[int, list[dict[str, float]]] = {0: [], 4: []}
    for stage, seed in ((0, 987_650), (0, 987_651), (4, 987_654), (4, 987_655)):
        case = simulate_t2_mr(stage, seed=seed)
        result = assessor.assess(Case({"t2": case.image}))
        found[stage].append({name: one.probabilities["cirrhosis"] for name, one in result.outcomes.items()})
        assert (case.lobes.array[result.chosen_slice.index] == 3).any()  # the slice shows the caudate lobe
        mask = result.segmentation.image.array == 1
        assert mask_agreement(mask, case.labels.array == 1, spacing=case.image.spacing).dice > 0.8
        assert any("simulated" in note for note in result.reservations)
    for pipeline in ("segmented", "full"):
        assert max(one[pipeline] for one in found[0]) < min(one[pipeline] for one in found[4])
        assert max(one[pipeline] for one in found[0]) < 0.5


def test_the_real_scans_that_the_segmentation_network_has_seen_are_known_by_their_voxels(data_folder):
    """Whatever they are called: what reading gives has to keep its checksum, or leaks pass in silence."""
    seen = Seen.of(load_model("liver-mr-ct").card)
    scans = [*sorted((data_folder / "mr_t2_chaos").glob("image_*.nii.gz")), data_folder / "ct_ircadb" / "ct.nii.gz"]
    scans.append(data_folder / "ct_chaos" / "DICOM_anon")
    assert len(scans) == 16
    for scan in scans:
        with pytest.raises(UserError, match="voxel-identical to a train case"):
            seen.refuse_image(hash_image(read_image(scan)), scan.name, "liver-mr-ct", splits=("train",))
