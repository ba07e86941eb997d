import keras
from sklearn.datasets import load_digits

import dlgraph

X, y = load_digits(return_X_y=True)
X = X / 16

model = keras.Sequential([
    keras.Input((64,)),
    keras.layers.Dense(32, activation="relu"),
    keras.layers.Dense(10, activation="softmax"),
])
model.compile(keras.optimizers.SGD(0.3), "sparse_categorical_crossentropy", metrics=["accuracy"])

with dlgraph.from_keras(model) as net:             # on an emulated SpiNN-5 board
    net.train(X[:1500], y[:1500], epochs=5, validation_data=(X[1500:], y[1500:]))

model.evaluate(X[1500:], y[1500:])                 # the Keras model holds the trained weights
