"""What readers entered in a manifest: calls of the class (`reader:<name>`), and what is highlighted in the heat maps.

A column `reader:<name>:region` (or `reader:<name>:region:<pipeline>` for another than the primary one) lists what the reader
found highlighted in a case's map, joined by ";": regions of Nowak 2021's table 3, or the parts of Yin 2021's location maps;
"none" where nothing is, empty where the map was not read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from LiverAILib.data.cohort import CohortRow
from LiverAILib.errors import UserError
from LiverAILib.evaluation.report.content import Table
from LiverAILib.explain.intervals import proportion
from LiverAILib.explain.locations import PARTS, LocatedMap, LocationRow, location_table, majority
from LiverAILib.explain.region_table import NOWAK_REGIONS
from LiverAILib.jobs.cohort_evaluation.case_results import CaseResult
from LiverAILib.jobs.cohort_evaluation.labels import READER, ClassLabels

REGION, NONE = "region", "none"


@dataclass(frozen=True)
class ReadMap:
    """What a reader found highlighted in a case's map.

    Attributes:
        reader: Name.
        pipeline: Network input that the map explains.
        case_id: The case.
        true_class: Class by the reference standard.
        regions: Names; empty where nothing is highlighted.
    """

    reader: str
    pipeline: str
    case_id: str
    true_class: str
    regions: frozenset[str]


def call_columns(row: CohortRow) -> dict[str, str]:
    """The calls of a row by reader, in the order of the manifest."""
    return {
        name.removeprefix(READER): cell
        for name, cell in row.covariates.items()
        if name.startswith(READER) and ":" not in name.removeprefix(READER)
    }


def check_reader_columns(rows: Sequence[CohortRow], reader: str = "") -> None:
    """Refuse what cannot be understood before hours of work.

    Args:
        rows: The cases to test.
        reader: A reader who must have calls; "" for none in particular.

    Raises:
        UserError: A column starts like a reader's and is none, or there are no calls of `reader`.
    """
    names = dict.fromkeys(name for row in rows for name in call_columns(row))
    if reader and reader not in names:
        raise UserError(
            f"--reader {reader}: the manifest has no column {READER}{reader}. It has {', '.join(names) or 'no readers'}."
        )
    for row in rows:
        for column in row.covariates:
            parts = column.split(":")
            if f"{parts[0]}:" == READER and len(parts) > 2 and (parts[2] != REGION or len(parts) > 4 or not parts[1]):
                raise UserError(
                    f"column {column}: not known. Readers' columns are {READER}<name>, {READER}<name>:{REGION} and "
                    f"{READER}<name>:{REGION}:<pipeline>."
                )


def regions_of(pipeline: str) -> tuple[str, ...]:
    """What can be highlighted in a map of `pipeline`."""
    return NOWAK_REGIONS.get(pipeline, PARTS)


def read_maps(results: Sequence[CaseResult], labels: ClassLabels) -> list[ReadMap]:
    """All entries of regions.

    Raises:
        UserError: A pipeline or a region is not known.
    """
    found = []
    for one in results:
        row = one.test.row
        for column, cell in row.covariates.items():
            parts = column.split(":")
            if f"{parts[0]}:" != READER or len(parts) < 3:
                continue
            pipeline = parts[3] if len(parts) > 3 else str(one.record["primary"])
            if pipeline not in one.record["pipelines"]:
                raise UserError(
                    f"column {column}: the model has no pipeline '{pipeline}'. Use one of {', '.join(one.record['pipelines'])}."
                )
            regions = _regions(row, column, cell, pipeline)
            found.append(ReadMap(parts[1], pipeline, row.case_id, labels.of_row(row), regions))
    return found


def _regions(row: CohortRow, column: str, cell: str, pipeline: str) -> frozenset[str]:
    names = [part.strip() for part in cell.split(";") if part.strip()]
    allowed = regions_of(pipeline)
    unknown = [name for name in names if name not in (*allowed, NONE)]
    if unknown or (NONE in names and len(names) > 1):
        raise UserError(
            f"case {row.case_id}, column {column}: '{cell}' is not understood. Give {', '.join(allowed)}, joined by ';', or "
            f"{NONE} alone."
        )
    return frozenset(names) - {NONE}


def reader_tables(maps: Sequence[ReadMap]) -> list[Table]:
    """Nowak 2021's table 3 as each reader saw it, and Yin 2021's patterns by reader and by the majority of them."""
    tables = []
    nowak = [one for one in maps if one.pipeline in NOWAK_REGIONS]
    if nowak:
        tables.append(_region_table(nowak))
    located = [
        LocatedMap(one.case_id, one.pipeline, one.true_class, {name: name in one.regions for name in PARTS}, one.reader)
        for one in maps
        if one.pipeline not in NOWAK_REGIONS
    ]
    if located:
        several = len({one.who for one in located}) > 2
        rows = location_table([*located, *(majority(located) if several else ())])
        title = "Location maps as the readers saw them, by true class (Yin 2021)"
        tables.append(location_report_table("readers_locations", title, rows))
    return tables


def _region_table(maps: Sequence[ReadMap]) -> Table:
    """Share of cases by reader, pipeline and true class in which each region is highlighted."""
    groups: dict[tuple[str, str, str], list[ReadMap]] = {}
    for one in maps:
        groups.setdefault((one.reader, one.pipeline, one.true_class), []).append(one)
    rows = []
    for group, own in sorted(groups.items()):
        for region in (*regions_of(group[1]), NONE):
            hits = sum(region in one.regions if region != NONE else not one.regions for one in own)
            found = proportion(hits, len(own))
            text = f"{100 * found.value:.1f} % ({100 * found.low:.1f}-{100 * found.high:.1f}; {hits}/{len(own)})"
            rows.append((*group, region.replace("_", " "), text))
    columns = ("reader", "pipeline", "true class", "region", "highlighted")
    title = "Regions highlighted as the readers saw them (Nowak 2021, table 3)"
    note = "Share of the cases whose map was read, with exact interval and counts. None: nothing is highlighted."
    return Table("readers_regions", title, columns, tuple(rows), note, _crossed("readers_regions", title, rows, note))


def _crossed(name: str, title: str, rows: Sequence[tuple[str, ...]], note: str) -> Table:
    """One row a finding, one column a group: the last two cells of each row are finding and text."""
    groups = list(dict.fromkeys(row[:-2] for row in rows))
    text: Mapping[tuple[str, ...], str] = {row[:-1]: row[-1] for row in rows}
    findings = dict.fromkeys(row[-2] for row in rows)
    cells = tuple((finding, *(text.get((*group, finding), "") for group in groups)) for finding in findings)
    return Table(name, title, ("highlighted", *(", ".join(group) for group in groups)), cells, note)


def location_report_table(name: str, title: str, rows: Sequence[LocationRow], *, note: str = "") -> Table:
    """A table of `location_table` for the report: long as CSV, crossed on the page."""
    cells = [(row.who, row.pipeline, row.true_class, row.finding.replace("_", " "), row.text) for row in rows]
    note = f"Share of cases with exact interval and counts. {note}".strip()
    columns = ("judged by", "pipeline", "true class", "finding", "share")
    return Table(name, title, columns, tuple(cells), note, _crossed(name, title, cells, note))
