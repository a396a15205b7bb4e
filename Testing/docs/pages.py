"""What the tests read of the documentation: fenced blocks, commands, links and headings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

PROGRAMS = ("liverai", "make", "python", "torchrun", "Slicer", "pre-commit")
"""What a command line of the documentation begins with, without a folder before it."""


@dataclass(frozen=True)
class Block:
    """A fenced code block and where it begins."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command line: program and arguments."""

    place: str
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        return Path(self.words[0]).name


def blocks(page: Path) -> Iterator[Block]:
    """The fenced code blocks of a page; those within an admonition or a list are indented."""
    inside: list[str] | None = None
    start, language = 0, ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = re.match(r"\s*```(.*)$", line)
        if fence and inside is None:
            inside, start, language = [], number, fence.group(1).strip()
        elif fence and inside is not None:
            yield Block(page, start, language, "\n".join(inside))
            inside = None
        elif inside is not None:
            inside.append(line)
    assert inside is None, f"{page}:{start}: the code block is not closed"


def commands(block: Block) -> list[Command]:
    """The command lines of a block; none where it shows data. A line that ends with a backslash goes on in the next one."""
    lines = re.sub(r"\\\n\s*", " ", block.text).splitlines()
    if not any(Path(line.split()[0]).name in PROGRAMS for line in lines if line.strip()):
        return []
    found = [Command(block.place, words) for line in lines if (words := split(line))]
    assert all(command.program in PROGRAMS for command in found), f"{block.place}: a line begins with another program"
    return found


def split(line: str) -> tuple[str, ...]:
    """The words of a command line without its comment: a `#` within a word (`labels.nii.gz#5`) begins none."""
    return tuple(shlex.split(re.sub(r"(^|\s)#.*$", "", line)))


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^\s*```.*?^\s*```\s*$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def inline_commands(page: Path) -> list[str]:
    """What stands in the text as `liverai ...`."""
    found = re.findall(r"`(liverai [^`]+)`", prose(page).replace("\\|", "|"))
    return [" ".join(text.split()) for text in found]


def links(page: Path) -> list[str]:
    """Targets of links and pictures that are not on another host."""
    found = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", prose(page)))
    return [target for target in found if not re.match(r"https?:|mailto:", target)]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    titles = re.findall(r"^#+ (.*)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", title.lower()).strip()) for title in titles}
