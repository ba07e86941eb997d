"""Every refusal: one clear error before a machine is touched, naming what was given, what is accepted, the way out."""
from __future__ import annotations

import inspect

import keras
import numpy as np
import pytest
from keras_models import data, equal, functional, image_model, layers, mlp, on_host, sequential

import dlgraph
from dlgraph.errors import DataError, ModelError, NumberFormatError, UnsupportedError
from dlgraph.executors import MAPPING_OPTIONS, make_executor
from dlgraph.gfe.executor import GfeExecutor
from dlgraph.keras_translator import translate

SGD, Adam, RMSprop = keras.optimizers.SGD, keras.optimizers.Adam, keras.optimizers.RMSprop


def rate_by_function() -> float:
    return 0.1


def two_inputs() -> keras.Model:
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    model = keras.Model([a, b], layers.Dense(2)(layers.Concatenate()([a, b])))
    model.compile("sgd", "mse")
    return model


def two_outputs() -> keras.Model:
    x = keras.Input((4,))
    hidden = layers.Dense(4)(x)
    model = keras.Model(x, [layers.Dense(2)(hidden), layers.Dense(2)(hidden)])
    model.compile("sgd", ["mse", "mse"])
    return model


def shared(x):
    layer = layers.Dense(4, name="twice")
    return layer(layer(x))


def shared_branch(x):
    layer = layers.Dense(4, name="twice")
    return layers.Dense(2)(layers.Add()([layer(x), layer(layers.ReLU()(x))]))


def joining_block(n_outputs: int = 1) -> keras.Model:
    a, b = keras.Input((4,)), keras.Input((4,))
    joined = layers.Add()([a, b])
    return keras.Model([a, b], joined if n_outputs == 1 else [joined, a], name="block")


def shared_between_blocks() -> keras.Model:
    layer = layers.Dense(4, name="twice")
    a = keras.Sequential([keras.Input((4,)), layer], name="a")
    b = keras.Sequential([keras.Input((4,)), layer], name="b")
    return sequential(a, b)


class OwnModel(keras.Model):
    pass


class OwnLayer(keras.layers.Dense):
    pass


class Dense(keras.layers.Layer):
    """A user's layer with the name of one of Keras'."""

    def call(self, x):
        return x


def own_activation(x):
    return x


def own_loss(y_true, y_pred):
    return keras.ops.mean(y_true - y_pred)


def relu(x):
    return x


def build_then(change):
    model = mlp(4, 3)
    change(model)
    return model


MODELS = {
    # ---- the model
    "not a model": (lambda: 3, "not a Keras model", "compiled Keras 3 model"),
    "a class": (lambda: keras.Sequential, "the class Sequential", "not a Keras model"),
    "own model class": (OwnModel, "OwnModel", "keras.Sequential"),
    "not built": (lambda: keras.Sequential([layers.Dense(2)]), "not built", "keras.Input"),
    "not compiled": (lambda: keras.Sequential([keras.Input((4,)), layers.Dense(2)]), "not compiled", "model.compile"),
    "two inputs": (two_inputs, "2 inputs", "one input"),
    "two outputs": (two_outputs, "2 outputs", "one output"),
    "shared layer": (lambda: functional(shared), "twice", "shared"),
    "shared layer in branches": (lambda: functional(shared_branch), "twice", "shared", "Use a layer of its own"),
    "shared layer, nested": (shared_between_blocks, "twice", "shared"),
    "bare operation": (lambda: functional(lambda x: keras.ops.relu(layers.Dense(2)(x))), "bare operation 'relu'",
                       "keras.layers.Activation"),
    "bare addition": (lambda: functional(lambda x: layers.Dense(4)(x) + x), "class Add",
                      "keras.layers.Add()"),
    "nested model of two inputs": (lambda: functional(lambda x: layers.Dense(2)(joining_block()([x, layers.ReLU()(x)]))),
                                   "'block' has 2 inputs", "one input"),
    "dropout in predictions": (lambda: functional(lambda x: layers.Dense(2)(layers.Dropout(0.5, name="d")(x, training=True))),
                               "'d'", "training=True", "input alone"),
    "no values": (lambda: sequential(layers.Dense(2), shape=(0,)), "(None, 0)", "without any value"),
    "output of an addition": (lambda: functional(lambda x: layers.Add(name="sum")([x, layers.Dense(4)(x)])),
                              "Add layer 'sum'", "add Flatten and Dense"),
    "output of dropout": (lambda: sequential(layers.Dense(2), layers.Dropout(0.5, name="drop")), "Dropout layer 'drop'",
                          "Dense layer and its activation"),
    "output of a convolution": (lambda: sequential(layers.Conv2D(2, 2), shape=(4, 4, 1)), "no Dense layer",
                                "Flatten and Dense"),
    "output an image": (lambda: sequential(layers.Dense(16), layers.Reshape((4, 4, 1)), layers.Conv2D(2, 2)), "(3, 3, 2)",
                        "Flatten and Dense"),
    "output of pooling": (lambda: sequential(layers.Dense(16), layers.Reshape((4, 4, 1)),
                                             layers.GlobalAveragePooling2D(name="mean")), "'mean'", "add Flatten and Dense"),
    "open axis": (lambda: _open_axis(), "(None, None, 4)", "keras.Input"),
    "nothing to train": (lambda: sequential(layers.Flatten()), "no Dense layer", "Dense(units)"),
    # ---- layers
    "unknown layer": (lambda: sequential(layers.BatchNormalization(name="norm"), layers.Dense(2)),
                      "'norm' is a BatchNormalization", "'Dense'", "'Conv2D'"),
    "unknown layer in a branch": (lambda: functional(lambda x: layers.Dense(2)(layers.Multiply(name="m")([x, x]))),
                                  "'m' is a Multiply"),
    "own layer": (lambda: sequential(OwnLayer(2, name="mine")), "'mine'", "OwnLayer"),
    "own layer of a known name": (lambda: sequential(Dense(name="mine"), layers.Dense(2)), "'mine'", "not one of Keras"),
    "not flat": (lambda: sequential(layers.Dense(2, name="d"), shape=(3, 4)), "'d'", "(3, 4)", "Flatten"),
    "kernel regulariser": (lambda: sequential(layers.Dense(2, kernel_regularizer="l2", name="d")), "'d'",
                           "kernel_regularizer=L2"),
    "bias regulariser": (lambda: sequential(layers.Dense(2, bias_regularizer="l1")), "bias_regularizer=L1"),
    "activity regulariser": (lambda: sequential(layers.Dense(2, activity_regularizer="l2")), "activity_regularizer"),
    "kernel constraint": (lambda: sequential(layers.Dense(2, kernel_constraint="non_neg")), "kernel_constraint=NonNeg"),
    "bias constraint": (lambda: sequential(layers.Dense(2, bias_constraint="non_neg")), "bias_constraint"),
    "lora": (lambda: sequential(layers.Dense(2, lora_rank=1)), "lora_rank=1"),
    "frozen": (lambda: sequential(layers.Dense(2, trainable=False, name="d")), "'d'", "trainable=False"),
    "frozen model": (lambda: build_then(lambda m: setattr(m, "trainable", False)), "trainable=False"),
    "dtype": (lambda: sequential(layers.Dense(2, dtype="mixed_bfloat16")), "mixed_bfloat16", "'float32'"),
    "own activation": (lambda: sequential(layers.Dense(2, activation=own_activation)), "own_activation", "'relu'"),
    "own activation of a known name": (lambda: sequential(layers.Dense(2, activation=relu)), "'relu'",
                                       "test_bad_input"),
    "unknown activation": (lambda: sequential(layers.Dense(2, "gelu")), "gelu", "'tanh'"),
    "relu maximum": (lambda: sequential(layers.Dense(2), layers.ReLU(max_value=6)), "max_value=6"),
    "relu slope": (lambda: sequential(layers.Dense(2), layers.ReLU(negative_slope=2.5)), "negative_slope=2.5",
                   "0 to below 2"),
    "leaky slope": (lambda: sequential(layers.Dense(2), layers.LeakyReLU(2, name="leak")), "'leak'", "negative_slope=2"),
    "relu threshold": (lambda: sequential(layers.Dense(2), layers.ReLU(threshold=1)), "threshold=1"),
    "relu as an activation": (lambda: sequential(layers.Dense(2, layers.ReLU(max_value=6))), "max_value=6"),
    "layer as an activation": (lambda: sequential(layers.Dense(2, layers.Dropout(0.5), name="d")), "'d'", "Dropout",
                               "behind the layer"),
    "softmax axis": (lambda: sequential(layers.Dense(6), layers.Softmax(axis=0)), "axis=0"),
    "softmax, not flat": (lambda: sequential(layers.Dense(6), layers.Reshape((2, 3)), layers.Softmax(),
                                             layers.Flatten()), "(2, 3)", "flat"),
    "two activations": (lambda: sequential(layers.Dense(2, "relu", name="d"), layers.Activation("tanh", name="t")),
                        "'t'", "'d'", "one activation"),
    "softmax inside": (lambda: sequential(layers.Dense(2, "softmax", name="d"), layers.Dense(2)), "'d'",
                       "inside the network"),
    "softmax over channels": (lambda: image_model(layers.Conv2D(2, 3, activation="softmax", name="c")), "'c'",
                              "inside the network"),
    "softmax of an image": (lambda: image_model(layers.Conv2D(2, 3), layers.Softmax(name="s")), "'s'", "flat"),
    "softmax behind relu": (lambda: sequential(layers.Dense(2, "relu", name="d"), layers.Softmax(name="s")), "'s'", "'d'",
                            "one activation"),
    "channels first": (lambda: image_model(layers.Conv2D(2, 2, data_format="channels_first")), "data_format=channels_first",
                       "'channels_last'"),
    "channels first, 1D": (lambda: image_model(layers.Conv1D(2, 3, data_format="channels_first"), shape=(4, 6)),
                           "data_format=channels_first"),
    "dilation": (lambda: image_model(layers.Conv2D(2, 2, dilation_rate=2)), "dilation_rate=(2, 2)", "(1, 1)"),
    "dilation, 1D": (lambda: image_model(layers.Conv1D(2, 2, dilation_rate=3), shape=(8, 2)), "Conv1D", "dilation_rate=(3,)"),
    "groups": (lambda: image_model(layers.Conv2D(2, 3, groups=2)), "groups=2", "groups=1"),
    "kernel regulariser of a convolution": (lambda: image_model(layers.Conv2D(2, 3, kernel_regularizer="l2")),
                                            "Conv2D", "kernel_regularizer=L2"),
    "frozen convolution": (lambda: image_model(layers.Conv2D(2, 3, trainable=False)), "Conv2D", "trainable=False"),
    "lora of a convolution": (lambda: image_model(layers.Conv2D(2, 3, lora_rank=1)), "lora_rank=1"),
    "channels-first pooling": (lambda: image_model(layers.MaxPooling2D(2, data_format="channels_first")), "MaxPooling2D",
                               "channels_first"),
    "channels-first mean": (lambda: image_model(layers.GlobalAveragePooling2D(data_format="channels_first")),
                            "GlobalAveragePooling2D", "channels_first"),
    "channels-first padding": (lambda: image_model(layers.ZeroPadding2D(1, data_format="channels_first")), "ZeroPadding2D",
                               "channels_first"),
    "noise shape": (lambda: image_model(layers.Dropout(0.5, noise_shape=(None, 1, 1, 2))), "noise_shape=(None, 1, 1, 2)", "None"),
    "everything dropped": (lambda: image_model(layers.Dropout(1.0)), "rate=1.0", "0 to 0.999"),
    "sum of two shapes": (lambda: functional(lambda x: layers.Dense(2)(layers.Add(name="sum")([x, layers.Dense(1)(x)]))),
                          "'sum'", "(4,) and (1,)", "one shape"),
    "other axis": (lambda: functional(lambda x: layers.Dense(2)(layers.Flatten()(layers.Concatenate(axis=1)([x, x]))),
                                      (2, 3)), "axis=1", "-1 or 2"),
    "leaky output": (lambda: sequential(layers.Dense(2, name="d"), layers.LeakyReLU(name="leak")), "'d'", "'leak'",
                     "use one of these"),
    "output not flat": (lambda: sequential(layers.Dense(6), layers.Reshape((2, 3))), "(2, 3)", "flat outputs"),
    # ---- optimiser
    "adagrad": (lambda: sequential(layers.Dense(2), optimizer="adagrad"), "Adagrad", "keras.optimizers.SGD, Adam, AdamW and"),
    "own optimiser": (lambda: sequential(layers.Dense(2), optimizer=type("Adam", (keras.optimizers.Adam,), {})()), "Adam"),
    "epsilon": (lambda: sequential(layers.Dense(2), optimizer=Adam(epsilon=0.0)), "epsilon", "2**-36"),
    "epsilon of rmsprop": (lambda: sequential(layers.Dense(2), optimizer=RMSprop(epsilon=1e-30)), "epsilon", "2**-72"),
    "beta": (lambda: sequential(layers.Dense(2), optimizer=Adam(beta_2=1.0)), "beta_2", "0 .. 1"),
    "rho": (lambda: sequential(layers.Dense(2), optimizer=RMSprop(rho=1.5)), "rho", "0 .. 1"),
    "centred": (lambda: sequential(layers.Dense(2), optimizer=RMSprop(centered=True)), "centered=True"),
    "no optimiser": (lambda: build_then(lambda m: m.compile(None, "mse")), "without an optimiser"),
    "momentum": (lambda: sequential(layers.Dense(2), optimizer=RMSprop(momentum=1.5)), "momentum", "0..1"),
    "weight decay": (lambda: sequential(layers.Dense(2), optimizer=SGD(weight_decay=-0.1)), "weight_decay=-0.1"),
    "clipnorm": (lambda: sequential(layers.Dense(2), optimizer=SGD(clipnorm=1.0)), "clipnorm=1.0"),
    "clipvalue": (lambda: sequential(layers.Dense(2), optimizer=SGD(clipvalue=1.0)), "clipvalue=1.0"),
    "global clipnorm": (lambda: sequential(layers.Dense(2), optimizer=SGD(global_clipnorm=1.0)), "global_clipnorm"),
    "ema": (lambda: sequential(layers.Dense(2), optimizer=SGD(use_ema=True)), "use_ema=True"),
    "loss scale": (lambda: sequential(layers.Dense(2), optimizer=SGD(loss_scale_factor=8.0)), "loss_scale_factor"),
    "accumulation": (lambda: sequential(layers.Dense(2), optimizer=SGD(gradient_accumulation_steps=2)),
                     "gradient_accumulation_steps=2"),
    "rate by function": (lambda: sequential(layers.Dense(2), optimizer=SGD(rate_by_function)), "rate_by_function",
                         "LearningRateSchedule"),
    "negative rate of a schedule": (lambda: sequential(layers.Dense(2), optimizer=SGD(
        keras.optimizers.schedules.ExponentialDecay(-0.1, 10, 0.9))), "-0.1", "from 0"),
    "negative rate": (lambda: sequential(layers.Dense(2), optimizer=SGD(-0.5)), "-0.5", "from 0"),
    # ---- loss
    "no loss": (lambda: sequential(layers.Dense(2), loss=None), "without a loss", "'mean_squared_error'"),
    "unknown loss": (lambda: sequential(layers.Dense(2), loss="mae"), "'mae'", "'mean_squared_error'"),
    "own loss": (lambda: sequential(layers.Dense(2), loss=own_loss), "own_loss", "not Keras' own"),
    "loss by shape": (lambda: sequential(layers.Dense(2, "softmax"), loss="crossentropy"), "'crossentropy'"),
    "two losses": (lambda: sequential(layers.Dense(2), loss=["mse", "mse"]), "2 losses"),
    "reduction": (lambda: sequential(layers.Dense(2), loss=keras.losses.MeanSquaredError(reduction="sum")),
                  "reduction='sum'"),
    "label smoothing": (lambda: sequential(layers.Dense(2, "softmax"),
                                           loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1)),
                        "label_smoothing=0.1"),
    "ignored class": (lambda: sequential(layers.Dense(2, "softmax"),
                                         loss=keras.losses.SparseCategoricalCrossentropy(ignore_class=0)),
                      "ignore_class=0"),
    "loss weights": (lambda: sequential(layers.Dense(2), loss_weights=[0.5]), "loss_weights=[0.5]"),
    "logits as probabilities": (lambda: mlp(4, 3, output="linear"), "'linear'", "from_logits=True", "'softmax'"),
    "probabilities as logits": (lambda: mlp(4, 3, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                                            output="softmax"), "'softmax'", "'linear'"),
    "sigmoid and categorical": (lambda: mlp(4, 3, loss="categorical_crossentropy", output="sigmoid"), "'sigmoid'",
                                "'softmax'", "mean_squared_error"),
    "softmax and binary": (lambda: mlp(4, 3, loss="binary_crossentropy", output="softmax"), "'sigmoid'"),
    "softmax of one": (lambda: mlp(4, 1), "single unit", "binary_crossentropy"),
    # ---- metrics
    "unknown metric": (lambda: mlp(4, 3, metrics=["mae"]), "'mae'", "'accuracy'"),
    "own metric": (lambda: mlp(4, 3, metrics=[own_loss]), "own_loss", "not Keras' own"),
    "weighted metrics": (lambda: sequential(layers.Dense(2), weighted_metrics=["accuracy"]), "weighted_metrics"),
    "sparse metric of one-hot": (lambda: mlp(4, 3, loss="categorical_crossentropy",
                                             metrics=["sparse_categorical_accuracy"]), "does not go with the loss"),
    "two accuracies": (lambda: mlp(4, 3, loss="categorical_crossentropy",
                                   metrics=["accuracy", "binary_accuracy"]), "two ways"),
    "threshold": (lambda: mlp(4, 1, loss="binary_crossentropy",
                              metrics=[keras.metrics.BinaryAccuracy(threshold=0.3)]), "0.3", "threshold=0.5"),
    "accuracy of logits": (lambda: mlp(4, 1, loss=keras.losses.BinaryCrossentropy(from_logits=True), output="linear"),
                           "threshold=0"),
}


def _open_axis() -> keras.Model:
    x = keras.Input((None, 4))
    model = keras.Model(x, layers.Dense(2)(x))
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("case", MODELS)
def test_models_are_refused(case) -> None:
    make, *words = MODELS[case]
    with pytest.raises(ModelError) as refusal:
        translate(make())
    for word in words:
        assert word in str(refusal.value)
    assert str(refusal.value).endswith((".", ")"))


def test_legacy_keras_is_refused() -> None:
    legacy = type("Sequential", (), {"__module__": "tf_keras.src.engine.sequential", "name": "old"})
    with pytest.raises(ModelError, match="Keras 2.*TF_USE_LEGACY_KERAS"):
        translate(legacy())


# ---------------------------------------------------------------------- data

def no_machine(graph, target, **options):
    raise AssertionError("the machine was touched")


@pytest.fixture(scope="module")
def net() -> dlgraph.Network:
    return dlgraph.from_keras(mlp(4, 3), executor_factory=no_machine)


X, Y = data(40)


def with_value(array: np.ndarray, value: float, dtype: type = np.float64) -> np.ndarray:
    changed = array.astype(dtype)
    changed.flat[9] = value
    return changed


DATA = {
    "None": ((None, Y), {}, "X is None"),
    "no y": ((X, None), {}, "y is None"),
    "text": ((np.array([["a"] * 4] * 40), Y), {}, "dtype <U1", "astype"),
    "objects": ((np.full((40, 4), None), Y), {}, "dtype object"),
    "complex": ((X.astype(complex), Y), {}, "complex128"),
    "ragged": (([[1.0, 2.0], [1.0]], [0, 1]), {}, "not a regular array"),
    "generator": (((x for x in X), Y), {}, "generator"),
    "dict": (({"x": X}, Y), {}, "dict"),
    "shape": ((X[:, :3], Y), {}, "(40, 3)", "(samples, 4)"),
    "one sample": ((X[0], Y[:1]), {}, "(4,)", "numpy.newaxis"),
    "shape to flatten": ((X.reshape(40, 2, 2), Y), {}, "(40, 2, 2)", "reshape(-1, 4)"),
    "scalar": ((1.0, 1.0), {}, "shape ()"),
    "empty": ((X[:0], Y[:0]), {}, "empty", "at least one sample"),
    "NaN": ((with_value(X, np.nan), Y), {}, "nan in sample 2", "finite"),
    "infinite": ((with_value(X, -np.inf, np.float32), Y), {}, "-inf in sample 2"),
    "too large": ((with_value(X, 1e6), Y), {}, "1e+06", "32767", "scale"),
    "lengths": ((X, Y[:39]), {}, "40 samples", "y has 39"),
    "label too large": ((X, np.where(np.arange(40) == 7, 3, Y)), {}, "label 3 at sample 7", "0 to 2"),
    "label negative": ((X, np.where(np.arange(40) == 7, -1, Y)), {}, "label -1", "number the classes from 0"),
    "label fractional": ((X, Y + 0.5), {}, ".5 at sample 0", "whole"),
    "label NaN": ((X, with_value(Y, np.nan)), {}, "y has nan in sample 9"),
    "one-hot labels": ((X, np.eye(3)[Y]), {}, "(40, 3)", "categorical_crossentropy", "argmax"),
    "batch 0": ((X, Y), {"batch_size": 0}, "batch_size=0"),
    "batch negative": ((X, Y), {"batch_size": -4}, "batch_size=-4"),
    "batch fractional": ((X, Y), {"batch_size": 3.5}, "batch_size=3.5", "whole number"),
    "batch too large": ((X, Y), {"batch_size": 41}, "batch_size=41", "40 samples", "batch_size=40"),
    "default batch too large": ((X[:20], Y[:20]), {}, "batch_size=32", "20 samples"),
    "epochs": ((X, Y), {"epochs": -1}, "epochs=-1"),
    "epochs fractional": ((X, Y), {"epochs": 1.5}, "epochs=1.5"),
    "initial epoch": ((X, Y), {"initial_epoch": -1}, "initial_epoch=-1"),
    "shuffle": ((X, Y), {"shuffle": "batch"}, "shuffle='batch'"),
    "verbose": ((X, Y), {"verbose": 7}, "verbose=7"),
    "validation form": ((X, Y), {"validation_data": X}, "ndarray", "(X, y)"),
    "validation of four": ((X, Y), {"validation_data": (X, Y, Y, Y)}, "tuple of 4", "(X, y, sample_weight)"),
    "validation weights": ((X, Y), {"validation_data": (X, Y, -Y - 1)}, "validation_data's sample_weight has -", "sample 0"),
    "validation without y": ((X, Y), {"validation_data": (X, None)}, "no y"),
    "validation shape": ((X, Y), {"validation_data": (X[:, :2], Y)}, "validation_data's X", "(40, 2)"),
    "validation labels": ((X, Y), {"validation_data": (X, Y + 5)}, "validation_data's y"),
    "validation too large": ((X, Y), {"validation_data": (X * 1e6, Y)}, "validation_data's X", "32767"),
    "validation split": ((X, Y), {"validation_split": 1.0}, "validation_split=1.0"),
    "validation frequency": ((X, Y), {"validation_data": (X, Y), "validation_freq": 0}, "validation_freq=0"),
    "sample weights' number": ((X, Y), {"sample_weight": np.ones(39)}, "sample_weight has the shape (39,)", "(40,) or (40, 1)"),
    "sample weights' shape": ((X, Y), {"sample_weight": np.ones((40, 3))}, "(40, 3)", "class_weight"),
    "sample weight for all": ((X, Y), {"sample_weight": 2.0}, "shape ()", "one weight per sample"),
    "sample weights' type": ((X, Y), {"sample_weight": {0: 1.0}}, "sample_weight is a dict"),
    "sample weight NaN": ((X, Y), {"sample_weight": with_value(Y, np.nan)}, "nan at sample 9", "from 0 to 1048576"),
    "sample weight infinite": ((X, Y), {"sample_weight": with_value(Y, np.inf)}, "inf at sample 9"),
    "sample weight negative": ((X, Y), {"sample_weight": with_value(Y, -1)}, "-1 at sample 9", "0 to leave samples out"),
    "sample weight too large": ((X, Y), {"sample_weight": with_value(Y, 1.1e6)}, "1.1e+06 at sample 9", "learning rate up"),
    "sample weights, split": ((X, Y), {"sample_weight": np.ones(39), "validation_split": 0.5}, "shape (39,)", "(40,)"),
    "both weights": ((X, Y), {"sample_weight": np.ones(40), "class_weight": {0: 2.0}}, "both", "multiply"),
    "class weights' type": ((X, Y), {"class_weight": [1.0, 2.0, 1.0]}, "class_weight is a list", "dict", "sample_weight"),
    "class weights' key": ((X, Y), {"class_weight": {"a": 2.0}}, "key 'a'", "from 0 to 2"),
    "class weights' class": ((X, Y), {"class_weight": {3: 2.0}}, "key 3", "from 0 to 2"),
    "class weight NaN": ((X, Y), {"class_weight": {1: np.nan}}, "nan for class 1", "finite"),
    "class weight negative": ((X, Y), {"class_weight": {1: -2}}, "-2 for class 1"),
    "class weight, several": ((X, Y), {"class_weight": {1: [1, 2]}}, "[1, 2] for class 1"),
    "class weight text": ((X, Y), {"class_weight": {1: "a"}}, "class_weight[1] is a str"),
    "steps": ((X, Y), {"steps_per_epoch": 3}, "steps_per_epoch is not supported"),
    "callback class": ((X, Y), {"callbacks": [keras.callbacks.EarlyStopping]}, "EarlyStopping", "not a callback"),
    "callback text": ((X, Y), {"callbacks": "x"}, "not a callback"),
}


@pytest.mark.parametrize("case", DATA)
def test_data_are_refused_before_the_machine(net, case) -> None:
    (x, y), arguments, *words = DATA[case]
    with pytest.raises(DataError) as refusal:
        net.train(x, y, **arguments)
    for word in words:
        assert word in str(refusal.value)


def test_unknown_argument_is_a_type_error(net) -> None:
    with pytest.raises(TypeError, match="epoch"):
        net.train(X, Y, epoch=3)


@pytest.mark.parametrize("loss, y, words", [
    ("categorical_crossentropy", Y, ["(40,)", "(samples, 3)", "sparse_categorical_crossentropy", "to_categorical"]),
    ("categorical_crossentropy", np.ones((40, 3)), ["sum to 3 at sample 0", "one-hot", "binary_crossentropy"]),
    ("categorical_crossentropy", np.eye(3)[Y] * 2 - 1, ["-1", "from 0 to 1"]),
    ("categorical_crossentropy", np.eye(4)[Y], ["(40, 4)", "(samples, 3)"]),
    ("binary_crossentropy", np.full((40, 3), 1.5), ["1.5", "from 0 to 1"]),
    ("binary_crossentropy", Y, ["(40,)", "(samples, 3)"]),
    ("mean_squared_error", np.full((40, 3), 256.0), ["256", "scale the targets"]),
    ("mean_squared_error", np.full((40, 3), -300), ["-300", "-256 to 256"]),
    ("mean_squared_error", Y[:, None], ["(40, 1)", "(samples, 3)"]),
])
def test_targets_are_refused(loss, y, words) -> None:
    net = dlgraph.from_keras(mlp(4, 3, loss=loss), executor_factory=no_machine)
    with pytest.raises(DataError) as refusal:
        net.train(X, y)
    for word in words:
        assert word in str(refusal.value)
    with pytest.raises(DataError):
        net.evaluate(X, y)


def test_predict_and_evaluate_check_too(net) -> None:
    with pytest.raises(DataError, match="finite"):
        net.predict(with_value(X, np.nan))
    with pytest.raises(DataError, match="y is None"):
        net.evaluate(X, None)
    with pytest.raises(DataError, match="steps is not supported"):
        net.predict(X, steps=2)


def test_later_data_must_fit_the_inputs_fixed_by_the_first() -> None:
    net = on_host(mlp(4, 3))
    net.evaluate(X, Y, verbose=0)
    with pytest.raises(DataError, match=r"up to 100\b.*input_max=100"):
        net.predict(X / np.abs(X).max() * 100)
    roomy = on_host(mlp(4, 3), input_max=100)
    roomy.evaluate(X, Y, verbose=0)
    assert roomy.predict(X / np.abs(X).max() * 100, verbose=0).shape == (40, 3)


# ---------------------------------------------------------------------- weights, rates and options

def test_weights_outside_the_format_are_refused() -> None:
    model = mlp(4, 5, 3)
    kernel, bias = model.layers[1].get_weights()
    kernel[2, 1] = 8.5
    model.layers[1].set_weights([kernel, bias])
    with pytest.raises(NumberFormatError, match=r"'dense\w*'.*8\.5 at \[2, 1\].*-8 to 8"):
        on_host(model)
    kernel[2, 1], bias[0] = np.nan, 0
    model.layers[1].set_weights([kernel, bias])
    with pytest.raises(NumberFormatError, match="nan"):
        on_host(model)
    kernel[2, 1], bias[0] = 0, -257
    model.layers[1].set_weights([kernel, bias])
    with pytest.raises(NumberFormatError, match="biases.*-257"):
        on_host(model)


def test_learning_rates_outside_the_format_are_refused() -> None:
    net = dlgraph.from_keras(mlp(4, 3, rate=1e30), executor_factory=no_machine)
    with pytest.raises(DataError, match="learning rate 1e\\+30"):
        net.train(X, Y)


@pytest.mark.parametrize("options, error, word", [
    ({"seed": -1}, DataError, "seed=-1"), ({"seed": 2**32}, DataError, "4294967295"),
    ({"seed": 1.5}, DataError, "seed=1.5"),
    ({"input_max": 0}, DataError, "input_max=0"), ({"input_max": "x"}, DataError, "input_max='x'"),
    ({"activation_fractions": {"nowhere": 8}}, DataError, "nowhere"),
    ({"activation_fractions": {"output": 8}}, DataError, "hidden layers"),
    ({"gradient_shifts": {"nowhere": 8}}, DataError, "layers with weights: 'hidden', 'output'"),
    ({"gradient_shifts": {"hidden": 16}}, DataError, "from 0 to 15"),
    ({"gradient_shifts": {"hidden": -1}}, DataError, "gradient_shifts['hidden']=-1"),
    ({"gradient_shifts": {"hidden": 1.5}}, DataError, "not a whole number"),
    ({"no_such_option": 1}, UnsupportedError, "no_such_option"),
    ({"machine": "localhost"}, dlgraph.MachineError, "dlgraph.Board('localhost')"),
    ({"replicas": 4}, UnsupportedError, "Give cuts as well"), ({"shared_window": 2, "cuts": None}, UnsupportedError, "Give cuts"),
])
def test_options_are_refused(options, error, word) -> None:
    model = sequential(layers.Dense(5, name="hidden"), layers.Dense(3, name="output"))
    with pytest.raises(error) as refusal:
        dlgraph.from_keras(model, **options)
    assert word in str(refusal.value)


def test_the_options_of_the_mapping_are_those_of_the_executor() -> None:
    parameters = inspect.signature(GfeExecutor).parameters.values()
    assert {each.name for each in parameters if each.kind is each.KEYWORD_ONLY} == set(MAPPING_OPTIONS)


def test_a_model_compiled_anew_for_another_goal_is_refused() -> None:
    model = mlp(4, 3)
    net = on_host(model)
    model.compile("sgd", "mse", metrics=["accuracy"])
    with pytest.raises(ModelError, match="compiled anew.*from_keras again"):
        net.train(X, Y)


def test_no_answer_at_the_address_is_one_clear_error() -> None:
    model = mlp(4, 3)
    net = dlgraph.from_keras(model, dlgraph.Board("127.0.0.99"), executor_factory=make_executor)
    before = model.get_weights()
    with pytest.raises(dlgraph.MachineError, match="No answer at 127.0.0.99"):
        net.train(X, Y, verbose=0)
    assert equal(before, model.get_weights())
