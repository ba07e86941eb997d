"""The first network of many Keras tutorials, trained on SpiNNaker.

All but the marked lines is as in the tutorial.  It runs on an emulated board unless the environment variable
``DLGRAPH_MACHINE`` or a Graph Front End configuration names another machine; Keras downloads MNIST when it is first used.
"""
import tensorflow as tf

import dlgraph                                                      # in addition

mnist = tf.keras.datasets.mnist

(x_train, y_train), (x_test, y_test) = mnist.load_data()
x_train, x_test = x_train / 255.0, x_test / 255.0

model = tf.keras.models.Sequential([
    tf.keras.layers.Flatten(input_shape=(28, 28)),
    tf.keras.layers.Dense(128, activation='relu'),
    tf.keras.layers.Dropout(0.2),
    tf.keras.layers.Dense(10, activation='softmax')
])

model.compile(optimizer='adam',
              loss='sparse_categorical_crossentropy',
              metrics=['accuracy'])

dlgraph.fit(model, x_train, y_train, epochs=5)                      # in place of model.fit(x_train, y_train, epochs=5)
model.evaluate(x_test, y_test)
