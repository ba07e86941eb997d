"""Runs a benchmark: what is not in the record yet, one training after the other."""
from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dlgraph.benchmark.devices import Devices
from dlgraph.benchmark.outcome import Outcome, tuned_batch
from dlgraph.benchmark.plan import keys_of, sizes_to_try, trials_of
from dlgraph.benchmark.plots import draw
from dlgraph.benchmark.record import FILE, Key, Record, Run, begin_record
from dlgraph.benchmark.settings import ONE, SAME, SPINNAKER, TUNED, Settings
from dlgraph.benchmark.table import markdown
from dlgraph.benchmark.tasks import Images, Task, digest, for_speed, images_of, make_task, with_batch
from dlgraph.data import DataSet, digits, mnist
from dlgraph.errors import DataError
from dlgraph.whole_file import write_whole

TABLE = "benchmark.md"
Say = Callable[[str], None]


def run_benchmark(settings: Settings, command: str, say: Say = print) -> Record:
    """Train, and keep every run as soon as it is done; then write table and plots.

    :param command: as records have it
    :param say: tells how far it is
    :return: the record, as it lies in the folder
    :raises DataError: for data or a record that cannot be used; before anything is trained
    :raises MachineError: for a device that is asked for and is not there, likewise
    """
    _check_packages()
    train, test, words = _images(settings)
    conditions = settings.conditions(words, digest(train, test), len(train), len(test))
    record = begin_record(settings.output, command, conditions)
    settings.output.mkdir(parents=True, exist_ok=True)
    with Devices(settings, trials_of(settings)) as devices:
        record.notes = devices.notes
        runner = _Runner(settings, record, devices, train, test)
        keys = keys_of(settings, devices.names)
        for number, key in enumerate(keys, 1):
            if record.has(key):
                continue
            say(f"[{number}/{len(keys)}] {key.network} on {key.device}, {_words(key)}")
            if runner.is_same(key):
                say("    the recipe's batch is the best one")
                continue
            run = runner.run(key)
            record.add(run)
            say(f"    {_summary(run)}")
    record.write()
    finish(record, say)
    return record


def finish(record: Record, say: Say = print) -> None:
    """Write table and plots beside the record."""
    found = record.as_json()
    write_whole(record.folder / TABLE, markdown(found).encode())
    drawn = draw(found, record.folder)
    names = [FILE, TABLE, *(path.name for path in drawn)]
    say(f"Written to {os.path.relpath(record.folder)}: {', '.join(names)}")
    if not drawn:
        say("There are no plots: matplotlib is not installed, or there is nothing to draw.")


class _Runner:
    """Makes runs; keeps what several of them need."""

    def __init__(self, settings: Settings, record: Record, devices: Devices, train: Images, test: Images) -> None:
        self._settings, self._record, self._devices = settings, record, devices
        self._train, self._test = train, test
        self._trials = trials_of(settings)
        self._last: tuple[tuple[str, int], Task] | None = None

    def run(self, key: Key) -> Run:
        """One training."""
        seed = self._settings.seed + key.repeat
        task = self._sized(key, self._task(key.network, seed))
        outcome: Outcome = self._devices.train(key.device, task)
        return Run(key, task.recipe.batch_size, seed, task.recipe.learning_rate, task.recipe.momentum, task.test is None, outcome)

    def is_same(self, key: Key) -> bool:
        """Whether the best size of a batch is the recipe's, of which there is a run already."""
        task = self._task(key.network, self._settings.seed + key.repeat)
        return key.kind == TUNED and self._tuned(key, task) == task.recipe.batch_size

    def _task(self, network: str, seed: int) -> Task:
        """The last one is kept: the boosted networks' samples take long to find."""
        if self._last is None or self._last[0] != (network, seed):
            self._last = (network, seed), make_task(network, self._train, self._test, seed, self._settings.epochs,
                                                    self._settings.to_the_end)
        return self._last[1]

    def _sized(self, key: Key, task: Task) -> Task:
        """In batches of the size that is asked for."""
        on_board = key.device == SPINNAKER
        if key.kind == SAME:
            return task
        if key.kind == ONE:
            n_samples = self._trials.one_by_one_spinnaker if on_board else self._trials.one_by_one
            return for_speed(with_batch(task, 1), n_samples)
        batch = self._tuned(key, task)
        sized = with_batch(task, batch)
        return for_speed(sized, self._trials.tuned_spinnaker * batch) if on_board else sized

    def _tuned(self, key: Key, task: Task) -> int:
        place = key.network, key.device
        if place not in self._record.sweeps:
            sizes = sizes_to_try(task.recipe.batch_size, min(len(member.images) for member in task.members), key.device,
                                 self._settings.quick)
            self._record.sweeps[place] = (self._devices.sweep(key.device, replace(task, test=None), sizes) if len(sizes) > 1
                                          else [])
            self._record.write()
        return tuned_batch(self._record.sweeps[place]) if self._record.sweeps[place] else task.recipe.batch_size


def _images(settings: Settings) -> tuple[Images, Images, str]:
    data: DataSet
    if settings.data == "digits":
        data = digits()
        words = data.description
    else:
        data = mnist(settings.data, fallback=settings.quick)
        if settings.data is not None:
            words = f"MNIST, from {Path(settings.data).name}"
        else:
            words = "MNIST, from the cache of Keras" if data.description.startswith("MNIST") else data.description
    train, test = images_of(data, settings.samples, settings.test_samples)
    return train, test, words


def _check_packages() -> None:
    """:raises DataError: for packages that are missing"""
    import importlib.util

    missing = [name for name in ("keras", "jsonschema") if importlib.util.find_spec(name) is None]
    if missing:
        raise DataError(f"A benchmark needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed: "
                        f"pip install 'dlgraph[keras,benchmark]'.")


def _words(key: Key) -> str:
    batch = {SAME: "the recipe's batch", ONE: "sample by sample", TUNED: "the best batch"}[key.kind]
    return batch if key.repeat == 0 else f"{batch}, repeat {key.repeat + 1}"


def _summary(run: Run) -> str:
    outcome = run.outcome
    said = [f"batches of {run.batch}", f"{outcome.samples / outcome.seconds:,.0f} samples/s{' (emulated)' * outcome.emulated}"]
    good = outcome.epochs[-1].test_accuracy
    if good is not None:
        said.append(f"{good:.2%} of the test images right")
    if outcome.energy is not None:
        said.append(f"{1e3 * outcome.energy.joules / outcome.samples:.3g} mJ per sample"
                    + (f" ({outcome.energy.method})" if outcome.energy.estimate else ""))
    return ", ".join([*said, f"{outcome.wall_seconds:.0f} s of wall time"])
