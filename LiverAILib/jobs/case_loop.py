"""The loop over many cases: one that fails does not end the others."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from LiverAILib.errors import UserError

C = TypeVar("C")
R = TypeVar("R")


@dataclass(frozen=True)
class Outcome(Generic[C, R]):
    """What became of a case.

    Attributes:
        case: The case.
        result: What the work returned; None where it failed.
        error: Why it failed, one line that starts with the type of an error that was not expected; "" where it did not.
        details: The traceback of an error that was not expected, else "".
    """

    case: C
    result: R | None
    error: str = ""
    details: str = ""


def each_case(
    cases: Sequence[C], work: Callable[[C], R], *, before: Callable[[int, C], None] = lambda number, case: None
) -> Iterator[Outcome[C, R]]:
    """Do `work` for every case, in order, and report whatever exception it raises as the outcome of that case.

    Args:
        cases: The cases.
        work: What to do.
        before: Called with the number of the case (from 0) and the case before its work starts.
    """
    for number, case in enumerate(cases):
        before(number, case)
        yield attempt(case, work)


def attempt(case: C, work: Callable[[C], R]) -> Outcome[C, R]:
    """Do `work` for one case, and report whatever exception it raises as the outcome."""
    try:
        return Outcome[C, R](case, work(case))
    except UserError as error:
        return Outcome[C, R](case, None, str(error))
    except Exception as error:  # Whatever it is, the other cases of a long run must not be lost with this one.
        reason = " ".join(str(error).split())
        return Outcome[C, R](case, None, f"{type(error).__name__}: {reason}", traceback.format_exc())
