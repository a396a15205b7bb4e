"""The report of an assessment: one self-contained HTML file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape

from LiverAILib.data.assessment import Assessment
from LiverAILib.results.measurement_picture import measurement_figure
from LiverAILib.results.measurement_rows import CUTOFF_NOTE, cutoff_rows, value_text
from LiverAILib.results.pictures import assessment_figure, data_uri, png_bytes
from LiverAILib.results.shown_slice import shown_slice

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1d2733; max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; margin: .5rem 0; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem; }
.headline { font-size: 1.25rem; background: #eef3f8; border-left: 5px solid #34608f; padding: .7rem 1rem; }
.note { background: #fff4e0; border-left: 5px solid #c77700; padding: .5rem 1rem; margin: .5rem 0; }
.warning { background: #fdecea; border-left: 5px solid #b3261e; padding: .5rem 1rem; margin: .5rem 0; }
img { max-width: 100%; height: auto; background: #000; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
td { overflow-wrap: anywhere; }
th, td { text-align: left; padding: .3rem .7rem; border-bottom: 1px solid #d5dce4; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
details pre { overflow-x: auto; background: #f6f8fa; padding: .7rem; font-size: .8rem; }
figcaption { font-size: .85rem; color: #51606f; } figure { margin: 0; }
"""


def html_report(assessment: Assessment) -> str:
    """The whole report as HTML text; pictures are inside."""
    picture = data_uri(png_bytes(assessment_figure(assessment, title=False)))
    probability = assessment.probabilities[assessment.predicted]
    record = assessment.record()
    body = [
        f"<h1>LiverAI: {escape(assessment.case_id)}</h1>",
        f'<p class="headline"><strong>{escape(assessment.predicted.capitalize())}</strong>, probability {probability:.2f} '
        f"({escape(assessment.method)}, pipeline {escape(assessment.primary)})</p>",
        *(f'<p class="note">{escape(note)}</p>' for note in assessment.notes),
        *(f'<p class="warning">{escape(warning.text)}</p>' for warning in assessment.warnings),
        f'<figure><img alt="Axial slice with liver outline and heat maps" src="{picture}">',
        f"<figcaption>{escape(_caption(assessment))}</figcaption></figure>",
        "<h2>Probabilities</h2>",
        _probability_table(assessment),
        "<h2>Measurements</h2>",
        *_measurements(assessment),
        "<h2>Where this comes from</h2>",
        _table(("", ""), _origin(assessment)),
        "<details><summary>Complete record</summary><pre>",
        escape(json.dumps({"provenance": record["provenance"], "seconds": record["seconds"]}, indent=2)),
        "</pre></details>",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>LiverAI: {escape(assessment.case_id)}</title><style>{STYLE}</style></head><body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _measurements(assessment: Assessment) -> Iterable[str]:
    rows = ((m.name, value_text(m), m.unit, m.how) for m in assessment.measurements)
    yield _table(("Measurement", "Value", "Unit", "How"), rows, number_columns=(1,))
    figure = measurement_figure(assessment)
    if figure is not None:
        picture = data_uri(png_bytes(figure))
        yield f'<figure><img alt="How the measurements were made" src="{picture}"></figure>'
    cutoffs = list(cutoff_rows(assessment))
    if cutoffs:
        yield f"<h2>Published cut-offs</h2><p>{escape(CUTOFF_NOTE)}</p>"
        yield _table(("Measurement", "Cut-off", "This case", "Conditions", "Source, population, accuracy"), cutoffs)
    if assessment.not_assessed:
        yield "<h2>Not assessed</h2>"
        yield _table(("Measurement", "Why not"), ((n.name, n.reason) for n in assessment.not_assessed))


def _caption(assessment: Assessment) -> str:
    shown = shown_slice(assessment)
    heat = assessment.heatmap
    mask = f"Liver mask: {assessment.segmentation.source}."
    return f"Slice {shown.index} ({shown.source}). {mask} {heat.method} for '{heat.target}', {heat.scale}."


def _probability_table(assessment: Assessment) -> str:
    classes = list(assessment.probabilities)
    rows = (
        (name, *(f"{result.probabilities[c]:.3f}" for c in classes), result.predicted)
        for name, result in assessment.pipelines.items()
    )
    return _table(("Pipeline", *classes, "Predicted"), rows, number_columns=range(1, len(classes) + 1))


def _origin(assessment: Assessment) -> Iterable[tuple[str, str]]:
    provenance = assessment.provenance
    yield "Image", f"{provenance['input']['file'] or '-'} ({provenance['input']['modality']})"
    size = " x ".join(str(n) for n in provenance["input"]["size"])
    spacing = " x ".join(f"{s:.2f}" for s in provenance["input"]["spacing_mm"])
    yield "Voxels", f"{size}, {spacing} mm"
    yield "Input SHA-256", provenance["input"]["sha256"]
    yield "Model", f"{assessment.model}, SHA-256 {provenance['model']['sha256']}"
    yield (
        "Segmentation",
        f"{provenance['segmentation']['source']}, SHA-256 {provenance['segmentation']['sha256'] or '-'}",
    )
    yield "LiverAI", f"{provenance['liverai']}, Python {provenance['python']}, device {provenance['device']}"
    yield "Created", provenance["created"]
    yield "Seconds", ", ".join(f"{name.replace('_', ' ')} {value:.1f}" for name, value in assessment.seconds.items())


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], *, number_columns: Iterable[int] = ()) -> str:
    numbers = set(number_columns)
    header = "".join(f"<th>{escape(str(cell))}</th>" for cell in head)
    lines = []
    for row in rows:
        cells = (
            f'<td class="number">{escape(str(cell))}</td>' if i in numbers else f"<td>{escape(str(cell))}</td>"
            for i, cell in enumerate(row)
        )
        lines.append("<tr>" + "".join(cells) + "</tr>")
    return f'<div class="scroll"><table><tr>{header}</tr>{"".join(lines)}</table></div>'
