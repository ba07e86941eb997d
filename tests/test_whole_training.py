"""The benchmark that trains to the end: its lot, its pieces, and what it takes for the same."""
from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import dlgraph
from dlgraph.executors import make_reference
from dlgraph.networks import TO_THE_END

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
sys.path.append(str(BENCHMARKS))

import whole_member  # noqa: E402
import whole_task  # noqa: E402
import whole_training  # noqa: E402


@pytest.mark.parametrize("n_epochs", [1, 2, 3, 4, 12, 30])
def test_first_and_last_epoch_and_two_between(n_epochs: int) -> None:
    lots = [whole_task.drawn(n_epochs, f"{number:x}") for number in range(50)]
    for lot in lots:
        assert lot[0] == 0 and lot[-1] == n_epochs - 1 and lot == sorted(set(lot)) and len(lot) == min(4, n_epochs)
    assert lots == [whole_task.drawn(n_epochs, f"{number:x}") for number in range(50)]
    assert n_epochs < 5 or len(set(map(tuple, lots))) > 5


def test_pieces_are_joined_and_damage_is_seen(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10
    for i in range(3):
        (tmp_path / f"piece.{i}").write_bytes(content[i * 1000:(i + 1) * 1000])
    kept = {"epoch": 3, "pieces": [f"piece.{i}" for i in range(3)], "sha256": hashlib.sha256(content).hexdigest()}
    assert whole_task.joined(tmp_path, kept) == content
    (tmp_path / "piece.1").write_bytes(bytes(1000))
    with pytest.raises(ValueError, match="before epoch 3 is damaged"):
        whole_task.joined(tmp_path, kept)


def _train(path: Path, epochs: int, x: np.ndarray, y: np.ndarray) -> Path:
    import keras

    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    with dlgraph.from_keras(model, None, 1, executor_factory=make_reference) as net:
        net.train(x, y, epochs=epochs, batch_size=8, verbose=0, checkpoint=path)
    return path


def test_the_same_is_every_bit_of_the_state(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.random((32, 6)).astype(np.float32), rng.integers(0, 3, 32)
    one, other, longer = (_train(tmp_path / f"{name}.npz", n, x, y) for name, n in (("one", 2), ("other", 2), ("longer", 3)))
    assert whole_member.same(one, other) and not whole_member.same(one, longer)
    with np.load(one) as archive:
        arrays = {name: archive[name] for name in archive.files}
    names = [name for name in arrays if name != "header"]
    assert len(names) == 8                                 # weights and biases of two layers, and their momentum
    for name in names:
        changed = arrays[name].copy()
        changed.flat[0] += 1
        np.savez(other, **{**arrays, name: changed})
        assert not whole_member.same(one, other), name
    header = json.loads(arrays["header"].tobytes())
    header["history"]["loss"][-1] += 1e-9
    np.savez(other, **{**arrays, "header": np.frombuffer(json.dumps(header).encode(), np.uint8)})
    assert not whole_member.same(one, other)


def test_every_network_has_a_recipe_and_an_error_asked_for() -> None:
    assert TO_THE_END.keys() == whole_training.ASKED.keys() == {*whole_task.MODELS, whole_task.BOOSTED}


@pytest.mark.parametrize("network", ["mlp_300", "boosted_lenet4"])
def test_goes_on_where_the_working_folder_was_lost(network: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints after drawn epochs are made again by the reference, and must be what the record says."""
    shown = ["--network", network, "--data", "digits", "--samples", "64", "--test-samples", "32", "--epochs", "3", "--no-board",
             "--out", str(tmp_path / "record.json"), "--work"]
    whole_training.main([*shown, str(tmp_path / "work")])
    record = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    entry = record["networks"][network]
    made: list[whole_task.Task] = []
    task = whole_task.make_task
    monkeypatch.setattr(whole_training, "make_task", lambda *given: made.append(task(*given)) or made[-1])
    whole_training.main([*shown, str(tmp_path / "other")])
    assert len(entry["epochs"]) == (9 if network == "boosted_lenet4" else 3)
    for epoch in entry["drawn"]:
        made[0].make_checkpoint_after(epoch)
        number, own = divmod(epoch, 3)
        one, other = (whole_member.before(tmp_path / work / made[0].folder_of(number).relative_to(tmp_path / "other"), own + 1)
                      for work in ("work", "other"))
        assert one != other and whole_member.same(one, other)
    made[0].entry["epochs"][0]["digest"] = "0" * 64
    with pytest.raises(ValueError, match="other weights"):
        made[0].make_checkpoint_after(0)
