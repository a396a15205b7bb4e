"""The report as one self-contained HTML page: no script, no font, no image from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from LiverAILib.evaluation.report.card import RESEARCH_ONLY
from LiverAILib.evaluation.report.content import Evaluation, Table


def page(
    evaluation: Evaluation,
    *,
    svgs: Mapping[str, bytes],
    wide: Sequence[str],
    checklist: Table,
    card: str,
    provenance: Sequence[tuple[str, str]],
) -> str:
    """The whole page, from the template `templates/report.html`.

    Args:
        evaluation: What to show.
        svgs: SVG of each picture by its name.
        wide: Names of the pictures that need the full width.
        checklist: The CLAIM table.
        card: The model card (Markdown, shown as text).
        provenance: Name and text of what made the report.
    """
    templates = Environment(
        loader=PackageLoader("LiverAILib.evaluation.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return templates.get_template("report.html").render(
        evaluation=evaluation,
        images={name: base64.b64encode(svg).decode("ascii") for name, svg in svgs.items()},
        wide=wide,
        checklist=checklist,
        card=card,
        provenance=provenance,
        research_only=RESEARCH_ONLY,
    )
