"""The code of the documentation's pages, as the tests run it.

Of a page run, in its order, as one program:

* blocks of Python, and Python files that the page includes (a file once, whole, however many pieces of it are shown);
* lines of console blocks behind ``$``;
* what a comment says that begins with the word *given*: it is not shown, and makes what the reader is taken to have.
"""
from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

ROOT = Path(__file__).resolve().parent.parent
#: First line of what runs -> its kind, in reStructuredText and in Markdown.
_DIRECTIVES = (
    (re.compile(r"\.\. code-block:: (python|console)$"), None),
    (re.compile(r"\.\. given$"), "python"),
    (re.compile(r"\.\. literalinclude:: (\S+\.py)$"), "file"))
_MARKDOWN = re.compile(r"^```(python|console)\n(.*?)^```$|^<!-- given\n(.*?)^-->$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A piece of a page.

    :param kind: ``"python"``, ``"console"`` or ``"file"``
    :param text: the code; of a file its path below the root of the checkout
    :param line: of the page, counted from 1
    """

    kind: str
    text: str
    line: int

    @property
    def commands(self) -> list[str]:
        """The lines of a console block that the user types."""
        joined = re.sub(r"\\\n\s*", "", self.text)
        return [line[2:] for line in joined.splitlines() if line.startswith("$ ")]


def pages() -> list[Path]:
    """Every page with something that runs."""
    found = [*sorted((ROOT / "docs").rglob("*.rst")), ROOT / "README.md", ROOT / "emulator" / "README.md"]
    return [page for page in found if "_build" not in page.parts and blocks(page)]


def blocks(page: Path) -> list[Block]:
    """What runs of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = _of_markdown(text) if page.suffix == ".md" else _of_rst(text, page.parent)
    seen: set[str] = set()
    return [block for block in found if block.kind != "file" or not (block.text in seen or seen.add(block.text))]


def _of_markdown(text: str) -> Iterator[Block]:
    for match in _MARKDOWN.finditer(text):
        kind, shown, given = match.groups()
        yield Block(kind or "python", shown or given, text.count("\n", 0, match.start()) + 2)


def _of_rst(text: str, folder: Path) -> Iterator[Block]:
    lines = text.splitlines()
    for number, line in enumerate(lines):
        for pattern, always in _DIRECTIVES:
            match = pattern.match(line.strip())
            if match is None:
                continue
            if always == "file":
                yield Block("file", str((folder / match[1]).resolve().relative_to(ROOT)), number + 1)
            else:
                yield _indented(always or match[1], lines, number)


def _indented(kind: str, lines: list[str], start: int) -> Block:
    """What stands below a directive, further in, behind its options."""
    margin = len(lines[start]) - len(lines[start].lstrip())
    first = start + 1
    while first < len(lines) and (not lines[first].strip() or lines[first].strip().startswith(":")):
        first += 1
    end = first
    while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > margin):
        end += 1
    return Block(kind, textwrap.dedent("\n".join(lines[first:end])), first + 1)


def build_program(path: str) -> None:
    """A small binary, where a page takes one to be."""
    build = [sys.executable, str(ROOT / "c_models" / "build.py"), "--out", "build_program", "runtime_minimal"]
    subprocess.run(build, check=True)
    Path("build_program", "runtime_minimal.aplx").rename(path)
