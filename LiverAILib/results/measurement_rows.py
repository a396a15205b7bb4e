"""Measurements, published cut-offs and what was not assessed, as rows of text for a table of any kind."""

from __future__ import annotations

from collections.abc import Iterable

from LiverAILib.data.assessment import Assessment
from LiverAILib.data.measurement import Cutoff, Measurement

CUTOFF_NOTE = "A cut-off describes the patients of its source, measured as they were there. It is no diagnosis."


def value_text(measurement: Measurement) -> str:
    """The number, with its interval where there is one."""
    interval = "" if measurement.interval is None else " ({:g} to {:g})".format(*measurement.interval)
    return f"{measurement.value:g}{interval}"


def cutoff_text(cutoff: Cutoff, unit: str) -> str:
    """`> 3.25: advanced fibrosis (Ishak 4 to 6) likely`."""
    return f"{cutoff.relation} {cutoff.threshold:g}{f' {unit}' if unit else ''}: {cutoff.meaning}"


def state_text(measurement: Measurement, cutoff: Cutoff) -> str:
    """Whether the case reaches a cut-off, as far as the cut-off applies to it."""
    if cutoff.applies is False:
        return "does not apply"
    reached = "reached" if cutoff.reached(measurement.value) else "not reached"
    return reached if cutoff.applies else f"{reached}, if it applies"


def conditions_text(cutoff: Cutoff) -> str:
    """Every condition with met, not met or not known."""
    states = {True: "met", False: "not met", None: "not known"}
    return "; ".join(f"{condition.text}: {states[condition.met]}" for condition in cutoff.conditions) or "none"


def cutoff_rows(assessment: Assessment) -> Iterable[tuple[str, str, str, str, str]]:
    """Measurement, cut-off, what it says here, conditions, and source with population and accuracy."""
    for measurement in assessment.measurements:
        for cutoff in measurement.cutoffs:
            yield (
                measurement.name,
                cutoff_text(cutoff, measurement.unit),
                state_text(measurement, cutoff),
                conditions_text(cutoff),
                f"{cutoff.source}. {cutoff.population}. {cutoff.accuracy}.",
            )


def reached_text(measurement: Measurement) -> str:
    """The cut-offs that are reached and may apply, with what is not known of their conditions; "" where there are none."""
    found = []
    for cutoff in measurement.cutoffs:
        if cutoff.applies is not False and cutoff.reached(measurement.value):
            provided = "; ".join(condition.text for condition in cutoff.open_conditions)
            text = f"{cutoff_text(cutoff, measurement.unit)} ({cutoff.source.split(',')[0]}"
            found.append(text + (f", provided: {provided})" if provided else ")"))
    return "; ".join(found)
