"""Names that are HTML, formulas or escape sequences do nothing where they are shown."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np

from LiverAILib.data.assessment import CaseWarning
from LiverAILib.data.measurement import Measurement
from LiverAILib.data.outcome import Classification
from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.image import Image
from LiverAILib.results.batch_report import ReportRow, batch_report
from LiverAILib.results.report import html_report
from Testing.imaging.dicom_files import write_series
from Testing.results.dicom.assessed import assessed

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><b>"


class Tags(HTMLParser):
    """What a browser takes for elements, and their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))


def test_html_in_names_is_text_in_the_report():
    image = Image(np.zeros((9, 20, 26), np.int16), meta={"path": f"/{EVIL}.nii"}, modality="CT")
    one = assessed(
        image,
        case_id=EVIL,
        model=EVIL,
        outcomes={EVIL: Classification({EVIL: 0.25, "other": 0.75})},
        primary=EVIL,
        measurements=(Measurement(EVIL, 1.0, EVIL, EVIL, key=EVIL),),
        warnings=(CaseWarning(EVIL, EVIL),),
    )
    provenance = {**one.provenance, "python": EVIL, "device": EVIL, "segmentation": {"source": EVIL, "sha256": EVIL}}
    provenance["inputs"] = [{**one.provenance["inputs"][0], "file": EVIL}]
    tags = Tags()
    tags.feed(html_report(assessed(image, **{**vars(one), "provenance": provenance})))
    assert tags.found
    assert "script" not in {tag for tag, _ in tags.found}
    assert not [attributes for tag, attributes in tags.found if "onerror" in attributes or attributes.get("src") == "x"]


def test_escape_sequences_in_a_header_reach_no_message(tmp_path):
    volume = np.random.default_rng(0).integers(0, 90, (3, 8, 9)).astype(np.int16)
    write_series(tmp_path / "in", volume, SeriesDescription="T2\x1b[31m\x07 red")
    description = read_image(tmp_path / "in").meta["series_description"]
    assert description.isprintable()
    assert description == "T2 [31m red"


def test_html_in_names_is_text_in_the_report_of_a_batch():
    row = ReportRow(EVIL, EVIL, EVIL, 0.5, EVIL, ((EVIL, EVIL),), (EVIL,), EVIL, "a/report.html", "a/thumbnail.png")
    tags = Tags()
    tags.feed(batch_report([row], title=EVIL, aside=1))
    own = Tags()
    own.feed(batch_report([ReportRow("a", "a", "a", 0.5)], title="a", aside=1))
    assert [tag for tag, _ in tags.found].count("script") == [tag for tag, _ in own.found].count("script")
    assert not [attributes for _, attributes in tags.found if "onerror" in attributes or attributes.get("src") == "x"]
