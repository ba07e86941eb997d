"""A training by two processes that share each batch: ``tf.distribute.MultiWorkerMirroredStrategy`` over loopback.

Keras 3's ``fit`` does not work under that strategy (keras-team/keras issue 20585), so the loop is written here, on the Keras model:
every worker has a copy of the weights, computes the gradients of its half of a batch (compiled by XLA), the strategy adds them up
over the workers, and each takes the same step of SGD with momentum, in Keras' form: v = m v - rate g, w = w + v.
"""
from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from dlgraph.benchmark.keras_training import Outputs, Power, clock_for
from dlgraph.benchmark.others import Others
from dlgraph.benchmark.outcome import EpochOutcome, Outcome, Swept
from dlgraph.benchmark.tasks import MODELS, Images, Task

#: The strategy of this process: TensorFlow makes one cluster per process, before anything else.
_STRATEGIES: list[Any] = []
N_WORKERS = 2


def train_distributed(task: Task, power: Power) -> Outcome:
    """Train the members, one after the other; called in every worker with the same arguments.

    Samples are used in another order in every epoch, the same in all workers, each of which takes its part of every batch.
    """
    begun, others = time.monotonic(), Others(N_WORKERS)
    strategy, rank = _strategy()
    import keras
    import tensorflow as tf

    clock = clock_for(power, gpu=False)
    epochs: list[EpochOutcome] = []
    setup, outputs = 0.0, Outputs(task.test)
    for number, member in enumerate(task.members, 1):
        loop = _Loop(strategy, rank, task, member.seed)
        start = time.perf_counter()
        loop.warm_up(member.images)
        setup += time.perf_counter() - start
        random = np.random.default_rng(member.order_seed)
        for epoch in range(task.recipe.epochs):
            order = random.permutation(len(member.images))
            clock.start()
            loss = loop.epoch(Images(member.images.x[order], member.images.y[order]), task.recipe.rate(epoch))
            seconds = clock.stop()
            epochs.append(EpochOutcome(number, len(member.images), seconds, loss, outputs.accuracy_with(loop.model)))
        outputs.add(loop.model)
    words = (f"{N_WORKERS} workers of Keras {keras.__version__}, TensorFlow {tf.__version__}, tf.distribute, XLA, on {power.cpus} "
             f"CPU{'s' * (power.cpus != 1)}")
    return Outcome(words, False, tuple(epochs), time.monotonic() - begun, setup, clock.energy(), others_share=others.share())


def sweep_distributed(task: Task, sizes: list[int], n_batches: int) -> list[Swept]:
    """Samples per second of the first member in batches of these sizes, each of a few batches."""
    strategy, rank = _strategy()
    found = []
    for size in sizes:
        images = task.members[0].images.first(max(1, min(n_batches, len(task.members[0].images) // size)) * size)
        loop = _Loop(strategy, rank, replace(task, recipe=replace(task.recipe, batch_size=size)), task.members[0].seed)
        loop.warm_up(images)
        start = time.perf_counter()
        loop.epoch(images, task.recipe.learning_rate)
        found.append(Swept(size, len(images) / (time.perf_counter() - start)))
    return found


def parts_of(n_samples: int, batch: int, rank: int) -> list[tuple[slice, int]]:
    """Of each batch, the worker's samples, and how many the whole batch has.

    Every worker has at least one of each, or its program would have nothing to do: a last batch of fewer samples than there are
    workers is left out.
    """
    found = []
    for begin in range(0, n_samples, batch):
        end = min(begin + batch, n_samples)
        if end - begin >= N_WORKERS:
            found.append((slice(begin + rank, end, N_WORKERS), end - begin))
    return found


class _Loop:
    """One model, trained on a worker's part of each batch."""

    def __init__(self, strategy: Any, rank: int, task: Task, seed: int) -> None:
        import keras
        import tensorflow as tf

        self.model = model = MODELS[task.network](seed)
        self._rank, self._batch = rank, task.recipe.batch_size
        momentum = task.recipe.momentum
        loss_of = keras.losses.SparseCategoricalCrossentropy(reduction="sum")
        self._weights = weights = [variable.value for variable in model.trainable_variables]
        self._steps = steps = [tf.Variable(tf.zeros_like(weight), trainable=False) for weight in weights]

        def gradients_of(x: Any, y: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = loss_of(y, model(x, training=True))
            return loss, tape.gradient(loss, weights)

        gradients = tf.function(gradients_of, jit_compile=True)

        def train_step(x: Any, y: Any, rate: Any, n: Any) -> Any:
            def on_worker(x: Any, y: Any) -> Any:
                loss, mine = gradients(x, y)
                together = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, [loss, *mine])
                for weight, step, gradient in zip(weights, steps, together[1:]):
                    step.assign(momentum * step - rate * gradient / n)
                    weight.assign_add(step)
                return together[0]

            return strategy.run(on_worker, args=(x, y))

        self._train_step = tf.function(train_step)
        self._constant = tf.constant

    def warm_up(self, images: Images) -> None:
        """Compile for whole batches and for the last one, and put the weights back."""
        kept = [np.array(each) for each in (*self._weights, *self._steps)]
        sizes = {n: part for part, n in parts_of(len(images), self._batch, self._rank)}
        for n, part in sizes.items():
            self._step(images, part, n, 0.0)
        for variable, value in zip((*self._weights, *self._steps), kept):
            variable.assign(value)

    def epoch(self, images: Images, rate: float) -> float:
        """Train on all samples once; returns the mean loss."""
        loss: Any = 0.0
        total = 0
        for part, n in parts_of(len(images), self._batch, self._rank):
            loss = loss + self._step(images, part, n, rate)
            total += n
        return float(loss) / max(1, total)

    def _step(self, images: Images, part: slice, n: int, rate: float) -> Any:
        constant = self._constant
        return self._train_step(constant(images.x[part]), constant(images.y[part].astype(np.int32)), constant(rate, "float32"),
                                constant(n, "float32"))


def _strategy() -> tuple[Any, int]:
    """The strategy, and which worker this is."""
    import tensorflow as tf

    if not _STRATEGIES:
        _STRATEGIES.append(tf.distribute.MultiWorkerMirroredStrategy())
    return _STRATEGIES[0], _STRATEGIES[0].cluster_resolver.task_id
