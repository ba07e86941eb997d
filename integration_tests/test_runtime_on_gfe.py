# SPDX-License-Identifier: Apache-2.0
"""The core-side runtime under the unmodified Graph Front End.

On the emulated machine, or on the board that DLGRAPH_MACHINE names (its version
in DLGRAPH_MACHINE_VERSION, 5 if not given).
"""
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import spinnemu

HERE = Path(__file__).resolve().parent


@pytest.fixture(name="machine", scope="module")
def _machine():
    """(address, version) of the machine to use."""
    board = os.environ.get("DLGRAPH_MACHINE")
    if board:
        yield board, int(os.environ.get("DLGRAPH_MACHINE_VERSION", "5"))
        return
    with spinnemu.Machine(board="spinn3") as emulated:
        yield emulated.address, 3


@pytest.fixture(name="binaries", scope="module")
def _binaries(tmp_path_factory):
    path = HERE.parent / "c_models" / "build.py"
    spec = importlib.util.spec_from_file_location("c_models_build", path)
    build = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = build
    spec.loader.exec_module(build)
    folder = tmp_path_factory.mktemp("aplx")
    build.build(folder, ["runtime_exchange", "runtime_costs", "runtime_ticks"], quiet=True)
    return folder


CONFIGURATION = """\
[Machine]
version = {version}
machine_name = {address}
{machine}
[Reports]
extract_iobuf = True
read_placements_provenance_data = True
"""


NO_MONITORS = "enable_advanced_monitor_support = False\nenable_reinjection = False"


class Outcome:
    """What a script left behind."""

    def __init__(self, folder, completed):
        self.folder = folder
        self.returncode = completed.returncode
        self.text = completed.stdout + completed.stderr
        self.result = None
        for line in completed.stdout.splitlines():
            if line.startswith("RESULT "):
                self.result = json.loads(line[len("RESULT "):])

    def iobuf(self):
        """Text of the cores that run our program, by file."""
        texts = {path.name: path.read_text()
                 for path in self.folder.glob("reports/**/iobuf_for_chip_*.txt")}
        return {name: text for name, text in texts.items() if "exchange.c" in text}


@pytest.fixture(name="run")
def _run(machine, binaries, tmp_path):
    address, version = machine

    def run(machine_options="", script="runtime_exchange_gfe.py", **settings):
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        (home / ".spiNNakerGraphFrontEnd.cfg").write_text("")
        (tmp_path / "spiNNakerGraphFrontEnd.cfg").write_text(CONFIGURATION.format(
            version=version, address=address, machine=machine_options))
        settings = {"n_pairs": 1, "n_values": 16, "n_steps": 20, "n_runs": 2, "seed": 1,
                    "binaries": str(binaries), **settings}
        completed = subprocess.run(
            [sys.executable, str(HERE / script), json.dumps(settings)], cwd=tmp_path,
            env={**os.environ, "HOME": str(home)}, capture_output=True, text=True,
            timeout=240, check=False)
        outcome = Outcome(tmp_path, completed)
        (tmp_path / "log.txt").write_text(outcome.text)
        return outcome
    return run


def exchanged(pair, n_steps):
    """What the two cores should end with."""
    a, b = (numpy.array(v, dtype="uint64") for v in pair)
    index = numpy.arange(len(a), dtype="uint64")
    mask = numpy.uint64(0xffffffff)
    for _ in range(n_steps):
        a, b = (3 * a + b + index) & mask, (3 * b + a + index) & mask
    return [a.tolist(), b.tolist()]


def check(outcome, n_steps, n_runs):
    """All results of all runs are as computed here."""
    assert outcome.result is not None, outcome.text
    runs = outcome.result["runs"]
    assert len(runs) == n_runs
    for run in runs:
        for pair, results in zip(run["inputs"], run["results"]):
            assert results == exchanged(pair, n_steps)
    for i, pair in enumerate(outcome.result["recorded"]):
        for j, recorded in enumerate(pair):
            assert recorded == sum((run["results"][i][j] for run in runs), [])


def test_two_runs_in_the_default_configuration(run):
    """Monitors, re-injection and fast data in and out are on."""
    outcome = run(n_pairs=2, n_values=64, n_steps=50)
    assert outcome.returncode == 0, outcome.text
    check(outcome, n_steps=50, n_runs=2)
    for pair in outcome.result["provenance"]:
        for words in pair:
            n_runs, cycles, stack_free, unwanted = words[-1]
            assert n_runs == 2
            assert 50 * 64 * 20 < cycles < 50 * 64 * 2000
            assert stack_free > 500
            assert unwanted == 0
    texts = outcome.iobuf()
    assert len(texts) == 4
    for text in texts.values():
        assert "is ready" in text
        assert "run 1: 50 steps of 64 values" in text
        assert "run 2: 50 steps of 64 values" in text


def test_plain_configuration_between_chips_and_five_runs(run):
    """No system binaries; the barrier alternates more than twice."""
    outcome = run(
        NO_MONITORS,
        n_pairs=4, n_runs=5, chips=[[0, 0], [1, 1], [1, 0], [0, 1]])
    assert outcome.returncode == 0, outcome.text
    check(outcome, n_steps=20, n_runs=5)
    assert {tuple(place[:2]) for pair in outcome.result["places"] for place in pair} == {
        (0, 0), (1, 1), (1, 0), (0, 1)}


def test_host_is_answered_while_a_long_callback_runs(run, machine):
    """A whole run is one callback; the host's commands come in between.

    How long a run takes by the host's clock is the machine's affair: it is made longer until two commands fall into it.
    """
    for n_steps in (20_000, 80_000, 320_000):
        outcome = run(ask=machine[0], n_steps=n_steps, n_runs=1)
        assert outcome.returncode == 0, outcome.text
        check(outcome, n_steps=n_steps, n_runs=1)
        while_running = [step for step in outcome.result["answers"] if 0 < step < n_steps]
        if len(while_running) >= 2:
            break
    assert len(while_running) >= 2
    assert while_running == sorted(while_running)


def test_host_counts_steps(run):
    outcome = run(host_steps=7)
    assert outcome.returncode == 0, outcome.text
    check(outcome, n_steps=20, n_runs=2)


def test_error_of_a_program_reaches_the_user(run):
    outcome = run(task="fail", n_runs=1)
    assert outcome.returncode != 0
    assert "asked to fail in run 0" in outcome.text
    assert any("[ERROR] (exchange.c: " in text for text in outcome.iobuf().values())


def test_crash_reaches_the_user(run):
    outcome = run(task="crash", n_runs=1)
    assert outcome.returncode != 0
    assert "exception 2" in outcome.text
    assert "UNDEF" in outcome.text


def test_timed_simulation(run):
    """Timer, user events, DMA callbacks and commands from the queue, in two runs."""
    outcome = run(NO_MONITORS, script="runtime_ticks_gfe.py", milliseconds=[20, 30])
    assert outcome.returncode == 0, outcome.text
    for counts in outcome.result:
        assert counts["ticks"] == counts["user events"] == counts["transfers"] == 50
        assert counts["packets"] == counts["packets without payload"] == 50
        assert counts["wrong payloads"] == counts["wrong transfers"] == 0
        assert counts["resumes"] == 1


def test_costs_in_cycles(run):
    """Bounds with some room; `pytest -s` shows the figures."""
    outcome = run(NO_MONITORS, script="runtime_costs_gfe.py")
    assert outcome.returncode == 0, outcome.text
    costs = outcome.result
    print(json.dumps(costs, indent=4))
    assert costs["packets lost"] == 0
    assert costs["receive: FIQ in assembly (x10)"] <= 350
    assert costs["receive: callback, priority 0 (x10)"] <= 1500
    assert costs["send: runtime_send"] <= 40
