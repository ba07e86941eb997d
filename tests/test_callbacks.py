"""Keras callbacks, which are called once per epoch."""
from __future__ import annotations

import contextlib
import csv

import keras
import numpy as np
import pytest
from keras_models import data, equal, mlp, on_host

from dlgraph.callbacks import CallbackList
from dlgraph.errors import DataError

callbacks = keras.callbacks
X, Y = data(80)


class Recorder(callbacks.Callback):
    """Notes every call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple] = []

    def on_train_begin(self, logs=None):
        self.calls.append(("train begin", logs))

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(("epoch begin", epoch, logs))

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(("epoch end", epoch, sorted(logs), self.model.get_weights()[0].copy()))

    def on_test_begin(self, logs=None):
        self.calls.append(("test begin",))

    def on_test_end(self, logs=None):
        self.calls.append(("test end", sorted(logs)))

    def on_train_end(self, logs=None):
        self.calls.append(("train end", sorted(logs)))


def test_the_hooks_come_in_keras_order_with_keras_logs() -> None:
    ours, theirs = Recorder(), Recorder()
    on_host(mlp(4, 3)).train(X, Y, epochs=3, initial_epoch=1, validation_data=(X, Y), callbacks=ours, verbose=0)
    mlp(4, 3).fit(X, Y, epochs=3, initial_epoch=1, validation_data=(X, Y), callbacks=[theirs], verbose=0)
    assert [call[:3] for call in ours.calls] == [call[:3] for call in theirs.calls]
    assert ours.params == theirs.params


def test_the_model_holds_the_epoch_s_weights_in_every_hook() -> None:
    recorder = Recorder()
    model = mlp(4, 9, 3)
    net = on_host(model)
    net.train(X, Y, epochs=2, callbacks=[[recorder]], verbose=0)
    weights = [call[3] for call in recorder.calls if call[0] == "epoch end"]
    assert recorder.model is model
    assert not np.array_equal(*weights) and np.array_equal(weights[1], model.get_weights()[0])


def test_learning_rate_scheduler() -> None:
    model, by_hand = mlp(4, 9, 3), mlp(4, 9, 3)
    net, other = on_host(model), on_host(by_hand)
    twin = net.reference()
    schedule = callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch == 0 else rate / 2)
    history = net.train(X, Y, epochs=3, callbacks=[schedule], verbose=0)
    assert history.history["learning_rate"] == pytest.approx([0.1, 0.05, 0.025])
    for rate in (0.1, 0.05, 0.025):
        by_hand.optimizer.learning_rate = rate
        other.train(X, Y, verbose=0)
    assert equal(net.get_weights(), other.get_weights())
    assert twin.train(X, Y, epochs=3, callbacks=[schedule], verbose=0).history == history.history
    assert equal(net.get_weights(), twin.get_weights())


def test_a_twin_s_rate_is_a_float32_too() -> None:
    net = on_host(mlp(4, 9, 3))
    twin = net.reference()
    schedule = callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.7)
    histories = [each.train(X, Y, epochs=6, callbacks=[schedule], verbose=0).history for each in (net, twin)]
    assert histories[0] == histories[1] and equal(net.get_weights(), twin.get_weights())


@pytest.mark.parametrize("monitor", ["loss", "val_loss", "val_accuracy", "accuracy"])
def test_early_stopping_restores_the_best_weights(monitor) -> None:
    model = mlp(4, 9, 3, rate=0.0)                                    # nothing gets better
    net = on_host(model)
    twin = net.reference()
    before = net.get_weights()
    stop = callbacks.EarlyStopping(monitor, patience=2, restore_best_weights=True)
    history = net.train(X, Y, epochs=50, validation_data=(X, Y), callbacks=[stop], verbose=0)
    assert history.epoch in ([0, 1], [0, 1, 2])                       # Keras' versions count patience differently
    assert equal(before, net.get_weights())
    assert twin.train(X, Y, epochs=50, validation_data=(X, Y), callbacks=[stop], verbose=0).epoch == history.epoch


def test_restored_weights_are_what_the_network_goes_on_with() -> None:
    model = mlp(4, 9, 3, rate=0.3)
    net = on_host(model)
    net.train(X, Y, epochs=3, verbose=0)
    best = model.get_weights()

    class Restore(callbacks.Callback):
        def on_train_end(self, logs=None):
            self.model.set_weights(best)

    net.train(X, Y, callbacks=[Restore()], verbose=0)
    assert all(np.allclose(a, b, rtol=0, atol=2.0**-24) for a, b in zip(net.get_weights(), best, strict=True))


def test_model_checkpoint_and_csv_logger(tmp_path) -> None:
    model = mlp(4, 9, 3)
    net = on_host(model)
    save = callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras", monitor="accuracy")
    log = callbacks.CSVLogger(tmp_path / "log.csv")
    history = net.train(X, Y, epochs=2, callbacks=[save, log], verbose=0)
    last = keras.models.load_model(tmp_path / "2.keras")
    assert equal(last.get_weights(), net.get_weights())
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == history.history["loss"]


def test_reduce_on_plateau_and_lambda() -> None:
    model = mlp(4, 9, 3, rate=0.0)
    seen = []
    plateau = callbacks.ReduceLROnPlateau(monitor="loss", patience=1, factor=0.5)
    note = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    on_host(model).train(X, Y, epochs=3, callbacks=[plateau, note], verbose=0)
    assert seen == [0, 1, 2]


def test_stop_training_by_hand() -> None:
    class Stop(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    assert on_host(mlp(4, 3)).train(X, Y, epochs=9, callbacks=[Stop()], verbose=0).epoch == [0, 1]


class EachBatch(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


class EachOldBatch(callbacks.Callback):
    def on_batch_begin(self, batch, logs=None):
        pass


@pytest.mark.parametrize("callback, name, hook", [
    (EachBatch, "EachBatch", "on_train_batch_end"), (EachOldBatch, "EachOldBatch", "on_batch_begin"),
    (lambda: callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: None), "LambdaCallback",
     "on_train_batch_begin"),
    (lambda: callbacks.ModelCheckpoint("x.keras", save_freq=10), "ModelCheckpoint", "give it save_freq='epoch'"),
    (lambda: callbacks.BackupAndRestore("x", save_freq=10), "BackupAndRestore", "give it save_freq='epoch'"),
    (lambda: callbacks.TensorBoard("x", update_freq="batch"), "TensorBoard", "give it update_freq='epoch'"),
    (lambda: callbacks.TensorBoard("x", write_steps_per_second=True), "TensorBoard", "write_steps_per_second=False"),
    (lambda: callbacks.TensorBoard("x", profile_batch=2), "TensorBoard", "profile_batch=0"),
    (lambda: callbacks.ProgbarLogger(), "ProgbarLogger", "leave this one out"),
])
def test_callbacks_between_batches_are_refused_by_name(callback, name, hook) -> None:
    with pytest.raises(DataError) as refusal:
        on_host(mlp(4, 3)).train(X, Y, callbacks=[Recorder(), callback()])
    assert name in str(refusal.value) and hook in str(refusal.value) and "EarlyStopping" in str(refusal.value)


def test_keras_own_list_of_callbacks() -> None:
    recorder = Recorder()
    assert CallbackList(callbacks.CallbackList([recorder])).callbacks == [recorder]


def test_an_error_in_a_callback_ends_the_training_with_it() -> None:
    class Broken(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise RuntimeError("broken")

    model = mlp(4, 3)
    net = on_host(model)
    twin = net.reference()
    with pytest.raises(RuntimeError, match="broken"):
        net.train(X, Y, epochs=4, callbacks=[Broken()], verbose=0)
    twin.train(X, Y, epochs=2, verbose=0)
    assert equal(model.get_weights(), twin.get_weights())


# ---------------------------------------------------------------------- against model.fit with the same curve

XV, YV = np.random.default_rng(5).uniform(-1, 1, (30, 4)), np.random.default_rng(6).integers(0, 3, 30)


class Note(callbacks.Callback):
    """Keeps logs and weights of every epoch, as the callbacks before it left them."""

    def __init__(self) -> None:
        super().__init__()
        self.logs: list[dict] = []
        self.weights: list[list[np.ndarray]] = []

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append(dict(logs))
        self.weights.append(self.model.get_weights())


class Replay(callbacks.Callback):
    """Lets ``model.fit`` see another training's logs and weights."""

    def __init__(self, note: Note) -> None:
        super().__init__()
        self.note = note

    def on_epoch_end(self, epoch, logs=None):
        logs.update({name: value for name, value in self.note.logs[epoch].items() if name != "learning_rate"})
        self.model.set_weights(self.note.weights[epoch])


def both(make, folder, epochs: int = 12):
    """A callback in our training, and another like it in ``model.fit`` with our curve."""
    ours, theirs, note, after = make(folder / "ours"), make(folder / "theirs"), Note(), Note()
    for name in ("ours", "theirs"):
        (folder / name).mkdir()
    net, model = on_host(mlp(4, 16, 3, rate=0.7)), mlp(4, 16, 3, rate=0.7)
    arguments = {"epochs": epochs, "validation_data": (XV, YV), "verbose": 0}
    history = net.train(X, Y, callbacks=[ours, note], **arguments)
    expected = model.fit(X, Y, callbacks=[Replay(note), theirs, after], **arguments)
    assert history.epoch == expected.epoch
    assert note.logs == after.logs
    return ours, theirs, net, model, history


@pytest.mark.parametrize("make", [
    lambda folder: callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True),
    lambda folder: callbacks.EarlyStopping("val_loss", patience=0),
    lambda folder: callbacks.EarlyStopping("val_accuracy", patience=3, start_from_epoch=2, restore_best_weights=True),
    lambda folder: callbacks.EarlyStopping("loss", patience=1, min_delta=0.05, restore_best_weights=True),
    lambda folder: callbacks.EarlyStopping("accuracy", patience=4, baseline=0.99, mode="max"),
    lambda folder: callbacks.EarlyStopping("no_such_metric", patience=1, mode="min"),
], ids=["val_loss", "at once", "val_accuracy", "loss", "baseline", "unknown"])
@pytest.mark.filterwarnings("ignore:Early stopping conditioned")
def test_early_stopping_as_in_keras(make, tmp_path) -> None:
    ours, theirs, net, model, history = both(make, tmp_path)
    assert (ours.stopped_epoch, ours.best_epoch, ours.best, ours.wait) == (
        theirs.stopped_epoch, theirs.best_epoch, theirs.best, theirs.wait)
    assert equal(net.model.get_weights(), model.get_weights())
    assert all(np.allclose(a, b, rtol=0, atol=2.0**-24) for a, b in zip(net.get_weights(), model.get_weights(), strict=True))
    assert history.epoch[-1] < 11 or ours.monitor not in ("val_loss", "loss")          # it did stop


def test_reduce_on_plateau_as_in_keras(tmp_path) -> None:
    def make(folder):
        return callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, cooldown=1, min_lr=0.05)
    *_, net, model, history = both(make, tmp_path)
    rates = history.history["learning_rate"]
    assert len(set(rates)) > 2 and min(rates) >= np.float32(0.05)
    assert float(net.model.optimizer.learning_rate) == float(model.optimizer.learning_rate)


def test_learning_rate_scheduler_as_in_keras(tmp_path) -> None:
    *_, history = both(lambda folder: callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.8), tmp_path, epochs=4)
    assert history.history["learning_rate"] == pytest.approx([0.7 * 0.8**i for i in range(1, 5)])


def test_csv_logger_as_in_keras(tmp_path) -> None:
    both(lambda folder: callbacks.CSVLogger(folder / "log.csv"), tmp_path, epochs=3)
    assert (tmp_path / "ours/log.csv").read_text() == (tmp_path / "theirs/log.csv").read_text()


@pytest.mark.parametrize("only_best", [True, False])
@pytest.mark.parametrize("weights_only", [True, False])
def test_model_checkpoint_as_in_keras(only_best, weights_only, tmp_path) -> None:
    name = "{epoch:02d}-{val_loss:.3f}" + (".weights.h5" if weights_only else ".keras")
    both(lambda folder: callbacks.ModelCheckpoint(folder / name, monitor="val_loss", save_best_only=only_best,
                                                  save_weights_only=weights_only), tmp_path, epochs=6)
    ours, theirs = (sorted(path.name for path in (tmp_path / side).iterdir()) for side in ("ours", "theirs"))
    assert ours == theirs and (only_best or len(ours) == 6)
    for each in (ours[0], ours[-1]):
        saved = [mlp(4, 16, 3, seed=9) for _ in range(2)]
        for k, side in enumerate(("ours", "theirs")):
            if weights_only:
                saved[k].load_weights(tmp_path / side / each)
            else:
                saved[k] = keras.models.load_model(tmp_path / side / each)
        assert equal(saved[0].get_weights(), saved[1].get_weights())


def test_a_checkpoint_holds_the_learning_rate_and_trains_on(tmp_path) -> None:
    net = on_host(mlp(4, 9, 3))
    halve = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    net.train(X, Y, epochs=2, callbacks=[halve, callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")], verbose=0)
    loaded = keras.models.load_model(tmp_path / "2.keras")
    assert float(loaded.optimizer.learning_rate) == pytest.approx(0.025)
    again = on_host(loaded)
    again.train(X, Y, verbose=0)
    assert not equal(again.get_weights(), net.get_weights())


class Crash(callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3:
            raise RuntimeError("crash")


def test_backup_and_restore_as_in_keras(tmp_path) -> None:
    for fit in (lambda **arguments: mlp(4, 9, 3).fit(X, Y, verbose=0, **arguments),
                lambda **arguments: on_host(mlp(4, 9, 3)).train(X, Y, verbose=0, **arguments)):
        folder = tmp_path / "backup"
        with pytest.raises(RuntimeError, match="crash"):
            fit(epochs=6, callbacks=[callbacks.BackupAndRestore(folder), Crash()])
        note = Note()
        history = fit(epochs=6, callbacks=[callbacks.BackupAndRestore(folder), note])
        assert history.epoch == [3, 4, 5] and not folder.exists()


def test_a_backup_brings_the_weights_back(tmp_path) -> None:
    first, second = on_host(mlp(4, 9, 3)), on_host(mlp(4, 9, 3))
    backup = callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
    first.train(X, Y, epochs=2, callbacks=[backup], verbose=0)
    seen = Note()
    assert second.train(X, Y, epochs=2, callbacks=[backup, seen], verbose=0).epoch == []
    assert equal(second.model.get_weights(), first.model.get_weights())
    assert second.train(X, Y, epochs=2, verbose=0).epoch == [0, 1]                    # what it says holds for its training only


def test_terminate_on_nan_never_has_to(tmp_path) -> None:
    assert on_host(mlp(4, 3)).train(X, Y, epochs=2, callbacks=[callbacks.TerminateOnNaN()], verbose=0).epoch == [0, 1]


class FakeSummaries:
    """What TensorBoard writes to, in place of TensorFlow's, which wants one more package."""

    def __init__(self) -> None:
        self.scalars: list[tuple] = []

    def create_file_writer(self, folder: str) -> FakeSummaries:
        return self

    def as_default(self, *arguments: object) -> contextlib.AbstractContextManager:
        return contextlib.nullcontext()

    def scalar(self, name: str, value: float, step: int) -> None:
        self.scalars.append((name, float(value), int(step)))

    def close(self) -> None:
        pass


def test_tensorboard_per_epoch_as_in_keras(tmp_path) -> None:
    def make(folder):
        board = callbacks.TensorBoard(folder, write_graph=False)
        board._summary_module = FakeSummaries()
        return board
    ours, theirs, *_ = both(make, tmp_path, epochs=3)
    written = [[line for line in board.summary.scalars if line[0].startswith("epoch_")] for board in (ours, theirs)]
    assert written[0] == written[1] and len(written[0]) == 15        # loss, accuracy, their val_ and the rate, three times


def test_a_twin_says_that_it_has_no_model_to_save(tmp_path) -> None:
    twin = on_host(mlp(4, 3)).reference()
    with pytest.raises(AttributeError, match="'save'.*twin's training"):
        twin.train(X, Y, callbacks=[callbacks.ModelCheckpoint(tmp_path / "x.keras", monitor="loss")], verbose=0)


def test_keras_own_history_as_a_callback() -> None:
    noted = callbacks.History()
    history = on_host(mlp(4, 3)).train(X, Y, epochs=2, callbacks=[noted], validation_split=0.2, verbose=0)
    assert (noted.history, noted.epoch) == (history.history, history.epoch)
