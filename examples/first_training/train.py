"""The first training, step by step: handwritten digits, a small network, an emulated board."""
# -- the data
from sklearn.datasets import load_digits

X, y = load_digits(return_X_y=True)         # 1,797 pictures of 8 x 8 pixels, 0 .. 16
X = X / 16
x_train, y_train = X[:800], y[:800]
x_test, y_test = X[1437:], y[1437:]

# -- the model
import keras  # noqa: E402

keras.utils.set_random_seed(1)              # the weights it starts with
model = keras.Sequential([
    keras.Input((64,)),
    keras.layers.Dense(32, activation="relu", name="hidden"),
    keras.layers.Dense(10, activation="softmax", name="digit"),
])
model.compile(keras.optimizers.SGD(0.3), "sparse_categorical_crossentropy", metrics=["accuracy"])

# -- the machine
import dlgraph  # noqa: E402

net = dlgraph.from_keras(model, machine=dlgraph.Emulated(board="spinn3"), seed=1)
print(net)

# -- training
history = net.train(x_train, y_train, epochs=3, validation_data=(x_test, y_test))
print("accuracy on the test pictures, after each epoch:", history.history["val_accuracy"])

# -- use
loss, accuracy = net.evaluate(x_test, y_test)
print(f"on the machine: {accuracy:.2%}; in Keras: {model.evaluate(x_test, y_test, verbose=0)[1]:.2%}")
print("the first test picture is a", net.predict(x_test[:1]).argmax())

# -- the check
twin = net.reference()                      # from where the network is now
net.train(x_train, y_train, epochs=1)
twin.train(x_train, y_train, epochs=1)
equal = all((a == b).all() for a, b in zip(net.get_weights(), twin.get_weights()))
print("every bit of the weights equal to the reference:", equal)

# -- the end
net.close()
model.save("digits.keras")
# -- nothing more
