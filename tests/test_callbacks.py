"""Keras callbacks, which are called once per epoch."""
from __future__ import annotations

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
    (lambda: callbacks.ModelCheckpoint("x.keras", save_freq=10), "ModelCheckpoint", "save_freq='epoch'"),
    (lambda: callbacks.TerminateOnNaN(), "TerminateOnNaN", "on_batch_end"),
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
