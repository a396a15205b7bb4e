"""Checks LiverAI in an installed Slicer: works through the panel with the simulated sample, and says what failed.

    Slicer --python-script Testing/slicer/run_in_slicer.py -- --output FOLDER

Takes about five minutes on a laptop. FOLDER gets a picture of the panel and of the window for each step, the saved scene,
and verdict.txt. The module has to be found by Slicer (the extension is installed, or its folder is among the additional module
paths, or `--additional-module-path LiverAI` stands before `--python-script`), and its Python packages have to be there, see
--install. It replaces the scene, and ends Slicer. Exit code: 0 all is well, 1 something failed, 2 it could not be started.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path
from typing import Any

import slicer
import slicer.util

MODULE = "LiverAI"


def options(arguments: list[str]) -> argparse.Namespace:
    """The options; a `--` that Slicer passes on is skipped."""
    parser = argparse.ArgumentParser(prog="run_in_slicer.py", description="Check LiverAI in this Slicer.")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="folder for verdict and pictures")
    parser.add_argument("--install", action="store_true", help="install the Python packages that are missing")
    return parser.parse_args(arguments[1:] if arguments[:1] == ["--"] else arguments)


def panel() -> Any:
    """The module's widget; another one after a reload."""
    return getattr(slicer.modules, f"{MODULE}Widget")


def check_reload() -> None:
    """The developer's Reload gives a panel that works."""
    from LiverAISlicer.acceptance import check

    before = panel()
    before.onReload()
    slicer.app.processEvents()
    check(panel() is not before, "Reload made no new panel")
    check(bool(panel().ui.modelComboBox.count), "the panel lists no models after a reload")


def check_self_test() -> None:
    """The module's own self-test."""
    import LiverAI

    case = LiverAI.LiverAITest()
    case.setUp()
    case.test_knownAssessmentInScene()


def run(arguments: argparse.Namespace) -> int:
    """All checks; returns the exit code."""
    slicer.util.selectModule(MODULE)
    from LiverAISlicer.acceptance import PanelCheck, outcomeOf
    from LiverAISlicer.dependencies import checkDependencies, installDependencies

    if arguments.install:
        installDependencies(lambda names: True)
    checkDependencies()
    outcomes = PanelCheck(panel, arguments.output).run()
    outcomes += [outcomeOf(check_reload), outcomeOf(check_self_test)]
    lines = [
        f"{'FAIL' if one.fault else 'pass'}  {one.step} ({one.seconds:.0f} s) {one.fault}".strip() for one in outcomes
    ]
    failed = sum(bool(one.fault) for one in outcomes)
    version = getattr(slicer.app, "applicationVersion", "")
    lines.append(
        f"VERDICT  {'PASS' if not failed else 'FAIL'}: {len(outcomes) - failed} of {len(outcomes)} in Slicer {version}"
    )
    (arguments.output / "verdict.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines), flush=True)
    return 1 if failed else 0


def main(arguments: list[str]) -> int:
    """Run; whatever goes wrong ends in a line and an exit code, for nobody closes the window."""
    try:
        return run(options(arguments))
    except SystemExit as stop:  # argparse
        return int(stop.code or 0)
    except Exception as error:
        traceback.print_exc()
        print(f"VERDICT  FAIL: could not be run: {error}", flush=True)
        return 2


if __name__ == "__main__":
    slicer.util.exit(main(sys.argv[1:]))
