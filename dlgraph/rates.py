"""Learning rates, checked against the number formats before a machine is touched."""
from __future__ import annotations

from collections.abc import Sequence

from dlgraph.errors import DataError, NumberFormatError
from dlgraph.layers import WeightLayer
from dlgraph.optimisers import BIASES, WEIGHTS, Optimiser
from dlgraph.update_words import array_of, step


def check_rates(rates: Sequence[float], first: int, sizes: Sequence[int], batch_size: int, unit: float, optimiser: Optimiser,
                layers: Sequence[tuple[WeightLayer, int]]) -> None:
    """Check the learning rates of some steps.

    :param rates: of each of them
    :param first: number of the first one
    :param sizes: samples in every batch of an epoch
    :param unit: what gradients are to be multiplied by
    :param layers: those with weights, their input's fraction filled in, and how often they use a weight in a sample
    :raises DataError: where one does not fit the number format with this batch size
    """
    rate = rates[0]
    try:
        for number, (layer, n_positions) in enumerate(layers):
            for part in (WEIGHTS, BIASES):
                array = array_of(number, part, layer, batch_size, n_positions)
                for k, rate in enumerate(rates):
                    step(optimiser, rate, first + k, sizes[k], unit, array)
                step(optimiser, rate, first, sizes[-1], unit, array)
    except NumberFormatError as error:
        raise DataError(f"The learning rate {rate:g} cannot be used with batch_size={batch_size}: {error}. Give the optimiser a "
                        f"smaller one.") from error
