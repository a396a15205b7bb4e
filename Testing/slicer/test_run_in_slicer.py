"""The script that checks a release in a real Slicer: its steps on the real panel, worker and models, without the application."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

HERE = Path(__file__).parent
DOCUMENTED = HERE.parents[1] / "docs" / "pictures"
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("PySide6") is None, reason="needs PySide6-Essentials: pip install PySide6-Essentials"
)


def run(output: Path, kind: str, *pictures: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(HERE / "application_scenario.py"), str(output), kind, *map(str, pictures)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert "EXIT" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_all_steps_pass_on_the_panel_and_leave_pictures(tmp_path):
    output = tmp_path / "check"
    kept = Path(os.environ.get("LIVERAI_PICTURES", tmp_path))
    printed = run(output, "whole", kept)
    assert "FAIL" not in printed, printed
    assert "VERDICT  PASS: 11 of 11" in printed
    assert "EXIT 0" in printed
    assert (output / "verdict.txt").read_text().splitlines()[-1].startswith("VERDICT  PASS")
    pictures = sorted(output.glob("*-panel.png"))
    assert len(pictures) == 6
    assert all(path.stat().st_size > 5000 for path in pictures)
    # Those of the documentation are of the same states, and small.
    for name in names_of_pictures():
        with Image.open(kept / f"{name}.png") as made, Image.open(DOCUMENTED / f"{name}.png") as documented:
            assert made.width == documented.width
            assert documented.mode == "P"
        assert (DOCUMENTED / f"{name}.png").stat().st_size < 64_000


def names_of_pictures() -> tuple[str, ...]:
    """What `panel_pictures.NAMES` holds; importing it would start Qt in this process."""
    tree = ast.parse((HERE / "panel_pictures.py").read_text(encoding="utf-8"))
    values = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}
    states = ast.literal_eval(values["STATES"]).values()
    return (*states, *(element.value for element in values["NAMES"].elts if isinstance(element, ast.Constant)))


def test_what_is_wrong_is_said_and_gives_an_exit_code(tmp_path):
    printed = run(tmp_path / "check", "broken")
    assert "pixels" in next(line for line in printed.splitlines() if line.startswith("FAIL  emptyPanel"))
    assert "ended with code" in next(line for line in printed.splitlines() if line.startswith("FAIL  apply"))
    assert "VERDICT  FAIL" in printed
    assert "EXIT 1" in printed
