"""The result of a benchmark: one record for all of them, written as JSON and checked against ``schema.json``."""
from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Mapping

import jsonschema

from dlgraph.benchmark import record as comparison
from dlgraph.benchmark.provenance import checkout_state, host, short_words
from dlgraph.energy import Energy
from dlgraph.whole_file import write_whole

HERE = Path(__file__).resolve().parent
SCHEMA_VERSION = 1


@dataclass
class Machine:
    """What it ran on."""

    description: str
    emulated: bool
    board: str
    network_cores: int
    loaded_cores: int


@dataclass
class Result:
    """One run of a benchmark; ``schema.json`` says what the fields mean."""

    benchmark: str
    machine: Machine | None
    seed: int
    network: str
    batch: int
    samples: int
    epochs: int
    machine_seconds: float
    wall_seconds: float
    accuracy: list[dict[str, float]]
    checks: dict[str, bool]
    energy: Energy | None = None
    figures: dict[str, float | None] = field(default_factory=dict)
    hyperparameters: dict[str, float | str] = field(default_factory=dict)
    data: str | None = None
    resumed_after: list[int] = field(default_factory=list)
    date: str = field(default_factory=lambda: datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"))
    command: str = field(default_factory=lambda: command_line(sys.argv))

    @property
    def n_samples(self) -> int:
        """Samples of all epochs."""
        counts = [int(epoch["samples"]) for epoch in self.accuracy if "samples" in epoch]
        return sum(counts) if counts else self.samples * self.epochs

    def as_json(self) -> dict[str, Any]:
        """The record as the schema has it.

        :raises jsonschema.ValidationError: if it is not
        """
        record = asdict(self)
        n_samples = self.n_samples
        commit, modified = checkout_state()
        record.update(
            schema_version=SCHEMA_VERSION, commit=commit, modified=modified, host=host(),
            samples_per_s=n_samples / self.machine_seconds if self.machine_seconds else 0.0,
            joules_per_sample=self.energy.total / n_samples if self.energy else None)
        if self.energy:
            record["energy"]["total"] = self.energy.total
        validate(record)
        return record

    def write(self, path: Path) -> None:
        """Write the record to a file."""
        record = self.as_json()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())


def validate(record: dict[str, Any]) -> None:
    """:raises jsonschema.ValidationError: if the record is not as the schema has it"""
    if record.get("benchmark") == comparison.BENCHMARK:
        comparison.validate(record)
        return
    own = f"{record.get('benchmark')}_schema.json"
    schema = own if own in {path.name for path in HERE.glob("*_schema.json")} else "schema.json"
    jsonschema.validate(record, json.loads((HERE / schema).read_text(encoding="utf-8")))


def conclude(record: dict[str, Any], checks: Mapping[str, bool], out: Path | None) -> int:
    """Write a record, and tell which of its checks do not hold; returns the exit status."""
    validate(record)
    if out:
        write_whole(out, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())
    wrong = [what for what, holds in checks.items() if not holds]
    for what in wrong:
        print(f"NOT SO: {what}", file=sys.stderr)
    return 1 if wrong else 0


def command_line(argv: list[str]) -> str:
    """The command, with files outside the repository by their names only."""
    script = Path(argv[0]).name
    return shlex.join(["python", f"benchmarks/{script}", *short_words(argv[1:])])
