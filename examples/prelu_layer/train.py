"""Train a small convolutional network with PReLU, a layer kind that dlgraph does not have, on an emulated board.

Run it in this folder; it needs Keras and scikit-learn (pip install 'dlgraph[keras,examples]').
"""
from __future__ import annotations

import argparse

import keras
import prelu  # noqa: F401  (registers the layer kind)
from sklearn.datasets import load_digits

import dlgraph


def build_model() -> keras.Model:
    """5x5 kernels, PReLU with a slope for each of their channels, means of 2 x 2, classes."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([
        keras.Input((8, 8, 1)),
        keras.layers.Conv2D(8, 5, padding="same", name="convolution"),
        keras.layers.PReLU(shared_axes=[1, 2], alpha_initializer=keras.initializers.Constant(0.25), name="prelu"),
        keras.layers.AveragePooling2D(2, name="pooling"),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax", name="classes")])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(n_samples: int = 1437, epochs: int = 3, board: str = "spinn3") -> float:
    """Train on handwritten digits, compare with the reference in every bit; the accuracy on the last 360, in Keras."""
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8, 1) / 16
    Xv, yv = X[-360:], y[-360:]
    n_samples = min(n_samples, len(X) - 360)
    model = build_model()
    with dlgraph.from_keras(model, dlgraph.Emulated(board=board)) as net:
        twin = net.reference()
        net.train(X[:n_samples], y[:n_samples], epochs=epochs, batch_size=32, verbose=2)
        twin.train(X[:n_samples], y[:n_samples], epochs=epochs, batch_size=32, verbose=0)
        for ours, theirs in zip(net.get_weights(), twin.get_weights(), strict=True):
            assert (ours == theirs).all()
    print("slopes:", model.get_layer("prelu").get_weights()[0].reshape(-1).round(3))
    return float(model.evaluate(Xv, yv, verbose=0)[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--board", default="spinn3", choices=("spinn3", "spinn5"))
    options = parser.parse_args()
    print(f"accuracy on digits never seen: {100 * train(epochs=options.epochs, board=options.board):.1f} %")
