"""The networks of LeCun et al. 1998: their shapes, their counts as the documentation gives them, their recipes."""
from __future__ import annotations

import os
import re
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

import dlgraph  # noqa: E402
from dlgraph import data, networks  # noqa: E402
from dlgraph.errors import DataError, ModelError  # noqa: E402
from dlgraph.executors import make_reference  # noqa: E402

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "networks.rst").read_text(encoding="utf-8")
MAKERS = {
    "mlp_300": lambda **options: networks.mlp(300, **options),
    "mlp_300_100": lambda **options: networks.mlp(300, 100, **options),
    "lenet1": networks.lenet1, "lenet4": networks.lenet4, "lenet5": networks.lenet5,
}
#: Worked out by hand: parameters, connections.
COUNTS = {
    "mlp_300": (785 * 300 + 301 * 10,) * 2,
    "mlp_300_100": (785 * 300 + 301 * 100 + 101 * 10,) * 2,
    "lenet1": (4 * 26 + 12 * 101 + 193 * 10,
               24 * 24 * 4 * 26 + 12 * 12 * 4 * 4 + 8 * 8 * 12 * 101 + 4 * 4 * 12 * 4 + 1930),
    "lenet4": (4 * 26 + 16 * 101 + 401 * 120 + 1210,
               28 * 28 * 4 * 26 + 14 * 14 * 4 * 4 + 100 * 16 * 101 + 25 * 16 * 4 + 48_120 + 1210),
    "lenet5": (6 * 26 + 16 * 151 + 401 * 120 + 121 * 84 + 850,
               28 * 28 * 6 * 26 + 14 * 14 * 6 * 4 + 100 * 16 * 151 + 25 * 16 * 4 + 48_120 + 10_164 + 850),
}
#: The published ones, worked out by hand from the description: (parameters, connections) layer by layer.
PUBLISHED_LAYERS = {
    "lenet1": [(104, 24 * 24 * 104), (8, 12 * 12 * 4 * 5), (20 * 25 + 12, 64 * (20 * 25 + 12)), (24, 16 * 12 * 5), (1930, 1930)],
    "lenet4": [(104, 784 * 104), (16, 196 * 8 * 5), (16 * 76, 100 * 16 * 76), (32, 25 * 16 * 5), (48_120, 48_120), (1210, 1210)],
    "lenet5": [(156, 784 * 156), (12, 196 * 6 * 5), (60 * 25 + 16, 100 * (60 * 25 + 16)), (32, 25 * 16 * 5), (48_120, 48_120),
               (10_164, 10_164), (0, 840)],
}


@pytest.mark.parametrize("name", MAKERS)
def test_counts(name: str) -> None:
    """By hand, by Keras, by layer_counts, and in the documentation."""
    model = MAKERS[name]()
    parameters, connections = COUNTS[name]
    assert networks.parameters(model) == model.count_params() == parameters
    assert networks.connections(model) == connections
    published = networks.PUBLISHED[name]
    if name in PUBLISHED_LAYERS:
        assert (published.parameters, published.connections) == tuple(map(sum, zip(*PUBLISHED_LAYERS[name], strict=True)))
    else:
        assert published.parameters == published.connections == parameters
    row = re.search(rf"^   \* - {re.escape(published.title)}$(.*?)(?=^   \* -|^\S)", PAGE, re.MULTILINE | re.DOTALL)
    assert row, published.title
    assert re.findall(r"\d+(?:,\d{3})+", row[1]) == [f"{number:,}" for number in
                                               (parameters, published.parameters, connections, published.connections)]


@pytest.mark.parametrize("name", ["lenet1", "lenet4", "lenet5"])
def test_every_layer_is_in_the_documentation(name: str) -> None:
    for layer in networks.layer_counts(MAKERS[name]()):
        shape = " x ".join(map(str, layer.shape[:2])) if len(layer.shape) == 3 else ""
        units = f"{layer.shape[-1]} @ {shape}" if shape else str(layer.shape[-1])
        pattern = (rf"\* - {layer.name}\n +- .*\n +- {re.escape(units)}\n +- {layer.parameters:,}\n"
                   rf" +- {layer.connections:,}\n")
        assert re.search(pattern, PAGE), pattern


def test_the_boosted_counts() -> None:
    published = networks.PUBLISHED["boosted_lenet4"]
    one = networks.PUBLISHED["lenet4"]
    assert (published.parameters, published.connections) == (3 * one.parameters, 3 * one.connections)
    for number in (3 * COUNTS["lenet4"][0], published.parameters, 3 * COUNTS["lenet4"][1], published.connections):
        assert f"{number:,}" in PAGE


@pytest.mark.parametrize("name", MAKERS)
def test_shapes_and_names(name: str) -> None:
    """Built, not compiled; images with or without their last axis."""
    model = MAKERS[name](seed=1)
    assert model.built and not model.compiled and model.name == name and model.output_shape == (None, 10)
    x = np.random.default_rng(1).random((3, 28, 28)).astype(np.float32)
    outputs = model.predict(x, verbose=0)
    assert np.allclose(outputs.sum(axis=1), 1, atol=1e-6)
    if name.startswith("lenet"):
        assert np.array_equal(outputs, MAKERS[name](seed=1).predict(x[..., None], verbose=0))


@pytest.mark.parametrize("name", MAKERS)
def test_weights_are_a_function_of_the_seed(name: str) -> None:
    one, same, other = (MAKERS[name](seed=seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(one, other, strict=True) if a.ndim > 1)
    kernels = [array for array in one if array.ndim > 1]
    assert len({float(kernel.flat[0]) for kernel in kernels}) == len(kernels), "each layer has random numbers of its own"
    assert not any(array.any() for array in one if array.ndim == 1), "biases start at 0"
    keras.utils.set_random_seed(3)
    free = MAKERS[name]().get_weights()
    keras.utils.set_random_seed(3)
    assert all(np.array_equal(a, b) for a, b in zip(free, MAKERS[name]().get_weights(), strict=True))


@pytest.mark.parametrize("activation, gain", [("tanh", 1.0), ("relu", 2.0)])
def test_signals_neither_vanish_nor_grow_at_the_start(activation: str, gain: float) -> None:
    """The variance of a layer's weights is what its kind of activation needs."""
    for layer in networks.lenet5(activation, seed=1).layers:
        if getattr(layer, "kernel", None) is not None and layer.name != "output":
            kernel = np.asarray(layer.kernel)
            fan_in = np.prod(kernel.shape[:-1])
            fan_out = kernel.shape[-1] * np.prod(kernel.shape[:-2], dtype=int)
            fan = fan_in if activation == "relu" else (fan_in + fan_out) / 2
            assert kernel.var() == pytest.approx(gain / fan, rel=0.35), layer.name


def test_wrong_arguments() -> None:
    with pytest.raises(DataError, match="'tanh' or 'relu'"):
        networks.lenet5("gelu")
    with pytest.raises(DataError, match="seed=-1"):
        networks.lenet1(seed=-1)
    with pytest.raises(DataError, match="seed=2147483648"):
        networks.lenet4(seed=2**31)
    with pytest.raises(DataError, match="hidden=0"):
        networks.mlp(300, 0)
    with pytest.raises(DataError, match="no recipe for the model 'mine'"):
        networks.recipe_for(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="mine"))
    recurrent = keras.Sequential([keras.Input((4, 2)), keras.layers.SimpleRNN(3)])
    with pytest.raises(ModelError, match="SimpleRNN"):
        networks.layer_counts(recurrent)


def test_recipes_are_in_the_documentation() -> None:
    table = PAGE.partition("\nRecipes\n")[2]
    for name in MAKERS:
        recipe, published = networks.RECIPES[name], networks.PUBLISHED[name]
        assert (f"* - {published.title}\n     - {recipe.batch_size}\n     - {recipe.learning_rate:g}\n     - {recipe.decay:g}\n"
                f"     - {published.error:g} %\n" in table), name
        assert (recipe.momentum, recipe.epochs) == (0.9, 3)


def test_recipes() -> None:
    assert set(networks.RECIPES) == set(networks.TO_THE_END) == set(networks.PUBLISHED)
    model = networks.lenet5()
    recipe = networks.compile_model(model)
    assert recipe is networks.RECIPES["lenet5"]
    assert float(model.optimizer.learning_rate) == np.float32(recipe.learning_rate)
    assert model.optimizer.momentum == recipe.momentum
    assert networks.recipe_for(networks.mlp(50)) == networks.RECIPES["mlp_300"]
    mine = networks.Recipe(learning_rate=0.5, momentum=0.0, decay=0.5)
    assert networks.compile_model(model, mine) is mine and float(model.optimizer.learning_rate) == 0.5
    x, y = np.zeros((4, 28, 28, 1), np.float32), np.zeros(4)
    rates = []
    seen = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: rates.append(float(model.optimizer.learning_rate)))
    model.fit(x, y, epochs=3, verbose=0, callbacks=[*mine.callbacks(), seen])
    assert rates == [0.5, 0.25, 0.125]


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    found = data.digits()
    return found.x_train / np.float32(255), found.y_train


#: In the networks' own recipes a pass over so few would be a handful of updates.
FOR_FEW = networks.Recipe(0.03, batch_size=32)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("name", MAKERS)
def test_learns_in_floating_point(name: str, activation: str, digits) -> None:
    """Two passes over few and easy digits; a network that starts badly gets nowhere."""
    model = MAKERS[name](activation=activation, seed=1)
    recipe = networks.compile_model(model, FOR_FEW)
    x, y = digits
    model.fit(x[:1000], y[:1000], epochs=4, batch_size=recipe.batch_size, verbose=0)
    assert model.evaluate(x[1000:], y[1000:], verbose=0)[1] > 0.85


PLAIN = networks.Recipe(learning_rate=0.1, momentum=0.0, decay=0.5)


@pytest.mark.parametrize("recipe", [PLAIN, FOR_FEW], ids=["plain", "momentum"])
@pytest.mark.parametrize("name", MAKERS)
def test_trains_on_the_reference(name: str, recipe: networks.Recipe, digits) -> None:
    """As well as in floating point, from the same start and in the same order."""
    model, floating = MAKERS[name](seed=1), MAKERS[name](seed=1)
    recipe = networks.compile_model(model, recipe)
    networks.compile_model(floating, recipe)
    x, y = digits
    net = dlgraph.from_keras(model, executor_factory=make_reference)
    history = net.train(x[:960], y[:960], epochs=3, batch_size=recipe.batch_size, callbacks=recipe.callbacks(), verbose=0)
    for epoch in range(3):
        places = net.order(epoch)
        floating.optimizer.learning_rate = recipe.rate(epoch)
        floating.fit(x[:960][places], y[:960][places], batch_size=recipe.batch_size, shuffle=False, verbose=0)
    assert history.history["loss"][2] < history.history["loss"][0]
    assert history.saturations == [{}, {}, {}]
    fixed, real = (each.evaluate(x[960:], y[960:], verbose=0)[1] for each in (net, floating))
    assert min(fixed, real) > 0.8 and abs(fixed - real) < 0.03
