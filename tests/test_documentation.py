"""What the documentation says of the code: names that exist, pages that are in the index, tables that are whole."""
from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from dlgraph import errors
from dlgraph.keras_translator.handlers.base import HANDLERS
from dlgraph.keras_translator.optimisers import KINDS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.rst") if "_build" not in page.parts)
NAME = re.compile(r":(?:class|func|meth|mod|exc|attr):`(?:[^`<]*<)?~?([\w.]+)>?`")
PAGE = re.compile(r":doc:`(?:[^`<]*<)?([\w./]+)>?`")


def docs_module(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """One of the modules beside the pages."""
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module(name)


def find(name: str) -> object:
    """What a dotted name means."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        for part in parts[n:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_what_a_page_refers_to_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name in NAME.findall(text):
        find(name)
    for other in PAGE.findall(text):
        assert (page.parent / f"{other}.rst").exists(), other


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "index.rst").read_text(encoding="utf-8")
    listed = set(re.findall(r"^   ([\w/]+)$", index, re.MULTILINE))
    assert listed | {"index"} == {page.relative_to(DOCS).with_suffix("").as_posix() for page in PAGES}


def test_supported_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row for each handler, and in the README each layer by its name."""
    tables = docs_module("generated_tables", monkeypatch)
    table = "\n".join(tables.layer_table())
    assert re.findall(r"^   \* - ``(\w+)``$", table, re.MULTILINE) == sorted(HANDLERS)
    assert "``groups=1``" in table and "``dilation_rate=(1, 1) or (1,) or 1``" in table
    choices = "\n".join(tables.choice_table())
    assert all(f"``{kind}``" in choices for kind in KINDS) and "``centered=False``" in choices


def test_messages_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With what is filled in, and none that says nothing by itself."""
    messages = docs_module("messages", monkeypatch)
    (tmp_path / "dlgraph").mkdir()
    (tmp_path / "dlgraph" / "some.py").write_text(
        "raise ModelError(f'Layer {layer.name!r} has {len(values)} values. '\n 'Give ' + 'one.')\n"
        "raise ModelError(text)\nraise errors.ModelError('more than ' + ('one layer' if many else 'none'))\n"
        "raise DataError('of another kind')\n", encoding="utf-8")
    found = [message.text for message in messages.of_python(tmp_path, "ModelError")]
    assert found == ["Layer <name> has <values> values. Give one.", "more than one layer / none"]
    (tmp_path / "c_models").mkdir()
    (tmp_path / "c_models" / "some.c").write_text('runtime_fail("no %u bytes " "left", n);', encoding="utf-8")
    assert [message.text for message in messages.of_c_programs(tmp_path)] == ["no <number> bytes left"]


def test_every_class_of_error_is_on_its_page() -> None:
    page = (DOCS / "errors.rst").read_text(encoding="utf-8")
    classes = {name for name, value in vars(errors).items() if isinstance(value, type) and name != "DlgraphError"}
    assert {name for name in classes if re.search(rf"^{name}$", page, re.MULTILINE)} == classes
