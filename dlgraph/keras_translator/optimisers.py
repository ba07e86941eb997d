"""Whether the model's optimiser is the plain SGD that dlgraph trains with, and its learning rate."""
from __future__ import annotations

from typing import Any

import numpy as np

from dlgraph.errors import ModelError
from dlgraph.formats import float32_value
from dlgraph.keras_translator.keras_objects import class_name, is_keras, one_of

#: Option of ``keras.optimizers.SGD`` -> the values that dlgraph accepts.
ACCEPTED: dict[str, tuple[Any, ...]] = {
    "momentum": (0.0,), "nesterov": (False,), "weight_decay": (None, 0.0), "clipnorm": (None,),
    "global_clipnorm": (None,), "clipvalue": (None,), "use_ema": (False,), "loss_scale_factor": (None, 1.0),
    "gradient_accumulation_steps": (None, 1),
}


def check_optimiser(optimiser: Any) -> None:
    """Refuse anything but plain stochastic gradient descent.

    :raises ModelError: naming the optimiser or its option
    """
    if optimiser is None:
        raise ModelError("The model is compiled without an optimiser. Compile it with optimizer='sgd' or "
                         "keras.optimizers.SGD(learning_rate).")
    kind = type(optimiser).__name__
    if kind != "SGD" or not is_keras(type(optimiser)):
        raise ModelError(f"The model is compiled with the optimiser {kind}, which dlgraph does not support. "
                         f"It accepts keras.optimizers.SGD(learning_rate); compile the model with that.")
    for option, given in optimiser.get_config().items():
        if option in ACCEPTED and given not in ACCEPTED[option]:
            raise ModelError(f"The optimiser SGD has {option}={given!r}, which dlgraph does not support. It accepts "
                             f"{option}={one_of(ACCEPTED[option])}; compile the model with that.")
    learning_rate(optimiser)


def learning_rate(optimiser: Any) -> float:
    """The learning rate as the float32 that Keras holds.

    :raises ModelError: for a schedule, or a rate that is negative or not finite
    """
    given: Any = optimiser.get_config()["learning_rate"]
    if not isinstance(given, (int, float, np.number)):
        name = given.get("class_name") if isinstance(given, dict) else class_name(given)
        raise ModelError(
            f"The optimiser SGD has the learning-rate schedule {name!r}, which dlgraph does not support. Give it a "
            f"number, and change that per epoch with keras.callbacks.LearningRateScheduler if need be.")
    rate = float32_value(given)
    if not np.isfinite(rate) or rate < 0:
        raise ModelError(f"The learning rate is {rate}. dlgraph accepts finite numbers from 0; set "
                         f"model.optimizer.learning_rate.")
    return rate
