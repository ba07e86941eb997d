"""Fully connected networks of LeCun et al. 1998."""
from __future__ import annotations

from typing import Any

from dlgraph.arguments import check_integer
from dlgraph.networks.layers_of import LayersOf


def mlp(*hidden: int, activation: str = "relu", seed: int | None = None) -> Any:
    """A fully connected network on images of 28 x 28: ``mlp(300)`` is 784-300-10, ``mlp(300, 100)`` is 784-300-100-10.

    The published ones have tanh units and targets of +1 and -1 under the squared error.  Here hidden units are ReLU, of
    which about half are zero, and zeros need no packets; the output is softmax, trained with cross-entropy (see
    :func:`dlgraph.networks.compile_model`), as in later work on the same shapes (Simard, Steinkraus and Platt 2003).

    :param hidden: units of each hidden layer
    :param activation: of hidden layers, ``"relu"`` or ``"tanh"``
    :param seed: of the weights at the start, 0 .. 2**31 - 1; None for Keras' global random numbers
    :return: a built ``keras.Sequential``, not compiled; takes (n, 28, 28), gives (n, 10)
    :raises DataError: for other activations, seeds or numbers of units
    """
    widths = [check_integer("hidden", width, 1) for width in hidden]
    make = LayersOf(activation, seed)
    layers = [make.dense(width, f"hidden_{number}") for number, width in enumerate(widths, 1)]
    name = "_".join(["mlp", *map(str, widths)])
    return make.model(name, (28, 28), [make.keras.layers.Flatten(name="flat"), *layers, make.output()])
