"""Every kind of Keras layer that dlgraph takes, from Keras to the machine and back: equal to the reference, bit for bit."""
from __future__ import annotations

import numpy as np

import dlgraph
from integration_tests.test_public_api import assert_same, machine
from tests.keras_models import data, every_layer


def test_a_network_of_every_kind_of_layer() -> None:
    """It branches and joins; trained, evaluated and asked for its outputs."""
    x, y = data(20, n_inputs=36)
    model = every_layer(loss="sparse_categorical_crossentropy")
    model.compile("adam", model.loss, metrics=["accuracy"])
    with dlgraph.from_keras(model, machine(), seed=4) as net:
        twin = net.reference()
        outputs = net.predict(x, verbose=0)
        assert np.array_equal(outputs, twin.predict(x, verbose=0))
        assert np.abs(outputs - model.predict(x, verbose=0)).max() < 2e-3
        history = net.train(x, y, epochs=2, batch_size=8, verbose=0).history
        assert history == twin.train(x, y, epochs=2, batch_size=8, verbose=0).history
        assert_same(net, twin)
        assert net.evaluate(x, y, verbose=0) == twin.evaluate(x, y, verbose=0)
