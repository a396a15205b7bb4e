"""The report of a batch: worst cases first, links that work, names that cannot become code, and a page that sorts and filters."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from LiverAILib.results.batch_report import SEVERE, ReportRow, batch_report
from Testing.conftest import ROOT

RECORD = {
    "primary_outcome": "segmented",
    "outcomes": {"segmented": {"answer": "cirrhosis", "probabilities": {"no cirrhosis": 0.1, "cirrhosis": 0.9}}},
    "measurements": [{"key": "liver_volume", "value": 1234.56, "unit": "mL"}],
    "warnings": [{"code": "odd_spacing", "text": "Odd."}, {"code": "no_liver", "text": "No liver."}],
    "reservations": ["Trained on simulated cases."],
}
ROWS = (
    ReportRow("clean", "clean.nii.gz", "F0", 0.9, "1500 mL"),
    ReportRow("mild", "mild.nii.gz", "F1", 0.8, "900 mL", (("odd_spacing", "Odd."), ("few_slices", "Few."))),
    ReportRow("severe", "severe.nii.gz", "F0", 0.7, "", (("no_liver", "No liver."),)),
    ReportRow("failed", "failed.nii.gz", error="failed.nii.gz: cut off."),
)


class Cases(HTMLParser):
    """The text of each row, and all elements of the page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag == "tr":
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.texts:
            self.texts[-1] += data


def shown(page: str) -> list[str]:
    """The cases in the order of the page, those that are hidden left out."""
    rows = [attributes for tag, attributes in Cases(page).elements if tag == "tr" and "data-order" in attributes]
    return [ROWS[int(row["data-order"] or "")].case_id for row in rows if "hidden" not in row]


def test_failed_cases_come_first_then_severe_warnings_then_others():
    assert shown(batch_report(ROWS, title="scans")) == ["failed", "severe", "mild", "clean"]


def test_a_row_of_a_record_links_to_its_files_whatever_the_name_of_the_folder(tmp_path):
    place = tmp_path / "a%2Fb #1?"
    place.mkdir()
    for name in ("report.html", "thumbnail.jpg"):
        (place / name).touch()
    row = ReportRow.of(RECORD, "a/b", "a/b.nii.gz", place)
    assert (row.answer, row.probability, row.volume) == ("cirrhosis", 0.9, "1235 mL")
    assert [code for code, _ in row.warnings] == ["no_liver", "odd_spacing"]
    assert row.link == "a%252Fb%20%231%3F/report.html"
    page = batch_report([row], title="scans")
    assert "<strong>Trained on simulated cases.</strong>" in page
    elements = Cases(page).elements
    (image,) = [attributes for tag, attributes in elements if tag == "img"]
    assert image["loading"] == "lazy"
    assert image["src"] == "a%252Fb%20%231%3F/thumbnail.jpg"
    bare = ReportRow.of(RECORD, "a/b", "a/b.nii.gz", tmp_path / "written by Slicer")
    assert (bare.link, bare.thumbnail) == ("", "")


def test_names_and_reasons_are_text_and_the_page_asks_no_other_place():
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    row = ReportRow(evil, evil, evil, 0.5, evil, ((evil, evil),), (evil,), evil)
    found = Cases(batch_report([row], title=evil)).elements
    assert [tag for tag, _ in found].count("script") == 1
    assert "img" not in [tag for tag, _ in found]
    assert not any(name.startswith("on") for _, attributes in found for name in attributes)
    assert not re.search(r"https?:|//[a-z]", batch_report(ROWS, title="scans"))


def test_the_severe_warnings_are_codes_of_the_library():
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "LiverAILib").rglob("*.py"))
    assert [code for code in SEVERE if source.count(f'"{code}"') < 2] == []


@pytest.mark.parametrize(
    ("does", "expected"),
    [
        ("", ["failed", "severe", "mild", "clean"]),
        ('sortBy("order")', ["clean", "mild", "severe", "failed"]),
        ('sortBy("volume")', ["mild", "clean", "severe", "failed"]),
        ('byId("find").value = "SPACING"; filter()', ["mild"]),
        ('byId("state").value = "clean"; filter()', ["clean"]),
        ('byId("answer").value = "F0"; filter()', ["severe", "clean"]),
    ],
)
def test_the_page_sorts_and_filters(tmp_path: Path, does, expected):
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("needs chromium")
    page = tmp_path / "report.html"
    page.write_text(batch_report(ROWS, title="scans").replace("</body>", f"<script>{does}</script></body>"))
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    done = subprocess.run([browser, *options, page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    assert shown(done.stdout) == expected
