"""What is evaluated on a cohort, and how its cases are assessed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CohortSettings:
    """What is evaluated, and how cases are assessed.

    Attributes:
        split: Split of the cases that a single model is tested on; "" takes all cases; "validation" those that its state was
            chosen on, which the report says.
        masks: "network" (as Nowak 2021) or "given" (the manifest's).
        segmentation_model: Name or folder of a segmentation model to use instead of the one that the model names.
        labels: What the column "label" of the manifest holds, "stage" or "cirrhosis" (see `read_cohort`).
        explain: Add tables and pictures of the explanations.
        heatmap: How the heat maps are made, as `assess` takes it; "" for the kind that the method publishes.
        target_class: Class that the heat maps explain, in all cases; None for each case's predicted one.
        reader: Reader whom the figure of who was right compares with; "" for the first of the manifest.
        checked_cases: Cases for the checks of faithfulness; 0: none.
        calibration: "auto" (validation cases where there are enough, else cross-fitting), "validation" or "cross".
        other_patients: Equal patient identifiers name other people than those that the model has seen.
        limit: Only the first so many cases; 0: all.
        device: "auto", "cpu", "cuda" or "mps".
    """

    split: str = "test"
    masks: str = "network"
    segmentation_model: str | None = None
    labels: str | None = None
    explain: bool = True
    heatmap: str = ""
    target_class: str | None = None
    reader: str = ""
    checked_cases: int = 12
    calibration: str = "auto"
    other_patients: bool = False
    limit: int = 0
    device: str = "auto"
