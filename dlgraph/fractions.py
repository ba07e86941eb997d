"""The fraction bits of every 16-bit value in a network: rules in ``docs/arithmetic.rst``, "Values, images and shapes"."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

from dlgraph.formats import activation_fraction
from dlgraph.layers import INPUT, Activation, Layer


def value_fractions(layers: Sequence[Layer], input_fraction: int, options: Mapping[str, int]) -> dict[int, int]:
    """The fraction of each value that somebody takes.

    :param layers: in an order in which each comes after those whose values it takes, all ``inputs`` given
    :param input_fraction: what the network's input would have alone
    :param options: layer name -> what its activations would have alone, in place of the default of their kind
    :return: by number of the layer that makes the value, or :data:`~dlgraph.layers.INPUT`
    :raises NumberFormatError: where an option does not fit its activation
    """
    taken = {i for layer in layers for i in layer.inputs}
    alone = {INPUT: input_fraction}
    group = {INPUT: INPUT}                   # of every value: which others have its fraction, by the first of them
    for number, layer in enumerate(layers):
        group[number] = number
        if layer.keeps_fraction:
            joined = {group[i] for i in layer.inputs} | {number}
            group.update({i: min(joined) for i, first in group.items() if first in joined})
        elif number in taken:
            alone[number] = activation_fraction(getattr(layer, "activation", Activation.LINEAR), options.get(layer.name))
    smallest = {first: min(fraction for i, fraction in alone.items() if group[i] == first)
                for first in {group[i] for i in taken}}
    return {i: smallest[group[i]] for i in taken}
