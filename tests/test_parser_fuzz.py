"""A short run over the parsers in Python; ``make fuzz`` is a long one."""
from __future__ import annotations

import parser_fuzz
import pytest


def test_nothing_is_found() -> None:
    counts = parser_fuzz.run(seed=20000, inputs=4000)
    assert set(counts) == set(parser_fuzz.PARSERS) and all(counts.values())


def test_a_finding_names_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(data: bytes) -> None:
        if len(data) > 40:
            raise KeyError("no such entry")

    parser = parser_fuzz.PARSERS["results"]
    monkeypatch.setitem(parser_fuzz.PARSERS, "results", parser_fuzz.Parser(parser.make, fails, parser.weight))
    with pytest.raises(parser_fuzz.Finding, match="parser results, seed 3, input 0: KeyError: 'no such entry'"):
        parser_fuzz.run(seed=3, inputs=200)
