"""What a graph is trained with, checked: optimisers, and schedules of learning rates."""
from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Callable

import numpy as np

from dlgraph.errors import ModelError, NumberFormatError
from dlgraph.formats import float32_value
from dlgraph.optimisers import Optimiser, Schedule
from dlgraph.update_words import constants

__all__ = ["Schedule", "checked_optimiser", "checked_rate", "checked_schedule"]


def checked_optimiser(graph: str, given: Any) -> Optimiser:
    """An optimiser, its learning rate as the float32 nearest to it.

    :param graph: its name
    :raises ModelError: for what is no optimiser, or has a number that cannot be used
    """
    if not isinstance(given, Optimiser):
        raise ModelError(f"Graph {graph!r} was given the optimiser {given!r}. dlgraph accepts objects of dlgraph.Sgd, dlgraph.Adam "
                         f"and dlgraph.RmsProp, such as dlgraph.Sgd(0.1, momentum=0.9).")
    kind = type(given).__name__
    for field in fields(given):
        value = getattr(given, field.name)
        if field.name == "undecayed" or isinstance(value, bool) and isinstance(field.default, bool):
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
            raise ModelError(f"The optimiser {kind} has {field.name}={value!r}. dlgraph accepts a number.")
    if not np.isfinite(given.weight_decay) or given.weight_decay < 0:
        raise ModelError(f"The optimiser {kind} has weight_decay={given.weight_decay!r}. dlgraph accepts finite numbers from 0.")
    optimiser = replace(given, learning_rate=checked_rate(given.learning_rate))
    try:
        constants(optimiser)
    except NumberFormatError as error:
        raise ModelError(f"The optimiser {kind} cannot be used: {error}. Give it another value.") from error
    return optimiser


def checked_schedule(graph: str, given: Any) -> Schedule:
    """A schedule from a function of the step.

    :raises ModelError: for what is no function; later for a rate that cannot be used
    """
    if not callable(given) or isinstance(given, type):
        raise ModelError(f"Graph {graph!r} was given the schedule {given!r}. dlgraph accepts a function of the step, counted from "
                         f"0, that returns a learning rate, or None.")
    rate: Callable[[int], Any] = given
    return lambda first, n_steps: [checked_rate(rate(first + k)) for k in range(n_steps)]


def checked_rate(rate: Any) -> float:
    """A learning rate as the float32 nearest to it.

    :raises ModelError: for one that is negative, or not finite, or no number
    """
    try:
        found = float32_value(rate)
    except (TypeError, ValueError) as error:
        raise ModelError(f"The learning rate is {rate!r}. dlgraph accepts finite numbers from 0.") from error
    if not np.isfinite(found) or found < 0:
        raise ModelError(f"The learning rate is {rate}. dlgraph accepts finite numbers from 0; give the optimiser another one.")
    return found
