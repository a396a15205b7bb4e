"""A result in words for the panel, as rich text, and its measurements as rows of a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from LiverAILib.data.model_card import ModelCard

Translate = Callable[[str], str]


def headlineHtml(record: Mapping[str, Any], tr: Translate, *, hidden: tuple[str, ...] = ()) -> str:
    """Reservations, the answer, whether the pipelines agree on it, and notes.

    Args:
        record: What `Assessment.record()` gives.
        tr: Translates a sentence.
        hidden: Notes that the panel says elsewhere.
    """
    name = record["primary_outcome"]
    primary = record["outcomes"][name]
    if primary["kind"] == "quantity":
        said = " ".join([primary["name"], intervalText(primary, tr)]).strip()
        parts = [f"<p><b style='font-size:large'>{escape(primary['answer'])}</b> {escape(said)}</p>"]
    else:
        parts = [
            f"<p><b style='font-size:large'>{escape(primary['answer'])}</b><br>{escape(_pipelines(record, tr))}</p>"
        ]
    reservations = record["reservations"]
    notes = [note for note in record["notes"] if note not in (*reservations, *hidden)]
    parts = [f"<p><b>{escape(note)}</b></p>" for note in reservations] + parts
    parts += [f"<p><b>{escape(note)}</b></p>" for note in notes]
    return "".join(parts)


def _pipelines(record: Mapping[str, Any], tr: Translate) -> str:
    """ "segmented 72 %, full 99 %": what each pipeline says of the answer; and where they disagree."""
    answer = record["outcomes"][record["primary_outcome"]]["answer"]
    others = {name: one for name, one in record["outcomes"].items() if one["kind"] == "classification"}
    said = ", ".join(
        f"{name.replace('_', ' ')} {percent(one['probabilities'][answer])}"
        for name, one in others.items()
        if answer in one["probabilities"]
    )
    against = [name.replace("_", " ") for name, one in others.items() if one["answer"] != answer]
    text = tr("probability: {pipelines}").format(pipelines=said)
    if against:
        text += ". " + tr("The pipelines disagree: {names} would answer otherwise.").format(names=", ".join(against))
    return text


def warningsHtml(record: Mapping[str, Any], tr: Translate) -> str:
    """The warnings as a list; "" where there is none."""
    items = "".join(f"<li>{escape(warning['text'])}</li>" for warning in record["warnings"])
    return f"<p><b>{escape(tr('Warnings'))}</b></p><ul>{items}</ul>" if items else ""


def cutoffsHtml(record: Mapping[str, Any], tr: Translate) -> str:
    """The published cut-offs that are reached and may apply, and what was not assessed."""
    items = []
    for item in record["measurements"]:
        for cutoff in item.get("cutoffs", []):
            if cutoff["reached"] and cutoff["applies"] is not False:
                limit = f"{cutoff['relation']} {cutoff['threshold']:g} {unitText(item['unit'])}".strip()
                text = tr("{name} {limit}: {meaning} ({source}).").format(
                    name=item["name"], limit=limit, meaning=cutoff["meaning"], source=cutoff["source"]
                )
                unknown = "; ".join(one["text"] for one in cutoff["conditions"] if one["met"] is None)
                if unknown:
                    said = tr("Published for: {conditions}. Whether that holds here is not known.")
                    text += " " + said.format(conditions=unknown)
                items.append(f"<li>{escape(text)}</li>")
    parts = [f"<p><b>{escape(tr('Published cut-offs reached'))}</b></p><ul>{''.join(items)}</ul>"] if items else []
    missing = [item["name"] for item in record.get("not_assessed", [])]
    if missing:
        parts.append(f"<p>{escape(tr('Not assessed: {names}').format(names=', '.join(missing)))}</p>")
    return "".join(parts)


def detailsHtml(record: Mapping[str, Any], tr: Translate) -> str:
    """Where the result comes from: slice, model, segmentation, device, versions, time."""
    provenance = record["provenance"]
    rows = []
    if record["slice"] is not None:
        rows.append((tr("Slice"), f"{record['slice']['index']} ({record['slice']['source']})"))
    rows.append((tr("Model"), f"{record['model']} ({record['method']})"))
    if record.get("segmentation"):
        rows.append((tr("Segmentation"), str(record["segmentation"]["source"])))
    for key, title in (("device", tr("Device")), ("created", tr("Made")), ("liverai", "LiverAI")):
        if provenance.get(key):
            rows.append((title, str(provenance[key])))
    seconds = sum(record["seconds"].values())
    rows.append((tr("Time"), f"{seconds:.1f} s"))
    return "".join(f"<p><b>{escape(name)}:</b> {escape(value)}</p>" for name, value in rows)


@dataclass(frozen=True)
class MeasurementRow:
    """A measurement as the panel shows it.

    Attributes:
        name: What is measured.
        value: Rounded for a person.
        interval: "3.95 to 4.99", or "".
        unit: With real exponents.
        how: How it was measured.
    """

    name: str
    value: float
    interval: str
    unit: str
    how: str


def measurementRows(record: Mapping[str, Any], tr: Translate) -> list[MeasurementRow]:
    """All measurements of a record."""
    return [
        MeasurementRow(
            item["name"],
            float(f"{item['value']:.4g}"),
            "" if item["interval"] is None else _between(item["interval"], tr),
            unitText(item["unit"]),
            item.get("how", ""),
        )
        for item in record["measurements"]
    ]


def unitText(unit: str) -> str:
    """A unit as it is printed: "mL/m²" for "mL/m2", "10⁹/L" for "10^9/L"; a tenth of a millimeter in words."""
    if unit == "0.1 mm":
        return "tenths of a mm"
    raised = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
    unit = re.sub(r"\^(-?\d+)", lambda match: match.group(1).translate(raised), unit)
    return re.sub(r"(?<=m)[23]", lambda match: match.group().translate(raised), unit)


def percent(share: float) -> str:
    """ "72 %"; never 0 or 100 % of what is not certain."""
    if 0 < share < 0.01:
        return "<1 %"
    if 0.99 < share < 1:
        return ">99 %"
    return f"{100 * share:.0f} %"


def intervalText(quantity: Mapping[str, Any], tr: Translate) -> str:
    """ "(9.8 to 15.1, 95 % prediction interval)"; "" where there is none."""
    if quantity["interval"] is None:
        return ""
    bounds = _between(quantity["interval"], tr)
    return f"({bounds}, {quantity['interval_meaning']})" if quantity["interval_meaning"] else f"({bounds})"


def _between(interval: list[float], tr: Translate) -> str:
    low, high = interval
    return tr("{low} to {high}").format(low=f"{low:.4g}", high=f"{high:.4g}")


def modelHtml(card: ModelCard, cardUrl: str, tr: Translate) -> str:
    """What a model is: what it was trained on, for which modality, its license, with a link to its card."""
    said = "simulated" in card.description.lower()
    simulated = f" <b>{escape(tr('Trained on simulated cases.'))}</b>" if card.simulated and not said else ""
    # In the color of the text: that of links is hard to read in dark themes, and they are underlined anyway.
    link = f"<a href='{escape(cardUrl, quote=True)}' style='color: palette(text)'>{escape(tr('Model card'))}</a>"
    license_ = escape(tr("License: {license}").format(license=card.license))
    modality = escape(tr("For {modality}").format(modality=", ".join(card.modality)))
    return f"{escape(card.description)}{simulated}<br>{modality} · {license_} · {link}"
