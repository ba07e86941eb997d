"""How much of a network's input is not zero, on average and place by place: zeros are neither sent nor multiplied."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dlgraph.mapping.boxes import Box


@dataclass(frozen=True)
class DensityMap:
    """Of every place of the input, the share of samples in which its pair of values is not all zero.

    :param mean: over all places, 0 to 1
    :param of_place: (rows, columns, channels), as the input's stage has them
    """

    mean: float
    of_place: npt.NDArray[np.float64] = field(compare=False, repr=False)


#: The same everywhere, or a map.
InputDensity = float | DensityMap


def density_map(nonzero: npt.NDArray[np.bool_], shape: tuple[int, int, int]) -> DensityMap:
    """Of samples.

    :param nonzero: (samples, inputs): what is not zero
    :param shape: of the input's stage: rows, columns, channels
    """
    n_inputs = nonzero.shape[1]
    even = np.zeros((len(nonzero), n_inputs + n_inputs % 2), np.bool_)
    even[:, :n_inputs] = nonzero
    pairs = (even[:, 0::2] | even[:, 1::2]).mean(axis=0)
    return DensityMap(float(pairs.mean()), np.repeat(pairs, 2)[:n_inputs].reshape(shape))


def mean_density(density: InputDensity) -> float:
    """Over the whole input."""
    return density.mean if isinstance(density, DensityMap) else density


def density_in(density: InputDensity, box: Box) -> float:
    """Over a part of the input."""
    if not isinstance(density, DensityMap):
        return density
    rows, columns, channels = box.rows, box.columns, box.channels
    part = density.of_place[rows.start:rows.stop, columns.start:columns.stop, channels.start:channels.stop]
    return float(part.mean()) if part.size else 0.0
