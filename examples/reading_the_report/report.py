"""One epoch, and what the machine tells of it."""
import keras
from sklearn.datasets import load_digits

import dlgraph

X, y = load_digits(return_X_y=True)
x_train, y_train = X[:400] / 16, y[:400]
keras.utils.set_random_seed(1)
model = keras.Sequential([
    keras.Input((64,)),
    keras.layers.Dense(32, activation="relu", name="hidden"),
    keras.layers.Dense(10, activation="softmax", name="digit"),
])
model.compile(keras.optimizers.SGD(0.3), "sparse_categorical_crossentropy", metrics=["accuracy"])

# -- report
with dlgraph.from_keras(model, machine=dlgraph.Emulated(board="spinn3")) as net:
    net.train(x_train, y_train)
    report = net.report()
    print(report)
    # -- numbers
    slowest = max(report.stages, key=lambda stage: stage.busy)
    print(f"{report.samples_per_second:.0f} samples/s; busiest: the {slowest.kind}s of {slowest.layer}, "
          f"{slowest.busy:.0%} of the time")
    # -- traffic
    traffic = net.traffic()
    print(traffic)
    print("copies that did not come:", traffic.missing)
    # -- end
