"""Readers under random input: whatever they are given, it is read, or refused in one line of a `UserError`; nothing else.

A seconds' budget each. More with LIVERAI_FUZZ=N, which tries N times as many inputs, others in each run.
"""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import RLELossless

from LiverAILib.data.cohort import read_cohort
from LiverAILib.data.masks import read_mask, stated_names
from LiverAILib.data.model import read_model
from LiverAILib.data.record import upgrade_record
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image, write_image
from LiverAILib.imaging.image import Image
from LiverAILib.results.files import read_assessment
from Testing.data.masks.files import LIVER_CODE, write_dicom_seg
from Testing.imaging.dicom_files import AXIAL, compress, dataset, item, save, write_enhanced
from Testing.models import CARD

TIMES = int(os.environ.get("LIVERAI_FUZZ", "1"))


def tried(examples: int):
    """How many inputs; the same in every run unless more are asked for."""
    return settings(
        max_examples=examples * TIMES,
        derandomize=TIMES == 1,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def judge(read: Callable[[], object]) -> bool:
    """Whether the input was read; where not, it must have been refused in one line."""
    try:
        read()
    except UserError as error:
        message = str(error)
    else:
        return True
    assert message.strip()
    assert "\n" not in message
    return False


VOXELS = np.random.default_rng(0).integers(0, 90, (3, 8, 9)).astype(np.int16)


@pytest.fixture(scope="module")
def wholes(tmp_path_factory) -> dict[str, bytes]:
    """A small whole file of every kind."""
    folder = tmp_path_factory.mktemp("wholes")
    image = Image(VOXELS, (1.0, 1.2, 2.0), modality="CT")
    for name in ("a.nii", "a.nii.gz", "a.nrrd", "a.mha"):
        write_image(image, folder / name)
    classic = dataset(VOXELS[0], (0.0, 0.0, 0.0), AXIAL, SequenceName="ab", ContrastBolusAgent="c")
    save(classic, folder / "classic.dcm")
    save(compress(classic, RLELossless), folder / "rle.dcm")
    frames = [(VOXELS[k].astype(np.uint16), 2.0 * k, {"MREchoSequence": item(EffectiveEchoTime=2.0)}) for k in range(3)]
    write_enhanced(folder / "enhanced.dcm", frames)
    write_dicom_seg(folder / "seg.dcm", image, [("Liver", LIVER_CODE, (VOXELS > 45).astype(np.uint8))])
    return {path.name: path.read_bytes() for path in folder.iterdir()}


EDITS = st.lists(
    st.tuples(
        st.integers(0, 4000), st.sampled_from(["set", "cut", "insert", "swap"]), st.binary(min_size=1, max_size=12)
    ),
    min_size=1,
    max_size=6,
)


def edited(whole: bytes, edits: list[tuple[int, str, bytes]]) -> bytes:
    content = bytearray(whole)
    for place, kind, data in edits:
        at = place % max(len(content), 1)
        if kind == "set":
            content[at : at + len(data)] = data
        elif kind == "cut":
            del content[at : at + 8 * len(data)]
        elif kind == "insert":
            content[at:at] = data
        else:
            content[at : at + 16] = content[at : at + 16][::-1]
    return bytes(content)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "classic.dcm", "rle.dcm", "enhanced.dcm"])
def test_a_damaged_image_is_read_or_refused(wholes, tmp_path, name):
    outcomes = []

    @tried(60)
    @given(EDITS)
    def fuzz(edits):
        path = tmp_path / name
        path.write_bytes(edited(wholes[name], edits))
        outcomes.append(judge(lambda: read_image(path)))

    fuzz()
    assert not all(outcomes)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["seg.dcm", "a.nrrd", "a.nii.gz"])
def test_a_damaged_mask_is_read_or_refused(wholes, tmp_path, name):
    reference = Image(VOXELS, (1.0, 1.2, 2.0))

    @tried(40)
    @given(EDITS)
    def fuzz(edits):
        path = tmp_path / name
        path.write_bytes(edited(wholes[name], edits))
        judge(lambda: read_mask(path, "liver", reference=reference))

    fuzz()


@tried(80)
@given(
    st.binary(max_size=400),
    st.sampled_from(["a.nii", "a.nii.gz", "a.nrrd", "a.mhd", "a.dcm", "a.png", "a", "a.seg.nrrd"]),
)
def test_any_bytes_are_no_image(content, name):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        judge(lambda: read_image(path))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from([*CARD, *(f"weights.{key}" for key in CARD["weights"]), "settings.segmentation_model", "seen"])


@tried(150)
@given(st.lists(st.tuples(KEYS, JSON), min_size=1, max_size=3))
def test_any_entry_of_a_model_card_is_read_or_refused(entries):
    card = json.loads(json.dumps(CARD))
    for key, value in entries:
        place = card
        *parts, last = key.split(".")
        for part in parts:
            place = place.get(part) if isinstance(place.get(part), dict) else place.setdefault(part, {})
            if not isinstance(place, dict):
                break
        else:
            place[last] = value
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.json").write_text(json.dumps(card))
        judge(lambda: read_model(Path(folder)).state())


@tried(100)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_no_model_names_or_result(content):
    with tempfile.TemporaryDirectory() as folder:
        for name in ("model.json", "names.json", "assessment.json"):
            (Path(folder) / name).write_bytes(content)
        judge(lambda: read_model(Path(folder)))
        judge(lambda: stated_names(Path(folder) / "names.json"))
        judge(lambda: read_assessment(folder))


@tried(60)
@given(JSON)
def test_any_json_is_no_result(content):
    judge(lambda: upgrade_record(content))


COLUMNS = [
    "case_id", "patient_id", "split", "label", "pdff_percent", "image:t2", "mask:liver", "roi:liver", "age_years", "slice",
    "fold", "reader:a", "score:b", "image:", "mask:liver:t2", "", "stage",
]  # fmt: skip
CELLS = st.text(max_size=12) | st.sampled_from(
    [
        "train",
        "test",
        "0",
        "4",
        "-1",
        "1e9",
        "nan",
        "../../x.nii",
        "a.nii;b.nii",
        "/dev/zero",
        "=1+1",
        "<b>",
        "a#b",
        "1,2,3,4",
    ]
)


@tried(150)
@given(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=8), st.lists(st.lists(CELLS, max_size=9), max_size=4))
def test_any_manifest_is_read_or_refused(columns, rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.csv"
        with path.open("w", newline="", encoding="utf-8", errors="replace") as stream:
            csv.writer(stream).writerows([columns, *rows])
        judge(lambda: read_cohort(path))


@tried(80)
@given(st.binary(max_size=300))
def test_any_bytes_are_no_manifest(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.csv"
        path.write_bytes(content)
        judge(lambda: read_cohort(path))
