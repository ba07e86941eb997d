# SPDX-License-Identifier: Apache-2.0
"""The host takes no part in samples and batches: what it and the machine say to each other does not grow with them."""
from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any, Iterator, Sequence

import pytest
from spinnman.messages.scp.impl import CountState
from spinnman.transceiver.base_transceiver import BaseTransceiver

from dlgraph.gfe import executor as gfe_executor
from dlgraph.gfe import pass_end
from dlgraph.gfe.executor import GfeExecutor
from dlgraph.layer_graph import Activation, Samples
from dlgraph.machines import MACHINE_VARIABLE
from dlgraph.targets import EmulatedTarget
from integration_tests.networks import OUTPUTS, make_graph, make_samples

pytestmark = pytest.mark.skipif(MACHINE_VARIABLE in os.environ, reason="counts an emulated board's datagrams")

#: GFE waits so long between two looks at the cores' states (time_between_polls of wait_for_cores_to_be_in_state) ...
POLL_SECONDS = 0.1
#: ... and asks for the number of cores in each of three states: the one it waits for and two that are errors.
STATES = 3
#: A pass has two such waits, for its start and its end; each ends with a look that finds all cores ready.
WAITS = 2
#: A look at all chips is a question to each and one for the time.  The end of a pass takes milliseconds: one look sees it, or two.
LOOKS, QUESTIONS = 4, 5


@dataclass
class Epoch:
    """What went on in one epoch, which lies in the machine's memory when it begins.

    :param polls: questions for the number of cores in a state
    :param looks: questions to single chips, where some cores have ended the pass and others have not
    :param messages: of progress
    """

    datagrams_in: int
    datagrams_out: int
    polls: int
    looks: int
    messages: int
    wall_seconds: float
    machine_cycles: int


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every question for the number of cores in a state, GFE's and those of the watch over a pass, and all that the latter asks."""
    asked: list[Any] = []
    count, ask = BaseTransceiver.get_core_state_count, pass_end.ask

    def counted(self: BaseTransceiver, *arguments: Any) -> int:
        asked.append(CountState)
        return count(self, *arguments)

    def noted(requests: Sequence[Any], seconds: float) -> Any:
        asked.extend(map(type, requests))
        return ask(requests, seconds)
    monkeypatch.setattr(BaseTransceiver, "get_core_state_count", counted)
    monkeypatch.setattr(pass_end, "ask", noted)
    return asked


@pytest.fixture
def target() -> Iterator[EmulatedTarget]:
    target = EmulatedTarget("spinn3", "3", None)
    yield target
    target.stop()


def second_epoch(executor: GfeExecutor, target: EmulatedTarget, samples: Samples, questions: list[Any]) -> Epoch:
    rate = executor.graph.optimiser.learning_rate
    executor.train_epoch(samples, 0, 8, True, rate)
    questions.clear()
    messages: list[int] = []
    start, before = time.monotonic(), target.machine.counters()
    result = executor.train_epoch(samples, 1, 8, True, rate, lambda done, loss, correct: messages.append(done))
    wall = time.monotonic() - start
    after = target.machine.counters()
    repeats = after.repeats_dropped - before.repeats_dropped          # of a busy host that waits in vain for an answer
    polls = questions.count(CountState)
    return Epoch(after.datagrams_in - before.datagrams_in - repeats, after.datagrams_out - before.datagrams_out, polls,
                 len(questions) - polls, len(messages), wall, result.machine_cycles)


@pytest.mark.timeout(300)
def test_datagrams_do_not_grow_with_samples(target: EmulatedTarget, questions: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches of 8: 32 batches and 512.

    Without the status poll, which takes one datagram each way, and progress, both epochs take the same number of datagrams.  The
    poll is bounded by GFE's interval, progress by the interval given, here a tenth of the usual one: four messages per second
    of machine time.
    """
    assert gfe_executor.PROGRESS_CYCLES == 50_000_000
    interval = 5_000_000
    monkeypatch.setattr(gfe_executor, "PROGRESS_CYCLES", interval)
    graph = make_graph([30, 16, 4], [Activation.RELU], OUTPUTS[0], seed=1)
    n = 256
    few, many = make_samples(graph, n, seed=1), make_samples(graph, 16 * n, seed=2)
    executor = GfeExecutor(graph, target)
    try:
        executor.prepare([few, many])
        epochs = [second_epoch(executor, target, samples, questions) for samples in (few, many)]
    finally:
        executor.close()
    print(*epochs, sep="\n")
    for epoch in epochs:
        assert epoch.polls <= STATES * (epoch.wall_seconds / POLL_SECONDS + WAITS)
        assert epoch.looks <= LOOKS * QUESTIONS
        assert epoch.messages <= epoch.machine_cycles / interval
    a, b = epochs
    assert b.messages > 0
    assert a.datagrams_in - a.polls - a.looks == b.datagrams_in - b.polls - b.looks
    assert a.datagrams_out - a.polls - a.looks - a.messages == b.datagrams_out - b.polls - b.looks - b.messages
