"""Boosting: which samples are chosen, what three networks make of it, and what happens where there are too few."""
from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

from dlgraph import data  # noqa: E402
from dlgraph.data import Distortion, distorted  # noqa: E402
from dlgraph.errors import CheckpointError, DataError, ModelError  # noqa: E402
from dlgraph.executors import make_reference  # noqa: E402
from dlgraph.networks import BoostedLeNet4  # noqa: E402
from dlgraph.networks.selection import disagreeing, half_wrong  # noqa: E402

MILD = Distortion(shift=1.0, scale=0.1, squeeze=0.05, shear=0.1, rotation=5.0, elasticity=10.0)


def member(seed: int) -> keras.Model:
    """A small network in place of LeNet-4."""
    start = keras.initializers.GlorotUniform
    model = keras.Sequential([
        keras.Input((28, 28)), keras.layers.Flatten(),
        keras.layers.Dense(12, "relu", kernel_initializer=start(seed)),
        keras.layers.Dense(10, "softmax", kernel_initializer=start(seed + 1))])
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def boosted(**options) -> BoostedLeNet4:
    return BoostedLeNet4(**{"member": member, "distortion": MILD, "executor_factory": make_reference, "seed": 3, **options})


@pytest.fixture(scope="module")
def digits() -> data.DataSet:
    found = data.digits()
    return data.DataSet((found.x_train[:800] / 255).astype(np.float32), found.y_train[:800],
                        (found.x_test / 255).astype(np.float32), found.y_test, found.description)


@pytest.fixture(scope="module")
def trained(digits: data.DataSet):
    net = boosted()
    before = net.reference()
    return net, net.train(digits.x_train, digits.y_train, epochs=6, verbose=0, set_size=600, keep_sets=True), before


# ---------------------------------------------------------------------- the choice

def chunks(n: int, size: int = 100):
    """Samples 0 .. n-1, labels their parity."""
    for start in range(0, n, size):
        x = np.arange(start, min(n, start + size))
        yield x, x % 2


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_half_are_wrong_however_many_there_are(share: float) -> None:
    wrong = np.random.default_rng(1).random(40_000) < share
    chosen = half_wrong(chunks(40_000), lambda x, y: wrong[x], 600, np.random.default_rng(2))
    assert len(chosen) == chosen.n_wanted == 600
    assert abs(wrong[chosen.x].mean() - 0.5) < 0.08
    assert np.all(np.diff(chosen.x) > 0) and chosen.n_candidates == chosen.x[-1] + 1
    assert np.array_equal(chosen.y, chosen.x % 2)


def test_half_wrong_word_for_word() -> None:
    """The paper's procedure, sample by sample, and the same in other chunks."""
    wrong = np.random.default_rng(1).random(5000) < 0.1
    coin, expected, heads = np.random.default_rng(7), [], None
    for sample in range(5000):
        if heads is None:
            heads = bool(coin.integers(2))
        if wrong[sample] == heads and len(expected) < 300:
            expected.append(sample)
            heads = None
    for size in (1, 7, 5000):
        chosen = half_wrong(chunks(5000, size), lambda x, y: wrong[x], 300, np.random.default_rng(7))
        assert chosen.x.tolist() == expected


def test_too_few_wrong_ones() -> None:
    """The set stays smaller and is still about half wrong; with none wrong there are as many as the coin's first row of tails."""
    wrong = np.zeros(1000, bool)
    wrong[::50] = True
    chosen = half_wrong(chunks(1000), lambda x, y: wrong[x], 500, np.random.default_rng(1))
    assert 20 <= len(chosen) < 100 and chosen.n_candidates == 1000
    assert 0.25 < wrong[chosen.x].mean() < 0.75
    none = half_wrong(chunks(1000), lambda x, y: np.zeros(len(x), bool), 500, np.random.default_rng(1))
    assert len(none) < 12 and none.n_candidates == 1000
    with pytest.raises(DataError, match="no candidates"):
        half_wrong([], lambda x, y: x > 0, 5, np.random.default_rng(1))


def test_disagreeing() -> None:
    chosen = disagreeing(chunks(1000), lambda x, y: x % 10 == 3, 25)
    assert chosen.x.tolist() == list(range(3, 250, 10)) and chosen.n_candidates == 244
    few = disagreeing(chunks(1000), lambda x, y: x % 10 == 3, 500)
    assert len(few) == 100 and few.n_candidates == 1000 and few.n_wanted == 500


# ---------------------------------------------------------------------- three networks

def test_sets_are_what_the_paper_says(trained, digits: data.DataSet) -> None:
    net, history, _ = trained
    assert net.n_trained == len(history.histories) == 3 and history.n_samples == [800, 600, 600]
    assert history.n_candidates[0] == 0 and min(history.n_candidates[1:]) > 600
    second, third = history.selections
    first, other = (net.networks[i].predict(each.x, verbose=0).argmax(axis=1) for i, each in ((0, second), (0, third)))
    assert abs((first != second.y).mean() - 0.5) < 0.08
    assert np.all(other != net.networks[1].predict(third.x, verbose=0).argmax(axis=1))


def test_outputs_are_added(trained, digits: data.DataSet) -> None:
    net, _, _ = trained
    x, y = digits.x_test, digits.y_test
    each = [network.predict(x, verbose=0) for network in net.networks]
    outputs = net.predict(x, verbose=0)
    assert outputs.dtype == np.float32 and np.allclose(outputs, sum(each) / 3, atol=1e-7)
    loss, accuracy = net.evaluate(x, y, verbose=0)
    assert accuracy == np.mean(sum(each).argmax(axis=1) == y)
    assert loss == pytest.approx(-np.log(np.clip(outputs[np.arange(len(y)), y], 1e-7, 1)).mean(), rel=1e-5)
    assert net.evaluate(x, y, verbose=0, return_dict=True) == {"accuracy": accuracy, "loss": loss}
    assert net.evaluate(x, y[:, None], verbose=0) == [loss, accuracy]
    in_keras = sum(model.predict(x, verbose=0) for model in net.models) / 3
    assert np.allclose(outputs, in_keras, atol=5e-3), "the Keras models hold the trained weights"
    assert accuracy > 0.75


def test_all_is_a_function_of_the_seed(trained, digits: data.DataSet) -> None:
    """The twin from before, and one made anew, end with the same bits; another seed does not."""
    net, history, before = trained
    weights = [array for network in net.networks for array in network.get_weights()]
    for twin in (before, boosted()):
        again = twin.train(digits.x_train, digits.y_train, epochs=6, verbose=0, set_size=600)
        assert again.n_candidates == history.n_candidates and again.selections == []
        assert [h.history for h in again.histories] == [h.history for h in history.histories]
        assert all(np.array_equal(a, b) for a, b in
                   zip(weights, [array for network in twin.networks for array in network.get_weights()], strict=True))
    other = boosted(seed=4)
    assert not np.array_equal(other.networks[0].get_weights()[0], boosted().networks[0].get_weights()[0])


def test_save_and_load(trained, digits: data.DataSet, tmp_path: Path) -> None:
    net, _, _ = trained
    net.save(tmp_path / "new" / "folder")
    again = BoostedLeNet4.load(tmp_path / "new" / "folder", executor_factory=make_reference)
    assert again.n_trained == 3
    assert all(np.array_equal(a, b) for one, two in zip(net.models, again.models, strict=True)
               for a, b in zip(one.get_weights(), two.get_weights(), strict=True))
    assert np.allclose(again.predict(digits.x_test, verbose=0), net.predict(digits.x_test, verbose=0), atol=1e-3)
    a, b = (BoostedLeNet4.load(tmp_path / "new" / "folder", executor_factory=make_reference) for _ in range(2))
    for each in (a, b):
        each.train(digits.x_train[:100], digits.y_train[:100], verbose=0, set_size=40)
    assert np.array_equal(a.predict(digits.x_test, verbose=0), b.predict(digits.x_test, verbose=0))
    second = tmp_path / "new" / "folder" / "network_2.keras"
    whole = second.read_bytes()
    for damaged in (whole[:1000], whole[:-1000] + bytes(1000), b""):
        second.write_bytes(damaged)
        with pytest.raises(DataError, match="no boosted networks"):
            BoostedLeNet4.load(tmp_path / "new" / "folder")
    second.unlink()
    with pytest.raises(DataError, match="no boosted networks"):
        BoostedLeNet4.load(tmp_path / "new" / "folder")
    with pytest.raises(DataError, match="no boosted networks"):
        BoostedLeNet4.load(tmp_path)


def test_too_few_hard_samples(digits: data.DataSet, capsys: pytest.CaptureFixture) -> None:
    """Fewer than wanted: trained on those; fewer than a batch: the networks so far are all; both are said."""
    net = boosted()
    x, y = digits.x_train, digits.y_train
    history = net.train(x, y, epochs=6, set_size=600, max_candidates=1000, verbose=2)
    assert history.n_candidates[1] == 1000
    assert 32 <= history.n_samples[1] < 600
    assert "fewer than the 600 wanted" in capsys.readouterr().out

    net = boosted()
    history = net.train(x, y, epochs=6, set_size=600, max_candidates=40, verbose=1)
    text = capsys.readouterr().out
    assert net.n_trained == 1 and len(history.histories) == 1 and history.n_samples[1] < 32
    assert "fewer than a batch of 32: network 2 is not trained, and the outputs are those of 1" in text
    assert np.array_equal(net.predict(digits.x_test, verbose=0), net.networks[0].predict(digits.x_test, verbose=0))


def test_what_is_said(digits: data.DataSet, capsys: pytest.CaptureFixture) -> None:
    x, y = digits.x_train[:100], digits.y_train[:100]
    net = boosted()
    net.train(x, y, verbose=0)
    net.predict(x, verbose=0)
    assert capsys.readouterr().out == ""
    net.train(x, y, verbose=2, set_size=64, validation_data=(x, y))
    text = capsys.readouterr().out
    assert all(words in text for words in ("Network 1 of 3", "64 samples that network 1 gets half wrong, among",
                                           "Network 3 of 3", "that networks 1 and 2 disagree on", "val_accuracy"))


def test_errors_come_before_anything_runs(digits: data.DataSet) -> None:
    def no_machine(graph, target, **options):
        raise AssertionError("the machine was touched")

    net = boosted(executor_factory=no_machine)
    x, y = digits.x_train, digits.y_train
    for arguments, says in (
            ({"X": x.reshape(len(x), -1)}, "shape"), ({"y": y[:-1]}, "800 images, but y has 799"),
            ({"epochs": -1}, "epochs"), ({"batch_size": 0}, "batch_size"), ({"set_size": 3}, "set_size=3"),
            ({"max_candidates": 0}, "max_candidates=0"), ({"shuffle": 2}, "shuffle"), ({"verbose": 7}, "verbose"),
            ({"steps_per_epoch": 3}, "steps_per_epoch"), ({"y": y + 200}, "label"),
            ({"callbacks": "stop"}, "callbacks"), ({"validation_data": (x,)}, "validation_data")):
        with pytest.raises(DataError, match=says):
            net.train(**{"X": x, "y": y, **arguments})
    assert net.train(x, y, epochs=0).histories == []
    with pytest.raises(DataError, match="not trained yet"):
        net.predict(x)
    with pytest.raises(DataError, match="seed=4294967296"):
        boosted(seed=2**32)
    with pytest.raises(ModelError, match="not compiled"):
        boosted(member=lambda seed: keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10)]))
    net.n_trained = 1
    with pytest.raises(DataError, match="one class number for each"):
        net.evaluate(x, y[:-1])


def test_interrupted(digits: data.DataSet) -> None:
    """After Ctrl-C in the second network the first one predicts."""
    class Stop(keras.callbacks.Callback):
        n = 0

        def on_train_begin(self, logs=None):
            self.n += 1
            if self.n == 2:
                raise KeyboardInterrupt

    net = boosted()
    with pytest.raises(KeyboardInterrupt):
        net.train(digits.x_train[:100], digits.y_train[:100], verbose=0, callbacks=[Stop()])
    assert net.n_trained == 1 and len(net.predict(digits.x_test[:5], verbose=0)) == 5


def test_goes_on_from_checkpoints(digits: data.DataSet, tmp_path: Path) -> None:
    """Broken in the second network, in the same program and in another one; a further call needs another folder."""
    class Stop(keras.callbacks.Callback):
        n = 0

        def on_epoch_begin(self, epoch, logs=None):
            self.n += 1
            if self.n == 4:
                raise KeyboardInterrupt

    x, y = digits.x_train[:200], digits.y_train[:200]
    arguments = {"epochs": 2, "set_size": 64, "verbose": 0}
    whole = boosted()
    expected = whole.train(x, y, **arguments)
    first = boosted()
    with pytest.raises(KeyboardInterrupt):
        first.train(x, y, callbacks=[Stop()], checkpoint=tmp_path / "a", **arguments)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["network_1.npz", "network_2.npz"]
    for net in (boosted(), first):
        history = net.train(x, y, checkpoint=str(tmp_path / "a"), resume=True, **arguments)
        assert [each.history for each in history.histories] == [each.history for each in expected.histories]
        assert np.array_equal(net.predict(x, verbose=0), whole.predict(x, verbose=0)) and net.n_trained == 3
    with pytest.raises(CheckpointError, match="network_2.npz is the checkpoint of another training: digest of X, y"):
        first.train(x, y, checkpoint=tmp_path / "a", **arguments)
    for given, words in (({"checkpoint": tmp_path / "a" / "network_1.npz"}, "is not a folder"), ({"checkpoint": 3}, "not a path"),
                         ({"resume": True}, "none is named"), ({"checkpoint": tmp_path / "b", "resume": True}, "no checkpoint")):
        with pytest.raises(DataError, match=words):
            boosted().train(x, y, **arguments, **given)


def test_bytes_as_they_are(digits: data.DataSet) -> None:
    """X may be bytes: distorted ones are bytes as well."""
    x = np.rint(digits.x_train[:100] * 255).astype(np.uint8)

    def slow(seed: int) -> keras.Model:
        model = member(seed)
        model.optimizer.learning_rate = 1e-5
        return model

    net = boosted(member=slow)
    history = net.train(x, digits.y_train[:100], set_size=50, keep_sets=True, verbose=0)
    assert all(chosen.x.dtype == np.uint8 for chosen in history.selections)
    assert np.array_equal(distorted(x, digits.y_train[:100], 5, MILD, 1)[0].dtype, np.uint8)


def test_lenet4_is_the_default() -> None:
    from dlgraph.networks import RECIPES

    net = BoostedLeNet4(seed=1)
    assert [model.name for model in net.models] == ["lenet4"] * 3
    assert all(float(model.optimizer.learning_rate) == np.float32(RECIPES["lenet4"].learning_rate) for model in net.models)


def test_three_lenet4(digits: data.DataSet) -> None:
    """With plain stochastic gradient descent."""
    from dlgraph.networks import Recipe, compile_model, lenet4

    def plain(seed: int) -> keras.Model:
        model = lenet4(seed=seed)
        compile_model(model, Recipe(learning_rate=0.1, momentum=0.0))
        return model

    net = boosted(member=plain)
    history = net.train(digits.x_train[:320], digits.y_train[:320], epochs=3, set_size=64, max_candidates=640, verbose=0)
    assert net.n_trained == 3 and history.n_samples == [320, 64, 64]
    assert np.allclose(net.predict(digits.x_test[:20], verbose=0),
                       sum(model.predict(digits.x_test[:20], verbose=0) for model in net.models) / 3, atol=5e-3)
