"""A model's card lists whom it has seen; evaluating on one of them is refused."""

import json
from pathlib import Path

import pytest

from LiverAILib.data.cohort import Cohort, CohortRow, read_cohort
from LiverAILib.data.fingerprint import hash_image
from LiverAILib.data.model_card import SEEN, ModelCard
from LiverAILib.data.seen_cases import ImageHashes, Seen, joined, patient_checksum, seen_cases
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image
from Testing.models import CARD
from Testing.tiny_cohort import write_tiny_cohort


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Two cases to train on, one to validate on, one to test on."""
    splits = ("train", "train", "validation", "test")
    return read_cohort(write_tiny_cohort(tmp_path_factory.mktemp("identities"), splits)).rows


@pytest.fixture(scope="module")
def card(rows):
    """As it comes back from model.json."""
    entries = {**CARD, SEEN: seen_cases(rows[:2], rows[2:3])}
    return ModelCard.of(json.loads(json.dumps(entries)), Path("model.json"))


def test_a_card_holds_checksums_and_no_identifier(card, rows):
    assert "p0" not in json.dumps(card.seen)
    assert card.seen["train"]["patients"] == sorted(patient_checksum(name) for name in ("p0", "p1"))
    assert hash_image(rows[2].read_image("t2")) in card.seen["validation"]["images"]


def test_training_and_validation_patients_are_refused_and_others_are_not(card, rows):
    seen = Seen.of(card)
    both = ("train", "validation")
    seen.refuse_patients(rows[3:], "m", splits=both)
    seen.refuse_patients(rows[2:], "m", splits=("train",))
    with pytest.raises(UserError, match=r"m: was trained on patient p1; .*--other-patients"):
        seen.refuse_patients(rows[1:], "m", splits=both)
    with pytest.raises(UserError, match=r"was chosen on \(validation\) patient p2"):
        seen.refuse_patients(rows[2:], "m", splits=both)


def test_a_training_image_under_another_name_is_refused(card, rows):
    seen = Seen.of(card)
    seen.refuse_image(hash_image(rows[3].read_image("t2")), "c3", "m", splits=("train", "validation"))
    with pytest.raises(UserError, match="case renamed is voxel-identical to a train case"):
        seen.refuse_image(hash_image(rows[0].read_image("t2")), "renamed", "m", splits=("train",))


def test_a_model_that_goes_on_from_another_has_seen_its_patients_too(card, rows):
    more = joined(card.seen, seen_cases(rows[3:], [], images=False))
    assert patient_checksum("p3") in more["train"]["patients"]
    assert patient_checksum("p0") in more["train"]["patients"]
    assert more["validation"] == card.seen["validation"]


def test_a_card_that_says_nothing_is_not_known():
    assert not Seen.of(ModelCard.of(CARD, Path("model.json"))).known
    assert Seen.of(ModelCard.of({**CARD, SEEN: seen_cases([], [])}, Path("model.json"))).known


def test_what_training_reads_is_not_read_again_for_its_checksum(rows, monkeypatch):
    cohort = Cohort(Path("cohort.csv"), rows)
    read = []
    monkeypatch.setattr(
        "LiverAILib.data.cohort.read_image", lambda path, **options: read.append(path) or read_image(path, **options)
    )
    hashes = ImageHashes()
    for row in hashes.watch(cohort).split("train"):
        row.read_image("t2")
    assert seen_cases(rows[:2], rows[2:3], hashes=hashes) == seen_cases(rows[:2], rows[2:3])
    files = [row.images["t2"][0] for row in rows[:3]]
    assert read == files + files  # once for the checksums that were noted, once for those that were not


def test_the_other_liver_of_a_person_that_was_trained_on_is_refused():
    native = CohortRow("c1", "p1-native", group_id="person 1")
    graft = CohortRow("c2", "p1-graft", group_id="person 1")
    other = CohortRow("c3", "p2")
    seen = Seen(patients={"train": frozenset(seen_cases([native], [], images=False)["train"]["patients"])}, known=True)
    seen.refuse_patients([other], "model", splits=("train",))
    with pytest.raises(UserError, match="was trained on patient p1-graft"):
        seen.refuse_patients([other, graft], "model", splits=("train",))
    with pytest.raises(UserError, match="was trained on patient person 1"):
        seen.refuse_patients([CohortRow("c4", "person 1")], "model", splits=("train",))
