"""Draws the picture of distorted digits: ``python docs/pictures/distortions.py``.

The digits are scikit-learn's, unless ``--data`` names MNIST.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from dlgraph import data  # noqa: E402

OFF = {"shift": 0, "scale": 0, "squeeze": 0, "shear": 0, "rotation": 0, "elasticity": 0}
ROWS = {
    "as they are": data.Distortion(**OFF),
    "affine": data.Distortion(elasticity=0),
    "elastic": data.Distortion(**{**OFF, "elasticity": 34.0}),
    "both": data.Distortion(),
    "both, again": data.Distortion(),
}


def main(arguments: list[str] | None = None) -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="PATH", help="mnist.npz or a folder of idx files")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".svg"))
    options = parser.parse_args(arguments)
    digits = data.mnist(options.data) if options.data else data.digits()
    chosen = [int(np.flatnonzero(digits.y_test == label)[1]) for label in range(10)]
    x, y = digits.x_test[chosen], digits.y_test[chosen]

    plt.rcParams.update({"svg.hashsalt": "distortions", "svg.fonttype": "none", "font.size": 8})
    figure, axes = plt.subplots(len(ROWS), 10, figsize=(7.2, 0.72 * len(ROWS)))
    for number, (name, distortion) in enumerate(ROWS.items()):
        images, labels = data.distorted(x, y, 10 * (number + 1), distortion, seed=3)
        images, labels = images[-10:], labels[-10:]
        for axis, image in zip(axes[number], images[np.argsort(labels)], strict=True):
            axis.imshow(image, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            for spine in axis.spines.values():
                spine.set(linewidth=0.3, color="0.7")
        axes[number][0].set_ylabel(name, rotation=0, ha="right", va="center")
    figure.subplots_adjust(left=0.12, right=0.995, top=0.99, bottom=0.01, wspace=0.05, hspace=0.05)
    figure.savefig(options.out, metadata={"Date": None, "Creator": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
