"""Training deep networks on SpiNNaker, from Keras or from graphs of layers.

``from_keras`` turns a compiled Keras 3 model into a network on a machine, by default an emulated SpiNN-5 board::

    net = dlgraph.from_keras(model)
    history = net.train(X, y, epochs=5, batch_size=32, validation_data=(Xv, yv))
    model.evaluate(Xv, yv)                     # the Keras model now holds the trained weights

``Graph`` builds one layer by layer, without Keras, and ``from_graph`` makes a network of it.
"""
from dlgraph import data, networks
from dlgraph.api import fit, from_graph, from_keras, load_checkpoint
from dlgraph.errors import (CheckpointError, CoreLost, DataError, DlgraphError, MachineError, ModelError, NumberFormatError,
                            NumberFormatOverflow, UnsupportedError)
from dlgraph.graph import Graph
from dlgraph.machines import Board, Emulated, Spalloc
from dlgraph.mapping.probes import Probe
from dlgraph.network import Network
from dlgraph.optimisers import Adam, RmsProp, Sgd

__version__ = "0.1.0"

__all__ = ["Adam", "Board", "CheckpointError", "CoreLost", "DataError", "DlgraphError", "Emulated", "Graph", "MachineError",
           "ModelError", "Network", "NumberFormatError", "NumberFormatOverflow", "Probe", "RmsProp", "Sgd", "Spalloc",
           "UnsupportedError", "__version__", "data", "fit", "from_graph", "from_keras", "load_checkpoint", "networks"]
