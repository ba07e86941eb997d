"""The networks of LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998.

Each function gives a built Keras model, not compiled, as those of ``keras.applications`` do; :func:`compile_model` compiles it
with optimiser and rates that suit it.  What differs from the published networks stands in ``docs/networks.rst``.
"""
from dlgraph.networks.boosted import BoostedHistory, BoostedLeNet4
from dlgraph.networks.counts import LayerCount, connections, layer_counts, parameters
from dlgraph.networks.lenet import lenet1, lenet4, lenet5
from dlgraph.networks.mlp import mlp
from dlgraph.networks.published import PUBLISHED, Published
from dlgraph.networks.recipes import RECIPES, TO_THE_END, Recipe, compile_model, recipe_for

__all__ = ["PUBLISHED", "RECIPES", "TO_THE_END", "BoostedHistory", "BoostedLeNet4", "LayerCount", "Published", "Recipe",
           "compile_model", "connections", "layer_counts", "lenet1", "lenet4", "lenet5", "mlp", "parameters", "recipe_for"]
