"""What is read from Keras models that dlgraph can train."""
from __future__ import annotations

import keras
import numpy as np
import pytest
from keras_models import layers, mlp, sequential

from dlgraph.keras_translator import learning_rate, translate
from dlgraph.keras_translator.keras_objects import snake_case
from dlgraph.layer_graph import Activation, DenseLayer, Loss, Metric


def summary(model: keras.Model) -> list[tuple[str, int, int, Activation]]:
    """Of a model of dense layers."""
    found = translate(model).layers
    assert all(isinstance(layer, DenseLayer) for layer in found)
    return [(layer.name, layer.n_inputs, layer.n_units, layer.activation) for layer in found]


def test_sequential_with_activations_in_the_dense_layers() -> None:
    model = sequential(layers.Dense(8, "tanh", name="a"), layers.Dense(3, "softmax", use_bias=False, name="b"),
                       loss="sparse_categorical_crossentropy", metrics=["acc"])
    assert summary(model) == [("a", 4, 8, Activation.TANH), ("b", 8, 3, Activation.SOFTMAX)]
    net = translate(model)
    assert [layer.use_bias for layer in net.layers] == [True, False]
    assert net.goal.loss is Loss.SPARSE_CATEGORICAL_CROSSENTROPY and not net.goal.from_logits
    assert net.goal.metric is Metric.SPARSE_CATEGORICAL_ACCURACY and net.goal.metric_names == ("acc",)


@pytest.mark.parametrize("layer, activation", [
    (lambda: layers.Activation("relu"), Activation.RELU),
    (lambda: layers.Activation(keras.activations.sigmoid), Activation.SIGMOID),
    (lambda: layers.ReLU(), Activation.RELU),
    (lambda: layers.Softmax(), Activation.SOFTMAX),
    (lambda: layers.Activation("linear"), Activation.LINEAR),
])
def test_activation_layers_are_fused(layer, activation) -> None:
    assert summary(sequential(layers.Dense(3, name="d"), layer())) == [("d", 4, 3, activation)]


def test_activation_given_as_a_layer_or_as_tensorflow_function() -> None:
    import tensorflow as tf

    model = sequential(layers.Dense(5, activation=layers.ReLU(), name="a"), layers.Dense(5, tf.nn.tanh, name="b"),
                       layers.Dense(3, tf.nn.softmax, name="c"))
    assert [activation for *_, activation in summary(model)] == [Activation.RELU, Activation.TANH, Activation.SOFTMAX]


def test_flatten_and_reshape_only_change_the_shape() -> None:
    model = sequential(layers.Reshape((4, -1)), layers.Flatten(), layers.Dense(6, name="d"), layers.Reshape((2, 3)),
                       layers.ReLU(), layers.Flatten(), layers.Dense(2, name="e"), shape=(2, 4, 1))
    assert summary(model) == [("d", 8, 6, Activation.RELU), ("e", 6, 2, Activation.LINEAR)]
    assert translate(model).input_shape == (2, 4, 1)


def test_functional_and_nested_models() -> None:
    block = keras.Sequential([keras.Input((4,)), layers.Dense(5, "relu", name="inner")], name="block")
    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(2, name="outer")(block(x)))
    model.compile("sgd", "mse")
    assert [name for name, *_ in summary(model)] == ["block/inner", "outer"]


def test_a_layer_that_another_model_uses_too_is_not_shared() -> None:
    x, z = keras.Input((4,)), keras.Input((4,))
    features = layers.Dense(5)
    keras.Model(x, features(x))
    model = keras.Model(z, layers.Dense(2)(features(z)))
    model.compile("sgd", "mse")
    assert len(summary(model)) == 2


def test_model_built_by_hand_without_an_input_layer() -> None:
    model = keras.Sequential([layers.Dense(3)])
    model.compile("sgd", "mse")
    model.build((None, 7))
    assert summary(model)[0][1:3] == (7, 3)


@pytest.mark.parametrize("loss, expected, logits", [
    ("sparse_categorical_crossentropy", Loss.SPARSE_CATEGORICAL_CROSSENTROPY, False),
    ("SparseCategoricalCrossentropy", Loss.SPARSE_CATEGORICAL_CROSSENTROPY, False),
    (keras.losses.sparse_categorical_crossentropy, Loss.SPARSE_CATEGORICAL_CROSSENTROPY, False),
    (keras.losses.SparseCategoricalCrossentropy, Loss.SPARSE_CATEGORICAL_CROSSENTROPY, False),
    (keras.losses.SparseCategoricalCrossentropy(), Loss.SPARSE_CATEGORICAL_CROSSENTROPY, False),
    (keras.losses.SparseCategoricalCrossentropy(from_logits=True), Loss.SPARSE_CATEGORICAL_CROSSENTROPY, True),
    (keras.losses.CategoricalCrossentropy(from_logits=True), Loss.CATEGORICAL_CROSSENTROPY, True),
    ("categorical_crossentropy", Loss.CATEGORICAL_CROSSENTROPY, False),
    ("bce", Loss.BINARY_CROSSENTROPY, False), ("BCE", Loss.BINARY_CROSSENTROPY, False),
    (keras.losses.BinaryCrossentropy(from_logits=True), Loss.BINARY_CROSSENTROPY, True),
    ("mse", Loss.MEAN_SQUARED_ERROR, False), ("MSE", Loss.MEAN_SQUARED_ERROR, False),
    ({"class_name": "MeanSquaredError", "config": {"reduction": "mean"}}, Loss.MEAN_SQUARED_ERROR, False),
    (["mse"], Loss.MEAN_SQUARED_ERROR, False),
    ({"class_name": "MeanSquaredError", "config": {}}, Loss.MEAN_SQUARED_ERROR, False),
])
def test_losses_in_every_form(loss, expected, logits) -> None:
    output = {Loss.MEAN_SQUARED_ERROR: "tanh", Loss.BINARY_CROSSENTROPY: "sigmoid"}.get(expected, "softmax")
    goal = translate(mlp(4, 3, loss=loss, output="linear" if logits else output, metrics=None)).goal
    assert (goal.loss, goal.from_logits, goal.metric) == (expected, logits, Metric.NONE)


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "sigmoid", "softmax"])
def test_mean_squared_error_takes_every_activation(activation) -> None:
    assert translate(mlp(4, 3, loss="mse", output=activation)).layers[-1].activation.name.lower() == activation


@pytest.mark.parametrize("loss, n, metrics, metric, names", [
    ("sparse_categorical_crossentropy", 3, ["accuracy"], Metric.SPARSE_CATEGORICAL_ACCURACY, ("accuracy",)),
    ("categorical_crossentropy", 3, ["acc"], Metric.CATEGORICAL_ACCURACY, ("acc",)),
    ("binary_crossentropy", 1, ["accuracy"], Metric.BINARY_ACCURACY, ("accuracy",)),
    ("binary_crossentropy", 3, ["accuracy"], Metric.CATEGORICAL_ACCURACY, ("accuracy",)),
    ("binary_crossentropy", 3, ["binary_accuracy"], Metric.BINARY_ACCURACY, ("binary_accuracy",)),
    ("mean_squared_error", 1, ["accuracy"], Metric.BINARY_ACCURACY, ("accuracy",)),
    ("mean_squared_error", 3, ["accuracy"], Metric.CATEGORICAL_ACCURACY, ("accuracy",)),
    ("sparse_categorical_crossentropy", 3, [keras.metrics.SparseCategoricalAccuracy(name="right"), "accuracy"],
     Metric.SPARSE_CATEGORICAL_ACCURACY, ("right", "accuracy")),
    ("binary_crossentropy", 3, [["BinaryAccuracy"]], Metric.BINARY_ACCURACY, ("BinaryAccuracy",)),
])
def test_metrics_as_keras_resolves_them(loss, n, metrics, metric, names) -> None:
    goal = translate(mlp(4, n, loss=loss, metrics=metrics)).goal
    assert (goal.metric, goal.metric_names) == (metric, names)


def test_binary_accuracy_of_logits_has_its_threshold_at_zero() -> None:
    model = mlp(4, 1, loss=keras.losses.BinaryCrossentropy(from_logits=True), output="linear",
                metrics=[keras.metrics.BinaryAccuracy(threshold=0)])
    assert translate(model).goal.metric is Metric.BINARY_ACCURACY


def test_learning_rate_is_the_float32_that_keras_holds() -> None:
    model = mlp(4, 3, rate=0.1)
    assert learning_rate(model.optimizer) == float(np.float32(0.1))
    model.optimizer.learning_rate = 0.3
    assert learning_rate(model.optimizer) == float(np.float32(0.3))


def test_a_saved_and_loaded_model_is_read_alike(tmp_path) -> None:
    model = mlp(4, 5, 3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert summary(loaded) == summary(model) and translate(loaded).goal == translate(model).goal


def test_tf_keras_is_the_same() -> None:
    import tensorflow as tf

    model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(3, "softmax")])
    model.compile("sgd", tf.keras.losses.SparseCategoricalCrossentropy())
    assert translate(model).n_outputs == 3


def test_snake_case() -> None:
    assert snake_case("MeanSquaredError") == "mean_squared_error"
    assert snake_case("MSE") == "mse" and snake_case("bce") == "bce"
