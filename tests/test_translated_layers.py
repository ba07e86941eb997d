"""The layers of a layer graph that each Keras layer becomes."""
from __future__ import annotations

import keras
import numpy as np
import pytest
from keras_models import equal, every_layer, functional, image_model, layers, mlp, on_host, sequential

from dlgraph.keras_translator import translate
from dlgraph.layer_graph import (
    INPUT, Activation, ActivationLayer, AddLayer, ConcatenateLayer, ConvolutionLayer, DenseLayer, DropoutLayer, Layer, PaddingLayer,
    Pooling, PoolingLayer, ReshapeLayer)


def first(layer: keras.layers.Layer, shape: tuple[int, ...] = (6, 6, 2)) -> tuple[Layer, tuple[int, int, int]]:
    """What a layer on images becomes, and the shape of its value."""
    net = translate(image_model(layer, shape=shape))
    assert [type(each) for each in net.layers[1:]] == [DenseLayer]
    return net.layers[0], net.shapes()[0]


def kinds(model: keras.Model) -> list[tuple[type, tuple[int, ...]]]:
    return [(type(layer), layer.inputs) for layer in translate(model).layers]


# ---------------------------------------------------------------------- convolutions

def test_convolution() -> None:
    layer, shape = first(layers.Conv2D(5, (3, 2), strides=(2, 1), activation="tanh", use_bias=False, name="c"))
    assert isinstance(layer, ConvolutionLayer) and layer.name == "c"
    assert layer.weights.shape == (3, 2, 2, 5) and not layer.use_bias and layer.activation is Activation.TANH
    assert layer.strides == (2, 1) and layer.padding == ((0, 0), (0, 0)) and shape == (2, 5, 5)


@pytest.mark.parametrize("n, kernel, stride, before, after, positions", [
    (6, 3, 1, 1, 1, 6), (6, 2, 1, 0, 1, 6), (6, 4, 1, 1, 2, 6), (5, 3, 2, 1, 1, 3), (6, 3, 2, 0, 1, 3), (6, 1, 3, 0, 0, 2),
    (7, 2, 3, 0, 1, 3), (3, 5, 1, 2, 2, 3)])
def test_same_padding_is_made_explicit_as_tensorflow_does_it(n, kernel, stride, before, after, positions) -> None:
    layer, shape = first(layers.Conv2D(1, kernel, strides=stride, padding="same"), (n, n, 1))
    assert layer.padding == ((before, after),) * 2 and shape[:2] == (positions,) * 2
    pooling, shape = first(layers.MaxPooling2D(kernel, stride, "same"), (n, n, 1))
    assert pooling.padding == ((before, after),) * 2 and shape[:2] == (positions,) * 2


def test_a_line_is_an_image_of_one_column() -> None:
    layer, shape = first(layers.Conv1D(4, 3, strides=2, activation="relu"), (9, 2))
    assert layer.weights.shape == (3, 1, 2, 4) and layer.strides == (2, 1) and layer.padding == ((0, 0), (0, 0))
    assert shape == (4, 1, 4)
    assert first(layers.Conv1D(4, 3, padding="same"), (9, 2))[0].padding == ((1, 1), (0, 0))
    causal, shape = first(layers.Conv1D(4, 3, padding="causal"), (9, 2))
    assert causal.padding == ((2, 0), (0, 0)) and shape == (9, 1, 4)


# ---------------------------------------------------------------------- pooling, padding, dropout

@pytest.mark.parametrize("layer, kind, size, strides, shape", [
    (lambda: layers.AveragePooling2D(2), Pooling.AVERAGE, (2, 2), (2, 2), (3, 3, 2)),
    (lambda: layers.MaxPooling2D((3, 2), (1, 2)), Pooling.MAXIMUM, (3, 2), (1, 2), (4, 3, 2)),
    (lambda: layers.GlobalAveragePooling2D(), Pooling.AVERAGE, (6, 6), (6, 6), (1, 1, 2)),
    (lambda: layers.GlobalMaxPooling2D(keepdims=True), Pooling.MAXIMUM, (6, 6), (6, 6), (1, 1, 2)),
])
def test_pooling_of_images(layer, kind, size, strides, shape) -> None:
    pooling, found = first(layer())
    assert isinstance(pooling, PoolingLayer)
    assert (pooling.kind, pooling.size, pooling.strides, found) == (kind, size, strides, shape)


@pytest.mark.parametrize("layer, kind, size, strides, shape", [
    (lambda: layers.AveragePooling1D(2), Pooling.AVERAGE, (2, 1), (2, 1), (4, 1, 2)),
    (lambda: layers.MaxPooling1D(3, 1), Pooling.MAXIMUM, (3, 1), (1, 1), (7, 1, 2)),
    (lambda: layers.GlobalAveragePooling1D(), Pooling.AVERAGE, (9, 1), (9, 1), (1, 1, 2)),
    (lambda: layers.GlobalMaxPooling1D(), Pooling.MAXIMUM, (9, 1), (9, 1), (1, 1, 2)),
])
def test_pooling_of_lines(layer, kind, size, strides, shape) -> None:
    pooling, found = first(layer(), (9, 2))
    assert (pooling.kind, pooling.size, pooling.strides, found) == (kind, size, strides, shape)


def test_padding() -> None:
    layer, shape = first(layers.ZeroPadding2D(((1, 2), (3, 0))))
    assert isinstance(layer, PaddingLayer) and layer.padding == ((1, 2), (3, 0)) and shape == (9, 9, 2)
    layer, shape = first(layers.ZeroPadding1D((2, 1)), (9, 2))
    assert layer.padding == ((2, 1), (0, 0)) and shape == (12, 1, 2)


def test_dropout() -> None:
    layer, _ = first(layers.Dropout(0.25, seed=7))
    assert isinstance(layer, DropoutLayer) and layer.rate == 0.25


@pytest.mark.parametrize("layer", [lambda: layers.Dropout(0.0), lambda: layers.ZeroPadding2D(0), lambda: layers.Reshape((6, 6, 2)),
                                   lambda: layers.Activation("linear"), lambda: layers.Flatten()])
def test_what_changes_nothing_is_left_out(layer) -> None:
    assert kinds(image_model(layer())) == [(DenseLayer, (INPUT,))]


# ---------------------------------------------------------------------- activations

@pytest.mark.parametrize("layer, slope", [
    (lambda: layers.LeakyReLU(), 9830), (lambda: layers.LeakyReLU(0.5), 16384),
    (lambda: layers.LeakyReLU(negative_slope=1.5), 49152), (lambda: layers.LeakyReLU(alpha=0.25), 8192),
    (lambda: layers.ReLU(negative_slope=0.1), 3277),
    (lambda: layers.Activation("leaky_relu"), 6554), (lambda: layers.Activation(layers.LeakyReLU(0.5)), 16384),
])
@pytest.mark.filterwarnings("ignore:Argument `alpha`")
def test_leaky_relus_are_fused(layer, slope) -> None:
    for model in (sequential(layers.Dense(5), layer(), layers.Dense(2)), sequential(layers.Dense(5, layer()), layers.Dense(2))):
        hidden, _ = translate(model).layers
        assert (hidden.activation, hidden.negative_slope) == (Activation.LEAKY_RELU, slope)


def test_leaky_relus_of_functions_and_of_no_slope() -> None:
    import tensorflow as tf

    model = sequential(layers.Dense(5, tf.nn.leaky_relu), layers.Dense(5, "leaky_relu"), layers.Dense(5, layers.LeakyReLU(0)),
                       layers.Dense(2))
    assert [(layer.activation, layer.negative_slope) for layer in translate(model).layers[:3]] == [
        (Activation.LEAKY_RELU, 6554), (Activation.LEAKY_RELU, 6554), (Activation.RELU, 0)]


def test_an_activation_behind_a_convolution_is_fused() -> None:
    model = image_model(layers.Conv2D(2, 3, name="c"), layers.Flatten(), layers.ReLU())
    assert kinds(model) == [(ConvolutionLayer, (INPUT,)), (DenseLayer, (0,))]
    assert translate(model).layers[0].activation is Activation.RELU


def test_activations_that_stand_alone() -> None:
    assert kinds(sequential(layers.ReLU(), layers.Dense(2))) == [(ActivationLayer, (INPUT,)), (DenseLayer, (0,))]
    assert kinds(image_model(layers.MaxPooling2D(), layers.Activation("tanh"))) == [
        (PoolingLayer, (INPUT,)), (ActivationLayer, (0,)), (DenseLayer, (1,))]
    net = translate(sequential(layers.Dense(5, "relu"), layers.LeakyReLU(0.5), layers.Dense(2)))
    assert [layer.activation for layer in net.layers] == [Activation.RELU, Activation.LEAKY_RELU, Activation.LINEAR]
    assert net.layers[1].negative_slope == 16384


def test_an_activation_is_not_fused_where_something_else_takes_the_value() -> None:
    def build(x):
        a = layers.Dense(4)(x)
        return layers.Dense(2)(layers.Add()([layers.ReLU()(a), a]))
    assert kinds(functional(build)) == [(DenseLayer, (INPUT,)), (ActivationLayer, (0,)), (AddLayer, (1, 0)), (DenseLayer, (2,))]


# ---------------------------------------------------------------------- shapes

def test_reshapes_that_nobody_sees_are_dropped() -> None:
    model = image_model(layers.Conv2D(2, 3), layers.Flatten(), layers.Dropout(0.5), layers.ReLU())
    assert kinds(model) == [(ConvolutionLayer, (INPUT,)), (DropoutLayer, (0,)), (ActivationLayer, (1,)), (DenseLayer, (2,))]
    assert translate(model).shapes()[1] == (4, 4, 2)


def test_a_reshape_of_the_input_becomes_the_shape_of_the_input() -> None:
    net = translate(sequential(layers.Reshape((6, -1)), layers.Reshape((6, 6, 1)), layers.Conv2D(2, 3), layers.Flatten(),
                               layers.Dense(2), shape=(36,)))
    assert [type(layer) for layer in net.layers] == [ConvolutionLayer, DenseLayer] and net.image == (6, 6, 1)
    assert net.input_shape == (36,) and net.describe() == "6x6x1-4x4x2-2"


def test_dense_layers_agree_with_every_shape_of_the_input() -> None:
    def build(x):
        a = layers.Flatten()(layers.Conv2D(1, 3, name="c")(layers.Reshape((3, 4, 1))(x)))
        return layers.Dense(2)(layers.Concatenate()([a, layers.Dense(3)(x)]))
    net = translate(functional(build, (12,)))
    assert net.image == (3, 4, 1) and len(net.layers) == 5
    assert [type(net.layers[i]) for i in range(5) if INPUT in net.layers[i].inputs] == [ConvolutionLayer, DenseLayer]


def test_reshapes_stay_where_shapes_of_the_input_differ() -> None:
    def build(x):
        ways = [layers.Flatten()(layers.Conv2D(1, 2)(layers.Reshape(shape)(x))) for shape in ((3, 4, 1), (4, 3, 1))]
        return layers.Dense(2)(layers.Add()(ways))
    net = translate(functional(build, (12,)))
    assert net.image == (1, 1, 12)
    assert sorted(layer.shape for layer in net.layers if isinstance(layer, ReshapeLayer)) == [
        (1, 1, 6), (1, 1, 6), (3, 4, 1), (4, 3, 1)]


def test_a_flat_value_becomes_an_image() -> None:
    model = image_model(layers.Flatten(), layers.Dense(12, name="d"), layers.Reshape((2, 3, 2)), layers.ReLU(), layers.Conv2D(1, 2))
    assert kinds(model) == [(DenseLayer, (INPUT,)), (ReshapeLayer, (0,)), (ConvolutionLayer, (1,)), (DenseLayer, (2,))]
    net = translate(model)
    assert net.layers[1].shape == (2, 3, 2) and net.layers[0].activation is Activation.RELU and net.image == (1, 1, 72)


def test_several_reshapes_are_one() -> None:
    model = sequential(layers.Dense(12), layers.Reshape((3, 4, 1)), layers.Reshape((4, 3)), layers.Reshape((2, 6, 1)),
                       layers.MaxPooling2D(), layers.Flatten(), layers.Dense(2))
    assert kinds(model) == [(DenseLayer, (INPUT,)), (ReshapeLayer, (0,)), (PoolingLayer, (1,)), (DenseLayer, (2,))]


# ---------------------------------------------------------------------- branches, nested models

def test_values_meet_in_the_order_given() -> None:
    def build(x):
        a, b = layers.Dense(4, name="a")(x), layers.Dense(3, name="b")(x)
        return layers.Dense(2)(layers.Concatenate(axis=1)([b, layers.Add()([x, a]), b]))
    net = translate(functional(build))
    number = {layer.name: i for i, layer in enumerate(net.layers)}
    add, = (i for i, layer in enumerate(net.layers) if isinstance(layer, AddLayer))
    joined, = (layer for layer in net.layers if isinstance(layer, ConcatenateLayer))
    assert net.layers[add].inputs == (INPUT, number["a"]) and joined.inputs == (number["b"], add, number["b"])
    assert net.shapes()[net.layers.index(joined)] == (1, 1, 10)


def test_joins_of_one_value_are_left_out() -> None:
    assert kinds(functional(lambda x: layers.Dense(2)(layers.Add()([layers.Concatenate()([x])])))) == [(DenseLayer, (INPUT,))]


def test_nested_models_that_branch() -> None:
    inside = keras.Input((4,))
    block = keras.Model(inside, layers.Add()([inside, layers.Dense(4, name="d")(inside)]), name="block")
    outer = keras.Sequential([keras.Input((4,)), block, layers.ReLU(name="r")], name="outer")
    net = translate(functional(lambda x: layers.Dense(2)(outer(x))))
    assert [layer.name for layer in net.layers][0] == "outer/block/d" and net.layers[2].name == "outer/r"
    assert [layer.inputs for layer in net.layers] == [(INPUT,), (INPUT, 0), (1,), (2,)]


def test_a_model_whose_layer_another_model_uses_too() -> None:
    x, z = keras.Input((6, 6, 1)), keras.Input((6, 6, 1))
    features = layers.Conv2D(2, 3)
    keras.Model(x, features(x))
    model = keras.Model(z, layers.Dense(2)(layers.Flatten()(features(z))))
    model.compile("sgd", "mse")
    assert len(translate(model).layers) == 2


# ---------------------------------------------------------------------- whole models

def same(a: Layer, b: Layer) -> bool:
    return type(a) is type(b) and all(np.array_equal(getattr(a, name), getattr(b, name)) for name in vars(a) if name != "name")


def test_tf_keras_and_a_loaded_model_are_the_same(tmp_path) -> None:
    import tensorflow as tf

    model = every_layer()
    model.save(tmp_path / "model.keras")
    for other in (every_layer(tf.keras), keras.models.load_model(tmp_path / "model.keras")):
        a, b = translate(model), translate(other)
        assert all(same(x, y) for x, y in zip(a.layers, b.layers, strict=True)) and a.shapes() == b.shapes()
    assert {type(layer) for layer in a.layers} == {
        ConvolutionLayer, DenseLayer, PoolingLayer, ActivationLayer, DropoutLayer, PaddingLayer, ReshapeLayer, AddLayer,
        ConcatenateLayer}


def test_trained_weights_of_every_layer_are_handed_over() -> None:
    model = every_layer()
    before = model.get_weights()
    model.optimizer.learning_rate = 0.5
    net = on_host(model)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, (24, 36)), rng.uniform(-1, 1, (24, 3))
    net.train(x, y, batch_size=8, verbose=0)
    assert equal(model.get_weights(), net.get_weights())
    assert [a.shape for a in before] == [a.shape for a in model.get_weights()]
    assert not any(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert np.allclose(net.predict(x, verbose=0), model.predict(x, verbose=0), atol=2e-3)
    twin = net.reference()
    net.train(x, y, batch_size=8, verbose=0)
    twin.train(x, y, batch_size=8, verbose=0)
    assert equal(net.get_weights(), twin.get_weights())


def test_networks_describe_themselves() -> None:
    assert translate(mlp(4, 9, 3)).describe() == "4-9-3"
    assert "6x6x1-3x3x3-3x3x7-9x1x4-8-3" in repr(on_host(every_layer()))


# ---------------------------------------------------------------------- options

def test_fractions_and_gradient_shifts_of_layers() -> None:
    model = image_model(layers.Conv2D(2, 3, name="c"), layers.MaxPooling2D(name="p"), layers.ReLU(name="r"))
    net = on_host(model, activation_fractions={"c": 8, "r": 9}, gradient_shifts={"c": 3})
    net.predict(np.zeros((1, 6, 6, 2)), verbose=0)
    found = net._graph().layers
    assert [layer.input_fraction for layer in found] == [11, 8, 8, 9]
    assert [getattr(layer, "gradient_shift", None) for layer in found] == [3, None, None, None]


def test_the_input_takes_part_where_values_meet() -> None:
    def build(x):
        return layers.Dense(2, name="out")(layers.Add()([x, layers.Dense(4, "tanh", name="t")(x)]))
    for fraction, expected in ((5, 5), (14, 11)):
        net = on_host(functional(build), activation_fractions={"t": fraction})
        x = np.array([[0.25, -0.5, 1.0, 0.75]])
        assert np.allclose(net.predict(x, verbose=0), net.model.predict(x, verbose=0), atol=0.1)
        assert net._graph().input_fraction == expected
        assert {layer.input_fraction for layer in net._graph().layers} == {expected}
