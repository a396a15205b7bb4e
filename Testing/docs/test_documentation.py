"""README and docs: every command line parses, every snippet fits the library, every link leads somewhere."""

from __future__ import annotations

import argparse
import ast
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest

import LiverAILib
from LiverAILib.cli import build_parser, main

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import pages  # noqa: E402
import snippets  # noqa: E402
from pages import PAGES, ROOT, Block, Command  # noqa: E402

BLOCKS = [block for page in PAGES for block in pages.blocks(page)]
COMMANDS = [command for block in BLOCKS if block.language != "python" for command in pages.commands(block)]
NEEDS_SLICER = "from LiverAI import"


def commands_of(program: str) -> list[Command]:
    found = [command for command in COMMANDS if command.program == program]
    assert found, f"no command line of {program} was found: does the test still read the pages?"
    return found


def liverai_arguments() -> list[tuple[str, list[str]]]:
    """Place and arguments of every call of `liverai`, also by torchrun."""
    found = [(command.place, list(command.words[1:])) for command in commands_of("liverai")]
    for command in commands_of("torchrun"):
        words = list(command.words)
        found.append((command.place, words[words.index("LiverAILib.cli") + 1 :]))
    return found


def named(places: list[tuple[str, list[str]]]) -> list:
    return [pytest.param(words, id=f"{place} {' '.join(words)[:60]}") for place, words in places]


@pytest.fixture(scope="module")
def parser() -> argparse.ArgumentParser:
    return build_parser()


@pytest.mark.parametrize("words", named(liverai_arguments()))
def test_command_line_parses(words: list[str], parser, capsys):
    try:
        parser.parse_args(words)
    except SystemExit as stopped:
        if stopped.code != 0:  # 0: --version, --help
            pytest.fail(capsys.readouterr().err)


def test_commands_in_the_text_have_their_options(parser):
    texts = [(page, text) for page in PAGES for text in pages.inline_commands(page)]
    assert len(texts) > 20
    wrong = []
    for page, text in texts:
        words = text.split()[1:]
        own = parser
        while words and (choices := sub_commands(own)) and not words[0].startswith("-"):
            if words[0] not in choices:
                break
            own = choices[words.pop(0)]
        if own is parser and words and not words[0].startswith("-") and words[0] not in ("COMMAND", "..."):
            wrong.append(f"{page.name}: `{text}`: no such command")
        options = {option for action in own._actions for option in action.option_strings}
        asked = set(re.findall(r"(?<!\S)--[a-z-]+", " ".join(words)))
        wrong += [f"{page.name}: `{text}`: no option {option}" for option in asked - options]
    assert not wrong


def sub_commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def test_cheap_commands_run(capsys):
    assert main(["models"]) == 0
    models = {path.name for path in (ROOT / "Resources" / "Models").iterdir()}
    listed = set(re.findall(r"^(\S+)  \(", capsys.readouterr().out, flags=re.MULTILINE))
    assert models <= listed
    named_models = {
        name
        for page in PAGES
        for name in re.findall(r"\b[a-z]+\d{4}-(?:simulated|biopsy)\b", page.read_text(encoding="utf-8"))
    }
    assert named_models
    assert named_models <= models


def test_python_commands_name_what_exists():
    wrong = []
    for command in commands_of("python"):
        words = [word for word in command.words[1:] if word != "-I"]
        if words[0] == "-m":
            exists = words[1] in ("venv", "pip") or find_spec(words[1]) is not None
        else:
            exists = (ROOT / words[0]).is_file()
        wrong += [] if exists else [f"{command.place}: {' '.join(words)}"]
    assert not wrong


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {command.words[1] for command in commands_of("make")} <= targets


def python_blocks(*, slicer: bool) -> list[Block]:
    return [block for block in BLOCKS if block.language == "python" and block_needs_slicer(block) == slicer]


def block_needs_slicer(block: Block) -> bool:
    """A block of a page may go on with what an earlier one imported."""
    return any(word in block.text for word in (NEEDS_SLICER, "LiverAILogic", "LiverAISlicer"))


@pytest.mark.parametrize("block", python_blocks(slicer=False), ids=lambda block: block.place)
def test_snippet_fits_the_library(block: Block):
    assert snippets.faults(block.text) == []


def test_snippets_and_batch_commands_fit_the_slicer_module():
    pytest.importorskip("slicer_core", reason="slicer-core is not installed")
    texts: dict[str, list[str]] = {}
    for block in python_blocks(slicer=True):
        texts.setdefault(str(block.page.relative_to(ROOT)), []).append(block.text)
    calls = []
    for command in commands_of("Slicer"):
        words = list(command.words)
        script = words[words.index("--python-script") + 1]
        assert (ROOT / script).is_file()
        calls.append([command.place, script, words[words.index(script) + 1 :]])
    given = {"snippets": {page: "\n".join(own) for page, own in texts.items()}, "commands": calls}
    assert len(given["snippets"]) >= 3
    done = subprocess.run(
        [sys.executable, str(HERE / "slicer_side.py")],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_tutorial_names_controls_of_the_panel():
    of_slicer = {"Install", "Paint", "Erase", "Scissors"}
    panel = ElementTree.parse(ROOT / "LiverAI" / "Resources" / "UI" / "LiverAI.ui")
    shown = {(node.text or "").rstrip(":") for node in panel.iter("string")}
    shown.add("Cancel")  # what the button Apply reads during a run
    text = (ROOT / "docs" / "tutorials" / "radiologist.md").read_text(encoding="utf-8").replace("**", "")
    emphasized = {" ".join(name.split()) for name in re.findall(r"\*([^*]+)\*", text)}
    controls = {name for name in emphasized if ">" not in name}  # the others are paths of menus
    assert len(controls) > 12
    assert {name for name in controls if not any(one.startswith(name) for one in shown)} <= of_slicer


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    wrong = []
    for target in pages.links(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            wrong.append(target)
        elif anchor and anchor not in pages.anchors(file):
            wrong.append(f"{target}: no such heading")
        elif ROOT / "docs" in page.parents and ROOT / "docs" not in file.parents:
            wrong.append(f"{target}: lies outside docs/, where the site does not find it")
    assert not wrong


def test_every_page_is_in_the_navigation_of_the_site():
    listed = set(re.findall(r"[\w/-]+\.md$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert listed == {str(page.relative_to(ROOT / "docs")) for page in PAGES if ROOT / "docs" in page.parents}


def test_reference_names_all_that_the_package_exports():
    objects = re.findall(r"^::: (\S+)$", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(LiverAILib.__all__) - {"__version__"} <= {name.rpartition(".")[2] for name in objects}
    for name in objects:
        module, _, own = name.rpartition(".")
        tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
        assert own in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}, name


@pytest.mark.parametrize(
    ("snippet", "fault"),
    [
        ("from LiverAILib import asess", "has no asess"),
        ("from LiverAILib import Case\nCase.from_fil('a')", "from_fil"),
        ("from LiverAILib import Case\nCase.from_file('a', rolle='t2')", "rolle"),
        ("from LiverAILib import Case, assess\nassess(Case.from_file('a'), 'm').predictd", "predictd"),
        ("from LiverAILib import Case, assess\nfor w in assess(Case.from_file('a'), 'm').warnings:\n    w.txt", "txt"),
        ("assess(", "never closed"),
    ],
)
def test_checker_finds_planted_faults(snippet: str, fault: str):
    assert fault in "".join(snippets.faults(snippet))
