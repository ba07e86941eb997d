"""The record of a benchmark: a file that grows by a run at a time, and from which another process goes on."""
from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

from dlgraph.benchmark.outcome import Cores, EnergyOutcome, EpochOutcome, Outcome, Swept
from dlgraph.benchmark.provenance import checkout_state, host
from dlgraph.benchmark.published import published_json
from dlgraph.benchmark.rows import rows_of
from dlgraph.errors import DataError
from dlgraph.whole_file import write_whole

BENCHMARK = "comparison"
SCHEMA_VERSION = 1
FILE = "benchmark.json"
SCHEMA = Path(__file__).resolve().parent / "schema.json"


@dataclass(frozen=True)
class Key:
    """Which training a run is.

    :param kind: how its batch size was found, of :data:`dlgraph.benchmark.settings.KINDS`
    :param repeat: from 0
    """

    network: str
    device: str
    kind: str
    repeat: int


@dataclass(frozen=True)
class Run:
    """One training that was done.

    :param speed_only: a few samples, for speed and energy; nobody asked how good the network got
    """

    key: Key
    batch: int
    seed: int
    learning_rate: float
    momentum: float
    speed_only: bool
    outcome: Outcome


@dataclass
class Record:
    """Everything so far.

    :param conditions: what all runs have in common; see :meth:`dlgraph.benchmark.settings.Settings.conditions`
    :param sweeps: (network, device) -> speeds by size of batch
    :param notes: what is to be said, such as why there are no rows of a device
    """

    folder: Path
    command: str
    conditions: dict[str, Any]
    runs: list[Run] = field(default_factory=list)
    sweeps: dict[tuple[str, str], list[Swept]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    date: str = field(default_factory=lambda: datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"))
    others: list[dict[str, Any]] = field(default_factory=list)
    #: When this process began.
    state: tuple[str | None, bool] = field(default_factory=checkout_state)

    def has(self, key: Key) -> bool:
        """Whether this training was done."""
        return any(run.key == key for run in self.runs)

    def add(self, run: Run) -> None:
        """Keep a run."""
        self.runs.append(run)
        self.write()

    def as_json(self) -> dict[str, Any]:
        """As ``schema.json`` has it."""
        commit, modified = self.state
        return {
            "schema_version": SCHEMA_VERSION, "benchmark": BENCHMARK, "command": self.command, "commit": commit,
            "modified": modified, "date": self.date, "host": host(), "resumed_from": self.others, "conditions": self.conditions,
            "notes": self.notes,
            "sweeps": [{"network": network, "device": device, "batches": [asdict(each) for each in sweep]}
                       for (network, device), sweep in self.sweeps.items()],
            "runs": [run_json(run) for run in self.runs], "rows": [row.as_json() for row in rows_of(self.runs)],
            "published": published_json()}

    def write(self) -> None:
        """Put it into its file, checked."""
        record = json.loads(json.dumps(self.as_json()))
        validate(record)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / FILE, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())


def run_json(run: Run) -> dict[str, Any]:
    """A run as JSON has it."""
    rest = {name: value for name, value in asdict(run).items() if name not in ("key", "outcome")}
    return {**asdict(run.key), **rest, **asdict(run.outcome)}


def run_from_json(row: dict[str, Any]) -> Run:
    """What :func:`run_json` made."""
    key = Key(*(row[name] for name in ("network", "device", "kind", "repeat")))
    energy, cores = row["energy"], row["cores"]
    outcome = Outcome(row["machine"], row["emulated"], tuple(EpochOutcome(**epoch) for epoch in row["epochs"]),
                      row["wall_seconds"], row["setup_seconds"], None if energy is None else EnergyOutcome(**energy),
                      None if cores is None else Cores(**cores), row["others_share"])
    return Run(key, row["batch"], row["seed"], row["learning_rate"], row["momentum"], row["speed_only"], outcome)


def begin_record(folder: Path, command: str, conditions: dict[str, Any]) -> Record:
    """A new one, or the one that is in the folder, to go on with.

    :raises DataError: where that is of other conditions, or cannot be read
    """
    record = Record(folder, command, conditions)
    path = folder / FILE
    if not path.exists():
        return record
    found = read_record(path)
    differing = [name for name in conditions if found["conditions"].get(name) != conditions[name]]
    if differing:
        there = ", ".join(f"{name} was {found['conditions'].get(name)}, is now {conditions[name]}" for name in differing)
        raise DataError(f"{path} has the runs of another benchmark: {there}. Give the same options to go on with it, or another "
                        f"folder.")
    record.runs = [run_from_json(row) for row in found["runs"]]
    record.sweeps = {(each["network"], each["device"]): [Swept(**one) for one in each["batches"]] for each in found["sweeps"]}
    before = {name: found[name] for name in ("command", "commit", "modified", "date", "host")}
    record.others = [*found["resumed_from"], before]
    return record


def read_record(path: Path) -> dict[str, Any]:
    """A record that was written.

    :raises DataError: where it cannot be read, or is none
    """
    import jsonschema

    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        validate(found)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}. Move it away, or give another folder.") from error
    except jsonschema.ValidationError as error:
        raise DataError(f"{path} is no record of a benchmark of this version: {error.message}. Move it away, or give another "
                        f"folder.") from error
    return found


def validate(record: dict[str, Any]) -> None:
    """:raises jsonschema.ValidationError: if the record is not as the schema has it"""
    _validator().validate(record)


@lru_cache(maxsize=1)
def _validator() -> Any:
    import jsonschema

    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
