"""Runs what a page of the documentation shows, as a reader would."""
from __future__ import annotations

import os
import re
import runpy
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
import spinnemu  # noqa: E402
from spinnemu import cli, translate  # noqa: E402

import dlgraph  # noqa: E402
from dlgraph import cli as dlgraph_command  # noqa: E402
from dlgraph.board import __main__ as board_command  # noqa: E402
from dlgraph.executors import make_reference  # noqa: E402
from dlgraph.targets import MachineTarget  # noqa: E402
from integration_tests.pages import ROOT, Block, blocks  # noqa: E402

#: Shown in the README as well.
QUICKSTART = ROOT / "docs" / "quickstart_example.py"


class MachineSomewhere(spinnemu.Machine):
    """At a free address, whatever the page says: tests run side by side."""

    def __init__(self, board: str = "spinn3", address: str | None = None, **options: Any) -> None:
        assert address is None or address.startswith("127.")
        super().__init__(board, None, **options)


def only_machine(board: MachineTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts one board in the place of ``Emulated``, ``Board`` and ``Spalloc``, whose arguments are checked as ever."""
    for kind in (dlgraph.Emulated, dlgraph.Board, dlgraph.Spalloc):
        monkeypatch.setattr(kind, "target", lambda machine: board)
    monkeypatch.setattr(spinnemu, "Machine", MachineSomewhere)


class Reader:
    """Does what a page says.

    :param machine: to run on
    """

    def __init__(self, machine: MachineTarget, monkeypatch: pytest.MonkeyPatch) -> None:
        self._machine = machine
        self._patch = monkeypatch
        #: What all blocks of the page share; of ours, what the comments may use.
        self.names: dict[str, Any] = {
            "__name__": "__main__", "small_model": small_model, "few_samples": few_samples,
            "on_the_reference": self._on_the_reference, "replace": monkeypatch.setattr}

    def _on_the_reference(self) -> None:
        for call in (dlgraph.from_keras, dlgraph.load_checkpoint):
            self._patch.setitem(call.__kwdefaults__, "executor_factory", make_reference)

    def read(self, page: Path, block: Block) -> None:
        """Run one block."""
        if block.kind == "console":
            for command in block.commands:
                self._run(command)
        elif block.kind == "file":
            self._patch.setattr(sys, "argv", [block.text])
            self.names.update(runpy.run_path(str(ROOT / block.text), run_name="__main__"))
        else:
            lines = "\n" * (block.line - 1) + block.text
            exec(compile(lines, str(page), "exec"), self.names)

    def close(self) -> None:
        """Give the board back."""
        for value in self.names.values():
            if isinstance(value, dlgraph.Network):
                value.close()

    def _run(self, command: str) -> None:
        words = shlex.split(command, comments=True)
        while re.fullmatch(r"[A-Z_]+=.*", words[0]):
            del words[0]
        for beginning, do in COMMANDS.items():
            if words[:len(beginning)] == list(beginning):
                do(words[len(beginning):])
                return
        if words[:3] == ["python", "-m", "dlgraph.board"]:
            assert "." in words[3]
            assert board_command.main([self._machine.options["machine_name"], *words[4:]]) == 0
        elif words[0] == "python" and words[1].startswith("examples/"):
            self._run_example(words[1:])
        else:
            pytest.fail(f"no test knows how to run: {command}")

    def _run_example(self, words: list[str]) -> None:
        """Here, where the board is, if it is a training; else as a program of its own."""
        script = ROOT / words[0]
        if "import dlgraph" in script.read_text(encoding="utf-8"):
            self._patch.setattr(sys, "argv", words)
            runpy.run_path(str(script), run_name="__main__")
        else:
            subprocess.run([sys.executable, str(script), *words[1:]], check=True)


def small_model() -> keras.Model:
    """Compiled; 16-8-3."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(8, activation="relu", name="hidden"),
                              keras.layers.Dense(3, activation="softmax", name="output")])
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def few_samples(n: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """For it: samples in 0 .. 1 and labels."""
    rng = np.random.default_rng(1)
    x = rng.integers(0, 17, (n, 16)) / 16
    return x, x[:, :3].argmax(axis=1)


def _pip(words: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert words[0] == "install"
    for target in (word for word in words[1:] if word != "-e"):
        folder, extras = re.fullmatch(r"(\.)(?:\[(.*)\])?", target).groups()    # type: ignore[union-attr]
        assert folder == "." and set(filter(None, (extras or "").split(","))) <= set(project["optional-dependencies"])


def _make(words: list[str]) -> None:
    subprocess.run(["make", "-n", *words], cwd=ROOT, check=True, capture_output=True)


def _build(words: list[str]) -> None:
    subprocess.run([sys.executable, str(ROOT / "c_models" / "build.py"), *words, "--list"], check=True, capture_output=True)


def _spinnemu(words: list[str]) -> None:
    """Until it says that it serves, then Ctrl-C."""
    if "--replay" not in words and "--address" in words:
        at = words.index("--address")
        words = words[:at] + words[at + 2:]
    cli._parser().parse_args(words)
    with subprocess.Popen([sys.executable, "-m", "spinnemu.cli", *words], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0 and "Ctrl-C ends it" in said, said
        finally:
            process.kill()


def _translate(words: list[str]) -> None:
    assert translate.main(words) == 0


def _cycle_bars(words: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        program = runpy.run_path(str(ROOT / "benchmarks" / "cycle_bars.py"))
    with pytest.raises(FileNotFoundError, match="recorded_nowhere"):
        program["main"]([*words, "--draw", "recorded_nowhere.json"])


def _benchmark(words: list[str]) -> None:
    dlgraph_command.parser().parse_args(["benchmark", *words])


COMMANDS: dict[tuple[str, ...], Callable[[list[str]], None]] = {
    ("pip",): _pip, ("make",): _make, ("python", "c_models/build.py"): _build, ("spinnemu",): _spinnemu,
    ("python", "-m", "spinnemu.translate"): _translate,
    ("python", "benchmarks/cycle_bars.py"): _cycle_bars,
    ("dlgraph", "benchmark"): _benchmark}


def read_page(page: Path, board: MachineTarget, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Every block of a page, in a folder of its own."""
    only_machine(board, monkeypatch)
    monkeypatch.chdir(folder)
    reader = Reader(board, monkeypatch)
    try:
        for block in blocks(page):
            if _without_layout(block.text) != _without_layout(QUICKSTART.read_text(encoding="utf-8")):
                reader.read(page, block)
    finally:
        reader.close()


def _without_layout(code: str) -> str:
    return re.sub(r"\s|,(?=\s*[])])", "", re.sub(r"#.*", "", code))
