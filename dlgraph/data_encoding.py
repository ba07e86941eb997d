"""From the user's arrays to :class:`~dlgraph.layer_graph.Samples`, with every error found before a machine is touched.

Numbers are converted by the rules of :mod:`dlgraph.formats`; here are the checks around them, in the user's words.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from dlgraph.errors import DataError, NumberFormatError
from dlgraph.formats import (INT16_MAX, MAX_SAMPLE_WEIGHT, encode_inputs, input_fraction, inputs_from_float,
                             labels_from_array, sample_weights_from_float, targets_from_float)
from dlgraph.graph.definition import Definition
from dlgraph.graph.goal import Goal
from dlgraph.layer_graph import Int32Array, Loss, Samples

#: How far a sample's class probabilities may be from the sum 1, as :func:`dlgraph.formats.targets_from_float` has it.
SUM_TOLERANCE = 1e-3
_CHUNK_VALUES = 1 << 22
_ACCEPTED_WEIGHTS = (f"dlgraph accepts finite weights from 0 to {MAX_SAMPLE_WEIGHT}; give a weight of 0 to leave samples out, and "
                     f"scale larger ones down and the learning rate up.")


@dataclass
class Data:
    """Checked arrays of one data set, not yet encoded.

    :param x: (n_samples, n_inputs), a real numeric dtype, all finite
    :param y: (n_samples,) labels or (n_samples, n_outputs) targets; None for ``predict``
    :param what: what the user calls it: ``"X"`` or ``"validation data"``
    :param weights: as :class:`~dlgraph.layer_graph.Samples` has them, like their exponent
    """

    x: npt.NDArray[Any]
    y: npt.NDArray[Any] | None
    what: str
    weights: npt.NDArray[np.uint32] | None = None
    weight_exponent: int = 0

    def __len__(self) -> int:
        return int(self.x.shape[0])

    @property
    def largest(self) -> float:
        """max |X|."""
        return max(abs(float(self.x.max())), abs(float(self.x.min())))

    @property
    def weight_unit(self) -> float:
        """The power of two that no weight exceeds; 1.0 without weights."""
        return 2.0**self.weight_exponent


def check_data(x: Any, y: Any, net: Definition, x_name: str = "X", y_name: str = "y") -> Data:
    """Check samples and their labels or targets against a network.

    :param x: anything that NumPy takes as an array of numbers
    :param y: the same; None for ``predict``
    :raises DataError: naming what was given, what is accepted and the way out
    """
    values = _samples(x, net.input_shape, x_name)
    if y is None:
        return Data(values, None, x_name)
    targets = _numeric(y, y_name)
    if targets.ndim == 0 or targets.shape[0] != values.shape[0]:
        n = "no" if targets.ndim == 0 else targets.shape[0]
        raise DataError(f"{x_name} has {values.shape[0]} samples, but {y_name} has {n}. Give one label or target per "
                        f"sample.")
    _check_finite(targets, y_name)
    if net.goal.loss is Loss.SPARSE_CATEGORICAL_CROSSENTROPY:
        return Data(values, _labels(targets, net.n_outputs, y_name), x_name)
    return Data(values, _targets(targets, net.goal, net.n_outputs, y_name), x_name)


def refuse_no_y(y: Any) -> None:
    """:raises DataError: where there are no labels or targets at all"""
    if y is None:
        raise DataError("y is None. Give labels or targets, one per sample.")


def check_validation(validation_data: Any, net: Definition) -> Data | None:
    """Check what is to be evaluated after every epoch.

    :param validation_data: (X, y) or (X, y, sample_weight), or None
    :raises DataError: naming what was given, what is accepted and the way out
    """
    if validation_data is None:
        return None
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
        n = f" of {len(validation_data)}" if isinstance(validation_data, (tuple, list)) else ""
        raise DataError(f"validation_data is a {type(validation_data).__name__}{n}. dlgraph accepts (X, y) or "
                        f"(X, y, sample_weight), all arrays.")
    if validation_data[1] is None:
        raise DataError("validation_data has no y. Give a pair (X, y) of arrays.")
    data = check_data(validation_data[0], validation_data[1], net, "validation_data's X", "validation_data's y")
    weigh(data, net, validation_data[2] if len(validation_data) == 3 else None, name="validation_data's sample_weight")
    return data


def choose_input_fraction(data: list[Data], input_max: float | None) -> int:
    """The fraction of the network's inputs, fixed when it first sees data.

    :param data: all data of the call
    :param input_max: the user's bound on \\|X\\|, or None to take it from the data
    :raises DataError: where the data are outside the number format
    """
    for each in data:
        if each.largest > INT16_MAX:
            raise DataError(f"{each.what} has values up to {each.largest:g}. dlgraph accepts inputs up to "
                            f"{INT16_MAX}; scale the data, best to the range -1 to 1.")
    return input_fraction(np.array([input_max if input_max is not None else max(each.largest for each in data)]))


def encode(data: Data, fraction: int, goal: Goal, n_outputs: int) -> Samples:
    """The samples in the machine's form.

    :param fraction: of the network's inputs
    :raises DataError: where values do not fit the fraction that the network was given with its first data
    """
    if data.largest * 2.0**fraction > INT16_MAX:
        raise DataError(
            f"{data.what} has values up to {data.largest:g}, but this network's inputs were fixed to values up to "
            f"{INT16_MAX / 2.0**fraction:g} by input_max or by the first data it saw. Scale the data as before, or give "
            f"from_keras input_max={data.largest:g} from the start.")
    codes, table = encode_inputs(inputs_from_float(data.x, fraction))
    samples = Samples(codes, table, weights=data.weights, weight_exponent=data.weight_exponent)
    if data.y is None:
        return samples
    try:
        if goal.loss is Loss.SPARSE_CATEGORICAL_CROSSENTROPY:
            samples.labels = labels_from_array(data.y, n_outputs)
        else:
            samples.targets = targets_from_float(data.y, goal.loss)
    except NumberFormatError as error:
        raise DataError(f"The targets of {data.what} cannot be used: {error}.") from error
    return samples


def weigh(data: Data, net: Definition, sample_weight: Any, class_weight: Any = None, name: str = "sample_weight") -> None:
    """Note how much each sample counts; nothing where neither is given.

    :param data: checked, with labels or targets
    :param sample_weight: one number per sample, or None
    :param class_weight: class -> weight, or None
    :param name: what the user calls ``sample_weight``
    :raises DataError: naming what was given, what is accepted and the way out
    """
    if sample_weight is not None and class_weight is not None:
        raise DataError("train was given both class_weight and sample_weight. Keras and dlgraph accept one of them; multiply "
                        "sample_weight by its samples' class weights yourself.")
    if sample_weight is not None:
        weights = _sample_weights(sample_weight, len(data), name)
    elif class_weight is not None:
        weights = _weights_of_classes(class_weight, data, net)
    else:
        return
    data.weights, data.weight_exponent = sample_weights_from_float(weights)


def split_validation(x: Any, y: Any, fraction: Any,
                     sample_weight: Any = None) -> tuple[Any, Any, Any, tuple[Any, ...]]:
    """Take the last part of the data for validation, as Keras does.

    :return: X, y and sample_weight that are left, and the validation data
    :raises DataError: for a fraction that leaves one of the two empty
    """
    x, y = _numeric(x, "X"), _numeric(y, "y")
    weights = None if sample_weight is None else _numeric(sample_weight, "sample_weight")
    try:
        share = float(fraction)
    except (TypeError, ValueError):
        share = -1.0
    n_train = int(np.floor(len(x) * (1.0 - share))) if x.ndim else 0
    if not 0 < share < 1 or not 0 < n_train < len(x):
        raise DataError(f"validation_split={fraction!r} cannot be used. Give a number between 0 and 1 that leaves "
                        f"samples both for training and for validation.")
    if weights is None:
        return x[:n_train], y[:n_train], None, (x[n_train:], y[n_train:])
    _sample_weights(weights, len(x), "sample_weight")
    return x[:n_train], y[:n_train], weights[:n_train], (x[n_train:], y[n_train:], weights[n_train:])


def _numeric(values: Any, name: str) -> npt.NDArray[Any]:
    """Anything array-like as an array of real numbers."""
    kind = type(values).__name__
    accepted = "dlgraph accepts arrays of numbers (NumPy, lists, tensors)"
    if values is None:
        raise DataError(f"{name} is None. {accepted}.")
    if isinstance(values, dict):
        raise DataError(f"{name} is a dict. {accepted}; give the array itself.")
    if not hasattr(values, "__array__") and not isinstance(values, (list, tuple, int, float)):
        raise DataError(f"{name} is a {kind}. {accepted}; make an array of it first, such as with "
                        f"numpy.concatenate over its batches, or .toarray() of a sparse matrix.")
    try:
        if hasattr(values, "detach"):                       # a torch tensor, on whatever device
            values = values.detach().cpu()
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise DataError(f"{name} ({kind}) is not a regular array: {error}. {accepted}.") from error
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype.kind in "fiu":
        return array.astype(np.float32) if array.dtype.itemsize < 4 and array.dtype.kind == "f" else array
    if array.dtype.name == "bfloat16":
        return array.astype(np.float32)
    raise DataError(f"{name} has the dtype {array.dtype}. {accepted} of real numbers, such as float32, float64, uint8 "
                    f"or bool; convert it with astype.")


def _samples(x: Any, shape: tuple[int, ...], name: str) -> npt.NDArray[Any]:
    values = _numeric(x, name)
    if values.ndim and values.shape[0] == 0:
        raise DataError(f"{name} is empty: its shape is {values.shape}. Give at least one sample.")
    fits = values.shape[1:] == shape
    if not fits and values.ndim and prod(values.shape[1:]) == prod(shape):      # Keras adds or drops a last axis of 1
        fits = values.shape[1:] + (1,) == shape or values.shape[1:] == shape + (1,)
    if not fits:
        wanted = ", ".join(str(axis) for axis in shape)
        hint = ""
        if values.shape == shape:
            hint = f"; for a single sample give {name}[numpy.newaxis]"
        elif values.ndim and prod(values.shape[1:]) == prod(shape):
            hint = f"; give {name}.reshape(-1, {wanted})"
        raise DataError(f"{name} has the shape {values.shape}. The model's input accepts (samples, {wanted}){hint}.")
    values = np.ascontiguousarray(values).reshape(values.shape[0], -1)
    _check_finite(values, name)
    return values


def _check_finite(values: npt.NDArray[Any], name: str) -> None:
    if values.dtype.kind != "f":
        return
    rows = max(1, _CHUNK_VALUES // max(1, prod(values.shape[1:])))
    for start in range(0, len(values), rows):
        bad = ~np.isfinite(values[start:start + rows])
        if bad.any():
            at = [int(i) for i in np.argwhere(bad)[0]]
            at[0] += start
            raise DataError(f"{name} has {values[tuple(at)]} in sample {at[0]}. dlgraph accepts finite numbers; drop or "
                            f"mend that sample, such as with numpy.nan_to_num.")


def _labels(values: npt.NDArray[Any], n_classes: int, name: str) -> Int32Array:
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        hint = (f"; for one-hot targets compile with loss='categorical_crossentropy', or give "
                f"numpy.argmax({name}, axis=1)" if values.ndim == 2 and values.shape[1] == n_classes else "")
        raise DataError(f"{name} has the shape {values.shape}. The loss sparse_categorical_crossentropy accepts class "
                        f"numbers of shape (samples,) or (samples, 1){hint}.")
    bad = (values < 0) | (values >= n_classes) | (values != np.floor(values))
    if bad.any():
        at = int(np.argmax(bad))
        raise DataError(f"{name} has the label {values[at]} at sample {at}. The loss sparse_categorical_crossentropy "
                        f"accepts whole class numbers from 0 to {n_classes - 1}, as the output layer has {n_classes} "
                        f"units; number the classes from 0, or make the output layer larger.")
    return values.astype(np.int32)


def _targets(values: npt.NDArray[Any], goal: Goal, n_outputs: int, name: str) -> npt.NDArray[Any]:
    loss = goal.loss.name.lower()
    if values.ndim == 1 and n_outputs == 1:
        values = values[:, np.newaxis]
    if values.shape[1:] != (n_outputs,):
        hint = ""
        if goal.loss is Loss.CATEGORICAL_CROSSENTROPY and values.ndim <= 2 and prod(values.shape[1:]) == 1:
            hint = ("; for class numbers compile with loss='sparse_categorical_crossentropy', or give "
                    f"keras.utils.to_categorical({name}, {n_outputs})")
        wanted = "(samples, 1) or (samples,)" if n_outputs == 1 else f"(samples, {n_outputs})"
        raise DataError(f"{name} has the shape {values.shape}. The loss {loss} of an output layer of {n_outputs} "
                        f"unit{'s' * (n_outputs != 1)} accepts {wanted}{hint}.")
    if goal.loss is Loss.MEAN_SQUARED_ERROR:
        _check_range(values, -256.0, 256.0, loss, name, "scale the targets")
        return values
    _check_range(values, 0.0, 1.0, loss, name, "give probabilities, or 0 and 1")
    if goal.loss is Loss.CATEGORICAL_CROSSENTROPY:
        return _probabilities(values, name)
    return values


def _check_range(values: npt.NDArray[Any], low: float, high: float, loss: str, name: str, way_out: str) -> None:
    bad = (values < low) | ((values >= high) if high == 256.0 else (values > high))
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        raise DataError(f"{name} has the target {values[at]} at sample {at[0]}. The loss {loss} accepts targets from "
                        f"{low:g} to {high:g}; {way_out}.")


def _probabilities(values: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    sums = values.sum(axis=1, dtype=np.float64)
    bad = np.abs(sums - 1.0) > SUM_TOLERANCE
    if bad.any():
        at = int(np.argmax(bad))
        raise DataError(f"{name} has targets that sum to {sums[at]:g} at sample {at}. The loss "
                        f"categorical_crossentropy accepts targets that sum to 1 in each sample, such as one-hot; for "
                        f"several classes at once use activation='sigmoid' with loss='binary_crossentropy'.")
    return values


def _sample_weights(given: Any, n_samples: int, name: str) -> npt.NDArray[np.float64]:
    values = _numeric(given, name)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or len(values) != n_samples:
        raise DataError(f"{name} has the shape {values.shape}. dlgraph accepts one weight per sample, here of shape "
                        f"({n_samples},) or ({n_samples}, 1); for weights of classes give class_weight={{class: weight}}.")
    bad = _no_weights(values)
    if bad.any():
        at = int(np.argmax(bad))
        raise DataError(f"{name} has {values[at]:g} at sample {at}. {_ACCEPTED_WEIGHTS}")
    return values.astype(np.float64)


def _weights_of_classes(given: Any, data: Data, net: Definition) -> npt.NDArray[np.float64]:
    """What Keras makes of ``class_weight``: every sample counts as much as its class; classes not named count 1."""
    if not isinstance(given, Mapping):
        raise DataError(f"class_weight is a {type(given).__name__}. dlgraph accepts a dict of class number -> weight, such as "
                        f"{{0: 1.0, 1: 5.0}}; for a weight per sample give sample_weight.")
    classes, n_classes = _classes(data, net)
    weights: dict[int, float] = {}
    for key, value in given.items():
        number = _whole(key)
        if number is None or number < 0 or (n_classes is not None and number >= n_classes):
            wanted = "from 0" if n_classes is None else f"from 0 to {n_classes - 1}"
            raise DataError(f"class_weight has the key {key!r}. dlgraph accepts class numbers {wanted}; leave the others out.")
        weight = _numeric(value, f"class_weight[{key!r}]").reshape(-1)
        if weight.size != 1 or _no_weights(weight).any():
            raise DataError(f"class_weight has {value!r} for class {number}. {_ACCEPTED_WEIGHTS}")
        weights[number] = float(weight[0])
    numbers, place = np.unique(classes, return_inverse=True)
    return np.array([weights.get(int(number), 1.0) for number in numbers])[place]


def _classes(data: Data, net: Definition) -> tuple[Int32Array, int | None]:
    """Every sample's class, and how many classes there can be, None where that is not known.

    :raises DataError: where the targets are not classes
    """
    assert data.y is not None
    if net.goal.loss is Loss.SPARSE_CATEGORICAL_CROSSENTROPY:
        return data.y, net.n_outputs
    if net.goal.loss is Loss.CATEGORICAL_CROSSENTROPY:
        return data.y.argmax(axis=1).astype(np.int32), net.n_outputs
    if data.y.shape[1] == 1:
        values = data.y[:, 0]
        if np.all((values >= 0) & (values == np.floor(values))):
            return values.astype(np.int32), 2 if net.goal.loss is Loss.BINARY_CROSSENTROPY else None
    elif np.all(np.isin(data.y, (0, 1))) and np.all(data.y.sum(axis=1) == 1):
        return data.y.argmax(axis=1).astype(np.int32), net.n_outputs
    raise DataError("class_weight is for classes, but y has targets that are neither whole numbers from 0 nor one-hot. Give "
                    "sample_weight, one weight per sample.")


def _whole(value: Any) -> int | None:
    """A whole number of any numeric type, else None."""
    if not isinstance(value, (int, float, np.number, np.bool_)) or value != value or value in (np.inf, -np.inf):
        return None
    return int(value) if int(value) == value else None


def _no_weights(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where a sample's weight cannot be."""
    return ~((values >= 0) & (values <= MAX_SAMPLE_WEIGHT))                   # catches NaN too
