"""How each network is trained: optimiser, rates, batch size."""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dlgraph.errors import DataError

LOSS = "sparse_categorical_crossentropy"


@dataclass(frozen=True)
class Recipe:
    """Stochastic gradient descent with momentum, whose rate falls after every epoch.

    Pixels are meant to be in 0 .. 1.

    :param learning_rate: of the first epoch
    :param momentum: 0 .. 1
    :param decay: what the rate is multiplied by after each epoch
    :param batch_size: samples per update
    :param epochs: passes over the data
    """

    learning_rate: float = 0.05
    momentum: float = 0.9
    decay: float = 0.4
    batch_size: int = 32
    epochs: int = 3

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0."""
        return self.learning_rate * self.decay ** epoch

    def callbacks(self) -> list[Any]:
        """Keras callbacks for ``train`` or ``fit``: they let the rate fall."""
        import keras

        return [keras.callbacks.LearningRateScheduler(lambda epoch, rate: self.rate(epoch))]


#: Model's name -> recipe.  Found by trials in floating-point Keras; ``docs/networks.rst`` has their figures.
RECIPES = {
    "mlp_300": Recipe(),
    "mlp_300_100": Recipe(),
    # replicas of the convolutions take the samples of a batch in turn: larger batches keep more of them busy
    "lenet1": Recipe(0.1, decay=0.4, batch_size=128),
    "lenet4": Recipe(0.1, decay=0.25, batch_size=128),
    "lenet5": Recipe(0.1, decay=0.25, batch_size=128),
}
RECIPES["boosted_lenet4"] = RECIPES["lenet4"]
#: The same for those who train as far as it goes.  Found by trials of the reference, which ``docs/networks.rst`` shows.
TO_THE_END = {
    "mlp_300": Recipe(0.05, decay=0.75, batch_size=32, epochs=12),
    "mlp_300_100": Recipe(0.05, decay=0.75, batch_size=32, epochs=12),
    "lenet1": Recipe(0.1, decay=0.6, batch_size=128, epochs=8),
    "lenet4": Recipe(0.05, decay=0.85, batch_size=64, epochs=20),
    "lenet5": Recipe(0.1, decay=0.7, batch_size=128, epochs=12),
}
TO_THE_END["boosted_lenet4"] = TO_THE_END["lenet4"]


def recipe_for(model: Any) -> Recipe:
    """The recipe of one of the networks, found by the model's name.

    Other fully connected ones have that of 784-300-10.

    :raises DataError: for a model that is none of the networks
    """
    name = str(getattr(model, "name", model))
    if name in RECIPES:
        return RECIPES[name]
    if name.startswith("mlp"):
        return replace(RECIPES["mlp_300"])
    raise DataError(f"There is no recipe for the model {name!r}. There is one for {', '.join(RECIPES)}; compile the model "
                    f"yourself.")


def compile_model(model: Any, recipe: Recipe | None = None) -> Recipe:
    """Compile one of the networks as its recipe has it: softmax outputs under the cross-entropy, with accuracy.

    ::

        model = dlgraph.networks.lenet5(seed=1)
        recipe = dlgraph.networks.compile_model(model)
        with dlgraph.from_keras(model) as net:
            net.train(x, y, epochs=recipe.epochs, batch_size=recipe.batch_size, callbacks=recipe.callbacks())

    :param model: of :func:`mlp`, :func:`lenet1`, :func:`lenet4` or :func:`lenet5`
    :param recipe: another one than :func:`recipe_for` has
    :return: the recipe used
    :raises DataError: as :func:`recipe_for`
    """
    import keras

    recipe = recipe or recipe_for(model)
    model.compile(keras.optimizers.SGD(recipe.learning_rate, momentum=recipe.momentum), loss=LOSS, metrics=["accuracy"])
    return recipe
