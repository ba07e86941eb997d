"""The first network of many tutorials, as it stands, with the reference in place of the machine and few digits for MNIST."""
from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from dlgraph import data

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "first_network.py"
#: As the tutorials have it, but for spaces.
TUTORIAL = """
import tensorflow as tf
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
model.fit(x_train, y_train, epochs=5)
model.evaluate(x_test, y_test)
"""
#: Keras takes only the file with the hash it knows; these digits are others.
RUN = """
import functools, runpy, sys
import keras.src.utils.file_utils as files
import dlgraph
from dlgraph.executors import make_reference
files.validate_file = lambda *arguments, **options: True
if sys.argv[2] == "reference":
    dlgraph.fit = functools.partial(dlgraph.fit, executor_factory=make_reference)
found = runpy.run_path(sys.argv[1])
print("Accuracy:", found["model"].evaluate(found["x_test"], found["y_test"], verbose=0)[1])
"""


def run_example(folder: Path, n_samples: int | None, executor: str) -> float:
    """Accuracy of the example, with MNIST's place in Keras' cache taken by scikit-learn's digits."""
    digits = data.digits()
    (folder / "datasets").mkdir()
    np.savez(folder / "datasets" / "mnist.npz", x_train=digits.x_train[:n_samples], y_train=digits.y_train[:n_samples],
             x_test=digits.x_test, y_test=digits.y_test)
    done = subprocess.run([sys.executable, "-c", RUN, str(EXAMPLE), executor], cwd=folder, capture_output=True, text=True,
                          env={**os.environ, "KERAS_HOME": str(folder), "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "tensorflow",
                               "TF_CPP_MIN_LOG_LEVEL": "3"}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Downloading" not in done.stdout
    return float(done.stdout.rpartition("Accuracy: ")[2])


def test_word_for_word() -> None:
    """But for the import and the line that trains."""
    lines = re.sub(r"#.*", "", EXAMPLE.read_text(encoding="utf-8").split('"""')[2])
    lines = lines.replace("import dlgraph\n", "").replace("import dlgraph ", "").replace("dlgraph.fit(model, ", "model.fit(")
    assert re.sub(r"\s", "", lines) == re.sub(r"\s", "", TUTORIAL)


def test_on_the_reference(tmp_path: Path) -> None:
    assert run_example(tmp_path, None, "reference") > 0.9
