"""Files as scanners, archives and other software really leave them: each is read right, refused, or warned of.

`make_cases.py` and `run_cases.py` lie beside the repository and know nothing of its code. `docs/inputs.md` says for each
situation what LiverAI does.
"""

from __future__ import annotations

import csv
import multiprocessing
import re
import subprocess
import sys
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import pytest

from Testing.hard_inputs.runner import HARD_INPUT, run_case, start_worker

if not HARD_INPUT.is_dir():
    pytest.skip(f"the hard inputs are not here: {HARD_INPUT} does not exist", allow_module_level=True)

WORKERS = 2
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "inputs.md"

with (HARD_INPUT / "cases.csv").open(newline="", encoding="utf-8") as stream:
    ROWS = {row["name"]: row for row in csv.DictReader(stream)}


def documented() -> dict[str, str]:
    """What `docs/inputs.md` says that LiverAI does, by the name of the case."""
    found: dict[str, str] = {}
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for name in re.findall(r"`(\w+)`", cells[-1]) if len(cells) == 4 else ():
            assert name not in found, f"{name} is in two rows"
            found[name] = cells[1]
    return found


@pytest.fixture(scope="session")
def outcomes(request, tmp_path_factory, data_folder):
    """By name, what became of every case that was selected; the cases run in parallel while the tests wait for them."""
    names = [
        item.callspec.params["name"]
        for item in request.session.items
        if getattr(item, "function", None) is test_a_hard_input_ends_as_it_should_and_as_documented
    ]
    folder = tmp_path_factory.mktemp("hard_inputs")
    options = [option for name in names for option in ("--only", name)]
    subprocess.run([sys.executable, HARD_INPUT / "make_cases.py", folder, *options], check=True, capture_output=True)
    spawn = multiprocessing.get_context("spawn")  # pytest's own process may have threads, which a fork loses
    with ProcessPoolExecutor(WORKERS, spawn, start_worker) as pool:
        yield {name: pool.submit(run_case, ROWS[name], folder) for name in names}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", ROWS)
def test_a_hard_input_ends_as_it_should_and_as_documented(name, outcomes: dict[str, Future[tuple[bool, str]]]):
    right, how = outcomes[name].result()
    assert right, f"{ROWS[name]['situation']} {how}"
    says = documented()[name]
    assert ("refused" in says) == how.startswith("refused"), f"{DOCUMENT.name} says '{says}', but: {how}"
    assert "warned" not in how or "warned" in says


def test_the_document_covers_every_case():
    assert set(documented()) == set(ROWS)
