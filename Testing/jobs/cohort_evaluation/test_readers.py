"""What readers entered: calls apart from regions, and the tables of what they saw in the maps."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from LiverAILib.data.cohort import CohortRow
from LiverAILib.errors import UserError
from LiverAILib.jobs.cohort_evaluation.case_results import CaseResult
from LiverAILib.jobs.cohort_evaluation.labels import ClassLabels
from LiverAILib.jobs.cohort_evaluation.predictions_csv import readers_of
from LiverAILib.jobs.cohort_evaluation.readers import check_reader_columns, read_maps, reader_tables
from LiverAILib.jobs.cohort_evaluation.subject import Assignment

BINARY = ("no cirrhosis", "cirrhosis")
STAGES = ("F0", "F1", "F2", "F3", "F4")


def case(number: int, label: int, *, kind: str = "cirrhosis", pipelines=("segmented", "full"), **cells: str):
    row = CohortRow(f"c{number}", f"p{number}", "test", label, covariates=cells, label_kind=kind)
    record = {"pipelines": {name: {} for name in pipelines}, "primary": pipelines[0]}
    return CaseResult(Assignment(row, SimpleNamespace()), record, None)


def test_regions_are_no_calls():
    one = case(0, 1, **{"reader:a": "1", "reader:a:region": "caudate"})
    assert readers_of([one.test.row]) == (["a"], [])


def test_nowaks_table_3_counts_what_a_reader_entered_by_true_class():
    cases = [
        case(0, 1, **{"reader:a:region": "caudate; right_lobe", "reader:a:region:full": "stomach"}),
        case(1, 1, **{"reader:a:region": "none", "reader:a:region:full": "spleen;stomach"}),
        case(2, 0, **{"reader:a:region": "caudate_border"}),
        case(3, 0),
    ]
    (table,) = reader_tables(read_maps(cases, ClassLabels(BINARY, "cirrhosis")))
    found = {row[1:4]: row[4] for row in table.rows}
    assert found["segmented", "cirrhosis", "caudate"].endswith("; 1/2)")
    assert found["segmented", "cirrhosis", "left lobe"].endswith("; 0/2)")
    assert found["segmented", "cirrhosis", "none"].endswith("; 1/2)")
    assert found["full", "cirrhosis", "stomach"].startswith("100.0 %")
    assert found["segmented", "no cirrhosis", "caudate border"].endswith("; 1/1)")  # the other was not read
    assert "full, no cirrhosis" not in " ".join(table.compact.columns)


def test_yins_patterns_are_counted_for_three_readers_and_their_majority():
    surface, centers = "liver_surface", "liver_center;spleen_center"
    entries = {
        0: [(surface, surface, "none"), (surface, surface, surface)],
        4: [(centers, centers, centers), (centers, "liver_surface;liver_center", surface)],
    }
    cases = [
        case(
            10 * stage + n,
            stage,
            kind="stage",
            pipelines=("abdomen",),
            **{f"reader:{name}:region": cell for name, cell in zip("abc", cells, strict=True)},
        )
        for stage, own in entries.items()
        for n, cells in enumerate(own)
    ]
    (table,) = reader_tables(read_maps(cases, ClassLabels(STAGES, "stage")))
    found = {(row[0], row[2], row[3]): row[4] for row in table.rows}
    assert found["a", "F0", "liver surface, not center"].endswith("; 2/2)")
    assert found["c", "F0", "not highlighted"].endswith("; 1/2)")
    assert found["a", "F4", "liver and spleen centers"].endswith("; 2/2)")
    assert found["b", "F4", "another pattern"].endswith("; 1/2)")
    assert found["majority of the readers", "F0", "liver surface, not center"].endswith("; 2/2)")
    # Two of three saw the liver's center, two its surface, one the spleen's center.
    assert found["majority of the readers", "F4", "another pattern"].endswith("; 1/2)")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"reader:a:region": "pancreas"}, "case c0, column reader:a:region: 'pancreas' is not understood"),
        ({"reader:a:region": "none;caudate"}, "or none alone"),
        ({"reader:a:region": "stomach"}, "Give right_lobe, left_lobe, caudate, caudate_border"),
        ({"reader:a:region:whole": "none"}, "the model has no pipeline 'whole'. Use one of segmented, full"),
    ],
)
def test_an_entry_that_is_not_understood_is_named(cells, words):
    with pytest.raises(UserError) as error:
        read_maps([case(0, 1, **cells)], ClassLabels(BINARY, "cirrhosis"))
    assert words in str(error.value)


def test_columns_like_a_readers_are_checked_before_any_work():
    rows = [case(0, 1, **{"reader:a": "1"}).test.row]
    check_reader_columns(rows, "a")
    with pytest.raises(UserError, match=r"no column reader:b\. It has a"):
        check_reader_columns(rows, "b")
    with pytest.raises(UserError, match="column reader:a:regions: not known"):
        check_reader_columns([case(0, 1, **{"reader:a:regions": "none"}).test.row])
