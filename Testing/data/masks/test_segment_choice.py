"""Which segment is the liver: by code, by exact name, or nobody's guess."""

from __future__ import annotations

import pytest

from LiverAILib.data.masks import SegmentName, Terminology, choose_segment
from LiverAILib.data.structures import KNOWN_STRUCTURES, LESIONS, LIVER, PORTAL_VEIN, RIGHT_KIDNEY, SPLEEN
from LiverAILib.errors import UserError

TISSUE = "a~SCT^85756007^Tissue~SCT^85756007^Tissue~^^~b~^^~^^"


def entry(value: str, *, side: str = "", region: str = "", scheme: str = "SCT") -> str:
    return f"a~SCT^123037004^Anatomical Structure~{scheme}^{value}^meaning~SCT^{side}^side~b~SCT^{region}^region~^^"


def segments(*named: tuple[str, str]) -> list[SegmentName]:
    return [SegmentName(f"S_{n}", name, Terminology.from_slicer(text), n) for n, (name, text) in enumerate(named, 1)]


def chosen(found: list[SegmentName], structure=LIVER, wanted: str | None = None) -> str:
    return choose_segment(found, structure, wanted, source="file", advice="Choose one.").segment.segment_id


def refused(found: list[SegmentName], structure=LIVER, wanted: str | None = None) -> str:
    with pytest.raises(UserError) as error:
        chosen(found, structure, wanted)
    return str(error.value)


@pytest.mark.parametrize("scheme", ["SCT", "SRT"])
def test_the_code_decides_whatever_the_name(scheme):
    code = entry("10200004" if scheme == "SCT" else "T-62000", scheme=scheme)
    assert chosen(segments(("Milz", TISSUE), ("Leber", code))) == "S_2"


@pytest.mark.parametrize(
    ("scheme", "value"), [("99LOCAL", "10200004"), ("", "10200004"), ("UMLS", "10200004"), ("SRT", "T-C3000")]
)
def test_codes_of_other_schemes_and_of_other_organs_decide_nothing(scheme, value):
    assert "which segment" in refused(segments(("Leber", entry(value, scheme=scheme))))


def test_without_a_code_the_exact_name_decides():
    for name in ("liver", "Liver", "LIVER", " liver "):
        assert chosen(segments(("Spleen", TISSUE), (name, TISSUE))) == "S_2"
    assert chosen(segments(("left kidney", ""), ("right_kidney", "")), RIGHT_KIDNEY) == "S_2"
    assert chosen(segments(("Right kidney", ""), ("left", "")), RIGHT_KIDNEY) == "S_1"


@pytest.mark.parametrize("name", ["Liver (whole)", "liver tumor", "my liver", "liver2", "Leber", "Spleen"])
def test_a_name_that_only_contains_the_word_is_no_match_even_alone(name):
    message = refused(segments((name, TISSUE)))
    assert f"'{name}'" in message
    assert "which segment is the liver?" in message


@pytest.mark.parametrize("name", ["Segment_1", "Segment 2", "Label_1", "1", ""])
def test_one_segment_that_nobody_named_is_taken(name):
    assert chosen(segments((name, TISSUE))) == "S_1"
    assert "Segment_2" in refused(segments((name, TISSUE), ("Segment_2", TISSUE)))
    assert "which segment" in refused(segments((name, entry("78961009"))))  # its code says spleen


def test_the_region_of_a_lesion_is_not_the_segment():
    """A tumor in the liver is coded as a mass with the anatomic region liver."""
    tumor = segments(("Tumor", entry("4147007", region="10200004")), ("Leber", entry("10200004")))
    assert chosen(tumor) == "S_2"
    assert chosen(tumor, LESIONS) == "S_1"
    assert "which segment is the lesions" in refused(segments(("Tumor", entry("4147007", region="64033007"))), LESIONS)


def test_the_side_belongs_to_the_code_of_a_kidney():
    pair = segments(("a", entry("64033007", side="7771000")), ("b", entry("64033007", side="24028007")))
    assert chosen(pair, RIGHT_KIDNEY) == "S_2"
    assert chosen(segments(("a", entry("18639004")), ("b", entry("9846003"))), RIGHT_KIDNEY) == "S_2"
    assert "which segment" in refused(segments(("Kidneys", entry("64033007"))), RIGHT_KIDNEY)


def test_parts_of_the_liver_have_codes_too():
    assert chosen(segments(("V. portae", entry("32764006")), ("x", TISSUE)), PORTAL_VEIN) == "S_1"


def test_several_that_fit_are_refused_unless_the_name_tells_them_apart():
    assert "2 segments are the liver" in refused(segments(("Liver", TISSUE), ("liver", TISSUE)))
    assert "2 segments are the liver" in refused(segments(("a", entry("10200004")), ("b", entry("10200004"))))
    assert chosen(segments(("Liver tumor", entry("10200004")), ("Liver", entry("10200004")))) == "S_2"


def test_names_and_codes_that_contradict_each_other_are_told():
    found = segments(("Spleen", entry("10200004")), ("Liver", entry("78961009")))
    choice = choose_segment(found, LIVER, source="file", advice="")
    assert choice.segment.segment_id == "S_1"
    assert "another one is named 'Liver'" in choice.doubt
    choice = choose_segment(segments(("Liver", entry("78961009"))), LIVER, source="file", advice="")
    assert "although its code says 'meaning'" in choice.doubt
    choice = choose_segment(segments(("Liver", entry("10200004")), ("Spleen", TISSUE)), LIVER, source="file", advice="")
    assert choice.doubt == ""


def test_a_third_segment_with_the_name_does_not_decide_between_two_with_the_code():
    found = segments(("a", entry("10200004")), ("b", entry("10200004")), ("Liver", TISSUE))
    assert "2 segments are the liver" in refused(found)


def test_the_side_of_a_named_kidney_is_doubted_only_where_its_code_has_the_other():
    def doubt(side: str, code: str = "64033007") -> str:
        found = segments(("Right kidney", entry(code, side=side)), ("x", TISSUE))
        return choose_segment(found, RIGHT_KIDNEY, source="file", advice="").doubt

    assert doubt("") == ""
    assert doubt("24028007") == ""  # right
    assert "although its code says" in doubt("7771000")  # left
    assert "although its code says" in doubt("", "78961009")
    liver = segments(("Liver", entry("10200004", side="7771000")), ("x", TISSUE))
    assert choose_segment(liver, LIVER, source="file", advice="").doubt == ""


def test_the_name_of_another_organ_casts_doubt_on_a_code():
    choice = choose_segment(segments(("Spleen", entry("10200004"))), LIVER, source="file", advice="")
    assert "although its name says otherwise" in choice.doubt
    choice = choose_segment(segments(("Leber", entry("10200004"))), LIVER, source="file", advice="")
    assert choice.doubt == ""
    assert choice.reason == "its SNOMED CT code"


def test_a_segmentation_without_segments_is_refused():
    assert "it holds no segment. Save the segmentation with a segment of the liver" in refused([])


@pytest.mark.parametrize("text", ["", "a", "a~b~c", "a~b~SCT^10200004", "a~b~SCT^10200004^Liver~^^~c~^^~^^~more"])
def test_an_incomplete_terminology_entry_is_read_as_far_as_it_goes(text):
    terminology = Terminology.from_slicer(text)
    assert terminology.names(LIVER) == ("10200004" in text)
    assert terminology.is_generic == ("10200004" not in text)


def test_the_user_may_give_a_sign_and_blanks_with_a_label():
    found = segments(("a", TISSUE), ("b", TISSUE))
    assert chosen(found, wanted=" +2 ") == "S_2"
    assert "there is no segment '3'" in refused(found, wanted="3")
    assert "there is no segment '-1'" in refused(found, wanted="-1")


def test_a_list_of_twelve_segments_is_whole():
    for count in (2, 12):
        message = refused(segments(*[(f"organ {n}", TISSUE) for n in range(count)]))
        assert f"'organ {count - 1}'" in message
        assert "more" not in message


def test_the_user_chooses_by_id_name_or_label():
    found = segments(("Liver", TISSUE), ("Leber links", TISSUE), ("7", TISSUE))
    assert chosen(found, wanted="S_2") == "S_2"
    assert chosen(found, wanted="leber_links") == "S_2"
    assert chosen(found, wanted="2") == "S_2"
    assert chosen(found, SPLEEN, wanted="Liver") == "S_1"  # the user's word counts, not ours
    assert chosen(found, wanted="7") == "S_3"  # a name before a label
    assert "there is no segment 'Milz'" in refused(found, wanted="Milz")
    assert "Choose one by its ID: S_1, S_2" in refused(segments(("liver", ""), ("liver", "")), wanted="liver")


def test_a_long_list_is_cut():
    message = refused(segments(*[(f"organ {n}", TISSUE) for n in range(40)]))
    assert "'organ 11'; and 28 more" in message
    assert "\n" not in message


def test_a_structure_without_a_code_of_its_own_is_not_doubted():
    found = segments(("Right lobe", entry("10200004")), ("x", TISSUE))
    choice = choose_segment(found, KNOWN_STRUCTURES["right_lobe"], source="file", advice="")
    assert (choice.segment.segment_id, choice.doubt) == ("S_1", "")
