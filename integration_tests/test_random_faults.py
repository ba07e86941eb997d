"""Random networks with random faults: a run ends with the bits of the reference, or with an error that names the cause."""
from __future__ import annotations

from typing import Any

import pytest
import spinnemu
from hypothesis import HealthCheck, assume, example, given, note, settings
from hypothesis import strategies as st
from spinnemu import boards

from dlgraph.errors import CoreLost, NumberFormatOverflow
from dlgraph.gfe.executor import GfeExecutor
from dlgraph.machines import Emulated
from dlgraph.reference import ReferenceExecutor
from dlgraph.targets import EmulatedTarget
from integration_tests.conftest import SharedTarget
from integration_tests.networks import Trained, assert_equal, train
from integration_tests.test_layers import random_case

pytestmark = [pytest.mark.wide, pytest.mark.timeout(3600)]

BOARD = "spinn3"
EPOCHS, BATCH = 2, 4
#: What a network bears, for every packet at every router.
MOST = 0.02
CHIPS = sorted(boards.chips(BOARD))
LINKS = [(x, y, link) for x, y in CHIPS for link in range(6)]
CORES = [(x, y, core) for x, y in CHIPS for core in range(1, 18)]
KINDS = ("lose", "drop", "corrupt", "duplicate", "reorder", "delay")


@st.composite
def packet_rules(draw: st.DrawFn) -> dict[str, Any]:
    """Some packets only: of a link, of or to a core, or with some key; many of them, or all for a while."""
    kind = draw(st.sampled_from(KINDS))
    rule: dict[str, Any] = {"kind": kind}
    where = draw(st.sampled_from(["link", "core", "to_core", "key"] if kind in ("lose", "corrupt") else ["link", "core", "key"]))
    if where == "key":
        bits = draw(st.integers(1, 8))                        # of the number of the stream, or of slot and index
        shift = draw(st.sampled_from([0, 4, 12, 16]))
        rule["mask"] = (1 << bits) - 1 << shift
        rule["key"] = draw(st.integers(0, (1 << bits) - 1)) << shift
    else:
        rule[where] = draw(st.sampled_from(LINKS if where == "link" else CORES))
    how = draw(st.sampled_from(["rate", "every", "burst"]))
    if how == "rate":
        rule["rate"] = draw(st.floats(0.001, 0.1))
    elif how == "every":
        rule["every"] = draw(st.integers(10, 1000))
    else:
        rule |= {"rate": 1.0, "packets": draw(st.integers(1, 200)), "after_packets": draw(st.integers(0, 2000))}
    if kind in ("reorder", "delay"):
        rule |= {"up_to_us": draw(st.floats(1, 500)), "overtaken_by": draw(st.integers(1, 20))}
    return rule


@st.composite
def harm(draw: st.DrawFn) -> dict[str, Any]:
    """Faults that change no bit."""
    faults: dict[str, Any] = {kind: draw(st.floats(0.0, MOST)) for kind in draw(st.sets(st.sampled_from(KINDS)))}
    faults["packets"] = draw(st.lists(packet_rules(), max_size=3))
    faults["slow"] = [{"core": core, "factor": draw(st.floats(1, 8))}
                      for core in draw(st.lists(st.sampled_from(CORES), max_size=2, unique=True))]
    return {**faults, "seed": draw(st.integers(0, 2**64 - 1)), "delay_us": draw(st.floats(1, 500)),
            "overtaken_by": draw(st.integers(1, 20))}


@st.composite
def deaths(draw: st.DrawFn) -> dict[str, Any]:
    """One part, amid the training or after it."""
    part = draw(st.sampled_from([
        *({"core": core} for core in CORES), *({"link": link} for link in LINKS),
        *({"chip": chip} for chip in CHIPS if chip != (0, 0))]))
    return {**part, "after_packets": draw(st.integers(1, 4000))}


def expected_of(graph: Any, samples: Any) -> Trained:
    try:
        return train(ReferenceExecutor(graph), samples, EPOCHS, BATCH)
    except NumberFormatOverflow:
        assume(False)
        raise


def begin_again(executor: GfeExecutor) -> None:
    """From the weights that the graph has."""
    fresh = ReferenceExecutor(executor.graph)
    executor.set_parameters(fresh.parameters())
    executor.set_optimiser_state(fresh.optimiser_state())


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1), by_hand=st.booleans(), faults=harm())
def test_harm_changes_no_bit(spinn3: SharedTarget, seed: int, by_hand: bool, faults: dict[str, Any]) -> None:
    graph, samples, options = random_case(seed, by_hand)
    expected = expected_of(graph, samples)
    executor = GfeExecutor(graph, spinn3, **options)
    try:
        executor.forward(samples, keep_outputs=False)             # maps and loads while all is well
        if spinn3.emulated_machine is None:
            pytest.skip("faults on request are the emulated machine's")
        spinn3.emulated_machine.faults(faults)
        got = train(executor, samples, EPOCHS, BATCH)
        note(str({kind: n for kind, n in spinn3.emulated_machine.counters().faults.items() if n}))
    finally:
        if spinn3.emulated_machine is not None:
            spinn3.emulated_machine.faults()
            for slow in faults["slow"]:
                spinn3.emulated_machine.slow_core(*slow["core"], 1.0)
        executor.close()
    assert_equal(got, expected)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1), by_hand=st.booleans(), death=deaths(), faults=st.one_of(st.just({}), harm()))
@example(seed=1, by_hand=False, death={"link": (0, 1, 5), "after_packets": 1}, faults={})       # to a chip without vertices
@example(seed=127, by_hand=False, death={"core": (0, 0, 1), "after_packets": 1}, faults={})     # a monitor of GFE's
def test_a_death_is_named_or_does_no_harm(seed: int, by_hand: bool, death: dict[str, Any], faults: dict[str, Any]) -> None:
    graph, samples, options = random_case(seed, by_hand)
    expected = expected_of(graph, samples)
    target = Emulated(board=BOARD).target()
    assert isinstance(target, EmulatedTarget)
    executor = GfeExecutor(graph, target, **options)
    try:
        executor.forward(samples, keep_outputs=False)
        target.machine.faults(spinnemu.Faults.of({**faults, "deaths": [death]}))
        try:
            got = train(executor, samples, EPOCHS, BATCH)
        except CoreLost as lost:
            assert any(said in str(lost) for said in (", on chip (", "No vertex of the network is on it.", "the network no vertex"))
            begin_again(executor)
            got = train(executor, samples, EPOCHS, BATCH)         # around what is dead
    finally:
        executor.close()
    assert_equal(got, expected)
