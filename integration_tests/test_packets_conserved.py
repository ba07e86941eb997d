# SPDX-License-Identifier: Apache-2.0
"""Every packet sent is received by every consumer of its stream, once, and by nobody else."""
from __future__ import annotations

from typing import Iterator

import pytest

from dlgraph.gfe.executor import GfeExecutor
from dlgraph.layer_graph import Activation
from dlgraph.machines import Emulated
from dlgraph.mapping.plan import CoreKind
from dlgraph.targets import EmulatedTarget, MachineTarget
from integration_tests.networks import OUTPUTS, make_graph, make_samples

N = 50
RATE = 0.05
CHIPS = 4
#: SC&MP sends a multicast packet to the monitor of each chip so often, to keep their clocks together.
SYNCHRONISATION_SECONDS = 2.0
#: It sends a signal of the host's the same way: a pass begins with one (SpiNNMan's ``Signal.SYNC0`` or ``SYNC1``).
SIGNALS = 1


def fan_out(executor: GfeExecutor) -> dict[str, int]:
    """Label of each vertex -> consumers of each of its streams, which must be as many for all of them."""
    assert executor.plan is not None
    found = {}
    for core in executor.plan.cores:
        found[core.label], = {len(stream.consumers) for stream in core.streams_out}
    return found


@pytest.fixture(params=["few cores", "many cores"])
def executor(request: pytest.FixtureRequest, spinn3: MachineTarget) -> Iterator[GfeExecutor]:
    """A network cut so that all streams of a vertex have equally many consumers."""
    graph = make_graph([48, 40, 11], [Activation.RELU], OUTPUTS[0], seed=11)
    if request.param == "few cores":
        options: dict = {"cuts": {"dense_0": (1, 1), "dense_1": (1, 1)}, "n_sources": 1, "window": 4}
    else:
        # activations of a group of dense_0 go to 2 slices of dense_1, its errors to 2 slices of dense_0; each slice of dense_0
        # gets its inputs from one source, to which alone it gives credit
        options = {"cuts": {"dense_0": (2, 5, 5), "dense_1": (5, 2)}, "n_sources": 2, "window": 4, "placement_seed": 3}
    executor = GfeExecutor(graph, spinn3, **options)
    yield executor
    executor.close()


def test_sent_times_fan_out_is_received(executor: GfeExecutor) -> None:
    samples = make_samples(executor.graph, N, seed=1)
    for training in (True, False):
        if training:
            executor.train_epoch(samples, 0, 16, True, RATE)
        else:
            executor.forward(samples, keep_outputs=False)
        consumers = fan_out(executor)
        results = executor.results
        assert sum(result.packets_sent * consumers[label] for label, result in results.items()) == sum(
            result.packets_received for result in results.values())
        assert executor.plan is not None
        for core in executor.plan.cores:
            result = results[core.label]
            assert result.packets_foreign == 0 and result.samples_done == N
            if core.kind is not CoreKind.INPUT_SOURCE:       # a credit that overtakes another makes that one superfluous
                assert result.packets_repeated == 0
            words = sum(stream.n_words for stream in core.streams_out)
            assert result.packets_sent <= N * (words + len(core.streams_out))
            if core.kind is not CoreKind.WEIGHT_SLICE:       # a slice may give credit for several samples at once
                assert result.packets_sent >= N * len(core.streams_out)


def test_the_routers_count_the_same() -> None:
    """What the emulated machine counts of a pass; what a router drops, the monitors send again; all of it is told."""
    target = Emulated(board="spinn3").target()
    assert isinstance(target, EmulatedTarget)
    # weights that fit a few datagrams: GFE's fast way to read memory sends multicast packets of its own
    graph = make_graph([40, 30, 20, 9], [Activation.TANH, Activation.RELU], OUTPUTS[0], seed=12)
    samples = make_samples(graph, N, seed=1, sparse=False)
    executor = GfeExecutor(graph, target, cuts={"dense_0": (3, 4), "dense_1": (3, 2), "dense_2": (2, 2)}, n_sources=3)
    try:
        executor.train_epoch(samples, 0, 16, True, RATE)
        before = target.machine.counters()
        executor.train_epoch(samples, 1, 16, True, RATE)
        after = target.machine.counters()
        results = executor.results.values()
        told = executor.traffic()
        target.machine.faults(drop=0.003, lose=0.0003, seed=1)
        executor.train_epoch(samples, 2, 16, True, RATE)
        with_losses = executor.traffic()
    finally:
        executor.close()
    sent, delivered, dropped = (getattr(after, name)["mc"] - getattr(before, name)["mc"]
                                for name in ("sent", "delivered", "dropped"))
    print(f"sent {sent}, delivered {delivered}, dropped and sent again {dropped}")
    of_others = sent - dropped - sum(result.packets_sent for result in results)
    assert SIGNALS <= of_others <= SIGNALS + (after.seconds - before.seconds) / SYNCHRONISATION_SECONDS + 1
    assert delivered - sum(result.packets_received for result in results) == CHIPS * of_others
    assert after.unconnected["mc"] == before.unconnected["mc"]
    assert after.default_routed == before.default_routed
    assert told is not None and told.fabric is not None and told.chips is not None
    assert all(core.missing == 0 and core.received > 0 for core in told.cores)
    assert all(stream.sent > 0 for stream in told.streams)
    # two epochs: of each, one after it and one before
    assert sum(stream.sent for stream in told.streams) > sum(result.packets_sent for result in results)
    assert len(told.fabric.links) == 6 * CHIPS and sum(chip.dropped + chip.missed for chip in told.chips) <= told.fabric.dropped
    assert with_losses is not None and with_losses.fabric is not None and with_losses.chips is not None
    reinjected = sum(chip.reinjected for chip in with_losses.chips)
    assert 0 < reinjected <= with_losses.fabric.dropped
    assert sum(link.dropped for link in with_losses.fabric.links) <= with_losses.fabric.dropped
    assert with_losses.fabric.vanished > 0
    assert sum(stream.resent for stream in with_losses.streams) > 0 < sum(stream.requests for stream in with_losses.streams)
