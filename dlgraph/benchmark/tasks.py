"""What is trained: a network, its data, its recipe; the same for every device."""
from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dlgraph import networks
from dlgraph.data import DataSet
from dlgraph.formats import Float32Array
from dlgraph.networks import Recipe

#: Name -> makes the model from a seed.
MODELS: dict[str, Callable[..., Any]] = {
    "mlp_300": lambda seed: networks.mlp(300, seed=seed),
    "mlp_300_100": lambda seed: networks.mlp(300, 100, seed=seed),
    "lenet1": lambda seed: networks.lenet1(seed=seed),
    "lenet4": lambda seed: networks.lenet4(seed=seed),
    "lenet5": lambda seed: networks.lenet5(seed=seed),
    "boosted_lenet4": lambda seed: networks.lenet4(seed=seed),
}
BOOSTED = "boosted_lenet4"
Labels = npt.NDArray[Any]


@dataclass(frozen=True)
class Images:
    """Samples with their labels.

    :param x: float32 (n, 28, 28), 0 .. 1
    :param y: class numbers (n,)
    """

    x: Float32Array
    y: Labels

    def first(self, n: int) -> Images:
        """The first so many."""
        return Images(self.x[:n], self.y[:n])

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Member:
    """One network of a task.

    :param seed: of its weights, below 2**31
    :param order_seed: of the order of its samples, below 2**32
    """

    seed: int
    order_seed: int
    images: Images


@dataclass(frozen=True)
class Task:
    """One training.

    :param network: a name in :data:`MODELS`
    :param members: networks that are trained one after the other; their outputs are added
    :param test: None where nobody asks how good they get
    """

    network: str
    members: tuple[Member, ...]
    test: Images | None
    recipe: Recipe

    def model(self, member: Member) -> Any:
        """The Keras model of a member, not compiled."""
        return MODELS[self.network](member.seed)

    @property
    def n_samples(self) -> int:
        """Of the largest member."""
        return max(len(member.images) for member in self.members)


def images_of(data: DataSet, n_train: int | None, n_test: int | None) -> tuple[Images, Images]:
    """The first so many to train and to test, as recipes want them."""
    scale = np.float32(255)
    return (Images(data.x_train[:n_train].astype(np.float32) / scale, data.y_train[:n_train]),
            Images(data.x_test[:n_test].astype(np.float32) / scale, data.y_test[:n_test]))


def digest(*sets: Images) -> str:
    """A hash of samples and labels."""
    known = hashlib.sha256()
    for images in sets:
        known.update(repr((images.x.shape, images.y.shape)).encode())
        known.update(np.ascontiguousarray(images.x).data)
        known.update(np.ascontiguousarray(images.y).data)
    return known.hexdigest()


def make_task(network: str, train: Images, test: Images, seed: int, epochs: int | None, to_the_end: bool = False) -> Task:
    """A network with its recipe.

    The second and third of the boosted networks learn from samples that those before them find hard.  They are found on the host,
    by :class:`dlgraph.networks.BoostedLeNet4` on the reference, which gives the machine's bits: every device has the same ones.

    :param epochs: of each network; None for the recipe's
    :param to_the_end: by the recipe for that
    """
    recipe = (networks.TO_THE_END if to_the_end else networks.RECIPES)[network]
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs)
    recipe = replace(recipe, batch_size=min(recipe.batch_size, len(train)))
    members = _boosted(train, seed, recipe) if network == BOOSTED else (Member(seed, seed, train),)
    return Task(network, members, test, recipe)


def with_batch(task: Task, batch: int) -> Task:
    """The same in batches of another size, at a rate that goes with them.

    It is the recipe's times the ratio of the sizes for smaller batches (a batch's step is that of its samples), and times its
    square root for larger ones; Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv 1404.5997,
    has both.
    """
    ratio = batch / task.recipe.batch_size
    rate = task.recipe.learning_rate * min(ratio, ratio ** 0.5)
    return replace(task, recipe=replace(task.recipe, batch_size=batch, learning_rate=rate))


def for_speed(task: Task, n_samples: int) -> Task:
    """One epoch of the first member on a few samples: as much as speed and energy need."""
    member = replace(task.members[0], images=task.members[0].images.first(n_samples))
    return replace(task, members=(member,), test=None, recipe=replace(task.recipe, epochs=1))


def accuracy(outputs: Float32Array, labels: Labels) -> float:
    """Share of right ones.

    :param outputs: (n, classes), of one network or of several added
    """
    return float((outputs.argmax(axis=1) == labels).mean())


def _boosted(train: Images, seed: int, recipe: Recipe) -> tuple[Member, ...]:
    from dlgraph.executors import make_reference
    from dlgraph.networks.boosted import BoostedLeNet4, seeds_of

    def member(of: int) -> Any:
        model = networks.lenet4(seed=of)
        networks.compile_model(model, recipe)
        return model

    with BoostedLeNet4(None, seed, member=member, executor_factory=make_reference) as boosted:
        with boosted.reference() as twin:
            history = twin.train(train.x, train.y, epochs=recipe.epochs, batch_size=recipe.batch_size,
                                 callbacks=recipe.callbacks(), verbose=0, keep_sets=True)
    sets = [train, *(Images(each.x.astype(np.float32), each.y) for each in history.selections)]
    return tuple(Member(*seeds, images) for seeds, images in zip(seeds_of(seed), sets[:twin.n_trained]))
