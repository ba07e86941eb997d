"""How much of the input is not zero, place by place."""
from __future__ import annotations

import numpy as np
import pytest

from dlgraph.mapping.boxes import Box
from dlgraph.mapping.input_density import density_in, density_map, mean_density
from dlgraph.mapping.intervals import Interval


def test_counts_pairs_that_are_not_all_zero() -> None:
    """By hand: two samples of 2 x 4 inputs."""
    nonzero = np.array([[1, 0, 0, 0, 0, 0, 1, 1], [1, 1, 0, 0, 0, 1, 0, 0]], np.bool_)
    found = density_map(nonzero, (2, 4, 1))
    assert found.of_place[:, :, 0].tolist() == [[1, 1, 0, 0], [0.5, 0.5, 0.5, 0.5]]
    assert found.mean == mean_density(found) == 0.5
    assert density_in(found, Box(Interval(0, 1), Interval(0, 4), Interval(0, 1))) == 0.5
    assert density_in(found, Box(Interval(0, 2), Interval(0, 2), Interval(0, 1))) == 0.75


def test_the_last_of_an_odd_number_is_a_pair_of_its_own() -> None:
    found = density_map(np.array([[0, 0, 1]], np.bool_), (1, 1, 3))
    assert found.of_place.ravel().tolist() == [0, 0, 1]
    assert found.mean == 0.5


@pytest.mark.parametrize("box", [Box.vector(Interval(0, 8)), Box.vector(Interval(3, 5))])
def test_a_number_is_the_same_everywhere(box: Box) -> None:
    assert density_in(0.25, box) == mean_density(0.25) == 0.25
