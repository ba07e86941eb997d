"""A training on the machine that the command line names: a board, one that a spalloc server lends, or an emulated one."""
import argparse

import keras
from sklearn.datasets import load_digits

import dlgraph

# -- the machine
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--board", metavar="HOST", help="host name or address of a board")
parser.add_argument("--spalloc", metavar="SERVER", help="a spalloc server")
parser.add_argument("--user", metavar="ADDRESS", help="your e-mail address, for the server")
options = parser.parse_args()
machine = None                                           # what DLGRAPH_MACHINE or a configuration names; else an emulated board
if options.board:
    machine = dlgraph.Board(options.board)
if options.spalloc:
    machine = dlgraph.Spalloc(options.spalloc, user=options.user)

# -- the training
X, y = load_digits(return_X_y=True)
x_train, y_train = X[:320] / 16, y[:320]
keras.utils.set_random_seed(1)
model = keras.Sequential([
    keras.Input((64,)),
    keras.layers.Dense(32, activation="relu"),
    keras.layers.Dense(10, activation="softmax"),
])
model.compile(keras.optimizers.SGD(0.3), "sparse_categorical_crossentropy", metrics=["accuracy"])
with dlgraph.from_keras(model, machine, seed=1) as net:
    twin = net.reference()
    net.train(x_train, y_train, epochs=2)
    # -- the check
    twin.train(x_train, y_train, epochs=2, verbose=0)
    for ours, expected in zip(net.get_weights(), twin.get_weights()):
        assert (ours == expected).all()
    print(f"{net.machine}: every bit as the reference has it")
    # -- end
