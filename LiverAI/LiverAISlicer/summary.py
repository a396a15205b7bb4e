"""A result in words for the panel, as rich text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from LiverAILib.data.model_card import ModelCard

Translate = Callable[[str], str]


def resultHtml(record: Mapping[str, Any], tr: Translate, *, hidden: tuple[str, ...] = ()) -> str:
    """The result of `assessment.json`: reservations, headline, notes, warnings, probabilities and quantities, measurements.

    Args:
        record: What `Assessment.record()` gives.
        tr: Translates a sentence.
        hidden: Notes that the panel says elsewhere.
    """
    primary = record["outcomes"][record["primary_outcome"]]
    if primary["kind"] == "classification":
        said = tr("probability {value}, pipeline {pipeline}").format(
            value=f"{primary['probabilities'][primary['answer']]:.3f}", pipeline=record["primary_outcome"]
        )
    else:
        said = " ".join([primary["name"], _interval(primary, tr)]).strip()
    notes = [note for note in record["notes"] if note not in hidden]
    # What has to be known before the result is read: the first note of a model that was trained on simulated disease.
    first = notes[:1] if record.get("provenance", {}).get("model", {}).get("simulated") else []
    parts = [f"<p><b>{escape(note)}</b></p>" for note in first]
    parts += [f"<p><b style='font-size:large'>{escape(primary['answer'])}</b> {escape(said)}</p>"]
    parts += [f"<p><b>{escape(note)}</b></p>" for note in notes[len(first) :]]
    if record["warnings"]:
        items = "".join(f"<li>{escape(warning['text'])}</li>" for warning in record["warnings"])
        parts.append(f"<p>{escape(tr('Warnings'))}</p><ul>{items}</ul>")
    parts.append(_probabilities(record, tr))
    parts.append(_quantities(record, tr))
    parts.append(_measurements(record["measurements"], tr))
    missing = [item["name"] for item in record.get("not_assessed", [])]
    if missing:
        parts.append(f"<p>{escape(tr('Not assessed: {names}').format(names=', '.join(missing)))}</p>")
    chosen = record["slice"]
    if chosen is not None:
        text = tr("Slice {index} ({source})").format(index=chosen["index"], source=chosen["source"])
        parts.append(f"<p>{escape(text)}</p>")
    return "".join(parts)


def _probabilities(record: Mapping[str, Any], tr: Translate) -> str:
    """A row for each outcome with classes; "" where there is none."""
    found = {name: one["probabilities"] for name, one in record["outcomes"].items() if one["kind"] == "classification"}
    if not found:
        return ""
    classes = list(dict.fromkeys(label for one in found.values() for label in one))
    head = "".join(f"<th align='right'>{escape(name)}</th>" for name in classes)
    rows = []
    for name, values in found.items():
        cells = "".join(
            f"<td align='right'>{f'{values[label]:.3f}' if label in values else ''}</td>" for label in classes
        )
        shown = f"<b>{escape(name)}</b>" if name == record["primary_outcome"] else escape(name)
        rows.append(f"<tr><td>{shown}</td>{cells}</tr>")
    title = escape(tr("Pipeline"))
    return f"<table cellpadding='4'><tr><th align='left'>{title}</th>{head}</tr>{''.join(rows)}</table>"


def _quantities(record: Mapping[str, Any], tr: Translate) -> str:
    """A row for each outcome that is a quantity, beside the headline; "" where there is none."""
    rows = [
        f"<tr><td>{escape(one['name'])}</td><td align='right'>{escape(one['answer'])}</td>"
        f"<td>{escape(_interval(one, tr))}</td></tr>"
        for name, one in record["outcomes"].items()
        if one["kind"] == "quantity" and name != record["primary_outcome"]
    ]
    return f"<table cellpadding='4'>{''.join(rows)}</table>" if rows else ""


def _interval(quantity: Mapping[str, Any], tr: Translate) -> str:
    """ "(9.8 to 15.1, 95 % prediction interval)"; "" where there is none."""
    if quantity["interval"] is None:
        return ""
    low, high = quantity["interval"]
    bounds = tr("{low} to {high}").format(low=f"{low:.4g}", high=f"{high:.4g}")
    return f"({bounds}, {quantity['interval_meaning']})" if quantity["interval_meaning"] else f"({bounds})"


def _measurements(measurements: list[Mapping[str, Any]], tr: Translate) -> str:
    """Values, and under each the published cut-offs that it reaches and that may apply."""
    rows = []
    for item in measurements:
        interval = "" if item["interval"] is None else " [{:.4g}, {:.4g}]".format(*item["interval"])
        value = f"{item['value']:.4g}{interval} {item['unit']}".strip()
        rows.append(f"<tr><td>{escape(item['name'])}</td><td align='right'>{escape(value)}</td></tr>")
        for cutoff in item.get("cutoffs", []):
            if cutoff["reached"] and cutoff["applies"] is not False:
                limit = f"{cutoff['relation']} {cutoff['threshold']:g} {item['unit']}".strip()
                text = tr("published cut-off {limit}: {meaning} ({source})").format(
                    limit=limit, meaning=cutoff["meaning"], source=cutoff["source"]
                )
                unknown = "; ".join(one["text"] for one in cutoff["conditions"] if one["met"] is None)
                if unknown:
                    text += " " + tr("Provided: {conditions}").format(conditions=unknown)
                rows.append(f"<tr><td colspan='2'><small>{escape(text)}</small></td></tr>")
    return f"<table cellpadding='4'>{''.join(rows)}</table>" if rows else ""


def modelHtml(card: ModelCard, cardUrl: str, tr: Translate) -> str:
    """What a model is, with a link to its card."""
    simulated = f" <b>{escape(tr('Trained on simulated cases.'))}</b>" if card.simulated else ""
    link = f"<a href='{escape(cardUrl, quote=True)}'>{escape(tr('Model card'))}</a>"
    license_ = escape(tr("License: {license}").format(license=card.license))
    return f"{escape(card.description)}{simulated}<br>{license_} · {link}"
