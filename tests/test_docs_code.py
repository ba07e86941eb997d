"""The code that the documentation shows runs as it stands, with the reference in place of a machine; so does what it prints."""
from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^\.\. code-block:: (\w+)\n\n((?:(?: {3}.*)?\n)+)", re.MULTILINE)
#: A piece of a program, between two of its marks.
PIECE = re.compile(r"^\.\. literalinclude:: (\S+)\n {3}:language: python\n"
                   r" {3}:start-after: (# -- \w+)\n {3}:end-before: (# -- \w+)\n", re.MULTILINE)
#: Runs the blocks of a page one after the other; says what each printed.
RUN = """
import contextlib, functools, io, json, sys
import dlgraph
from dlgraph.executors import make_reference
for name in ("from_graph", "from_keras", "fit"):
    setattr(dlgraph, name, functools.partial(getattr(dlgraph, name), executor_factory=make_reference))
names, printed = {}, []
for block in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(block, names)
    printed.append(said.getvalue())
assert "keras" not in sys.modules
json.dump(printed, sys.stdout)
"""
#: What the cost model says may change with it: its numbers are not compared.
CUT_COLUMNS = re.compile(r"\d[\d,.]*%?")


@dataclass
class Block:
    language: str
    text: str


def blocks(page: str) -> list[Block]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found = [(match.start(), Block(match[1], dedent(match[2]).strip("\n"))) for match in BLOCK.finditer(text)]
    found += [(match.start(), Block("python", piece(*match.groups()))) for match in PIECE.finditer(text)]
    return [block for _, block in sorted(found, key=lambda pair: pair[0])]


def piece(path: str, start: str, end: str) -> str:
    return program(path).split(f"{start}\n")[1].split(f"{end}\n")[0].strip("\n")


def program(path: str) -> str:
    return (ROOT / "docs" / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("page, path", [("graph.rst", "../examples/graph_by_hand/train.py")])
def test_code_of_a_page(page, path) -> None:
    import json

    found = blocks(page)
    lines = [line for line in program(path).splitlines()[1:] if line and not line.startswith("# -- ")]
    assert lines == [line for block in found if block.language == "python" for line in block.text.splitlines() if line]
    code = [block.text for block in found if block.language == "python"]
    done = subprocess.run([sys.executable, "-c", RUN], input=json.dumps(code), capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    printed = iter(text.strip("\n") for text in json.loads(done.stdout) if text)
    for shown in (block.text for block in found if block.language == "none"):
        assert alike(shown) == alike(next(printed))
    assert not list(printed)


def alike(text: str) -> list[str]:
    """Lines without the numbers of a cut, where there is one."""
    lines = [line.rstrip() for line in text.splitlines()]
    if not any("cycles/sample" in line for line in lines):
        return lines
    return [re.sub(r" +", " ", CUT_COLUMNS.sub("#", line)) for line in lines]
