# SPDX-License-Identifier: Apache-2.0
"""A user's program whose training is interrupted by Ctrl-C, twice; says on standard output where it is.

Run by test_interrupt.py with the machine to use: "emulated", or "board" for one that stays when the network is closed.
"""
from __future__ import annotations

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import spinnemu  # noqa: E402

import dlgraph  # noqa: E402

BOARD = "spinn3"


class TellEpochs(keras.callbacks.Callback):
    """Says when an epoch begins and ends."""

    def __init__(self) -> None:
        super().__init__()
        self.n_ended = 0

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        print(f"epoch {epoch} begins", flush=True)

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.n_ended += 1


def equal(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def n_trained(net: dlgraph.Network) -> int:
    """Epochs that the network has been trained, by what it says of itself."""
    for epoch in range(10**6):
        try:
            net.order(epoch)
        except dlgraph.DataError:
            return epoch
    raise AssertionError


def main(on: str) -> None:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((24,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(4, "softmax")])
    model.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 9, (6000, 24)) / 8, rng.integers(0, 4, 6000)

    board = spinnemu.Machine(board=BOARD) if on == "board" else None
    net = dlgraph.from_keras(model, dlgraph.Board(board.address, board=BOARD) if board else dlgraph.Emulated(board=BOARD))
    twin = net.reference()

    for _ in range(2):
        tell = TellEpochs()
        before = n_trained(net)
        try:
            net.train(x, y, epochs=10**6, callbacks=[tell], verbose=0)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        n_ended = n_trained(net) - before
        assert n_ended in (tell.n_ended, tell.n_ended + 1), (n_ended, tell.n_ended)
        twin.train(x, y, epochs=n_ended, verbose=0)
        assert equal(model.get_weights(), twin.get_weights()), "not the weights of the last finished epoch"
        if board is not None:
            first = board.counters()
            time.sleep(0.3)
            second = board.counters()
            busy = {place for place, n in second.core_instructions.items()
                    if n != first.core_instructions[place] and second.monitors[place[:2]] != place[2]}
            assert not busy, f"cores {busy} are still running"

    history = net.train(x[:500], y[:500], epochs=1, verbose=0)
    assert history.history == twin.train(x[:500], y[:500], epochs=1, verbose=0).history
    assert net.evaluate(x[:500], y[:500], verbose=0) == twin.evaluate(x[:500], y[:500], verbose=0)
    assert equal(model.get_weights(), twin.get_weights())
    net.close()
    if board is not None:
        board.close()
    print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
