"""Names of files for case IDs: readable, possible everywhere, never shared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from LiverAILib.data.case_names import DEVICES, LONGEST, RESERVED, file_name, file_names, single_file_name

IDS = st.text(
    st.one_of(st.sampled_from("aAbB./\\:*%~ \u00e9e\u0301con1"), st.characters(exclude_categories=["Cs"])),
    min_size=1,
    max_size=60,
)


@pytest.mark.parametrize(
    ("case_id", "name"),
    [
        ("patient 1", "patient 1"),
        ("肝脏-1", "肝脏-1"),
        ("a/scan", "a%2Fscan"),
        ("..", "%2E%2E"),
        (".hidden", "%2Ehidden"),
        ("CON", "%43ON"),
        ("con.1", "%63on.1"),
        ("end.", "end%2E"),
        ("end ", "end%20"),
        ("50%", "50%25"),
        ('a:"b"', "a%3A%22b%22"),
        ("a\x1fb\x7f", "a%1Fb%7F"),
        ("com9", "%63om9"),
        ("com10", "com10"),
    ],
)
def test_a_name_stays_readable_and_loses_what_a_file_system_refuses(case_id, name):
    assert file_name(case_id) == name


@given(IDS)
def test_every_name_is_possible_on_every_file_system(case_id):
    for name in (file_name(case_id), single_file_name(case_id)):
        assert name
        assert not set(name) & (RESERVED - {"%"})
        assert all(ord(character) >= 32 for character in name)
        assert name[0] not in ". "
        assert name[-1] not in ". "
        assert name.partition(".")[0].lower() not in DEVICES
        assert len(name.encode()) <= LONGEST + 9


@given(st.lists(IDS, unique=True, max_size=8))
def test_no_two_cases_share_a_name_even_where_letter_case_does_not_count(case_ids):
    names = file_names(case_ids)
    assert len({name.casefold() for name in names.values()}) == len(case_ids)
    assert len({single_file_name(case_id).casefold() for case_id in case_ids}) == len(case_ids)


def test_ids_that_differ_in_letter_case_or_accents_only_get_a_checksum():
    names = file_names(["P1", "p1", "p2", "e\u0301", "\u00e9"])
    assert names["p2"] == "p2"
    assert names["P1"].startswith("P1~")
    assert names["p1"].startswith("p1~")
    assert names["e\u0301"].startswith("e\u0301~")
    assert file_name("x" * 120) == "x" * 120
    assert len(file_name("x" * 121).encode()) == 120
    assert file_name("x" * 300) != file_name("x" * 301)


def test_a_name_without_capitals_needs_no_knowledge_of_the_others():
    assert single_file_name("p1") == "p1"
    assert single_file_name("P1").startswith("P1~")
    assert len(single_file_name("P1")) == len("P1~") + 8
