"""Runs hard inputs in worker processes with `run_cases.py`, which lies beside the repository."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

HARD_INPUT = Path(__file__).resolve().parents[3] / "shared" / "hard-input"


def load_run_cases() -> ModuleType:
    """`run_cases.py` as a module, loaded once in a process."""
    if "run_cases" not in sys.modules:
        spec = importlib.util.spec_from_file_location("run_cases", HARD_INPUT / "run_cases.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["run_cases"] = module  # its dataclasses look their module up
        spec.loader.exec_module(module)
    return sys.modules["run_cases"]


# Imported by the commands besides what `run_cases.py` imports. Libraries alone: a fork may run without one of them.
LIBRARIES = (
    "highdicom",
    "jinja2",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "scipy.stats",
    "torchvision",
)


def start_worker() -> None:
    """Import torch and the other libraries once; every command then runs in a fork of the worker."""
    load_run_cases().preload()
    for name in LIBRARIES:
        importlib.import_module(name)


def run_case(row: dict[str, str], made: Path) -> tuple[bool, str]:
    """Whether the outcome of a case is an expected one, and how it ended.

    Args:
        row: Of `cases.csv`.
        made: Folder that `make_cases.py` wrote; the case runs in a copy.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / row["name"]
        shutil.copytree(made / row["name"], folder)
        right, how = load_run_cases().Case(row, folder).judge()
    return right, how
