"""Layer kinds from outside, without a machine: what a class says, how it is registered, and what is refused."""
from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest

from dlgraph import Emulated, Graph, cli, from_graph, from_keras
from dlgraph.binaries import BinariesError
from dlgraph.binaries.custom import custom_binary
from dlgraph.custom import CHANNELS, COLUMNS, Back, Clips, CustomLayer, layer_kind, no_weights
from dlgraph.custom_checks import check_equal, check_gradient, small_network, small_samples, trained_on_reference
from dlgraph.errors import DataError, LayerKindError, ModelError, NumberFormatError, UnsupportedError
from dlgraph.executors import make_reference
from dlgraph.gfe import executor as gfe_executor
from dlgraph.keras_translator import entry_points, translate
from dlgraph.keras_translator.handlers.base import HANDLERS, OWN_HANDLERS
from dlgraph.layer_graph import LayerGraph
from dlgraph.mapping.cuts import explicit_cut
from dlgraph.mapping.plan import CoreKind, make_plan
from dlgraph.mapping.stages import find_stages
from dlgraph.optimisers import OptimiserKind, Sgd
from dlgraph.reference import ReferenceExecutor
from dlgraph.skeleton import class_name, write_skeleton
from dlgraph.targets import MachineTarget
from tests.custom_kinds.window_sum import WindowSumLayer

ROOT = Path(__file__).resolve().parent.parent


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture()
def prelu() -> Any:
    """The example's module; its handler does not outlive the test."""
    yield load(ROOT / "examples" / "prelu_layer" / "prelu.py")
    del sys.modules["prelu"]
    HANDLERS.pop("PReLU", None)


@pytest.fixture()
def subsampling() -> Any:
    """The example's module."""
    yield load(ROOT / "examples" / "subsampling_layer" / "subsampling.py")
    del sys.modules["subsampling"]


class Doubled(CustomLayer):
    """Twice what comes in."""

    def forward(self, x: Any, weights: Any, biases: Any, clips: Clips) -> Any:
        return clips.to16(2 * x)

    def backward(self, x: Any, e: Any, weights: Any, biases: Any, shift: int, clips: Clips) -> Back:
        return Back(clips.to32(2 * e))


# --------------------------------------------------------------------------- the arithmetic of a class

def test_prelu_in_floating_point(prelu: Any) -> None:
    load(ROOT / "examples" / "prelu_layer" / "test_prelu.py").test_gradient()


def test_prelus_gradient_is_that_of_keras(prelu: Any) -> None:
    """Of random errors, by TensorFlow."""
    import tensorflow as tf

    rng = np.random.default_rng(4)
    x, e = rng.normal(0, 1, (3, 4, 5, 2)).round(2), rng.normal(0, 0.1, (3, 4, 5, 2))
    theirs = keras.layers.PReLU(shared_axes=[1, 2], alpha_initializer=keras.initializers.Constant(0.3))
    theirs.build(x.shape)
    inputs = tf.constant(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        y = theirs(inputs)
    of_slopes, of_inputs = tape.gradient(y, [theirs.trainable_variables[0].value, inputs], tf.constant(e, tf.float32))
    ours = prelu.PReluLayer("prelu", np.full(2, round(0.3 * 2**28), np.int32))
    fixed, errors = np.rint(x * 2**11).astype(np.int64), np.rint(e * 2**24).astype(np.int64)
    assert np.allclose(ours.forward(fixed, ours.weights, ours.biases, Clips()) / 2**11, y, atol=2**-11)
    back = ours.backward(fixed, errors, ours.weights, ours.biases, 0, Clips())
    assert np.allclose(back.errors[x != 0] / 2**24, of_inputs.numpy()[x != 0], atol=1e-6)
    assert np.allclose(back.weights / 2**23, of_slopes.numpy().reshape(-1), atol=2e-4)


def test_subsampling_in_floating_point(subsampling: Any) -> None:
    """Where the value has another fraction than what comes in, and a row belongs to no window."""
    load(ROOT / "examples" / "subsampling_layer" / "test_subsampling.py").test_gradient()


def test_what_is_wrong_is_found() -> None:
    class Wrong(Doubled):
        def backward(self, x: Any, e: Any, weights: Any, biases: Any, shift: int, clips: Clips) -> Back:
            return Back(e)

    check_gradient(Doubled("doubled"), (4, 5, 1), lambda x, *_: 2 * x)
    with pytest.raises(AssertionError, match="the value"):
        check_gradient(Doubled("doubled"), (4, 5, 1), lambda x, *_: 2.1 * x)
    with pytest.raises(AssertionError, match="the errors of what came in"):
        check_gradient(Wrong("wrong"), (4, 5, 1), lambda x, *_: 2 * x)


def test_what_differs_on_a_machine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With another layer's arithmetic in place of a machine."""
    class OneMore(Doubled):
        def backward(self, x: Any, e: Any, weights: Any, biases: Any, shift: int, clips: Clips) -> Back:
            return Back(clips.to32(2 * e + 1))

    def machine(graph: LayerGraph, target: MachineTarget, cuts: Any) -> ReferenceExecutor:
        other = ReferenceExecutor(small_network(OneMore("doubled"), (4, 4, 2)), "numpy")
        other.graph = graph
        return other

    monkeypatch.setattr(gfe_executor, "GfeExecutor", machine)
    with pytest.raises(AssertionError, match=r"(?s)Cut \(2, 1, 1\): machine and reference differ in .*weights of before.*"
                                             r"doubled +errors +s7.24 +equal.*\nbefore, errors: 352 of 352 numbers differ"):
        check_equal(Doubled("doubled"), (4, 4, 2), Emulated(board="spinn3"), cuts=[(2, 1, 1)])


def test_windows_and_biases() -> None:
    layer = WindowSumLayer("sums", np.array([1 << 25, -(1 << 26)], np.int32), np.array([1 << 22, 1 << 20], np.int32), True)
    assert layer.shape_from([(6, 8, 2)]) == (3, 4, 2)
    check_gradient(layer, (6, 8, 2), lambda x, w, b: w * layer.sums(x) + b)


def test_a_layer_is_trained_on_the_reference(prelu: Any) -> None:
    graph = small_network(prelu.PReluLayer("prelu", np.full(4, 1 << 26, np.int32)), (6, 6, 4))
    found = trained_on_reference(graph, small_samples(graph))
    assert np.all(found["weights of prelu"] != 1 << 26)


@pytest.mark.parametrize("method, message", [
    (lambda self, x, *_: x.astype(float), "gave float64"), (lambda self, x, *_: x[:, :1], "shape"),
    (lambda self, x, *_: x * 2**20, "16-bit numbers; clip them"), (lambda self, x, *_: None, "gave NoneType")])
def test_what_forward_must_give(method: Any, message: str) -> None:
    class Wrong(Doubled):
        forward = method

    graph = small_network(Wrong("wrong"), (4, 4, 2))
    with pytest.raises(LayerKindError, match=message):
        trained_on_reference(graph, small_samples(graph))


# --------------------------------------------------------------------------- stages and cuts

def test_a_stage_of_its_own_with_its_own_cuts() -> None:
    graph = small_network(WindowSumLayer("sums", np.full(4, 1 << 25, np.int32)), (6, 6, 4))
    stages = find_stages(graph)
    assert [stage.kind.value for stage in stages] == ["input", "convolution", "custom", "dense"]
    plan = make_plan(graph, stages, explicit_cut(stages, {"sums": (2, 1, 2)}, 1, 2))
    tiles = plan.cores_of(2, CoreKind.CUSTOM_TILE)
    assert len(tiles) == 4 and all(len(tile.exchange.shares) == 2 for tile in tiles if tile.exchange is not None)
    assert COLUMNS not in WindowSumLayer.cuts
    with pytest.raises(UnsupportedError, match="cannot be cut by columns"):
        explicit_cut(stages, {"sums": (2, 2, 1)}, 1, 2)


def test_a_column_of_weights_for_each_channel() -> None:
    with pytest.raises(UnsupportedError, match="3 columns of weights and gives 4 channels"):
        find_stages(small_network(WindowSumLayer("sums", np.zeros(3, np.int32)), (6, 6, 4)))
    with pytest.raises(UnsupportedError, match="channels. A WindowSumLayer is cut by channels, .* out of its cuts otherwise.$"):
        built_by_hand(WindowSumLayer("sums", np.zeros(3, np.int32)))
    with pytest.raises(ValueError, match="biases of the shape"):
        WindowSumLayer("sums", np.zeros(3, np.int32), np.zeros(2, np.int32))
    assert CHANNELS in WindowSumLayer.cuts


# --------------------------------------------------------------------------- Keras

def model(*layers: Any) -> keras.Model:
    made = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Conv2D(3, 3), *layers, keras.layers.Flatten(),
                             keras.layers.Dense(4, activation="softmax")])
    made.compile("sgd", "sparse_categorical_crossentropy")
    return made


def test_a_keras_layer_is_known_once_its_kind_is(prelu: Any) -> None:
    found = translate(model(keras.layers.PReLU(shared_axes=[1, 2], name="mine"), keras.layers.Activation("relu")))
    assert [type(layer).__name__ for layer in found.layers] == ["ConvolutionLayer", "PReluLayer", "ActivationLayer", "DenseLayer"]
    assert found.weight_nodes[1].weights.get_weights()[0].shape == (1, 1, 3)
    with pytest.raises(ModelError, match=r"build it with shared_axes=\[1, 2\]"):
        translate(model(keras.layers.PReLU()))


def test_compared_with_keras(prelu: Any) -> None:
    """Its value, errors and gradient; it has no pre-activations."""
    net = from_keras(model(keras.layers.PReLU(shared_axes=[1, 2], alpha_initializer=keras.initializers.Constant(0.3), name="mine")),
                     executor_factory=make_reference)
    rng = np.random.default_rng(5)
    found = net.compare(rng.normal(0, 1, (7, 6, 6, 1)).round(2), rng.integers(0, 4, 7))
    of_mine = {each.quantity: each for each in found if each.layer == "mine"}
    assert set(of_mine) == {"activations", "errors", "weight_gradient"}
    assert all(each.keras is not None and each.keras.largest < 0.02 * each.keras_size for each in of_mine.values())


def test_a_keras_layer_of_ones_own() -> None:
    class Twice(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return 2 * x

    made = model(Twice(name="twice"))
    with pytest.raises(ModelError, match="register a layer kind for it"):
        translate(made)
    Doubled.from_keras = classmethod(lambda cls, use: cls(use.name))        # type: ignore[method-assign, assignment]
    layer_kind(__file__, keras=Twice)(Doubled)
    try:
        assert isinstance(translate(made).layers[1], Doubled)
    finally:
        del OWN_HANDLERS[Twice], Doubled.from_keras


def test_entry_points_are_loaded_when_a_layer_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []

    class Point:
        name, value, dist = "mine", "mine:Kind", None

        def load(self) -> None:
            loaded.append(self.name)
            raise ImportError("no module named mine")

    monkeypatch.setattr(entry_points, "entry_points", lambda group: [Point()] if group == "dlgraph.layers" else [])
    entry_points.load_layer_kinds.cache_clear()
    translate(model(keras.layers.ReLU()))
    assert not loaded
    with pytest.raises(ModelError, match="'mine' .* cannot be loaded: no module named mine"):
        translate(model(keras.layers.GaussianNoise(0.1)))
    assert loaded == ["mine"]


def test_names_are_taken_once(prelu: Any) -> None:
    with pytest.raises(LayerKindError, match="PReLU layers, which CustomLayerHandler takes already"):
        layer_kind(__file__, keras="PReLU")(Doubled)
    with pytest.raises(LayerKindError, match="there is no .*nothing.c"):
        layer_kind("nothing.c")(Doubled)


# --------------------------------------------------------------------------- graphs by hand

def built_by_hand(layer: CustomLayer, **weights: Any) -> Graph:
    graph = Graph("by_hand")
    value = graph.custom(graph.convolution(graph.input((6, 6, 2)), 4, 3, padding="same"), layer, **weights)
    graph.loss(graph.dense(graph.flatten(value), 3, "softmax"), "sparse_categorical_crossentropy")
    graph.optimiser = Sgd(0.05)
    return graph


def test_a_graph_built_by_hand_trains_it(prelu: Any) -> None:
    """The instance is copied, and the trained weights are the graph's."""
    mine = prelu.PReluLayer("mine", np.full(4, 1 << 26, np.int32))
    graph = built_by_hand(mine)
    assert np.array_equal(graph.get_weights("mine")[0], np.full(4, 0.25, np.float32))
    net = from_graph(graph, executor_factory=make_reference)
    rng = np.random.default_rng(3)
    net.train(rng.normal(0, 1, (12, 6, 6, 2)), rng.integers(0, 3, 12), batch_size=4, verbose=0)
    assert np.all(graph.get_weights("mine")[0] != 0.25) and np.all(mine.weights == 1 << 26)
    assert "prelu" in str(net)


def test_weights_at_the_start_of_a_layer_of_ones_own(prelu: Any) -> None:
    graph = built_by_hand(prelu.PReluLayer("mine", no_weights(4)), weights=[0.1, 0.2, 0.3, 0.4])
    assert np.array_equal(graph.get_weights("mine")[0], np.float32([0.1, 0.2, 0.3, 0.4]))


@pytest.mark.parametrize("layer, weights, message", [
    ("PReLU", {}, "accepts an instance of a layer kind"),
    (Doubled("doubled"), {"weights": [1]}, "has none"),
    (WindowSumLayer("sums", no_weights(4)), {"biases": [1, 2, 3, 4]}, "use_bias=True"),
    (WindowSumLayer("sums", no_weights(4)), {"weights": [1, 2]}, r"accepts \(4,\)"),
    (WindowSumLayer("sums", no_weights(4)), {"weights": [1, 2, 3, 9]}, "sums")])
def test_what_a_graph_does_not_take(layer: Any, weights: dict[str, Any], message: str) -> None:
    with pytest.raises((ModelError, NumberFormatError), match=message):
        built_by_hand(layer, **weights)


def test_windows_of_nothing(subsampling: Any) -> None:
    with pytest.raises(ModelError, match="windows of 0 x 0 with strides of 0 x 0; neither can be less than 1"):
        built_by_hand(subsampling.SubsamplingLayer("sampled", no_weights(4), size=0))


@pytest.mark.parametrize("given", [(np.full(4, 0.25),), ([1, 2],), (no_weights(4), np.zeros(4))])
def test_parameters_that_are_not_in_their_format(given: tuple[Any, ...]) -> None:
    """Real numbers belong to the graph; as weights of a layer they would be next to nothing."""
    with pytest.raises(ModelError, match=r"int32 numbers of 2[38] fraction bits.* give Graph.custom\((weights|biases)=...\) real"):
        WindowSumLayer("sums", *given)


def test_the_network_with_subsampling_learns(subsampling: Any) -> None:
    """The example, on the reference."""
    from sklearn.datasets import load_digits

    spec = importlib.util.spec_from_file_location("subsampling_train", ROOT / "examples" / "subsampling_layer" / "train.py")
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    X, y = load_digits(return_X_y=True)
    net = from_graph(example.build_graph(), executor_factory=make_reference)
    net.train(X[:640].reshape(-1, 8, 8, 1) / 16, y[:640], epochs=3, batch_size=32, verbose=0)
    assert net.evaluate(X[-360:].reshape(-1, 8, 8, 1) / 16, y[-360:], verbose=0)[1] > 0.7


# --------------------------------------------------------------------------- programs

def test_the_compiler_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "broken.c").write_text('#include "custom_layer.h"\nint f(const layer_tile_t *tile) { return tile->nonsense; }\n')
    with pytest.raises(BinariesError, match="(?s)broken.c.*nonsense"):
        custom_binary(tmp_path / "broken.c", OptimiserKind.SGD)
    with pytest.raises(BinariesError, match="cannot be read"):
        custom_binary(tmp_path / "absent.c", OptimiserKind.SGD)


@pytest.mark.skipif("ARM_CC" in os.environ, reason="a GCC has no such warning")
def test_numbers_are_not_cut_short_silently(tmp_path: Path) -> None:
    """A sum of 32 bits is neither a value for ``layer_gradient`` nor one to give."""
    for wrong in ("layer_add(sum, layer_gradient(*sum, *sum))", "x[0] = *sum"):
        (tmp_path / "short.c").write_text(f'#include "custom_layer.h"\nvoid f(int32_t *sum, int16_t *x) {{ {wrong}; }}\n')
        with pytest.raises(BinariesError, match="implicit conversion loses integer precision"):
            custom_binary(tmp_path / "short.c", OptimiserKind.SGD)


@pytest.mark.parametrize("source", ["examples/prelu_layer/prelu.c", "examples/subsampling_layer/subsampling.c",
                                    "tests/custom_kinds/window_sum.c"])
def test_a_kinds_c_file_asks_for_nothing_but_a_c_compiler(source: str) -> None:
    """So that the official tools, with their headers, take it as it is."""
    result = subprocess.run(["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{ROOT / 'c_models/layers'}",
                             f"-I{ROOT / 'c_models/kernels'}", str(ROOT / source)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


# --------------------------------------------------------------------------- dlgraph new-vertex

def test_the_skeleton_names_its_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["new-vertex", "my_kind", "--into", str(tmp_path)]) == 0
    assert "python -m pytest" in capsys.readouterr().out
    folder = tmp_path / "my_kind"
    assert {path.name for path in folder.iterdir()} == {"my_kind.py", "my_kind.c", "test_my_kind.py", "README.md", "pyproject.toml",
                                                        "Makefile"}
    assert all("@" not in path.read_text().replace("@layer_kind", "").replace("@dataclass", "").replace("$@", "")
               for path in folder.iterdir())
    assert class_name("my_kind") == "MyKindLayer"
    assert cli.main(["new-vertex", "my_kind", "--into", str(tmp_path)]) == 1
    assert "Give another name" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "My", "1st", "a-b", "../up", "class", "a" * 41])
def test_names_that_are_none(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Give a Python module's name"):
        write_skeleton(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_command_is_installed_under_its_name() -> None:
    result = subprocess.run([sys.executable, "-m", "dlgraph.cli", "--help"], capture_output=True, text=True, check=True)
    assert "new-vertex" in result.stdout
