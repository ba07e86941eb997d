"""The board as a report shows it: trains on digits, on an emulated SpiNN-5, and takes a picture of the page in Chromium.

    python docs/pictures/report_board.py [PAGE]        PAGE: saved before, instead of the training
"""
from __future__ import annotations

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests"))

from browser import Browser  # noqa: E402


def train(path: Path) -> Path:
    """784-128-10 on scikit-learn's digits, enlarged to 28 x 28; its report is saved."""
    import keras
    import numpy as np
    from sklearn.datasets import load_digits

    import dlgraph

    images, labels = load_digits(return_X_y=True)
    x = np.pad(np.kron(images.reshape(-1, 8, 8) / 16, np.ones((3, 3))), ((0, 0), (2, 2), (2, 2)))
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(128, "relu", name="hidden"),
                              keras.layers.Dense(10, "softmax", name="digit")], name="digits_enlarged")
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    with dlgraph.from_keras(model, dlgraph.Emulated()) as net:
        net.train(x[:640], labels[:640], epochs=3, validation_data=(x[640:740], labels[640:740]))
    return net.report().save(path)


with tempfile.TemporaryDirectory() as folder, Browser() as browser:
    browser.open(Path(sys.argv[1]) if len(sys.argv) > 1 else train(Path(folder) / "run.html"), 1000, 900)
    browser.screenshot(HERE / "report_board.png", ".maps")
