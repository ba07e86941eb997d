"""Two networks built layer by layer, without Keras: the programs of docs/graph.rst, on an emulated SpiNN-5 board."""
# -- graph
import dlgraph
from sklearn.datasets import load_digits

X, y = load_digits(return_X_y=True)
X = X / 16

graph = dlgraph.Graph("digits", seed=1)
x = graph.input((64,))
image = graph.reshape(x, (8, 8, 1))
maps = graph.convolution(image, 8, 3, "relu", name="maps")
means = graph.pooling(maps, "average", 2, name="means")
hidden = graph.dense(graph.flatten(means), 32, "tanh", name="hidden")
output = graph.dense(hidden, 10, "softmax", name="output")
graph.loss(output, "sparse_categorical_crossentropy", metrics=["accuracy"])
graph.optimiser = dlgraph.Sgd(0.2, momentum=0.5)
print(graph)

# -- network
net = dlgraph.from_graph(graph)                    # an emulated SpiNN-5 board; options as for from_keras
print(net)

# -- training
history = net.train(X[:1500], y[:1500], epochs=3, validation_data=(X[1500:], y[1500:]), verbose=0)
loss, accuracy = net.evaluate(X[1500:], y[1500:], verbose=0)
probabilities = net.predict(X[1500:], verbose=0)
net.close()                                        # gives the machine back; "with dlgraph.from_graph(graph) as net:" does too
print(f"{accuracy:.1%} of the digits never seen are right, the first with a probability of {probabilities[0].max():.3f}")

# -- weights
kernel, bias = graph.get_weights("maps")           # (3, 3, 1, 8) and (8,): copies
graph.set_weights("maps", kernel / 2, bias)        # the next training goes on from these

# -- shapes
assert means.shape == (3, 3, 8) and means.name == "means"
assert graph["means"].shape == means.shape

# -- residual
graph = dlgraph.Graph("residual")
x = graph.convolution(graph.input((8, 8, 1)), 4, 3, "relu", padding="same", name="first")
inner = graph.convolution(x, 4, 3, "relu", padding="same", name="inner")
joined = graph.activation(graph.add([x, graph.convolution(inner, 4, 3, padding="same", name="back")]), "relu")
output = graph.dense(graph.pooling(joined, "average"), 10, name="output")
graph.loss(output, "sparse_categorical_crossentropy", from_logits=True, metrics=["accuracy"])
graph.optimiser = dlgraph.Adam(0.01)
graph.schedule = lambda step: 0.01 * 0.99 ** (step // 10)

twin = dlgraph.from_graph(graph).reference()       # the same bits, on this computer
twin.train(X[:300].reshape(-1, 8, 8, 1), y[:300], verbose=0)
# -- end
