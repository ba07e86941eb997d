"""A training with Keras on this computer, in a process of its own (:mod:`dlgraph.benchmark.workers`)."""
from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dlgraph.benchmark.meters import Meter, cpu_meter, gpu_meter, idle_watts
from dlgraph.benchmark.others import Others
from dlgraph.benchmark.outcome import EnergyOutcome, EpochOutcome, Outcome, Swept
from dlgraph.benchmark.tasks import Images, Task, accuracy
from dlgraph.networks.recipes import LOSS

#: Batches in one call of the compiled program, which saves Keras a part of its work between them.
STEPS_PER_EXECUTION = 16
PREDICTED_AT_ONCE = 1000


@dataclass(frozen=True)
class Power:
    """How energy is known.

    :param cpu_watts: of the processor's package, in place of what can be measured; None to measure
    :param cpu_cores: of the package; None for those of the stated one
    :param cpus: processors that this process may run on
    :param idle_seconds: how long to look at the idle device, where it is measured
    """

    cpu_watts: float | None = None
    cpu_cores: int | None = None
    cpus: int = 1
    idle_seconds: float = 5.0


class Clock:
    """Time and energy of training alone.

    :param device: of what trains; None where its energy is not known
    :param host: of the computer beside it; None where it is the computer
    """

    def __init__(self, device: Meter | None, host: Meter | None, idle_seconds: float) -> None:
        self.device, self.host = device, host
        self.idle = None if device is None else idle_watts(device, idle_seconds)
        self.seconds: list[float] = []
        self.joules, self.host_joules = 0.0, 0.0
        self._start = 0.0

    def start(self) -> None:
        """An epoch begins."""
        for meter in (self.device, self.host):
            if meter is not None:
                meter.start()
        self._start = time.perf_counter()

    def stop(self) -> float:
        """It is over; returns its seconds."""
        seconds = time.perf_counter() - self._start
        self.seconds.append(seconds)
        if self.device is not None:
            self.joules += self.device.stop()
        if self.host is not None:
            self.host_joules += self.host.stop()
        return seconds

    def energy(self) -> EnergyOutcome | None:
        """Of all epochs."""
        if self.device is None:
            return None
        parts = {} if self.host is None or not self.host.estimate else {"host_estimate": self.host_joules}
        return EnergyOutcome(self.device.method, self.device.estimate, self.joules, self.device.share_of(self.joules),
                             None if self.idle is None else self.idle * sum(self.seconds),
                             None if self.host is None else self.host_joules, parts)


def clock_for(power: Power, gpu: bool) -> Clock:
    """With the meters that there are."""
    cpu = cpu_meter(power.cpu_watts, power.cpu_cores, power.cpus)
    return Clock(gpu_meter(), cpu, power.idle_seconds) if gpu else Clock(cpu, None, power.idle_seconds)


def train_with_keras(task: Task, power: Power, gpu: bool) -> Outcome:
    """``fit`` of the members, one after the other, compiled by XLA.

    Seconds are those of epochs, shuffling included; compiling is done before, on the first samples, after which weights and
    optimiser are put back.
    """
    begun, others = time.monotonic(), Others()
    import keras

    clock = clock_for(power, gpu)
    epochs: list[EpochOutcome] = []
    setup, outputs = 0.0, Outputs(task.test)

    def course(number: int, model: Any, n_samples: int) -> Any:
        """Notes every epoch of a member."""
        def begin(epoch: int, logs: Any) -> None:
            model.optimizer.learning_rate = task.recipe.rate(epoch)
            clock.start()

        def end(epoch: int, logs: Any) -> None:
            seconds = clock.stop()
            epochs.append(EpochOutcome(number, n_samples, seconds, float(logs["loss"]), outputs.accuracy_with(model)))

        return keras.callbacks.LambdaCallback(on_epoch_begin=begin, on_epoch_end=end)

    for number, member in enumerate(task.members, 1):
        keras.utils.set_random_seed(member.order_seed % 2**31)
        model = _compiled(task, member.seed)
        setup += _warm_up(model, member.images, task.recipe.batch_size)
        model.fit(member.images.x, member.images.y, batch_size=task.recipe.batch_size, epochs=task.recipe.epochs, verbose=0,
                  callbacks=[course(number, model, len(member.images))])
        outputs.add(model)
    return Outcome(describe(gpu, power.cpus), False, tuple(epochs), time.monotonic() - begun, setup, clock.energy(),
                   others_share=others.share())


def sweep(task: Task, sizes: list[int], seconds: float) -> list[Swept]:
    """Samples per second of the first member in batches of these sizes.

    :param sizes: at most as many as there are samples
    :param seconds: to train for with each, some epochs at least of one batch
    """
    found = []
    images = task.members[0].images
    for size in sizes:
        few = images.first(len(images) // size * size)
        model = _compiled(replace(task, recipe=replace(task.recipe, batch_size=size)), task.members[0].seed)
        _warm_up(model, few, size)
        rate, n = 0.0, min(len(few), STEPS_PER_EXECUTION * size)
        begun = time.perf_counter()
        while True:
            part, start = few.first(n), time.perf_counter()
            model.fit(part.x, part.y, batch_size=size, verbose=0)
            now = time.perf_counter()
            rate = max(rate, n / (now - start))
            if now - begun >= seconds:
                break
            n = min(len(few), 2 * n)
        found.append(Swept(size, rate))
    return found


def describe(gpu: bool, cpus: int) -> str:
    """Backend, its version and the device, in words."""
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax
        version, device = jax.__version__, jax.devices()[0].device_kind if gpu else ""
    else:
        import tensorflow as tf
        version = tf.__version__
        found = tf.config.list_physical_devices("GPU") if gpu else []
        device = tf.config.experimental.get_device_details(found[0]).get("device_name", "GPU") if found else ""
    name = {"jax": "JAX", "tensorflow": "TensorFlow"}.get(backend, backend)
    where = device if gpu else f"{cpus} CPU{'s' * (cpus != 1)}"
    return f"Keras {keras.__version__}, {name} {version}, XLA, on {where}"


def gpu_name() -> str | None:
    """What Keras' backend sees of a GPU, or None."""
    import keras

    if keras.backend.backend() == "jax":
        import jax
        return next((str(device.device_kind) for device in jax.devices() if device.platform == "gpu"), None)
    import tensorflow as tf
    found = tf.config.list_physical_devices("GPU")
    if not found:
        return None
    return str(tf.config.experimental.get_device_details(found[0]).get("device_name", "GPU"))


class Outputs:
    """How good the members are so far, their outputs added."""

    def __init__(self, test: Images | None) -> None:
        self._test = test
        self._sum: Any = 0

    def accuracy_with(self, model: Any) -> float | None:
        """Of those added, and this one."""
        return None if self._test is None else accuracy(self._sum + self._of(model), self._test.y)

    def add(self, model: Any) -> None:
        """This one is trained."""
        if self._test is not None:
            self._sum = self._sum + self._of(model)

    def _of(self, model: Any) -> Any:
        assert self._test is not None
        return np.asarray(model.predict(self._test.x, batch_size=PREDICTED_AT_ONCE, verbose=0))


def _compiled(task: Task, seed: int) -> Any:
    import keras

    from dlgraph.benchmark.tasks import MODELS

    model = MODELS[task.network](seed)
    model.compile(keras.optimizers.SGD(task.recipe.learning_rate, momentum=task.recipe.momentum), loss=LOSS,
                  metrics=["accuracy"], jit_compile=True, steps_per_execution=STEPS_PER_EXECUTION)
    return model


def _warm_up(model: Any, images: Images, batch: int) -> float:
    """Let XLA compile for whole batches and for the last one; returns the seconds that it takes."""
    start = time.perf_counter()
    model.optimizer.build(model.trainable_variables)
    kept = [(variable, np.array(variable)) for variable in (*model.variables, *model.optimizer.variables)]
    few = images.first(min(len(images), STEPS_PER_EXECUTION * batch + len(images) % batch))       # ends as all of them do
    model.fit(few.x, few.y, batch_size=batch, verbose=0)
    for variable, value in kept:
        variable.assign(value)
    return time.perf_counter() - start
