"""From a compiled Keras 3 model to a graph.

One small handler class per Keras layer (``handlers/``), one module each for losses, metrics and optimisers.  Keras is
never imported here: what is needed is read from the objects the user brings, so ``tf.keras`` and standalone Keras 3 on
any backend are the same to us.
"""
from dlgraph.keras_translator.optimisers import learning_rate, read_optimiser, read_state, schedule_of, write_state
from dlgraph.keras_translator.translator import read_goal, translate

__all__ = ["learning_rate", "read_goal", "read_optimiser", "read_state", "schedule_of", "translate", "write_state"]
