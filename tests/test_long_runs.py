"""What the long runs look at (``make test-long``): that they would see what is wrong."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import fields, replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import long_trainings  # noqa: E402
from long_packets import Counts  # noqa: E402
from resources import Held, growth_per_step, held_by  # noqa: E402

GOOD = Counts(sent_by_core=1000, taken_by_core=998, sent=1000, over_link=999, delivered=998, dropped=0, lost=5, duplicated=3)


def test_counts_that_balance() -> None:
    assert all(GOOD.balance().values())


@pytest.mark.parametrize("name", [field.name for field in fields(Counts) if field.name != "over_link"])
def test_one_packet_too_many_is_seen(name: str) -> None:
    assert not all(replace(GOOD, **{name: getattr(GOOD, name) + 1}).balance().values())


def test_growth_is_seen_behind_noise() -> None:
    noise = [0, 700, -300, 90, -5000, 10, 40, -20, 0, 3]
    assert abs(growth_per_step(noise)) < 100
    assert growth_per_step([1000 * i + extra for i, extra in enumerate(noise)]) == pytest.approx(1000, abs=100)


def test_what_a_process_holds() -> None:
    before = held_by(os.getpid())
    assert before.resident_bytes > 1 << 20
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    try:
        after = held_by(os.getpid())
    finally:
        stop.set()
        thread.join()
        child.communicate()
    assert (after.open_files, after.threads, after.children) == (before.open_files + 1, before.threads + 1, before.children + 1)


def looks(n: int, leak: str = "") -> list[long_trainings.Look]:
    """After each of n trainings, one of which leaks something now and then; memory comes and goes anyway."""
    made = []
    for i in range(n):
        lost = {leak: i // 7} if leak in ("open_files", "threads", "children") else {}
        kept = {what: 5 + lost.get(what, 0) for what in ("open_files", "threads", "children")}
        memory = 500_000_000 + 9_000 * (i % 3) + (40_000 * i if leak == "resident_bytes" else 0)
        made.append(long_trainings.Look(Held(memory, **kept), Held(40_000_000 + 4096 * (i % 2), 5, 2, 0),
                                        3 + (i if leak == "temporary_files" else 0)))
    return made


@pytest.mark.parametrize("leak", ["", "resident_bytes", "open_files", "threads", "children", "temporary_files"])
def test_a_training_that_leaks_is_seen(leak: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(long_trainings, "train_all", lambda n, seed, folder: looks(n, leak))
    monkeypatch.setattr(sys, "argv", ["long_trainings.py", "--trainings", "60", "--out", str(tmp_path / "record.json")])
    assert long_trainings.main() == (1 if leak else 0)
    checks = json.loads((tmp_path / "record.json").read_text())["checks"]
    wrong = [what for what, holds in checks.items() if not holds]
    assert wrong == ([f"{'memory' if leak == 'resident_bytes' else leak} of the host "
                      f"{'does' if leak == 'resident_bytes' else 'do'} not grow"] if leak else [])
    assert all(f"NOT SO: {what}" in capsys.readouterr().err for what in wrong)


def test_too_few_trainings_are_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["long_trainings.py", "--trainings", "20"])
    with pytest.raises(SystemExit):
        long_trainings.main()
    assert "--trainings 20 is too few: the first 20 are not looked at. Give 24 or more." in capsys.readouterr().err
