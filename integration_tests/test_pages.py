"""Every block of code in the documentation runs.

One emulated SpiNN-3 board stands for whatever machine a page names, a real board among them, so all run on it one after the
other.  Where a page says so to the tests, in a comment, its trainings are the reference's instead: those that would take the
board minutes, and whose bits are the board's in any case.

Commands run too, with three exceptions, of which only the arguments are checked: pip (nothing is fetched), make (as
``make -n``), and the build of all binaries.
"""
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
from dlgraph.board import __main__ as board_command  # noqa: E402
from dlgraph.executors import make_reference  # noqa: E402
from dlgraph.targets import MachineTarget  # noqa: E402
from integration_tests.pages import ROOT, Block, blocks, pages  # noqa: E402

#: Shown in the README as well.
QUICKSTART = ROOT / "docs" / "quickstart_example.py"


class MachineSomewhere(spinnemu.Machine):
    """At a free address, whatever the page says: tests run side by side."""

    def __init__(self, board: str = "spinn3", address: str | None = None, **options: Any) -> None:
        assert address is None or address.startswith("127.")
        super().__init__(board, None, **options)


@pytest.fixture
def the_only_machine(spinn3: MachineTarget, monkeypatch: pytest.MonkeyPatch) -> MachineTarget:
    """A board of 4 chips, for ``Emulated``, ``Board`` and ``Spalloc``, whose arguments are checked as ever."""
    for kind in (dlgraph.Emulated, dlgraph.Board, dlgraph.Spalloc):
        monkeypatch.setattr(kind, "target", lambda machine: spinn3)
    monkeypatch.setattr(spinnemu, "Machine", MachineSomewhere)
    return spinn3


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


def _benchmark(words: list[str]) -> None:
    """Its options are those that it says it has."""
    program = [str(ROOT / words[0]), *words[1:]] if words[0].endswith(".py") else ["-m", "dlgraph.cli", *words]
    first_option = next((at for at, word in enumerate(program) if word.startswith("--")), len(program))
    told = subprocess.run([sys.executable, *program[:first_option], "--help"], check=True, capture_output=True, text=True).stdout
    assert {word for word in words if word.startswith("--")} <= set(re.findall(r"--[a-z-]+", told))


COMMANDS: dict[tuple[str, ...], Callable[[list[str]], None]] = {
    ("pip",): _pip, ("make",): _make, ("python", "c_models/build.py"): _build, ("spinnemu",): _spinnemu,
    ("python", "-m", "spinnemu.translate"): _translate,
    ("python", "benchmarks/cycle_bars.py"): lambda words: _benchmark(["benchmarks/cycle_bars.py", *words]),
    ("dlgraph", "benchmark"): lambda words: _benchmark(["benchmark", *words])}


#: Pages whose blocks other tests run, and more of them: what is printed, or the files as one who follows the page makes them.
ELSEWHERE = {"graph.rst": "tests/test_docs_code.py", "inspecting.rst": "integration_tests/test_trace.py",
             "own_layer.rst": "integration_tests/test_custom_layers.py"}


def test_the_others_are_where_they_are_said_to_be() -> None:
    for page, test in ELSEWHERE.items():
        named = page if page != "own_layer.rst" else "prelu_layer"
        assert named in (ROOT / test).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [page for page in pages() if page.name not in ELSEWHERE],
                         ids=lambda page: str(page.relative_to(ROOT)))
def test_page(page: Path, the_only_machine: MachineTarget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    reader = Reader(the_only_machine, monkeypatch)
    try:
        for block in blocks(page):
            if _without_layout(block.text) != _without_layout(QUICKSTART.read_text(encoding="utf-8")):
                reader.read(page, block)
    finally:
        reader.close()


def _without_layout(code: str) -> str:
    return re.sub(r"\s|,(?=\s*[])])", "", re.sub(r"#.*", "", code))
