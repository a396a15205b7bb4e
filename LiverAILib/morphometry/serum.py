"""APRI and FIB-4: fibrosis indices from blood, no image needed."""

from __future__ import annotations

import math
from collections.abc import Mapping

from LiverAILib.data.measurement import Condition, Cutoff, Measurement, NotAssessed
from LiverAILib.morphometry import cutoffs
from LiverAILib.morphometry.covariates import COVARIATES, number
from LiverAILib.morphometry.findings import Morphometry

DEFAULT_AST_ULN = 40.0
"""Upper limit of normal of AST in U/L where the laboratory's own is not given."""

HEPATITIS_C = Condition("chronic hepatitis C, untreated", None)
HIV_HEPATITIS_C = Condition("patients with HIV and hepatitis C virus infection", None)
FATTY_LIVER = Condition("non-alcoholic fatty liver disease", None)


def apri(*, ast: float, platelets: float, ast_uln: float = DEFAULT_AST_ULN) -> float:
    """AST to platelet ratio index, Wai 2003: (AST / upper limit of normal) / platelets * 100.

    Args:
        ast: U/L.
        platelets: 10^9/L.
        ast_uln: U/L.
    """
    return ast / ast_uln / platelets * 100


def fib4(*, age: float, ast: float, alt: float, platelets: float) -> float:
    """FIB-4, Sterling 2006: age * AST / (platelets * sqrt(ALT)).

    Args:
        age: Years.
        ast: U/L.
        alt: U/L.
        platelets: 10^9/L.
    """
    return age * ast / (platelets * math.sqrt(alt))


def serum_findings(covariates: Mapping[str, float | str]) -> Morphometry:
    """APRI and FIB-4 where their laboratory values are given.

    Raises:
        UserError: A covariate has an impossible value.
    """
    return Morphometry.joined((_apri(covariates), _fib4(covariates)))


def _apri(covariates: Mapping[str, float | str]) -> Morphometry:
    given, missing = _given(covariates, "ast_u_per_l", "platelets_1e9_per_l")
    if missing:
        return Morphometry(not_assessed=(NotAssessed("APRI", missing, "apri"),))
    ast, platelets = given["ast_u_per_l"], given["platelets_1e9_per_l"]
    own_limit = number(covariates, "ast_uln_u_per_l")
    limit = own_limit or DEFAULT_AST_ULN
    assumed = "" if own_limit else " (assumed: no ast_uln_u_per_l was given)"
    measured = Measurement(
        "APRI",
        round(apri(ast=ast, platelets=platelets, ast_uln=limit), 3),
        "",
        f"(AST {ast:g} U/L / upper limit of normal {limit:g} U/L{assumed}) / platelets {platelets:g} 10^9/L * 100.",
        key="apri",
        cutoffs=tuple(
            cutoffs.under(c, HEPATITIS_C, Condition("upper limit of normal of the laboratory", own_limit is not None))
            for c in cutoffs.APRI
        ),
    )
    return Morphometry(measurements=(measured,))


def _fib4(covariates: Mapping[str, float | str]) -> Morphometry:
    given, missing = _given(covariates, "age_years", "ast_u_per_l", "alt_u_per_l", "platelets_1e9_per_l")
    if missing:
        return Morphometry(not_assessed=(NotAssessed("FIB-4", missing, "fib4"),))
    age, ast = given["age_years"], given["ast_u_per_l"]
    alt, platelets = given["alt_u_per_l"], given["platelets_1e9_per_l"]
    measured = Measurement(
        "FIB-4",
        round(fib4(age=age, ast=ast, alt=alt, platelets=platelets), 3),
        "",
        f"Age {age:g} years * AST {ast:g} U/L / (platelets {platelets:g} 10^9/L * square root of ALT {alt:g} U/L).",
        key="fib4",
        cutoffs=_fib4_cutoffs(age),
    )
    return Morphometry(measurements=(measured,))


def _fib4_cutoffs(age: float) -> tuple[Cutoff, ...]:
    """The cut-offs for the age: from 65 years on those of younger patients have a specificity of 35 % (McPherson 2017)."""
    if age >= 65:
        return (cutoffs.under(cutoffs.FIB4_FROM_65, FATTY_LIVER),)
    old_enough = Condition("older than 35 years (AUC .60 below, McPherson 2017)", age > 35)
    return tuple(cutoffs.under(c, HIV_HEPATITIS_C, old_enough) for c in cutoffs.FIB4)


def _given(covariates: Mapping[str, float | str], *names: str) -> tuple[dict[str, float], str]:
    """The values that are given, and a sentence that names the missing ones, or ""."""
    values = {name: number(covariates, name) for name in names}
    absent = ", ".join(f"{COVARIATES[name].title} ({name})" for name, value in values.items() if value is None)
    given = {name: value for name, value in values.items() if value is not None}
    return given, f"Not given: {absent}." if absent else ""
