"""MNIST, trained on SpiNNaker: 784-128-10, batches of 32.

One epoch of 60,000 samples takes some minutes on an emulated board; ``--samples`` takes the first so many.  MNIST is
loaded by Keras, or from a file in the form of Keras' ``mnist.npz``.
"""
from __future__ import annotations

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import numpy as np  # noqa: E402

import dlgraph  # noqa: E402


def mnist(path: str | None) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images and labels, test images and labels; pixels in 0 .. 1."""
    if path is None:
        (x, y), (test_x, test_y) = keras.datasets.mnist.load_data()
    else:
        with np.load(path) as file:
            x, y, test_x, test_y = (file[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    return x.astype(np.float32) / 255, y, test_x.astype(np.float32) / 255, test_y


def compiled_model(seed: int) -> keras.Model:
    """An ordinary Keras model, which takes images as they are."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([
        keras.Input((28, 28)),
        keras.layers.Flatten(),
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ])
    model.compile(keras.optimizers.SGD(learning_rate=0.1), loss="sparse_categorical_crossentropy",
                  metrics=["accuracy"])
    return model


def main(arguments: list[str] | None = None) -> float:
    """Train, evaluate, and return the accuracy on the test images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--samples", type=int, default=60_000, help="training samples to use")
    parser.add_argument("--test-samples", type=int, default=10_000, help="test samples to use")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", metavar="FILE", help="mnist.npz, instead of the one that Keras loads")
    parser.add_argument("--checkpoint", metavar="FILE", help="to go on from where an earlier run ended, and to write")
    options = parser.parse_args(arguments)

    x, y, test_x, test_y = mnist(options.data)
    x, y = x[:options.samples], y[:options.samples]
    test_x, test_y = test_x[:options.test_samples], test_y[:options.test_samples]
    model = compiled_model(options.seed)
    with dlgraph.from_keras(model, seed=options.seed) as net:
        history = net.train(x, y, epochs=options.epochs, checkpoint=options.checkpoint)
        _, on_machine = net.evaluate(test_x, test_y)
        where = net.machine
    _, in_keras = model.evaluate(test_x, test_y, verbose=0)

    seconds = sum(history.machine_seconds)
    print(f"\nAccuracy on {len(test_x)} test images: {on_machine:.2%} on the {where}, {in_keras:.2%} in Keras.")
    if seconds:
        print(f"Training took {seconds:.2f} s of machine time: {len(x) * len(history.epoch) / seconds:.0f} samples/s.")
    return float(on_machine)


if __name__ == "__main__":
    main()
