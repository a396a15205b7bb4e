"""The model card, filled from the run's record; unknown items are marked open."""

from __future__ import annotations

from typing import Any

OPEN = "**open**"
RESEARCH_ONLY = "For research only. Not a medical device; not for diagnosis or treatment of patients."

PARTS = (
    (
        "Model",
        (
            ("Name", "name"),
            ("Method", "method"),
            ("Version", "version"),
            ("Architecture", "architecture"),
            ("Checksum of the weights", "checksum"),
            ("License", "license"),
            ("Contact", "contact"),
        ),
    ),
    ("Use", (("Intended use", "intended_use"), ("Out of scope", "out_of_scope"))),
    (
        "Training",
        (
            ("Training data", "training_data"),
            ("License of the data", "data_license"),
            ("Training", "training"),
            ("Initialization", "initialization"),
            ("Preprocessing", "preprocessing"),
        ),
    ),
    ("Reference standard", (("How it was obtained", "reference_standard"), ("Annotators", "annotators"))),
)
LAST = (("Limitations", (("Known limitations", "limitations"), ("Groups not represented", "not_represented"))),)


def model_card(
    card: dict[str, Any],
    *,
    run: dict[str, Any],
    data: dict[str, Any],
    headline: list[tuple[str, str]],
    thresholds: list[str],
) -> str:
    """The card as Markdown.

    Args:
        card: What the user's record says; British and American spellings of ``license`` both count.
        run: The run's record.
        data: The data's record.
        headline: Main numbers with intervals.
        thresholds: One sentence a question on its threshold.
    """
    known = dict(card)
    if "licence" in known:
        known.setdefault("license", known.pop("licence"))
    known.setdefault("name", run["method_name"])
    if run.get("paper"):
        known.setdefault("method", run["paper"])
    lines = [f"# Model card: {known['name']}", "", f"> {RESEARCH_ONLY}", ""]
    for title, fields in PARTS:
        lines += _part(title, fields, known)
    lines += ["## Evaluation", "", f"- Data: {data['file']}, sha256 {data['sha256']}"]
    lines += [
        f"- Patients: {data['patients']}; rows: {data['rows']}{_aggregation(data)}",
        f"- Reference standard in the file: {data['labels']}",
    ]
    lines += [f"- {name}: {text}" for name, text in headline]
    lines += [f"- Threshold, {sentence}" for sentence in thresholds]
    lines += [f"- Internal or external data: {_text(known.get('evaluation_data'))}", ""]
    for title, fields in LAST:
        lines += _part(title, fields, known)
    used = {key for _, fields in (*PARTS, *LAST) for _, key in fields} | {"evaluation_data"}
    further = {key: value for key, value in known.items() if key not in used and value not in (None, "", [], {})}
    if further:
        lines += (
            ["## Further entries of the record", ""]
            + [f"- {key}: {_text(value)}" for key, value in further.items()]
            + [""]
        )
    software = ", ".join(f"{name} {version}" for name, version in run["software"].items())
    lines += [
        "## Record",
        "",
        f"- Made {run['created']} with {software}; seed {run['seed']}, {run['replicates']} bootstrap replicates",
        "",
    ]
    return "\n".join(lines)


def open_items(text: str) -> int:
    """Number of items marked open in a card."""
    return text.count(OPEN)


def _part(title: str, fields: tuple[tuple[str, str], ...], known: dict[str, Any]) -> list[str]:
    return [f"## {title}", "", *(f"- {label}: {_text(known.get(key))}" for label, key in fields), ""]


def _text(value: Any) -> str:
    if value in (None, "", [], {}):
        return OPEN
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_text(one)}" for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(one) for one in value)
    return " ".join(str(value).split())


def _aggregation(data: dict[str, Any]) -> str:
    if data["aggregate"]:
        return f" (the {data['aggregate']} of a patient's rows)"
    return " (intervals clustered by patient)" if data["clustered"] else ""
