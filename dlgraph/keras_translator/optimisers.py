"""The model's optimiser: what dlgraph trains with, its learning rates, and its state there and back.

Keras has no public way to an optimiser's variables by the weight they belong to; the attributes used here are those of
``keras.src.optimizers``, 3.3 to 3.15.
"""
from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from dlgraph.errors import ModelError, NumberFormatError
from dlgraph.formats import float32_value
from dlgraph.graph.checks import one_of
from dlgraph.keras_translator.keras_objects import class_name, is_keras
from dlgraph.optimiser_formats import FloatState
from dlgraph.optimisers import Adam, Optimiser, Plane, RmsProp, Schedule, Sgd
from dlgraph.update_words import constants

#: Option of Keras' optimisers -> the values that dlgraph accepts, where it does not accept all.
ACCEPTED: dict[str, tuple[Any, ...]] = {
    "clipnorm": (None,), "global_clipnorm": (None,), "clipvalue": (None,), "use_ema": (False,),
    "loss_scale_factor": (None, 1.0), "gradient_accumulation_steps": (None, 1), "centered": (False,),
}
KINDS = ("SGD", "Adam", "AdamW", "RMSprop")
#: Keras' attribute that lists the variables of a plane, in the order of the trainable variables.
ATTRIBUTES = {
    ("SGD", Plane.MOMENTUM): "momentums", ("RMSprop", Plane.MOMENTUM): "_momentums", ("RMSprop", Plane.SQUARE): "_velocities",
    **{(kind, plane): name for kind in ("Adam", "AdamW") for plane, name in (
        (Plane.MEAN, "_momentums"), (Plane.SQUARE, "_velocities"), (Plane.LARGEST_SQUARE, "_velocity_hats"))},
}
#: Of every layer with weights: its kernel, and its bias where it has one, as Keras variables.
Variables = Sequence[Sequence[Any]]


def check_optimiser(optimiser: Any) -> None:
    """Refuse what dlgraph cannot train with.

    :raises ModelError: naming the optimiser or its option
    """
    read_optimiser(optimiser)


def read_optimiser(optimiser: Any, variables: Variables = ()) -> Optimiser:
    """The optimiser as it is now.

    :param variables: for what is left out of weight decay
    :raises ModelError: naming the optimiser or its option
    """
    if optimiser is None:
        raise ModelError("The model is compiled without an optimiser. Compile it with optimizer='sgd' or "
                         "keras.optimizers.SGD(learning_rate).")
    kind = type(optimiser).__name__
    if kind not in KINDS or not is_keras(type(optimiser)):
        raise ModelError(f"The model is compiled with the optimiser {kind}, which dlgraph does not support. "
                         f"It accepts keras.optimizers.SGD, Adam, AdamW and RMSprop; compile the model with one of them.")
    for option, accepted in ACCEPTED.items():
        given = getattr(optimiser, option, accepted[0])
        if given not in accepted:
            raise ModelError(f"The optimiser {kind} has {option}={given!r}, which dlgraph does not support. It accepts "
                             f"{option}={one_of(accepted)}; compile the model with that.")
    rate = learning_rate(optimiser)
    decay = float(optimiser.weight_decay or 0.0)
    if not np.isfinite(decay) or decay < 0:
        raise ModelError(f"The optimiser {kind} has weight_decay={decay!r}. dlgraph accepts finite numbers from 0, and None.")
    undecayed = _undecayed(optimiser, variables) if decay else frozenset()
    result: Optimiser
    if kind == "SGD":
        result = Sgd(rate, float(optimiser.momentum), bool(optimiser.nesterov), weight_decay=decay, undecayed=undecayed)
    elif kind == "RMSprop":
        result = RmsProp(rate, float(optimiser.rho), float(optimiser.momentum), float(optimiser.epsilon), weight_decay=decay,
                         undecayed=undecayed)
    else:
        result = Adam(rate, float(optimiser.beta_1), float(optimiser.beta_2), float(optimiser.epsilon),
                      bool(optimiser.amsgrad), weight_decay=decay, undecayed=undecayed)
    try:
        constants(result)
    except NumberFormatError as error:
        raise ModelError(f"The optimiser {kind} cannot be used: {error}. Compile the model with another value.") from error
    return result


def _undecayed(optimiser: Any, variables: Variables) -> frozenset[tuple[int, int]]:
    """What ``exclude_from_weight_decay`` named."""
    asked = getattr(optimiser, "_use_weight_decay", None)
    if asked is None:
        return frozenset()
    found = set()
    for number, parts in enumerate(variables):
        for part, variable in enumerate(parts):
            value = getattr(variable, "value", None)           # with TensorFlow, Keras asks for its variable inside
            if not asked(value if hasattr(value, "name") else variable):
                found.add((number, part))
    return frozenset(found)


# --------------------------------------------------------------------------- learning rates

def _schedule(optimiser: Any) -> Any:
    """The schedule, or None where the learning rate is a number.

    :raises ModelError: for a function
    """
    given = optimiser._learning_rate
    if any(base.__name__ == "LearningRateSchedule" and is_keras(base) for base in type(given).__mro__):
        return given
    if callable(given):
        raise ModelError(
            f"The optimiser {type(optimiser).__name__} takes its learning rate from {class_name(given)!r}, which dlgraph does not "
            f"support. It accepts a number, or a keras.optimizers.schedules.LearningRateSchedule.")
    return None


def learning_rate(optimiser: Any) -> float:
    """The learning rate of the next step, as the float32 that Keras holds.

    :raises ModelError: for one that is negative or not finite
    """
    schedule = _schedule(optimiser)
    if schedule is not None:
        return _scheduled(schedule, iterations(optimiser))
    return _checked(float32_value(np.asarray(optimiser.learning_rate)))


def schedule_of(optimiser: Any) -> Schedule | None:
    """What gives the learning rates of a schedule as Keras computes them, or None where the rate is a number."""
    schedule = _schedule(optimiser)
    if schedule is None:
        return None
    return lambda first, n_steps: [_scheduled(schedule, first + k) for k in range(n_steps)]


def _scheduled(schedule: Any, step: int) -> float:
    return _checked(float32_value(np.asarray(schedule(np.int64(step)))))


def _checked(rate: float) -> float:
    if not np.isfinite(rate) or rate < 0:
        raise ModelError(f"The learning rate is {rate}. dlgraph accepts finite numbers from 0; set "
                         f"model.optimizer.learning_rate.")
    return rate


# --------------------------------------------------------------------------- state

def iterations(optimiser: Any) -> int:
    """Updates so far."""
    return int(np.asarray(optimiser.iterations))


def read_state(optimiser: Any, variables: Variables, planes: Sequence[Plane]) -> FloatState:
    """What the optimiser has gathered: zeros where it has not trained."""
    return FloatState(iterations(optimiser), tuple(tuple(
        tuple(np.asarray(held) if held is not None else np.zeros(variable.shape, np.float32)
              for held in _held(optimiser, variable, planes)) for variable in parts) for parts in variables))


def write_state(optimiser: Any, state: FloatState, variables: Variables, planes: Sequence[Plane],
                trainable: Sequence[Any]) -> None:
    """Hand a state over, so that ``model.fit`` goes on from it.

    :param trainable: the model's trainable variables, with which an optimiser that has not trained is set up
    """
    if planes and not optimiser.built:
        optimiser.build(list(trainable))
    optimiser.iterations.assign(state.iterations)
    for parts, arrays in zip(variables, state.slots, strict=True):
        for variable, values in zip(parts, arrays, strict=True):
            for held, value in zip(_held(optimiser, variable, planes), values, strict=True):
                if held is not None:
                    held.assign(value)


def _held(optimiser: Any, variable: Any, planes: Sequence[Plane]) -> list[Any]:
    """Keras' variables of each plane that belong to a weight; None where the optimiser has none yet."""
    if not optimiser.built:
        return [None] * len(planes)
    number = optimiser._get_variable_index(variable)
    return [getattr(optimiser, ATTRIBUTES[type(optimiser).__name__, plane])[number] for plane in planes]
