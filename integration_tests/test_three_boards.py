"""Three boards: the stock software boots over the links between them, a run repeats from its log, and networks that stand on all of
them train as on the host, bit for bit.

Booting takes most of the time, so all tests use one address, for which the booted state is kept.
"""
from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from spinn_front_end_common.data import FecDataView

import spinnemu
from spinnemu import boards
from spinnemu.machine import free_address, replay

from dlgraph.gfe.executor import GfeExecutor
from dlgraph.layer_graph import Activation, LayerGraph, Samples, Sgd
from dlgraph.machines import Emulated
from dlgraph.pages import board as page
from dlgraph.reference import ReferenceExecutor
from dlgraph.targets import MachineTarget
from integration_tests.networks import OUTPUTS, assert_equal, make_graph, make_samples, train
from integration_tests.test_layers import Net

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "emulator" / "tests"))

from test_machine_host import connect, scp  # noqa: E402,F401 - a fixture

#: Of the Graph Front End, without its monitors: on 144 chips they take as long to emulate as all else.  Nothing is lost here.
WITHOUT_MONITORS = "[Machine]\nenable_advanced_monitor_support = False\nenable_reinjection = False\n"


@pytest.fixture(scope="module")
def address() -> str:
    """Of the first of three boards."""
    return free_address(3)


@pytest.fixture
def target(address: str) -> Iterator[MachineTarget]:
    """Three boards."""
    machine = Emulated(boards=3, address=address).target()
    yield machine
    machine.stop()


def test_stock_software_boots_all_boards_and_a_run_repeats(address: str, connect, tmp_path: Path) -> None:  # noqa: F811
    log = tmp_path / "log"
    with spinnemu.Machine(boards=3, address=address, record=log) as machine:
        found = connect(machine).get_machine_details()
        assert (found.width, found.height, found.n_chips) == (12, 12, 144)
        assert {(chip.x, chip.y): chip.ip_address for chip in found.ethernet_connected_chips} == dict(
            zip(boards.TRIAD, machine.addresses, strict=True))
        # SC&MP does without links 2 of a board's own (4, 7) and (7, 7), and 4 of its (1, 0): three of each board
        assert sum(1 for chip in found.chips for _ in chip.router.links) == 6 * 144 - 3 * 3 * 2
        for number in range(3):              # each by its own Ethernet, to a chip of the next board
            far_x, far_y = boards.TRIAD[number - 1]
            board = spinnemu.Machine.__new__(spinnemu.Machine)
            board.address, board._process = machine.addresses[number], None
            assert scp(board, 3, 0x60001000, 8, 2, data=bytes([number] * 8), x=far_x, y=far_y)[0] == 0x80
            assert scp(board, 2, 0x60001000, 8, 2, x=far_x, y=far_y, sequence=2) == (0x80, bytes([number] * 8))
        assert machine.counters().unconnected["nn"] == 0, "every link leads to a chip"
    first, second = replay(log, "spinn5", address, boards=3), replay(log, "spinn5", address, boards=3, threads=2)
    assert first.state_hash == second.state_hash == machine.final_state_hash
    assert first.counters.instructions == second.counters.instructions
    with pytest.raises(spinnemu.EmulatorError, match="started with another board"):
        replay(log, "spinn5", address)


def assert_set_back() -> None:
    """The routers of every board, where they have been told otherwise while words were streamed out."""
    if FecDataView.has_monitors():
        found = FecDataView.get_monitor_by_xy(0, 0).get_reinjection_status_for_vertices().values()
        waits = {(status.router_wait1_timeout_parameters, status.router_wait2_timeout_parameters) for status in found}
        assert len(found) == 144 and len(waits) == 1 and waits != {((14, 14), (1, 1))}
        assert all(status.is_reinjecting_multicast for status in found)


def check(graph: LayerGraph, samples: Samples, target: MachineTarget, **options: object) -> GfeExecutor:
    """Trains there as on the host, on all three boards."""
    executor = GfeExecutor(graph, target, n_sources=2, **options)     # type: ignore[arg-type]
    try:
        on_machine = train(executor, samples, 2, 8)
        used = {executor.session.placement(vertex).location[:2] for vertex in executor._vertices}
        assert {boards.on_its_board(x, y, 3)[0] for x, y in used} == {0, 1, 2}
        packets = executor.pass_packets()
        assert packets is not None
        between = [link for link in packets.links if link.packets and boards.on_its_board(link.x, link.y, 3)[0]
                   != boards.on_its_board(*boards.neighbour("spinn5", link.x, link.y, link.link, 3), 3)[0]]
        assert between and all(page.has_link("5", link.x, link.y, link.link, 3) for link in between)
        assert sum(result.packets_foreign for result in executor.results.values()) == 0
        assert_set_back()
    finally:
        executor.close()
    assert_equal(on_machine, train(ReferenceExecutor(graph), samples, 2, 8))
    return executor


def lenet() -> LayerGraph:
    """A convolution with pooling and two dense layers."""
    net = Net((8, 8, 1), seed=21).convolution(3, 4, Activation.RELU, padding=1).flat().dense(10, Activation.TANH)
    return net.dense(5, Activation.SOFTMAX).graph(Sgd(0.05))


#: Chips behind an edge among them, which SC&MP does not count.
DENSE = {"cuts": {"dense_0": (2, 2, 2), "dense_1": (2, 1)}, "place": {"dense_0": (6, 1), "dense_1": (8, 4)}}
CONVOLUTIONAL = {"cuts": {"convolution0": (2, 1, 1), "dense2": (2, 1), "dense3": (1, 1)},
                 "place": {"convolution0": (1, 5), "dense2": (5, 11), "dense3": (9, 5)}}


def test_a_dense_and_a_convolutional_network(target: MachineTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spiNNakerGraphFrontEnd.cfg").write_text(WITHOUT_MONITORS)
    monkeypatch.chdir(tmp_path)
    for graph, options in ((make_graph([50, 37, 11], [Activation.TANH], OUTPUTS[0], seed=3), DENSE), (lenet(), CONVOLUTIONAL)):
        check(graph, make_samples(graph, 20, seed=4), target, **options)


@pytest.mark.wide
def test_with_monitors_on_every_chip(target: MachineTarget) -> None:
    """Re-injection and fast reading and writing, by each board's own Ethernet."""
    graph = make_graph([300, 200, 11], [Activation.RELU], OUTPUTS[0], seed=5)
    check(graph, make_samples(graph, 200, seed=6, sparse=False), target,
          cuts={"dense_0": (4, 3, 3), "dense_1": (4, 1)}, place={"dense_0": (4, 8), "dense_1": (8, 4)})
