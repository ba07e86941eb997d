"""Distorted images: the same for the same seed in whatever chunks, moved as told, within their frame."""
from __future__ import annotations

import importlib.util
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from dlgraph import data
from dlgraph.data import Distortion, distorted, distorted_chunks
from dlgraph.data.distorted import taken_from
from dlgraph.data.distortion import smooth
from dlgraph.errors import DataError
from dlgraph.order import order

ROOT = Path(__file__).resolve().parent.parent
NONE = {"shift": 0, "scale": 0, "squeeze": 0, "shear": 0, "rotation": 0, "elasticity": 0}


@pytest.fixture(scope="module")
def digits() -> data.DataSet:
    return data.digits()


def blob(down: float, across: float, size: int = 29) -> np.ndarray:
    """One soft spot."""
    rows, columns = np.mgrid[:size, :size]
    return np.rint(255 * np.exp(-((rows - down) ** 2 + (columns - across) ** 2) / 8)).astype(np.uint8)


def middles(images: np.ndarray) -> np.ndarray:
    """Centre of mass of each, (n, 2)."""
    weights = images.astype(float)
    rows, columns = np.mgrid[:images.shape[1], :images.shape[2]]
    return np.stack([(weights * axis).sum((1, 2)) / weights.sum((1, 2)) for axis in (rows, columns)], axis=1)


def test_no_distortion_gives_the_images_in_order(digits: data.DataSet) -> None:
    x, y = digits.x_train[:100], digits.y_train[:100]
    new_x, new_y = distorted(x, y, 250, Distortion(**NONE), seed=4)
    for turn in range(3):
        places = order(100, 4, turn)[:50 if turn == 2 else 100]
        here = slice(turn * 100, turn * 100 + len(places))
        assert np.array_equal(new_x[here], x[places]) and np.array_equal(new_y[here], y[places])


@pytest.mark.parametrize("n, chunk", [(40, 1), (600, 100), (600, 256), (600, 300), (600, 10_000)])
def test_chunks_change_nothing(digits: data.DataSet, n: int, chunk: int) -> None:
    x, y = distorted(digits.x_train, digits.y_train, n, seed=1)
    parts = list(distorted_chunks(digits.x_train, digits.y_train, n, seed=1, chunk=chunk))
    assert all(len(part_x) == len(part_y) == chunk for part_x, part_y in parts[:-1])
    assert np.array_equal(np.concatenate([part for part, _ in parts]), x)
    assert np.array_equal(np.concatenate([part for _, part in parts]), y)


def test_seeds(digits: data.DataSet) -> None:
    x, y = digits.x_train[:50], digits.y_train[:50]
    a, b, c = (distorted(x, y, 100, seed=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, c)
    assert np.array_equal(distorted(x, y, 30, seed=1)[0], a[:30]), "fewer are the first ones of more"


def test_endless(digits: data.DataSet) -> None:
    chunks = distorted_chunks(digits.x_train, digits.y_train, chunk=10)
    assert [len(next(chunks)[0]) for _ in range(5)] == [10] * 5


def test_a_seed_gives_these_images() -> None:
    """As recorded once: another version must not give other images."""
    x = np.stack([blob(14, 14), blob(10, 18)])
    new, _ = distorted(x, np.array([0, 1]), 3, seed=7)
    assert [int(image.astype(np.int64).sum()) for image in new] == [4503, 5606, 8426]


@pytest.mark.parametrize("axis, change", [(0, {"shift": 3.0}), (1, {"shift": 3.0})])
def test_shift(axis: int, change: dict) -> None:
    new, _ = distorted(blob(14, 14)[None], [0], 400, Distortion(**{**NONE, **change}), seed=1)
    moved = middles(new)[:, axis] - 14
    assert 2.7 < np.abs(moved).max() <= 3.01 and abs(moved.mean()) < 0.3
    assert np.abs(middles(new)[0] - 14).max() > 0.01


def test_affine_kinds() -> None:
    """A spot to the right of the middle: rotation moves it up or down, shear not, scaling outward or inward; one above the
    middle goes to the side under shear."""
    def moved(down: float, across: float, **change: float) -> np.ndarray:
        new, _ = distorted(blob(down, across)[None], [0], 300, Distortion(**{**NONE, **change}), seed=2)
        return middles(new) - [down, across]

    turned = moved(14, 22, rotation=20)
    assert 2.4 < np.abs(turned[:, 0]).max() < 8 * np.sin(np.deg2rad(20)) + 0.2 and turned[:, 1].max() < 0.1
    slanted = moved(14, 22, shear=0.3)
    assert np.abs(slanted).max() < 0.1
    slanted = moved(6, 14, shear=0.3)
    assert 2.0 < np.abs(slanted[:, 1]).max() < 2.5 and np.abs(slanted[:, 0]).max() < 0.1
    scaled = moved(14, 22, scale=0.25)
    assert 1.7 < scaled[:, 1].max() < 2.2 and -2.2 < scaled[:, 1].min() < -1.7 and np.abs(scaled[:, 0]).max() < 0.1
    squeezed = moved(14, 22, squeeze=0.25)
    assert 1.7 < squeezed[:, 1].max() < 2.2
    rising = moved(6, 22, squeeze=0.25)
    assert np.corrcoef(rising[:, 1], rising[:, 0])[0, 1] > 0.9, "where it grows wider it gets lower"


def test_elastic_fields_are_as_published() -> None:
    """Uniform noise of variance 1/3 under a Gaussian of sigma 4: a standard deviation of 1 / (sqrt(3) 2 sqrt(pi) 4)."""
    rng = np.random.default_rng(1)
    field = smooth(rng.uniform(-1, 1, (200, 64, 64)), 4.0)[:, 20:44, 20:44]
    assert field.std() == pytest.approx(1 / (np.sqrt(3) * 2 * np.sqrt(np.pi) * 4), rel=0.05)
    constant = smooth(np.ones((1, 64, 64)), 4.0)
    assert constant[0, 32, 32] == pytest.approx(1) and constant[0, 0, 0] < 0.31
    noise = rng.uniform(-1, 1, (3, 28, 28))
    expected = ndimage.gaussian_filter(noise, (0, 4, 4), mode="constant")
    assert np.allclose(smooth(noise, 4.0), expected, atol=1e-12)


def test_elastic_distortion_keeps_the_digit(digits: data.DataSet) -> None:
    """It moves ink and makes little more or less of it."""
    x, y = digits.x_train[:300], digits.y_train[:300]
    new, new_y = distorted(x, y, 300, Distortion(**{**NONE, "elasticity": 34.0}), seed=1)
    old = x[order(300, 1, 0)]
    assert not any(np.array_equal(a, b) for a, b in zip(new, old, strict=True))
    assert np.abs(middles(new) - middles(old)).mean() < 1.5
    assert new.mean() == pytest.approx(old.mean(), rel=0.05)
    assert np.array_equal(new_y, y[order(300, 1, 0)])


def test_interpolation() -> None:
    image = np.array([[[0, 100], [200, 40]]], np.uint8)
    rows, columns = np.array([[[0.5, 0.0, -0.5, 5.0]]]), np.array([[[0.5, 0.25, 0.0, 0.0]]])
    assert taken_from(image, rows, columns).tolist() == [[[85, 25, 0, 0]]]
    floats = taken_from(image / 255, rows, columns)
    assert floats.dtype == np.float64 and np.allclose(floats * 255, [[[85, 25, 0, 0]]])


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_dtypes_and_shapes(digits: data.DataSet, dtype: type) -> None:
    """A last axis of 1, one-hot labels and floats go through; floats are those of the bytes."""
    x = digits.x_train[:20].astype(dtype) / (1 if dtype is np.uint8 else 255)
    x = x.astype(dtype)[..., None]
    new, targets = distorted(x, np.eye(10)[digits.y_train[:20]], 40)
    assert new.dtype == dtype and new.shape == (40, 28, 28, 1) and targets.shape == (40, 10)
    as_bytes, _ = distorted(digits.x_train[:20], digits.y_train[:20], 40)
    assert np.abs(new[..., 0] * (1.0 if dtype is np.uint8 else 255.0) - as_bytes).max() <= 0.5 + 1e-4
    assert new.max() <= x.max() and new.min() >= 0


def test_memory_is_that_of_a_chunk(digits: data.DataSet) -> None:
    """Ten times as many images take no more memory."""
    def peak(n: int) -> int:
        tracemalloc.start()
        for _ in distorted_chunks(digits.x_train, digits.y_train, n, chunk=500):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(500)
    assert peak(5000) < 1.2 * peak(1000)


@pytest.mark.parametrize("arguments, says", [
    ({"shift": -1}, "shift=-1"), ({"rotation": float("nan")}, "rotation=nan"), ({"scale": 0.95}, "leaves nothing"),
    ({"smoothness": 0}, "tears images"), ({"shear": "much"}, "shear='much'")])
def test_wrong_distortions(arguments: dict, says: str) -> None:
    with pytest.raises(DataError, match=says):
        Distortion(**arguments)


@pytest.mark.parametrize("x, y, options, says", [
    (np.zeros((5, 28)), np.zeros(5), {}, r"shape \(5, 28\)"),
    (np.zeros((5, 28, 28, 3)), np.zeros(5), {}, "shape"),
    (np.zeros((5, 28, 28), np.int32), np.zeros(5), {}, "dtype int32"),
    (np.zeros((5, 28, 28)), np.zeros(4), {}, "5 images, but y has 4"),
    (np.zeros((0, 28, 28)), np.zeros(0), {}, "shape"),
    (np.zeros((5, 28, 28)), np.zeros(5), {"n": 0}, "n=0"),
    (np.zeros((5, 28, 28)), np.zeros(5), {"chunk": 0}, "chunk=0"),
    (np.zeros((5, 28, 28)), np.zeros(5), {"seed": 2**32}, "seed=4294967296"),
])
def test_wrong_arguments_are_said_at_the_call(x, y, options: dict, says: str) -> None:
    with pytest.raises(DataError, match=says):
        distorted_chunks(x, y, **{"n": 5, **options})


def test_picture_of_the_documentation(tmp_path: Path) -> None:
    """It is made by the code; twice, the same bytes."""
    spec = importlib.util.spec_from_file_location("picture", ROOT / "docs" / "pictures" / "distortions.py")
    picture = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(picture)
    for name in ("a.svg", "b.svg"):
        picture.main(["--out", str(tmp_path / name)])
    content = (tmp_path / "a.svg").read_bytes()
    assert content.startswith(b"<?xml") and content == (tmp_path / "b.svg").read_bytes()
    assert (ROOT / "docs" / "pictures" / "distortions.svg").exists()
