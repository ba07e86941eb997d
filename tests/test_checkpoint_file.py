"""The file of a checkpoint: what NumPy reads, small, never half written, and harmless however it was made."""
from __future__ import annotations

import io
import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_models import data, on_host, sequential

from dlgraph import checkpoint_archive, whole_file
from dlgraph.checkpoint import Checkpoint, read_checkpoint, read_seed_and_fields
from dlgraph.errors import CheckpointError
from dlgraph.optimiser_formats import check_words, plane_from_float
from dlgraph.optimisers import Plane
from dlgraph.whole_file import write_whole

X, Y = data(40)
ADAM = {"optimizer": keras.optimizers.Adam(0.01, amsgrad=True), "loss": "sparse_categorical_crossentropy"}


class Kept:
    """A network and the content of its checkpoint."""

    def __init__(self, folder: Path) -> None:
        keras.utils.set_random_seed(1)
        model = sequential(keras.layers.Dense(5, "tanh"), keras.layers.Dense(3, "softmax", use_bias=False), **ADAM)
        self.net = on_host(model, seed=3)
        stop = keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True)
        self.path = folder / "a.npz"
        self.net.train(X, Y, epochs=3, checkpoint=self.path, callbacks=[stop], verbose=0)
        self.content = self.path.read_bytes()
        with np.load(self.path, allow_pickle=False) as file:
            self.arrays = {name: file[name] for name in file.files}
        self.header = json.loads(bytes(self.arrays.pop("header")))

    def read(self, content: bytes | None = None) -> Checkpoint:
        path = self.path
        if content is not None:
            path = self.path.with_name("changed.npz")
            path.write_bytes(content)
        return read_checkpoint(path, self.net._identity, self.net._shapes())


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(tmp_path_factory.mktemp("kept"))


def same(a: Checkpoint, b: Checkpoint) -> bool:
    return a.content() == b.content()


def test_numpy_reads_it(kept: Kept) -> None:
    state = kept.net._state
    for number, (weights, biases) in enumerate(state.parameters):
        assert np.array_equal(kept.arrays[f"weights_{number}"], weights) and kept.arrays[f"weights_{number}"].dtype == np.int32
        assert np.array_equal(kept.arrays[f"biases_{number}"], biases)
        assert kept.arrays[f"weights_state_{number}"].shape == (3, *weights.shape)
    assert kept.header["format"] == 1 and kept.header["iterations"] == 6 and kept.header["orders"] == [[40, True, 3]]
    assert kept.header["network"]["seed"] == 3


def test_the_same_gives_the_same_bytes(kept: Kept) -> None:
    found = kept.read()
    assert found.content() == kept.content and len(found.callbacks[0].weights) == 3
    assert read_seed_and_fields(kept.path) == (3, found.network)


def test_size_of_lenet5(tmp_path: Path) -> None:
    """Below 1 MB, also with momentum."""
    from dlgraph import networks

    model = networks.lenet5(seed=1)
    recipe = networks.compile_model(model)
    assert recipe.momentum
    x, y = np.random.default_rng(0).uniform(0, 1, (128, 28, 28)), np.arange(128) % 10
    on_host(model).train(x, y, batch_size=64, checkpoint=tmp_path / "a.npz", verbose=0)
    assert 250_000 < (tmp_path / "a.npz").stat().st_size < 500_000


# ---------------------------------------------------------------------- never half written

WRITER = """
    import runpy, sys
    from pathlib import Path
    write_whole = runpy.run_path(sys.argv[2])["write_whole"]
    for i in range(10**6):
        write_whole(Path(sys.argv[1]), bytes([i % 256]) * 3_000_000)
        if i == 2:
            print("going", flush=True)
"""


def test_killed_while_writing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for wait in (0.0, 0.003, 0.011, 0.03):
        writer = subprocess.Popen([sys.executable, "-c", textwrap.dedent(WRITER), str(path), whole_file.__file__],
                                  stdout=subprocess.PIPE)
        assert writer.stdout is not None and writer.stdout.readline() == b"going\n"
        time.sleep(wait)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        content = path.read_bytes()
        assert len(content) == 3_000_000 and len(set(content)) == 1


@pytest.mark.parametrize("step", ["fsync", "replace", "open"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_error_leaves_the_file_before(step: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise error

    path = tmp_path / "a"
    write_whole(path, b"before")
    monkeypatch.setattr("builtins.open" if step == "open" else f"os.{step}", fail)
    with pytest.raises(type(error)):
        write_whole(path, b"after")
    monkeypatch.undo()
    assert path.read_bytes() == b"before" and os.listdir(tmp_path) == ["a"]


def test_links_and_permissions_stay(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "there" / "a")
    before = os.umask(0o027)
    try:
        for content in (b"1", b"2"):
            write_whole(link, content)
    finally:
        os.umask(before)
    assert link.is_symlink() and (tmp_path / "there" / "a").read_bytes() == b"2"
    assert (tmp_path / "there" / "a").stat().st_mode & 0o777 == 0o640


# ---------------------------------------------------------------------- hostile files

@given(st.data())
@settings(max_examples=200, deadline=None)
def test_changed_bytes(kept: Kept, draw) -> None:
    """One clear error, or a change that means nothing, as in the dates that an archive has."""
    content = bytearray(kept.content)
    for _ in range(draw.draw(st.integers(1, 4))):
        content[draw.draw(st.integers(0, len(content) - 1))] = draw.draw(st.integers(0, 255))
    try:
        found = kept.read(bytes(content))
    except CheckpointError as error:
        assert "changed.npz cannot be read as a checkpoint: " in str(error) and str(error).endswith("resume=False.")
    else:
        assert same(found, kept.read())


def test_cut_short(kept: Kept) -> None:
    for length in [*range(0, len(kept.content) - 1, 37), len(kept.content) - 1]:
        with pytest.raises(CheckpointError, match="cannot be read as a checkpoint"):
            kept.read(kept.content[:length])


def anything() -> st.SearchStrategy:
    leaves = (st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
              | st.sampled_from([0, 1, 2**31, 10**30, []]))
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
                        max_leaves=6)


def places(found: Any, path: tuple = ()) -> list[tuple]:
    """Every value in a header, by the way to it."""
    inner = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    return [path, *(place for name, value in inner for place in places(value, (*path, name)))]


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_changed_headers(kept: Kept, draw) -> None:
    """What is read has what the header says, or nothing is read."""
    header = json.loads(json.dumps(kept.header))
    place, value = draw.draw(st.sampled_from(places(header))), draw.draw(anything())
    if place:
        inner = header
        for name in place[:-1]:
            inner = inner[name]
        if draw.draw(st.booleans()) and isinstance(inner, dict):
            del inner[place[-1]]
        else:
            inner[place[-1]] = value
    else:
        header = value
    try:
        found = kept.read(checkpoint_archive.pack(header, kept.arrays))
    except CheckpointError:
        return
    with np.load(io.BytesIO(found.content())) as file:
        again = json.loads(bytes(file["header"]))
    assert json.dumps({**again, "dlgraph": ""}, sort_keys=True) == json.dumps({**header, "dlgraph": ""}, sort_keys=True)


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as file:
        for name, member in members.items():
            file.writestr(name, member)
    return content.getvalue()


def npy(array: np.ndarray, **options: Any) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, array, **options)
    return content.getvalue()


def members_of(kept: Kept) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(kept.content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def with_arrays(kept: Kept, **changes: Any) -> bytes:
    return checkpoint_archive.pack(kept.header, {**kept.arrays, **changes})


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def lying_shape(kept: Kept) -> bytes:
    """An array that says it has 4 TB."""
    content = npy(kept.arrays["weights_0"]).replace(b"(4, 5)", b"(1099511627776,)").replace(b" " * 12 + b"\n", b" \n")
    return archive({**members_of(kept), "weights_0.npy": content})


def encrypted(kept: Kept) -> bytes:
    """An archive that says so of its first member."""
    content = bytearray(kept.content)
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


HOSTILE: dict[str, Callable[[Kept], bytes]] = {
    "nothing": lambda kept: b"",
    "no archive": lambda kept: b"PK" + bytes(1000),
    "another archive": lambda kept: archive({"a.txt": b"a"}),
    "one array": lambda kept: npy(np.zeros(3)),
    "no header": lambda kept: archive({name: member for name, member in members_of(kept).items() if name != "header.npy"}),
    "header of floats": lambda kept: archive({**members_of(kept), "header.npy": npy(np.zeros(9))}),
    "header of rows": lambda kept: archive({**members_of(kept), "header.npy": npy(np.zeros((3, 3), np.uint8))}),
    "header not text": lambda kept: archive({**members_of(kept), "header.npy": npy(np.full(9, 255, np.uint8))}),
    "header too deep": lambda kept: archive({"header.npy": npy(np.frombuffer(b"[" * 100_000 + b"]" * 100_000, np.uint8))}),
    "long number": lambda kept: archive({"header.npy": npy(np.frombuffer(b"9" * 10_000, np.uint8))}),
    "an array missing": lambda kept: archive({n: m for n, m in members_of(kept).items() if n != "biases_0.npy"}),
    "a state missing": lambda kept: archive({n: m for n, m in members_of(kept).items() if n != "weights_state_1.npy"}),
    "other shape": lambda kept: with_arrays(kept, weights_0=kept.arrays["weights_0"].T),
    "other length": lambda kept: with_arrays(kept, weights_0=kept.arrays["weights_0"][:2]),
    "longer": lambda kept: with_arrays(kept, weights_0=np.zeros((4000, 4000), np.int32)),
    "other type": lambda kept: with_arrays(kept, weights_0=kept.arrays["weights_0"].astype(np.int64)),
    "floats": lambda kept: with_arrays(kept, weights_0=kept.arrays["weights_0"].astype(np.float32)),
    "by columns": lambda kept: archive({**members_of(kept), "weights_0.npy": npy(np.asfortranarray(kept.arrays["weights_0"]))}),
    "big-endian": lambda kept: archive({**members_of(kept), "weights_0.npy": npy(kept.arrays["weights_0"].astype(">i4"))}),
    "format 2": lambda kept: archive({**members_of(kept), "weights_0.npy": npy(kept.arrays["weights_0"], version=(2, 0))}),
    "bytes behind": lambda kept: archive({**members_of(kept), "weights_0.npy": members_of(kept)["weights_0.npy"] + b"0000"}),
    "lying shape": lying_shape,
    "no Python in the head of an array": lambda kept: archive({
        **members_of(kept), "weights_0.npy": b"\x93NUMPY\x01\x00\x10\x00{'descr': [(((\"\n"}),
    "huge": lambda kept: archive({**members_of(kept), "weights_0.npy": npy(np.zeros(30_000_000, np.int32))}),
    "pickled": lambda kept: archive({**members_of(kept),
                                     "weights_0.npy": npy(np.array([[Touch(kept.path.with_name("unpickled"))]]))}),
    "a pickle": lambda kept: pickle.dumps(Touch(kept.path.with_name("unpickled"))),
    "bzip2": lambda kept: archive(members_of(kept), zipfile.ZIP_BZIP2),
    "lzma": lambda kept: archive(members_of(kept), zipfile.ZIP_LZMA),
    "encrypted": encrypted,
    "no words of a mean square": lambda kept: with_arrays(
        kept, weights_state_0=np.stack([kept.arrays["weights_state_0"][0], *np.ones((2, 4, 5), np.int32)])),
    "no words of a mean": lambda kept: with_arrays(kept, weights_state_0=np.full((3, 4, 5), 1 << 24, np.int32)),
    "best weights not finite": lambda kept: with_arrays(kept, callback_0_weights_0=np.full((4, 5), np.nan, np.float32)),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files(case: str, kept: Kept) -> None:
    content = HOSTILE[case](kept)
    assert content != kept.content
    with pytest.raises(CheckpointError, match="changed.npz cannot be read as a checkpoint: .*Give a file that train"):
        kept.read(content)
    assert not kept.path.with_name("unpickled").exists()


def test_a_later_format_is_named(kept: Kept) -> None:
    content = checkpoint_archive.pack({**kept.header, "format": 2, "dlgraph": "9.9"}, kept.arrays)
    with pytest.raises(CheckpointError, match="format 2, written by dlgraph 9.9, and this version reads format 1"):
        kept.read(content)


def test_places_that_are_no_files(kept: Kept, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "none", Path("/dev/null"), tmp_path / "pipe"):
        with pytest.raises(CheckpointError, match="cannot be read as a checkpoint"):
            read_checkpoint(path, kept.net._identity, kept.net._shapes())


@given(st.lists(st.floats(0, 1e3) | st.floats(0, 1e-12), min_size=1, max_size=20))
def test_words_that_training_makes_are_accepted(values: list[float]) -> None:
    for plane, signed in ((Plane.MEAN, [*values, *(-value for value in values)]), (Plane.SQUARE, values)):
        check_words(plane_from_float(signed, plane, 28, "values"), plane)
