"""Every message of an error, as the sources have it: found by reading them, not by running them.

A message is a text that is given to an error's class.  What is filled in when it is raised stands in angle brackets, by the name
that the code has for it: ``Layer <layer_name> has ...``.
"""
from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

#: Where errors are raised.
FOLDERS = ("dlgraph", "vertices", "emulator")
#: Of these, sources of their own kind.
LEFT_OUT = {"tests", "fuzz"}
#: In a C program: a text that ends the run, and its place holders.
_FAILURE = re.compile(r'runtime_fail(?:_with)?\((?:\w+,\s*)?((?:\s*"(?:[^"\\]|\\.)*")+)')
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FORMAT = re.compile(r"%[-0-9]*[a-z]")
#: A text of fewer words says nothing by itself: it is put together elsewhere.
FEWEST_WORDS = 3


@dataclass(frozen=True)
class Message:
    """What an error says.

    :param text: with what is filled in between angle brackets
    :param place: the file that has it, below the root of the checkout
    """

    text: str
    place: str


def of_python(root: Path, error: str) -> list[Message]:
    """Messages of a class of error, by its name, in the order of files and lines."""
    found: dict[str, Message] = {}
    for path in sources(root):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and name_of(node.func) == error and node.args:
                said = " ".join(text for text in map(text_of, node.args) if len(text.split()) >= FEWEST_WORDS)
                if literal_words(said) >= FEWEST_WORDS:
                    found.setdefault(said, Message(said, path.relative_to(root).as_posix()))
    return list(found.values())


def of_c_programs(root: Path) -> list[Message]:
    """Messages with which a core ends a run."""
    found: dict[str, Message] = {}
    for path in sorted((root / "c_models").rglob("*.c")):
        if "test_programs" in path.parts or "build" in path.parts:
            continue
        for match in _FAILURE.finditer(path.read_text(encoding="utf-8")):
            said = _FORMAT.sub("<number>", "".join(_TEXT.findall(match[1])))
            found.setdefault(said, Message(said, path.relative_to(root).as_posix()))
    return list(found.values())


def sources(root: Path) -> Iterator[Path]:
    """Python files that raise errors."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            if not LEFT_OUT & set(path.parts):
                yield path


def name_of(function: ast.expr) -> str:
    """``ModelError`` of ``ModelError`` and of ``errors.ModelError``."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def text_of(node: ast.expr) -> str:
    """A text as it is written, with what is filled in between angle brackets."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return f"<{filled_in(node.value)}>"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return text_of(node.left) + text_of(node.right)
    if isinstance(node, ast.IfExp):
        choices = [text for text in (text_of(node.body), text_of(node.orelse)) if text]
        return " / ".join(choices)
    return f"<{filled_in(node)}>"


def filled_in(node: ast.expr) -> str:
    """What stands for a value: the last name of its expression."""
    if isinstance(node, ast.Attribute):
        return node.attr.strip("_")
    if isinstance(node, ast.Name):
        return node.id.strip("_")
    if isinstance(node, ast.Call):
        return filled_in(node.args[0]) if node.args and not isinstance(node.func, ast.Attribute) else filled_in(node.func)
    if isinstance(node, (ast.Subscript, ast.Starred)):
        return filled_in(node.value)
    if isinstance(node, ast.BinOp):
        return filled_in(node.left)
    return "..."


def literal_words(text: str) -> int:
    """Words that are not filled in."""
    return len(re.sub(r"<[^>]*>", "", text).split())
