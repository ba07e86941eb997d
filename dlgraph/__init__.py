"""Training deep networks on SpiNNaker from Keras.

``from_keras`` turns a compiled Keras 3 model into a network on a machine, by default an emulated SpiNN-5 board::

    net = dlgraph.from_keras(model)
    history = net.train(X, y, epochs=5, batch_size=32, validation_data=(Xv, yv))
    model.evaluate(Xv, yv)                     # the Keras model now holds the trained weights
"""
from dlgraph import data, networks
from dlgraph.api import fit, from_keras, load_checkpoint
from dlgraph.errors import (CheckpointError, CoreLost, DataError, DlgraphError, MachineError, ModelError, NumberFormatError,
                            NumberFormatOverflow, UnsupportedError)
from dlgraph.machines import Board, Emulated, Spalloc
from dlgraph.network import Network

__version__ = "0.1.0"

__all__ = ["Board", "CheckpointError", "CoreLost", "DataError", "DlgraphError", "Emulated", "MachineError", "ModelError", "Network",
           "NumberFormatError", "NumberFormatOverflow", "Spalloc", "UnsupportedError", "__version__", "data", "fit",
           "from_keras", "load_checkpoint", "networks"]
