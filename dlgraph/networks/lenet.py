"""LeNet-1, LeNet-4 and LeNet-5.

What is published, and what is made otherwise here, stands in ``docs/networks.rst``.  Units are ReLU unless told otherwise, as in
:func:`dlgraph.networks.mlp`; the published ones have tanh.
"""
from __future__ import annotations

from typing import Any

from dlgraph.networks.layers_of import LayersOf

_SHAPE = (28, 28, 1)


def lenet1(activation: str = "relu", seed: int | None = None) -> Any:
    """LeNet-1: convolution 4 @ 24 x 24, mean, convolution 12 @ 8 x 8, mean, 10 outputs.

    Published in LeCun et al., "Handwritten digit recognition with a back-propagation network", NIPS 1989; compared in LeCun
    et al. 1998.  There each map of the second convolution sees one or two maps, here all four.

    :param activation: of the convolutions, ``"relu"`` or ``"tanh"``
    :param seed: of the weights at the start, 0 .. 2**31 - 1; None for Keras' global random numbers
    :return: a built ``keras.Sequential``, not compiled; takes (n, 28, 28, 1) or (n, 28, 28), gives (n, 10)
    :raises DataError: for other activations or seeds
    """
    make = LayersOf(activation, seed)
    return make.model("lenet1", _SHAPE, [
        make.convolution(4, "h1"), make.subsampling("h2"), make.convolution(12, "h3"), make.subsampling("h4"),
        make.keras.layers.Flatten(name="flat"), make.output()])


def lenet4(activation: str = "relu", seed: int | None = None) -> Any:
    """LeNet-4: convolution 4 @ 28 x 28, mean, convolution 16 @ 10 x 10, mean, 120 units, 10 outputs.

    Published in LeCun et al. 1998, on images of 32 x 32, with 8 subsampling maps, two for each map before; without
    trainable coefficients the two would be the same, so here there is one.

    :param activation: of hidden layers, ``"relu"`` or ``"tanh"``
    :param seed: of the weights at the start, 0 .. 2**31 - 1; None for Keras' global random numbers
    :return: a built ``keras.Sequential``, not compiled; takes (n, 28, 28, 1) or (n, 28, 28), gives (n, 10)
    :raises DataError: for other activations or seeds
    """
    make = LayersOf(activation, seed)
    return make.model("lenet4", _SHAPE, [
        make.convolution(4, "c1", "same"), make.subsampling("s2"), make.convolution(16, "c3"), make.subsampling("s4"),
        make.keras.layers.Flatten(name="flat"), make.dense(120, "c5"), make.output()])


def lenet5(activation: str = "relu", seed: int | None = None) -> Any:
    """LeNet-5: convolution 6 @ 28 x 28, mean, convolution 16 @ 10 x 10, mean, 120 units, 84 units, 10 outputs.

    Published in LeCun et al., "Gradient-based learning applied to document recognition", Proceedings of the IEEE 1998, on
    images of 32 x 32, with a table of which map of C3 sees which of S2, and radial basis functions as outputs.  Here C3
    sees all, and the outputs are softmax units (Lush's and eblearn's own LeNet-5 have plain units too).

    :param activation: of hidden layers, ``"relu"`` or ``"tanh"``
    :param seed: of the weights at the start, 0 .. 2**31 - 1; None for Keras' global random numbers
    :return: a built ``keras.Sequential``, not compiled; takes (n, 28, 28, 1) or (n, 28, 28), gives (n, 10)
    :raises DataError: for other activations or seeds
    """
    make = LayersOf(activation, seed)
    return make.model("lenet5", _SHAPE, [
        make.convolution(6, "c1", "same"), make.subsampling("s2"), make.convolution(16, "c3"), make.subsampling("s4"),
        make.keras.layers.Flatten(name="flat"), make.dense(120, "c5"), make.dense(84, "f6"), make.output()])
