"""From the call of ``train`` to the first sample: what is told, and what a second call leaves out."""
from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
from spinnman.connections.udp_packet_connections import UDPConnection

import dlgraph
from dlgraph import set_up
from dlgraph.errors import CoreLost
from dlgraph.gfe import parameter_loads
from dlgraph.gfe.executor import GfeExecutor
from dlgraph.gfe.session import Session
from dlgraph.layer_graph import Activation, LayerGraph
from dlgraph.optimisers import Sgd
from dlgraph.reference import ReferenceExecutor
from dlgraph.targets import MachineTarget
from integration_tests.networks import assert_equal, make_samples, train
from integration_tests.test_layers import Net

#: Commands of SCP (``SCPCommand``): AR, APP_COPY_RUN, ALLOC, ROUTE.
LOADING = {19, 21, 28, 29}


@pytest.fixture
def commands(monkeypatch) -> Counter[int]:
    """To SC&MP, port 0."""
    found: Counter[int] = Counter()
    stock = UDPConnection.send

    def send(connection: UDPConnection, data: bytes) -> None:
        if connection.remote_port == 17893 and len(data) >= 12 and data[4] >> 5 == 0:
            found[int.from_bytes(data[10:12], "little")] += 1
        stock(connection, data)

    monkeypatch.setattr(UDPConnection, "send", send)
    return found


@pytest.fixture
def network() -> Iterator[dlgraph.Network]:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.Flatten(),
                              keras.layers.Dense(10, activation="softmax")])
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    with dlgraph.from_keras(model, dlgraph.Emulated(board="spinn3")) as net:
        yield net


def data(n: int = 32) -> tuple[Any, Any]:
    random = np.random.default_rng(2)
    return random.random((n, 8, 8, 1), np.float32), random.integers(0, 10, n)


def test_a_second_training_loads_nothing_again(network, commands, capsys) -> None:
    x, y = data()
    twin = network.reference()
    network.train(x, y, batch_size=16, verbose=1)
    assert all(commands[command] for command in LOADING - {21})            # nothing is copied where one chip is enough
    first, told = Counter(commands), capsys.readouterr().out
    assert told.splitlines()[1] == f"Epoch 1/1  {set_up.CUT}"
    report = network.report()
    assert set(report.set_up) >= {set_up.CUT, set_up.ROUTING, set_up.KEYS, set_up.REGIONS, set_up.LOADING_REGIONS,
                                  set_up.LOADING_BINARIES, set_up.STARTING, set_up.SAMPLES, set_up.PARAMETERS}
    assert report.upload is not None and report.upload.n_bytes >= x.size
    assert "set-up: " in str(report) and all("MB/s" in text for text in (str(report), report.html()))

    network.train(x, y, batch_size=16, verbose=0)
    again = commands - first
    assert not capsys.readouterr().out and not LOADING & set(again) and again.total() < first.total() / 2
    assert network.report().set_up == report.set_up                        # there was no other
    for _ in range(2):
        twin.train(x, y, batch_size=16, verbose=0)
    for ours, theirs in zip(network.get_weights(), twin.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)


def test_samples_that_are_there_are_not_uploaded(network) -> None:
    x, y = data()
    network.train(x, y, epochs=2, batch_size=16, verbose=0)
    assert network.report().upload is None


def test_shared_parameters_give_the_same_bits(spinn3: MachineTarget, monkeypatch) -> None:
    """Tiles take what they have in common from the buffers of their chip, with a state of zeros and with another."""
    monkeypatch.setattr(parameter_loads, "WORTH_BYTES", 0)
    spread = []
    stock = Session.spread
    monkeypatch.setattr(Session, "spread", lambda self, *of: spread.append(of) or stock(self, *of))
    graph = tiles()
    samples = make_samples(graph, 24, seed=2)
    executor, reference = GfeExecutor(graph, spinn3, cuts={"convolution0": (3, 2, 1), "dense2": (1, 1)}), ReferenceExecutor(graph)
    try:
        for _ in range(2):
            trained = [train(each, samples, 1, 8) for each in (executor, reference)]
            assert_equal(*trained)
            halved = [(weights // 2, biases // 2) for weights, biases in reference.parameters()]
            for each in (executor, reference):
                each.set_parameters(halved)
    finally:
        executor.close()
    assert [len(vertices) for _, vertices in spread] == [6, 6]


def tiles() -> LayerGraph:
    """Of which many have the same parameters."""
    return Net((8, 8, 1), seed=3).convolution(3, 4, Activation.RELU).flat().dense(5, Activation.SOFTMAX).graph(Sgd(0.05, 0.9))


#: Where tiles stand: on the corners of a board, so that copies go over all of it.
CORNERS = [(0, 0), (4, 0), (7, 3), (7, 7), (4, 7), (0, 3)]
LABELS = [f"convolution0 convolution tile, rows {rows}, columns {columns}, channels 0..3"
          for rows in ("0..1", "2..3", "4..5") for columns in ("0..3", "4..5")]


@pytest.mark.parametrize("faults", [
    {"datagram_loss": 3e-3, "datagram_duplicate": 0.01, "datagram_reorder": 0.01, "seed": 4},
    {"drop": 1e-3, "duplicate": 1e-3, "reorder": 1e-3, "seed": 5},
    {"deaths": [{"chip": (1, 1)}, {"chip": (4, 4)}, {"chip": (2, 0)}, {"link": (6, 6, 0)}]}],
    ids=["datagrams", "packets", "dead chips"])
def test_a_board_that_is_loaded_amid_faults(monkeypatch, faults: dict[str, Any]) -> None:
    monkeypatch.setattr(parameter_loads, "WORTH_BYTES", 0)
    graph = tiles()
    samples = make_samples(graph, 24, seed=2)
    target = dlgraph.Emulated(board="spinn5", faults=faults).target()
    executor = GfeExecutor(graph, target, cuts={"convolution0": (3, 2, 1), "dense2": (1, 1)}, place=dict(zip(LABELS, CORNERS)))
    try:
        assert_equal(train(executor, samples, 1, 8), train(ReferenceExecutor(graph), samples, 1, 8))
        assert set(CORNERS) <= {place for place, *_ in executor._lies.values()}
    finally:
        executor.close()


def test_a_chip_that_dies_before_parameters_are_shared(monkeypatch) -> None:
    """It is named, without waiting for each block, and left out afterwards."""
    monkeypatch.setattr(parameter_loads, "WORTH_BYTES", 0)
    graph = tiles()
    samples = make_samples(graph, 24, seed=2)
    target = dlgraph.Emulated(board="spinn3").target()
    executor, reference = GfeExecutor(graph, target, cuts={"convolution0": (3, 2, 1), "dense2": (1, 1)}, place=dict(
        zip(LABELS, [(1, 0), (0, 1)]))), ReferenceExecutor(graph)
    try:
        executor.train_epoch(samples, 0, 8, True, 0.1)
        fresh = reference.parameters(), reference.optimiser_state()
        executor.set_parameters(fresh[0])
        executor.set_optimiser_state(fresh[1])
        target.machine.faults(deaths=[{"chip": (1, 0), "after_packets": 0}])
        begun = time.monotonic()
        with pytest.raises(CoreLost, match=r"\(1, 0\)"):
            executor.train_epoch(samples, 0, 8, True, 0.1)
        assert time.monotonic() - begun < 60
        executor._place = None
        assert_equal(train(executor, samples, 1, 8), train(reference, samples, 1, 8))
    finally:
        executor.close()
