"""Age, body and laboratory values of a case: their names with units, and the ranges outside which a value is a likely typo."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from LiverAILib.errors import UserError


@dataclass(frozen=True)
class Covariate:
    """A known covariate: what it is called, its unit, and the values that a person can have."""

    title: str
    unit: str
    lowest: float
    highest: float


COVARIATES = {
    "age_years": Covariate("age", "years", 0, 120),
    "height_cm": Covariate("height", "cm", 40, 250),
    "weight_kg": Covariate("weight", "kg", 2, 400),
    "ast_u_per_l": Covariate("AST", "U/L", 1, 20000),
    "alt_u_per_l": Covariate("ALT", "U/L", 1, 20000),
    "ast_uln_u_per_l": Covariate("upper limit of normal of AST", "U/L", 15, 100),
    "platelets_1e9_per_l": Covariate("platelets", "10^9/L", 1, 2000),
    "stiffness_kpa": Covariate("liver stiffness", "kPa", 0.5, 300),
}
"""The covariates that measurements use. `contrast` (yes or no) says whether a CT was made with intravenous contrast agent."""

CONTRAST = "contrast"
YES, NO = ("yes", "true", "1"), ("no", "false", "0")


def number(covariates: Mapping[str, float | str], name: str, *, where: str = "covariate") -> float | None:
    """The value of a known covariate; None where it is absent or empty.

    Raises:
        UserError: It is no number, or outside what a person can have (the message names a mistaken unit).
    """
    given = covariates.get(name)
    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    known = COVARIATES[name]
    try:
        value = float(given)
    except ValueError:
        raise UserError(f"{where} {name}: '{given}' is no number. Give the {known.title} in {known.unit}.") from None
    if not math.isfinite(value) or not known.lowest <= value <= known.highest:
        raise UserError(
            f"{where} {name}: {given} is not between {known.lowest:g} and {known.highest:g}. "
            f"Give the {known.title} in {known.unit}."
        )
    return value


def contrast(covariates: Mapping[str, float | str], *, where: str = "covariate") -> bool | None:
    """Whether the CT was made with contrast agent, as the user says; None where the user does not.

    Raises:
        UserError: It is neither yes nor no.
    """
    given = str(covariates.get(CONTRAST, "")).strip().lower()
    if not given:
        return None
    if given not in YES + NO:
        raise UserError(f"{where} {CONTRAST}: '{given}' is neither yes nor no. Give one of them, or leave it out.")
    return given in YES


def check_covariates(covariates: Mapping[str, float | str], *, where: str = "covariate") -> None:
    """Raise a `UserError` where a known covariate has an impossible value; unknown ones are left alone."""
    for name in COVARIATES:
        number(covariates, name, where=where)
    contrast(covariates, where=where)


def parse_covariates(assignments: Iterable[str], *, where: str = "--covariate") -> dict[str, float | str]:
    """Covariates from texts such as `age_years=54`.

    Raises:
        UserError: A text is no NAME=VALUE, the name is unknown or given twice, or the value is impossible.
    """
    found: dict[str, float | str] = {}
    known = [*COVARIATES, CONTRAST]
    for text in assignments:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not value:
            raise UserError(f"{where} {text}: not NAME=VALUE. Write for example {where} age_years=54.")
        if name not in known:
            raise UserError(f"{where} {text}: '{name}' is not known. Use one of {', '.join(known)}.")
        if name in found:
            raise UserError(f"{where} {text}: {name} was given twice. Give it once.")
        found[name] = value
    check_covariates(found, where=where)
    return {name: value if name == CONTRAST else float(value) for name, value in found.items()}
