"""Handwritten digits of 8 x 8 pixels, trained on SpiNNaker.

A 64-32-10 network on scikit-learn's digits.  It runs on an emulated board unless the environment variable
``DLGRAPH_MACHINE`` or a Graph Front End configuration names another machine.
"""
from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402

import dlgraph  # noqa: E402

HELD_OUT = 360          # of 1,797 digits


def digits(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training samples and labels, held-out samples and labels; pixels in 0 .. 1."""
    x, y = load_digits(return_X_y=True)
    shuffled = np.random.default_rng(seed).permutation(len(x))
    x, y = x[shuffled] / 16, y[shuffled]
    return x[HELD_OUT:], y[HELD_OUT:], x[:HELD_OUT], y[:HELD_OUT]


def compiled_model(seed: int) -> keras.Model:
    """An ordinary Keras model; nothing in it is of dlgraph."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([
        keras.Input((64,)),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ])
    model.compile(keras.optimizers.SGD(learning_rate=0.5), loss="sparse_categorical_crossentropy",
                  metrics=["accuracy"])
    return model


def main(arguments: list[str] | None = None) -> float:
    """Train, evaluate on the machine and in Keras, and return the accuracy on the held-out digits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--board", choices=["spinn3", "spinn5"],
                        help="an emulated board of 4 or 48 chips, whatever other machine is named")
    options = parser.parse_args(arguments)

    x, y, held_out_x, held_out_y = digits(options.seed)
    model = compiled_model(options.seed)
    started = time.monotonic()
    machine = dlgraph.Emulated(board=options.board) if options.board else None
    with dlgraph.from_keras(model, machine, seed=options.seed) as net:
        net.train(x, y, epochs=options.epochs, validation_data=(held_out_x, held_out_y))
        _, on_machine = net.evaluate(held_out_x, held_out_y, verbose=0)
        where = net.machine
    _, in_keras = model.evaluate(held_out_x, held_out_y, verbose=0)

    print(f"\nAccuracy on {HELD_OUT} held-out digits, after {time.monotonic() - started:.0f} s:")
    print(f"  net.evaluate, on the {where}: {on_machine:.2%}")
    print(f"  model.evaluate, in Keras on this computer: {in_keras:.2%}")
    return float(on_machine)


if __name__ == "__main__":
    main()
