"""What a cohort can be made of: how the truth of its cases is planned, and how one case is simulated and written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from LiverAILib.errors import UserError
from LiverAILib.simulation.fibrosis import STAGES


@dataclass(frozen=True)
class Task:
    """One case of a cohort, not yet simulated.

    Attributes:
        folder: New folder for its files.
        case_id: Its name, which is also the patient's.
        split: "train", "validation", "test" or "".
        truth: Stage or fat fraction.
        seed: Of the case.
        matrix: Pixels along rows and columns; None for the usual number.
        images: Images of each role; None for the usual number.
    """

    folder: Path
    case_id: str
    split: str
    truth: float
    seed: int
    matrix: int | None = None
    images: int | None = None

    @property
    def names(self) -> dict[str, str]:
        """The first columns of its row in the manifest."""
        return {"case_id": self.case_id, "patient_id": self.case_id, "split": self.split}


@dataclass(frozen=True)
class Kind:
    """Cases of one modality and one disease.

    Attributes:
        title: As a person calls it ("T2-weighted MR").
        columns: Of the manifest.
        truth: Column of what the cases are simulated for: "stage" or "pdff_percent".
        simulate: Simulates a case, writes its files and gives its row. A function of a module: it is sent to other processes.
        sample: Writes the sample of `liverai demo` into a folder and gives its files by role.
        sample_title: What the sample is.
        has_matrix: Whether the number of pixels can be chosen.
        has_images: Whether the number of images of a role can be chosen.
    """

    title: str
    columns: tuple[str, ...]
    truth: str
    simulate: Callable[[Task], Mapping[str, object]]
    sample: Callable[[Path], dict[str, list[Path]]]
    sample_title: str
    has_matrix: bool = True
    has_images: bool = False


PDFF_QUANTILES = ((0.0, 1.5), (17 / 135, 5.0), (51 / 135, 10.0), (0.72, 17.0), (130 / 135, 30.0), (1.0, 42.0))
"""Shares of participants and the fat fraction (%) that they stay below: Byra 2021 states 17 of 135 below 5 %, 51 below 10 % and
5 above 30 %."""


def assign_stages(
    cases: int, *, seed: int, stages: Sequence[int] = STAGES, prevalences: Sequence[float] | None = None
) -> list[int]:
    """Stage of every case: a low-discrepancy sequence, so that any beginning of it has about the wanted shares."""
    _check_cohort(cases, seed)
    shares = np.ones(len(stages)) if prevalences is None else np.asarray(prevalences, float)
    if not len(stages) or not set(stages) <= set(STAGES):
        raise UserError(f"Stages {list(stages)} are not fibrosis stages: give whole numbers from 0 to 4.")
    if len(shares) != len(stages) or not np.isfinite(shares).all() or (shares < 0).any() or shares.sum() <= 0:
        raise UserError(
            f"Prevalences {shares.tolist()} do not fit stages {list(stages)}: give one share of 0 or more each."
        )
    edges = np.cumsum(shares / shares.sum())
    places = np.minimum(np.searchsorted(edges, _spread(cases, seed), side="right"), len(stages) - 1)
    return [int(stages[place]) for place in places]


def assign_fat_fractions(cases: int, *, seed: int) -> list[float]:
    """Fat fraction (%) of every case, distributed as in Byra 2021; spread as in `assign_stages`."""
    _check_cohort(cases, seed)
    shares, fractions = zip(*PDFF_QUANTILES, strict=True)
    return [round(float(value), 1) for value in np.interp(_spread(cases, seed), shares, fractions)]


def _check_cohort(cases: int, seed: int) -> None:
    if cases < 1 or seed < 0:
        raise UserError(f"Cannot simulate {cases} cases with seed {seed}: give 1 case or more and a seed of 0 or more.")


def _spread(cases: int, seed: int) -> np.ndarray:
    """Numbers from 0 to 1, any beginning of them spread evenly."""
    golden = (np.sqrt(5) - 1) / 2
    return (np.random.default_rng([seed, 1]).random() + golden * np.arange(cases)) % 1.0
