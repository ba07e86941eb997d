"""What tests of benchmarks' records have in common: schemas, and what these refuse."""
from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
sys.path.append(str(BENCHMARKS))


def check_fits(record: Any) -> None:
    """The record fits the schema of its benchmark, which is a schema."""
    from result import validate
    schema = json.loads((BENCHMARKS / f"{record['benchmark']}_schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validate(record)


def check_refused(record: Any, where: tuple[Any, ...], field: str, value: Any) -> None:
    """With another value in one place it does not.

    :param where: keys and indices of the part that the field is in
    """
    from result import validate
    part = record
    for step in where:
        part = part[step]
    part[field] = value
    with pytest.raises(jsonschema.ValidationError):
        validate(record)
