"""Checks the snippets and command lines of the documentation that need Slicer's modules, on slicer-core.

Reads {"snippets": {place: text}, "commands": [[place, script, [arguments]], ...]} from standard input, prints a list of faults.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
for folder in (
    ROOT / "Testing" / "slicer",
    ROOT / "LiverAI" / "Scripts",
    ROOT / "LiverAI",
    ROOT,
    Path(__file__).parent,
):
    sys.path.insert(0, str(folder))


def load(name: str) -> Any:
    """A module; in place of Slicer's module LiverAI, which needs the application, what its logic class inherits."""
    if name != "LiverAI":
        return import_module(name)
    tree = ast.parse((ROOT / "LiverAI" / "LiverAI.py").read_text(encoding="utf-8"))
    classes = {
        node.name: [ast.unparse(base) for base in node.bases] for node in tree.body if isinstance(node, ast.ClassDef)
    }
    assert "AssessmentLogic" in classes["LiverAILogic"]
    return SimpleNamespace(LiverAILogic=import_module("LiverAISlicer.logic").AssessmentLogic)


def main() -> None:
    """Print the faults of what standard input holds."""
    import liverai_batch
    import run_in_slicer
    import snippets

    parsers = {
        "LiverAI/Scripts/liverai_batch.py": liverai_batch.parseArguments,
        "Testing/slicer/run_in_slicer.py": run_in_slicer.options,
    }

    given, found = json.load(sys.stdin), []
    for place, text in given["snippets"].items():
        found += [f"{place}: {fault}" for fault in snippets.faults(text, load)]
    for place, script, arguments in given["commands"]:
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                parsers[script](arguments)
        except SystemExit:
            found.append(f"{place}: {said.getvalue().strip().splitlines()[-1]}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
