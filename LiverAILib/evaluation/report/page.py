"""The report as one self-contained HTML page: no script, no font, no image from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape

from LiverAILib.evaluation.report.card import RESEARCH_ONLY
from LiverAILib.evaluation.report.content import Evaluation, Section, Table

STYLE = """
:root { --ink: #1b1f24; --soft: #57606a; --line: #d8dee4; --mark: #0072B2; --pale: #f6f8fa; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; color: var(--ink); background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main, header, footer { max-width: 1080px; margin: 0 auto; padding: 0 16px; }
header { padding-top: 24px; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 40px 0 8px; padding-top: 8px; border-top: 2px solid var(--mark); }
h3 { font-size: 1rem; margin: 24px 0 6px; }
summary { font-weight: 600; margin: 20px 0 6px; cursor: pointer; }
p { max-width: 75ch; margin: 6px 0; overflow-wrap: anywhere; }
.soft { color: var(--soft); font-size: .83rem; max-width: 110ch; }
.use { border-left: 4px solid #D55E00; padding: 8px 12px; background: #fff6f0; margin: 12px 0; }
.warn { border-left: 4px solid #E69F00; padding: 8px 12px; background: #fffaf0; margin: 8px 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); gap: 10px; margin: 16px 0; }
.tile { border: 1px solid var(--line); border-radius: 6px; padding: 10px 12px; }
.tile b { display: block; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
.tile span { display: block; color: var(--soft); font-size: .83rem; }
nav ol { padding-left: 22px; columns: 2 260px; margin: 8px 0; }
nav a { color: var(--mark); }
.scroll { overflow: auto; border: 1px solid var(--line); border-radius: 6px; max-height: 70vh; }
table { border-collapse: collapse; font-size: .83rem; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 9px; border-bottom: 1px solid var(--line); vertical-align: top; }
th { background: var(--pale); position: sticky; top: 0; white-space: nowrap; z-index: 1; }
td { white-space: nowrap; }
td:first-child { position: sticky; left: 0; background: #fff; }
td.long { white-space: normal; min-width: 200px; }
tr:last-child td { border-bottom: 0; }
.open { color: #9a3b00; font-weight: 600; }
.figures { display: grid; gap: 18px; margin: 16px 0; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr)); }
figure { margin: 0; }
figure.wide { grid-column: 1 / -1; }
figure img { width: 100%; max-width: 480px; height: auto; display: block; }
figure.wide img { max-width: 900px; }
figcaption { color: var(--soft); font-size: .83rem; margin-top: 4px; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--pale); padding: 12px; border-radius: 6px;
  font-size: .83rem; }
footer { padding: 24px 16px 40px; color: var(--soft); font-size: .83rem; overflow-wrap: anywhere; }
@media (max-width: 480px) {
  body { font-size: 14px; }
  h1 { font-size: 1.35rem; }
  .tiles { grid-template-columns: 1fr 1fr; }
  .tile b { font-size: 1.1rem; }
  th, td { padding: 5px 7px; }
  td:first-child { white-space: normal; max-width: 110px; overflow-wrap: anywhere; }
}
@media print {
  .scroll { overflow: visible; max-height: none; border: 0; }
  td, th { white-space: normal; position: static; }
  figure { break-inside: avoid; }
}
"""
LONG = 34


def page(
    evaluation: Evaluation,
    *,
    svgs: Mapping[str, bytes],
    wide: Sequence[str],
    checklist: Table,
    card: str,
    provenance: Sequence[tuple[str, str]],
) -> str:
    """The whole page.

    Args:
        evaluation: What to show.
        svgs: SVG of each picture by its name.
        wide: Names of the pictures that need the full width.
        checklist: The CLAIM table.
        card: The model card (Markdown, shown as text).
        provenance: Name and text of what made the report.
    """
    sections = [_section(f"s{i}", section, svgs, wide) for i, section in enumerate(evaluation.sections)]
    titles = [section.title for section in evaluation.sections] + ["CLAIM 2024 checklist", "Model card", "Record"]
    links = "".join(f'<li><a href="#s{i}">{escape(title)}</a></li>' for i, title in enumerate(titles))
    n = len(evaluation.sections)
    sections.append(f'<section id="s{n}"><h2>CLAIM 2024 checklist</h2>{_table(checklist)}</section>')
    sections.append(f'<section id="s{n + 1}"><h2>Model card</h2><pre>{escape(card)}</pre></section>')
    record = "".join(
        f"<tr><th>{escape(name)}</th><td class='long'>{escape(text)}</td></tr>" for name, text in provenance
    )
    sections.append(
        f'<section id="s{n + 2}"><h2>Record</h2><div class="scroll"><table>{record}</table></div></section>'
    )
    tiles = "".join(_tile(name, text) for name, text in evaluation.headline)
    warnings = "".join(f'<div class="warn">{escape(text)}</div>' for text in evaluation.warnings)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(evaluation.title)}</title><style>{STYLE}</style></head><body>"
        f'<header><h1>{escape(evaluation.title)}</h1><div class="use">{escape(RESEARCH_ONLY)}</div>{warnings}'
        f'<div class="tiles">{tiles}</div><nav aria-label="Contents"><ol>{links}</ol></nav></header>'
        f"<main>{''.join(sections)}</main>"
        "<footer>Made with LiverAI. All numbers stand in metrics.json and, table by table, in tables/; the "
        "figures in figures/ "
        "as PNG, SVG and PDF.</footer></body></html>\n"
    )


def _section(anchor: str, section: Section, svgs: Mapping[str, bytes], wide: Sequence[str]) -> str:
    text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in section.text)
    figures = ""
    for picture in section.pictures:
        data = base64.b64encode(svgs[picture.name]).decode("ascii")
        caption = escape(picture.caption)
        kind = ' class="wide"' if picture.name in wide else ""
        figures += (
            f'<figure{kind}><img alt="{caption}" src="data:image/svg+xml;base64,{data}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    figures = f'<div class="figures">{figures}</div>' if figures else ""
    # Metrics first, then the figures, then the longer tables.
    tables = [_titled(table) for table in section.tables]
    body = f"{text}{''.join(tables[:1])}{figures}{''.join(tables[1:])}"
    return f'<section id="{anchor}"><h2>{escape(section.title)}</h2>{body}</section>'


def _titled(table: Table) -> str:
    if table.folded and table.rows:
        return f"<details><summary>{escape(table.title)} ({len(table.rows)})</summary>{_table(table)}</details>"
    return f"<h3>{escape(table.title)}</h3>{_table(table)}"


def _table(table: Table) -> str:
    table = table.compact or table
    if not table.rows:
        return f'<p class="soft">None. {escape(table.note)}</p>'
    shown = [i for i in range(len(table.columns)) if any(row[i] for row in table.rows)]
    head = "".join(f"<th>{escape(table.columns[i])}</th>" for i in shown)
    body = ""
    for row in table.rows:
        cells = ""
        for i in shown:
            kinds = ["long"] if len(row[i]) > LONG else []
            if row[i] == "open":
                kinds.append("open")
            cells += f"<td{_class(kinds)}>{escape(row[i])}</td>"
        body += f"<tr>{cells}</tr>"
    note = f'<p class="soft">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.title)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{note}"
    )


def _class(kinds: list[str]) -> str:
    return f' class="{" ".join(kinds)}"' if kinds else ""


def _tile(name: str, text: str) -> str:
    value, _, rest = text.partition(" ")
    return f'<div class="tile"><span>{escape(name)}</span><b>{escape(value)}</b><span>{escape(rest)}</span></div>'
