"""Lets parts of an emulated board die amid an epoch, one after the other, and records what comes of it.

    python benchmarks/deaths.py --out benchmarks/results/deaths.json

For each part and moment: a network trains an epoch, in the next one the part dies, and the epoch after that is to go on without it.
Asked is that the run ends within 2 seconds of machine time, with an error that names what died, that the Keras model holds the
weights of the last finished epoch, and that the next ``train`` ends with the same bits as if nothing had happened.  A part that the
run does not need may die without an error.
"""
from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import numpy as np  # noqa: E402

import dlgraph  # noqa: E402
from course import digest  # noqa: E402
from dlgraph.executors import make_executor  # noqa: E402
from dlgraph.mapping.plan import CoreKind  # noqa: E402
from dlgraph.whole_file import write_whole  # noqa: E402
from result import checkout_state, command_line, host, validate  # noqa: E402

BOARD = "spinn3"
#: Two replicas on chips of their own, which exchange gradients; the input sources on two more chips.
MAPPING: dict[str, Any] = {"cuts": {"hidden": (3, 3), "output": (3, 1)}, "n_sources": 2, "window": 4, "replicas": 2}
INPUTS, HIDDEN, OUTPUTS = 30, 20, 6
SAMPLES, BATCH, SEED, RATE = 400, 16, 3, 0.1
#: In which the part dies, from 0.
EPOCH = 1
#: Machine time from a death to the error, at most.
LIMIT_SECONDS = 2.0
#: By the host's clock, where the chip with the Ethernet dies: nobody can tell that from a network that is down for a while.
BOARD_LIMIT_SECONDS = 12.0
ETHERNET_CHIP = "the Ethernet chip"
#: By the host's clock, for one call of ``train``.
HANGS_SECONDS = 300

Part = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Baseline:
    """An epoch in which nothing dies.

    :param packets: multicast packets that cores send in it
    :param links: packets over each link in it, by (x, y, link)
    :param digests: of all parameters after each epoch
    """

    packets: int
    links: dict[tuple[int, int, int], int]
    digests: list[str]


class Trained:
    """A network on a board of its own, with one epoch behind it."""

    def __init__(self) -> None:
        keras.utils.set_random_seed(SEED)
        self.model = keras.Sequential([
            keras.Input((INPUTS,)), keras.layers.Dense(HIDDEN, "relu", name="hidden"),
            keras.layers.Dense(OUTPUTS, "softmax", name="output")])
        self.model.compile(keras.optimizers.SGD(RATE), "sparse_categorical_crossentropy", metrics=["accuracy"])
        self.net = dlgraph.from_keras(self.model, dlgraph.Emulated(board=BOARD), SEED, executor_factory=self._keep, **MAPPING)
        self.reference = self.net.reference()
        rng = np.random.default_rng(SEED)
        self._x = rng.integers(0, 17, (SAMPLES, INPUTS)) / 16 * (rng.random((SAMPLES, INPUTS)) < 0.5)
        self._y = rng.integers(0, OUTPUTS, SAMPLES)
        self.executor: Any = None

    def _keep(self, graph: Any, target: Any, **options: Any) -> Any:
        self.executor = make_executor(graph, target, **options)
        return self.executor

    def train(self, net: Any = None) -> None:
        """An epoch more."""
        (net or self.net).train(self._x, self._y, batch_size=BATCH, verbose=0)

    @property
    def machine(self) -> Any:
        return self.executor.target.machine

    def place(self, vertex: Any) -> tuple[int, int, int]:
        """Of a vertex: chip and physical core."""
        from spinn_front_end_common.data import FecDataView
        at = self.executor.session.placement(vertex)
        return at.x, at.y, FecDataView.get_physical_core_id((at.x, at.y), at.p)

    def vertex(self, kind: CoreKind, number: int = 0) -> Any:
        """One of a kind."""
        return [vertex for vertex in self.executor._vertices if vertex.core.kind is kind][number]

    def places(self) -> set[tuple[int, int, int]]:
        """Of all vertices."""
        return {self.place(vertex) for vertex in self.executor._vertices}

    def monitor_of_gfe(self, x: int, y: int) -> tuple[int, int, int]:
        """The core that sends dropped packets again."""
        from spinn_front_end_common.data import FecDataView
        at = FecDataView.get_placement_of_vertex(FecDataView.get_monitor_by_xy(x, y))
        return x, y, FecDataView.get_physical_core_id((x, y), at.p)


def _core_of(kind: CoreKind) -> Callable[[Trained, Baseline], Part]:
    return lambda trained, before: {"core": trained.place(trained.vertex(kind))}


def _idle_core(trained: Trained, before: Baseline) -> Part:
    """The last core of the input source's chip."""
    x, y, _ = trained.place(trained.vertex(CoreKind.INPUT_SOURCE, 1))
    used = {core for at in trained.places() | {trained.monitor_of_gfe(x, y)} for core in [at[2]] if at[:2] == (x, y)}
    return {"core": (x, y, next(core for core in range(17, 0, -1) if core not in used))}


def _link(carries: bool) -> Callable[[Trained, Baseline], Part]:
    """The link with most packets, or one without any, in both directions."""
    def choose(trained: Trained, before: Baseline) -> Part:
        from spinnemu import boards
        both = {}
        for (x, y, link), n in before.links.items():
            x2, y2 = boards.neighbour(BOARD, x, y, link) or (x, y)
            both[x, y, link] = n + before.links.get((x2, y2, (link + 3) % 6), 0)
        return {"link": max(both, key=lambda at: both[at]) if carries else min(both, key=lambda at: both[at])}
    return choose


#: What dies; how it is found; whether the run needs it.
PARTS: dict[str, tuple[Callable[[Trained, Baseline], Part], bool]] = {
    "core of an input source": (_core_of(CoreKind.INPUT_SOURCE), True),
    "core of a weight slice": (_core_of(CoreKind.WEIGHT_SLICE), True),
    "core of a neuron group": (_core_of(CoreKind.NEURON_GROUP), True),
    "core of an output group": (_core_of(CoreKind.OUTPUT_GROUP), True),
    "core that runs nothing": (_idle_core, False),
    "monitor core of a chip": (
        lambda trained, before: {"core": (1, 0, trained.machine.counters().monitors[1, 0])}, True),
    "core that sends dropped packets again": (lambda trained, before: {"core": trained.monitor_of_gfe(1, 0)}, False),
    "link with most packets": (_link(True), True),
    "link without packets": (_link(False), False),
    "link of the Ethernet chip": (lambda trained, before: {"link": (0, 0, 0)}, True),
    "chip with an input source": (
        lambda trained, before: {"chip": trained.place(trained.vertex(CoreKind.INPUT_SOURCE, 1))[:2]}, True),
    "neighbour of the Ethernet chip, with a replica": (lambda trained, before: {"chip": (1, 0)}, True),
    ETHERNET_CHIP: (lambda trained, before: {"chip": (0, 0)}, True),
}

#: When: a share of the epoch's packets, and packets more.  Of 25 batches the 13th goes from 0.48 to 0.52; its end is the exchange.
MOMENTS: dict[str, tuple[float, int]] = {
    "first samples": (0.0, 200), "middle of a batch": (0.495, 0), "end of a batch": (0.52, -200), "last samples": (0.985, 0)}
#: Where the epoch was over before, as packets that are sent again make its number vary, it is tried again so much earlier.
EARLIER, TRIES = 0.01, 3


class Watch:
    """Notes the machine's clock when something has died, and when the run is over."""

    def __init__(self, machine: Any) -> None:
        self._machine = machine
        self._done = False
        #: Seconds of machine time: the last moment before a death is seen, and the last before a new start of the machine.
        self.before_death: float | None = None
        self.last = machine.counters().seconds
        #: The same by the host's clock.
        self.host_before_death, self.host_last = 0.0, time.monotonic()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._done:
            try:
                counters = self._machine.counters()
            except Exception:                                # closed
                return
            if counters.seconds < self.last:
                return
            if self.before_death is None and any(counters.faults[kind] for kind in ("kill_link", "kill_core", "kill_chip")):
                self.before_death, self.host_before_death = self.last, self.host_last
            self.last, self.host_last = counters.seconds, time.monotonic()
            time.sleep(0.002)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done = True
        self._thread.join()


class Hangs(BaseException):
    """A call does not come back."""


@contextmanager
def not_for_ever(seconds: int) -> Iterator[None]:
    """:raises Hangs: in the main thread, after so long"""
    def hang(*unused: object) -> None:
        raise Hangs(f"nothing for {seconds} seconds of the host's time")

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def baseline() -> Baseline:
    """:raises AssertionError: if the machine does not agree with the reference even so"""
    trained = Trained()
    twin = trained.reference
    try:
        digests = []
        for _ in range(EPOCH + 2):
            trained.train(twin)
            digests.append(digest(twin.get_weights()))
        trained.train()
        before = trained.machine.counters()
        trained.train()
        after = trained.machine.counters()
        assert digest(trained.net.get_weights()) == digests[EPOCH], "the machine differs from the reference"
        links = {at: n - before.link_packets[at] for at, n in after.link_packets.items()}
        return Baseline(after.sent["mc"] - before.sent["mc"], links, digests)
    finally:
        trained.net.close()


@dataclass
class Case:
    """What came of one death.

    :param after_packets: multicast packets of the epoch, before it
    :param error: what was said; None: the run ended as if nothing had happened
    :param names_it: whether the error names vertex, core, chip, epoch and batch, or for a chip that does not answer its vertices
    :param seconds: of machine time from the death to the error
    :param host_seconds: the same by the host's clock
    :param keeps_epoch: the Keras model holds the weights of the last finished epoch
    :param next_equal: the next call of ``train`` ended with the bits of an unbroken training
    """

    part: str
    moment: str
    place: dict[str, list[int]]
    needed: bool
    after_packets: int
    died: bool
    kind: str | None
    error: str | None
    names_it: bool | None
    seconds: float | None
    host_seconds: float | None
    keeps_epoch: bool
    next_equal: bool
    next_error: str | None
    wall_seconds: float

    @property
    def limit_seconds(self) -> float:
        """What ``seconds`` may be; where the board says nothing any more, ``host_seconds``."""
        return BOARD_LIMIT_SECONDS if self.part == ETHERNET_CHIP else LIMIT_SECONDS

    @property
    def as_asked(self) -> bool:
        """Whether all is well."""
        well = self.died and self.keeps_epoch and self.next_equal
        if self.error is None:
            return well and not self.needed
        seconds = self.host_seconds if self.part == ETHERNET_CHIP else self.seconds
        return well and bool(self.names_it) and seconds is not None and seconds <= self.limit_seconds


def one_case(part: str, moment: str, before: Baseline) -> Case:
    """The part dies at the moment, or somewhat earlier where that came too late."""
    share, more = MOMENTS[moment]
    for attempt in range(TRIES):
        case = _one_try(part, moment, round((share - attempt * EARLIER) * before.packets) + more, before)
        if case.died:
            break
    return case


def _one_try(part: str, moment: str, after_packets: int, before: Baseline) -> Case:
    started = time.monotonic()
    choose, needed = PARTS[part]
    trained = Trained()
    net, model = trained.net, trained.model
    try:
        trained.train()
        kept = digest(model.get_weights())
        place = choose(trained, before)
        labels = _labels(trained, place)
        machine = trained.machine
        machine.faults(deaths=[{**place, "after_packets": after_packets}])
        caught: BaseException | None = None
        with Watch(machine) as watch:
            try:
                with not_for_ever(HANGS_SECONDS):
                    trained.train()
            except (dlgraph.DlgraphError, Hangs) as error:
                caught = error
        text = None if caught is None else str(caught)
        died = watch.before_death is not None
        n_epochs = EPOCH if caught is not None else EPOCH + 1
        keeps = digest(model.get_weights()) == (kept if caught is not None else before.digests[EPOCH])
        next_error = None
        try:
            with not_for_ever(HANGS_SECONDS):
                trained.train()
        except (dlgraph.DlgraphError, Hangs) as error:
            next_error = str(error)
        equal = next_error is None and digest(net.get_weights()) == before.digests[n_epochs]
        return Case(
            part, moment, {name: list(at) for name, at in place.items()}, needed, after_packets, died,
            None if caught is None else type(caught).__name__, text,
            None if text is None else any(label in text for label in labels) and f"epoch {EPOCH + 1}" in text,
            None if caught is None or watch.before_death is None else watch.last - watch.before_death,
            None if caught is None or watch.before_death is None else watch.host_last - watch.host_before_death,
            keeps, equal, next_error, time.monotonic() - started)
    finally:
        net.close()


def _labels(trained: Trained, place: Part) -> list[str]:
    """How an error may name what dies: its vertex and place; of a chip or its monitor any vertex there; of a link any at all."""
    executor, monitors = trained.executor, trained.machine.counters().monitors
    found = []
    for vertex in executor._vertices:
        x, y, core = trained.place(vertex)
        whole_chip = place.get("chip") == (x, y) or place.get("core") == (x, y, monitors[x, y])
        if whole_chip or "link" in place or place.get("core") == (x, y, core):
            found.append(f"{vertex.core.label}, on chip ({x}, {y}) core {executor.session.placement(vertex).p}")
    return found


def record_of(cases: list[Case], seed: int) -> dict[str, Any]:
    commit, modified = checkout_state()
    record = {
        "schema_version": 1, "benchmark": "deaths", "command": command_line(sys.argv), "commit": commit, "modified": modified,
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "host": host(), "seed": seed, "board": BOARD,
        "network": f"{INPUTS}-{HIDDEN}-{OUTPUTS}", "batch": BATCH, "samples": SAMPLES,
        "cases": [{**asdict(case), "limit_seconds": case.limit_seconds, "as_asked": case.as_asked} for case in cases]}
    validate(record)
    return record


def main(arguments: list[str] | None = None) -> int:
    """Run, show, write; 1 if something was not as asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only this one; may be given again")
    parser.add_argument("--moment", action="append", choices=list(MOMENTS), help="likewise")
    parser.add_argument("--out", type=Path, metavar="FILE", help="for the record")
    options = parser.parse_args(arguments)
    before = baseline()
    cases = []
    for part in options.part or PARTS:
        for moment in options.moment or MOMENTS:
            case = one_case(part, moment, before)
            cases.append(case)
            took = "no error" if case.seconds is None else f"{case.kind} after {case.seconds:.2f} s"
            print(f"{'ok ' if case.as_asked else 'NOT'} {part} {case.place}, {moment}: {took}, {case.wall_seconds:.0f} s\n"
                  f"      {case.error}\n      then: {'equal' if case.next_equal else case.next_error or 'DIFFERS'}", flush=True)
    record = record_of(cases, SEED)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(options.out, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())
    return 0 if all(case.as_asked for case in cases) else 1


if __name__ == "__main__":
    sys.exit(main())
