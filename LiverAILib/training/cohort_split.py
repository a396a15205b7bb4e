"""Training, validation and test cases of a cohort: drawn by patient, with the shares of the classes kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from LiverAILib.data.cohort import CohortRow
from LiverAILib.errors import UserError
from LiverAILib.training.folds import strata

NAMES = ("train", "validation", "test")
PUBLISHED_SHARES = (70.0, 15.0, 15.0)
"""Nowak 2021, Materials and methods."""


def patient_splits(
    rows: Sequence[CohortRow], shares: Sequence[float] = PUBLISHED_SHARES, *, seed: int = 0
) -> list[str]:
    """Split of each case: every group of patients on one side, each class (and kind of image) in the same shares.

    The numbers of cases are the shares rounded so that neither a class nor the whole cohort is off by more than one case;
    where patients have several cases they may be off by a few more. The same seed gives the same splits.

    Args:
        rows: The cases.
        shares: Of training, validation and test; they need not add up to 100, so numbers of cases are shares too.
        seed: Seed of the draw.

    Raises:
        UserError: The shares cannot be used, or a split would be empty.
    """
    weights = np.asarray(shares, float)
    if weights.shape != (3,) or not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() <= 0:
        raise UserError(
            f"--shares {','.join(f'{share:g}' for share in shares)}: give three numbers of 0 or more, such as 70,15,15."
        )
    stratum = strata(rows, 3)
    room = quotas(Counter(stratum), weights)
    rng = np.random.default_rng(seed)
    members: dict[str, list[int]] = {}
    for index in rng.permutation(len(rows)).tolist():
        members.setdefault(rows[index].group, []).append(index)
    found = [""] * len(rows)
    # Large groups first, while there is room for them.
    for own in sorted(members.values(), key=len, reverse=True):
        place = _place_of([stratum[index] for index in own], room, rng)
        for index in own:
            found[index] = NAMES[place]
            room[stratum[index]][place] -= 1
    empty = [name for name, share in zip(NAMES, weights, strict=True) if share and name not in found]
    if empty:
        raise UserError(
            f"--shares: no patient is left for {empty[0]}; the cohort has {len(members)}. Use other shares, or --folds."
        )
    return found


def quotas(sizes: Mapping[str, int], shares: np.ndarray) -> dict[str, np.ndarray]:
    """Cases of each stratum in each split: shares of `sizes`, rounded so that the sums over the strata are right too."""
    parts = shares / shares.sum()
    owed = np.zeros(len(parts))
    found = {}
    for name, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        exact = size * parts
        given = np.floor(exact)
        for _ in range(size - int(given.sum())):
            # What earlier strata left a split short of counts too.
            gap = np.where(parts > 0, exact - given + owed, -np.inf)
            given[int(np.argmax(np.round(gap, 9)))] += 1
        owed += exact - given
        found[name] = given.astype(np.int64)
    return found


def _place_of(own: Sequence[str], room: Mapping[str, np.ndarray], rng: np.random.Generator) -> int:
    """The split of a group whose cases are of the strata `own`: by chance among those with room, else the emptiest."""
    needed = Counter(own)
    left = np.sum([room[name] for name in needed], axis=0).astype(float)
    fits = np.all([room[name] >= count for name, count in needed.items()], axis=0)
    if not fits.any():
        return int(np.argmax(left))
    chances = np.where(fits, left, 0)
    return int(rng.choice(len(chances), p=chances / chances.sum()))
