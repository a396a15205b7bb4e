"""What the user says of the patient in the panel, as covariates of the case."""

from __future__ import annotations

COVARIATES = {
    "ageYears": "age_years",
    "heightCm": "height_cm",
    "weightKg": "weight_kg",
    "astUPerL": "ast_u_per_l",
    "astUlnUPerL": "ast_uln_u_per_l",
    "altUPerL": "alt_u_per_l",
    "platelets1e9PerL": "platelets_1e9_per_l",
}
"""Parameters of the panel with the library's names; 0 is not given."""
CONTRAST = ("", "yes", "no")
"""Whether a CT was made with contrast agent, as the panel lists it; the first is not stated."""


def patientValues(parameters) -> dict[str, float | str]:
    """The covariates that a parameter node holds.

    Raises:
        UserError: A value that a person cannot have.
    """
    from LiverAILib.morphometry.covariates import check_covariates

    values = {name: getattr(parameters, parameter) for parameter, name in COVARIATES.items()}
    found: dict[str, float | str] = {name: value for name, value in values.items() if value > 0}
    if parameters.contrast:
        found["contrast"] = parameters.contrast
    check_covariates(found, where="Patient values:")
    return found
