"""The report of an assessment: one self-contained HTML file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, Template

from LiverAILib.data.assessment import Assessment
from LiverAILib.data.outcome import Classification, Quantity
from LiverAILib.results.measurement_rows import CUTOFF_NOTE, cutoff_rows, value_text
from LiverAILib.results.pictures import data_uri
from LiverAILib.results.shown_slice import shown_slice


def html_report(assessment: Assessment, *, overlay: bytes | None = None, measurements: bytes | None = None) -> str:
    """The whole report as HTML text.

    Args:
        assessment: What is reported.
        overlay: PNG of `assessment_figure`; the report has no picture of the images without it.
        measurements: PNG of `measurement_figure`.
    """
    record = assessment.record()
    return _template().render(
        assessment=assessment,
        headline=_capitalized(assessment.outcome.sentence),
        overlay=overlay and data_uri(overlay),
        caption=_caption(assessment),
        probabilities=_probabilities(assessment),
        binary_scores=_binary_scores(assessment),
        quantities=list(_quantities(assessment)),
        measurements=[(m.name, value_text(m), m.unit, m.how) for m in assessment.measurements],
        measurement_picture=measurements and data_uri(measurements),
        cutoffs=list(cutoff_rows(assessment)),
        cutoff_note=CUTOFF_NOTE,
        not_assessed=[(missing.name, missing.reason) for missing in assessment.not_assessed],
        origin=list(_origin(assessment)),
        record=json.dumps({"provenance": record["provenance"], "seconds": record["seconds"]}, indent=2),
    )


@cache
def _template() -> Template:
    environment = Environment(loader=PackageLoader("LiverAILib.results"), autoescape=True, keep_trailing_newline=True)
    return environment.get_template("report.html.j2")


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]


def _caption(assessment: Assessment) -> str:
    parts = []
    if len(assessment.image.array) > 1:
        shown = shown_slice(assessment)
        parts.append(f"Slice {shown.index} ({shown.source}).")
    if assessment.segmentation is not None:
        parts.append(f"Liver mask: {assessment.segmentation.source}.")
    for heat in assessment.heatmaps[:1]:
        signed = " Red is evidence for it, blue against it." if heat.signed else ""
        parts.append(f"{heat.method} for '{heat.target}', {heat.scale}.{signed}")
    return " ".join(parts)


def _probabilities(assessment: Assessment) -> dict[str, Any] | None:
    """Head, rows and number columns of the table of class probabilities; None where there are no classes."""
    found = {name: one for name, one in assessment.outcomes.items() if isinstance(one, Classification)}
    if not found:
        return None
    classes = list(dict.fromkeys(label for one in found.values() for label in one.probabilities))
    rows = [
        (name, *(f"{one.probabilities[c]:.3f}" if c in one.probabilities else "" for c in classes), one.predicted)
        for name, one in found.items()
    ]
    return {"head": ("Outcome", *classes, "Predicted"), "rows": rows, "numbers": range(1, len(classes) + 1)}


def _binary_scores(assessment: Assessment) -> dict[str, Any] | None:
    """The same of the scores of binary models between ordered classes; None where there are none."""
    classified = {name: one for name, one in assessment.outcomes.items() if isinstance(one, Classification)}
    found = {name: one.cumulative for name, one in classified.items() if one.cumulative}
    if not found:
        return None
    questions = list(dict.fromkeys(question for one in found.values() for question in one))
    rows = [(name, *(f"{one[q]:.3f}" if q in one else "" for q in questions)) for name, one in found.items()]
    return {"head": ("Outcome", *questions), "rows": rows, "numbers": range(1, len(questions) + 1)}


def _quantities(assessment: Assessment) -> Iterator[tuple[str, ...]]:
    for name, one in assessment.outcomes.items():
        if isinstance(one, Quantity):
            interval = "" if one.interval is None else "{:.4g} to {:.4g}".format(*one.interval)
            yield name, one.name, f"{one.value:.4g}", one.unit, f"{interval} {one.interval_meaning}".strip()


def _origin(assessment: Assessment) -> Iterator[tuple[str, str]]:
    provenance = assessment.provenance
    for given in provenance["inputs"]:
        several = len(provenance["inputs"]) > 1
        label = f" ({given['role']} {given['number'] + 1})" if several else ""
        yield f"Image{label}", f"{given['file'] or '-'} ({given['modality']})"
        size = " x ".join(str(n) for n in given["size"])
        spacing = " x ".join(f"{s:.2f}" for s in given["spacing_mm"])
        yield f"Voxels{label}", f"{size}, {spacing} mm"
        yield f"Input SHA-256{label}", given["sha256"]
    yield "Model", f"{assessment.model}, SHA-256 {provenance['model']['sha256']}"
    if provenance["segmentation"]:
        yield (
            "Segmentation",
            f"{provenance['segmentation']['source']}, SHA-256 {provenance['segmentation']['sha256'] or '-'}",
        )
    yield "LiverAI", f"{provenance['liverai']}, Python {provenance['python']}, device {provenance['device']}"
    yield "Created", provenance["created"]
    yield "Seconds", ", ".join(f"{name.replace('_', ' ')} {value:.1f}" for name, value in assessment.seconds.items())
