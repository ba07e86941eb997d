"""MNIST from Keras' cache, from a file, from idx files; scikit-learn's digits in its place; damaged files."""
from __future__ import annotations

import gzip
import logging
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dlgraph import data
from dlgraph.data import npz
from dlgraph.data.idx import read_idx
from dlgraph.errors import DataError

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("x_train", "y_train", "x_test", "y_test")


def pictures(n: int = 12, n_test: int = 5) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {"x_train": rng.integers(0, 256, (n, 6, 5), np.uint8), "y_train": rng.integers(0, 10, n, np.uint8),
            "x_test": rng.integers(0, 256, (n_test, 6, 5), np.uint8), "y_test": rng.integers(0, 10, n_test, np.uint8)}


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes()


def write_idx(folder: Path, arrays: dict[str, np.ndarray], packed: bool = False, separator: str = "-") -> None:
    for name, array in arrays.items():
        part = "train" if name.endswith("train") else "t10k"
        what = "images" if name[0] == "x" else "labels"
        file = folder / f"{part}-{what}{separator}idx{array.ndim}-ubyte{'.gz' if packed else ''}"
        file.write_bytes(gzip.compress(idx(array)) if packed else idx(array))


def same(found: data.DataSet, arrays: dict[str, np.ndarray]) -> bool:
    return all(getattr(found, name).dtype == np.uint8 and np.array_equal(getattr(found, name), arrays[name]) for name in NAMES)


@pytest.fixture
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras" / "datasets").mkdir(parents=True)
    return tmp_path / "keras"


def test_keras_cache(keras_home: Path) -> None:
    arrays = pictures()
    np.savez(keras_home / "datasets" / "mnist.npz", **arrays)
    found = data.mnist()
    assert same(found, arrays) and "Keras' cache" in found.description
    (x, y), (test_x, test_y) = found
    assert np.array_equal(x, arrays["x_train"]) and np.array_equal(test_y, arrays["y_test"])
    assert len(y) == 12 and len(test_x) == 5


def test_without_mnist(keras_home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An error with the ways out; the fallback says what it is."""
    with pytest.raises(DataError, match="download=True.*fallback=True"):
        data.mnist()
    with caplog.at_level(logging.WARNING):
        found = data.mnist(fallback=True)
    assert "scikit-learn" in found.description and "MNIST is not on this computer" in found.description
    assert "scikit-learn" in caplog.text
    assert found.x_train.shape == (1437, 28, 28) and found.x_test.shape == (360, 28, 28)
    assert same(data.digits(), {name: getattr(found, name) for name in NAMES})


def test_nothing_is_downloaded_unless_asked(keras_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    def no_network(*arguments, **options):
        raise OSError("no network")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", no_network)
    with pytest.raises(DataError, match="not in Keras' cache"):
        data.mnist()
    with pytest.raises(DataError, match="cannot download MNIST: no network"):
        data.mnist(download=True)
    arrays = pictures()
    monkeypatch.setattr(keras.datasets.mnist, "load_data",
                        lambda: tuple((arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in ("train", "test")))
    assert same(data.mnist(download=True), arrays)


def test_digits_look_like_mnist() -> None:
    """28 x 28, ink up to 255, nothing in the frame; a nearest neighbour tells them apart."""
    digits = data.digits()
    assert digits.x_train.max() >= 250 and digits.x_train[:, :4].max() == digits.x_train[:, :, 24:].max() == 0
    x, test_x = (each.reshape(len(each), -1).astype(float) for each in (digits.x_train, digits.x_test[:60]))
    nearest = ((test_x[:, None, :] - x[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert (digits.y_train[nearest] == digits.y_test[:60]).mean() > 0.95
    assert sorted(set(digits.y_test)) == list(range(10))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("separator", ["-", "."])
def test_idx_folder(tmp_path: Path, packed: bool, separator: str) -> None:
    arrays = pictures()
    write_idx(tmp_path, arrays, packed, separator)
    found = data.mnist(tmp_path)
    assert same(found, arrays) and str(tmp_path) in found.description


def test_npz_by_path(tmp_path: Path) -> None:
    arrays = pictures()
    np.savez_compressed(tmp_path / "mine.npz", **{**arrays, "y_train": arrays["y_train"].astype(np.int64)})
    assert same(data.mnist(str(tmp_path / "mine.npz")), arrays)
    with pytest.raises(DataError, match="no file or folder"):
        data.mnist(tmp_path / "other.npz")


@pytest.mark.parametrize("change, says", [
    (lambda content: content[:-1], "cut off.*12 x 6 x 5 = 360 bytes, and it has 359"),
    (lambda content: content + b"0", "too long.*it has more"),
    (lambda content: content[:10], "cut off: it has 10 bytes"),
    (lambda content: b"", "cut off: it has 0 bytes"),
    (lambda content: b"\0\0\x09\x03" + content[4:], "begins with the number 2307.*begins with 2051"),
    (lambda content: content[:4] + b"\0\1\0\0" + content[8:], "65536 x 6 x 5"),
    (lambda content: content[:4] + b"\xff" * 12, "too large, or damaged: .*4294967295 x 4294967295 x 4294967295"),
    (lambda content: gzip.compress(content[:4] + b"\0\0\0\1" * 3 + bytes(1 << 24)), "too long.*1 x 1 x 1 = 1 bytes.*has more"),
    (lambda content: gzip.compress(content)[:-20], "cannot be read"),
    (lambda content: b"\x1f\x8b\x08" + content, "cannot be read"),
])
def test_damaged_idx(tmp_path: Path, change, says: str) -> None:
    arrays = pictures()
    write_idx(tmp_path, arrays)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match=says):
        data.mnist(tmp_path)


def test_idx_folder_with_something_missing_or_mixed_up(tmp_path: Path) -> None:
    arrays = pictures()
    with pytest.raises(DataError, match="none of train-images-idx3-ubyte"):
        data.mnist(tmp_path)
    write_idx(tmp_path, {**arrays, "y_train": arrays["y_train"][:-1]})
    with pytest.raises(DataError, match="12 images, but train-labels has 11 labels"):
        data.mnist(tmp_path)
    write_idx(tmp_path, {**arrays, "x_test": arrays["x_test"][:, 1:]})
    with pytest.raises(DataError, match="6 x 5 pixels, the test images of 5 x 5"):
        data.mnist(tmp_path)
    write_idx(tmp_path, {**arrays, "y_test": arrays["y_test"] + 10})
    with pytest.raises(DataError, match="MNIST's are from 0 to 9"):
        data.mnist(tmp_path)
    with pytest.raises(DataError, match="begins with 2049"):
        read_idx(tmp_path / "train-images-idx3-ubyte", 1)


@pytest.mark.parametrize("change, says", [
    ({"x_test": None}, "no array 'x_test'"),
    ({"x_train": np.zeros((12, 30), np.uint8)}, r"x_train .* shape \(12, 30\)"),
    ({"x_train": np.zeros((12, 6, 5))}, "x_train .* dtype float64"),
    ({"x_test": np.zeros((5, 6, 6), np.uint8)}, "images must be of one"),
    ({"x_test": np.zeros((0, 6, 5), np.uint8)}, r"shape \(0, 6, 5\)"),
    ({"y_train": np.zeros((12, 1), np.uint8)}, r"y_train .* shape \(12, 1\)"),
    ({"y_train": np.full(12, -1)}, "labels from -1"),
    ({"y_test": np.zeros(5)}, "y_test .* dtype float64"),
    ({"y_train": np.array([None] * 12)}, "cannot be read"),
])
def test_npz_of_something_else(tmp_path: Path, change: dict, says: str) -> None:
    arrays = {name: array for name, array in {**pictures(), **change}.items() if array is not None}
    np.savez(tmp_path / "mnist.npz", **arrays)
    with pytest.raises(DataError, match=says):
        data.mnist(tmp_path / "mnist.npz")


@pytest.mark.parametrize("header, says", [
    ("{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 28, 28)}", "says 784000000000000 bytes, and it has 30"),
    ("{'descr': '|u1', 'fortran_order': False, 'shape': (-3, -10)}", "cannot be read"),
    ("{'descr': '|O', 'fortran_order': False, 'shape': (30,)}", "holds Python objects, which are not loaded"),
    ("{'descr': '|u1', 'fortran_order': False, 'shape': (2,", "cannot be read"),
])
def test_npz_whose_header_lies(tmp_path: Path, header: str, says: str) -> None:
    """Nothing is made room for that is not there."""
    path = tmp_path / "mnist.npz"
    text = header.ljust(117).encode() + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name in NAMES:
            archive.writestr(f"{name}.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + bytes(30))
    with pytest.raises(DataError, match=says):
        data.mnist(path)


def test_arrays_that_are_too_large_are_refused_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "mnist.npz", **{**pictures(), "x_train": np.zeros((12, 1000, 1000), np.uint8)})
    assert (tmp_path / "mnist.npz").stat().st_size < 100_000
    monkeypatch.setattr(npz, "MAX_BYTES", 1_000_000)
    monkeypatch.setattr(zipfile.ZipFile, "read", None)
    with pytest.raises(DataError, match="x_train .* too large, .*: it says 12000128 bytes"):
        data.mnist(tmp_path / "mnist.npz")


def test_files_that_are_no_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "whole.npz", **pictures())
    whole = (tmp_path / "whole.npz").read_bytes()
    np.save(tmp_path / "one.npy", np.zeros(3))
    for content, says in ((b"not this", "cannot be read"), (b"", "cannot be read"), (whole[:len(whole) // 2], "cannot be read"),
                          ((tmp_path / "one.npy").read_bytes(), "holds one array")):
        (tmp_path / "mnist.npz").write_bytes(content)
        with pytest.raises(DataError, match=says):
            data.mnist(tmp_path / "mnist.npz")
