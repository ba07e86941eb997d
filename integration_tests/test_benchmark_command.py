"""``dlgraph benchmark``: one network on one board; and, widely, with Keras and by two workers."""
from __future__ import annotations

import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

from dlgraph import networks  # noqa: E402
from dlgraph.benchmark import record  # noqa: E402
from dlgraph.benchmark.cluster import Cluster, can_be_private  # noqa: E402
from dlgraph.benchmark.distributed import train_distributed  # noqa: E402
from dlgraph.benchmark.keras_training import Power  # noqa: E402
from dlgraph.benchmark.tasks import Images, make_task  # noqa: E402
from dlgraph.cli import main  # noqa: E402
from dlgraph.energy import WATTS_IDLE, WATTS_PER_CORE  # noqa: E402


def benchmark(folder: Path, *words: str) -> dict:
    assert main(["benchmark", "--output", str(folder), "--quick", "--data", "digits", "--networks", "mlp_300", *words]) == 0
    found = json.loads((folder / record.FILE).read_text())
    record.validate(found)
    return found


def test_on_a_board(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = benchmark(tmp_path, "--devices", "spinnaker", "--samples", "32", "--test-samples", "20")
    row, = found["rows"]
    run, = found["runs"]
    epoch, = run["epochs"]
    figures, energy, cores = row["figures"], run["energy"], row["cores"]
    assert (row["device"], row["kind"], row["batch"], row["repeats"]) == ("spinnaker", "same", 32, 1)
    assert figures["samples_per_s"]["median"] == pytest.approx(32 / epoch["seconds"])
    assert figures["accuracy"]["median"] == epoch["test_accuracy"]
    assert cores["loaded"] == cores["network"] + 9 and 1 <= cores["chips"] <= 4
    if found["conditions"]["board"] == "spinn3" and energy is not None:
        parts = energy["parts"]
        assert parts["board_idle"] == pytest.approx(WATTS_IDLE["spinn3"] * epoch["seconds"])
        assert parts["cores"] == pytest.approx(WATTS_PER_CORE * cores["loaded"] * epoch["seconds"])
        assert energy["joules"] == pytest.approx(parts["board_idle"] + parts["cores"] + parts["packets"]) and parts["packets"] > 0
    assert "784-300-10 | SpiNNaker | 32" in (tmp_path / "benchmark.md").read_text()
    capsys.readouterr()
    assert benchmark(tmp_path, "--devices", "spinnaker", "--samples", "32", "--test-samples", "20")["runs"] == found["runs"]
    assert "[1/1]" not in capsys.readouterr().out, "it is there already"


@pytest.mark.wide
def test_with_keras(tmp_path: Path) -> None:
    found = benchmark(tmp_path, "--devices", "cpu", "distributed", "--samples", "300")
    kinds = {(row["device"], row["kind"]): row for row in found["rows"]}
    assert {("cpu", "same"), ("cpu", "one"), ("distributed", "same")} <= set(kinds)
    for row in found["rows"]:
        assert row["figures"]["samples_per_s"]["median"] > 0 and row["method"] in ("RAPL", "stated power")
        assert row["speed_only"] or row["figures"]["accuracy"]["median"] > 0.3


@pytest.mark.wide
def test_two_workers_train_as_one_does() -> None:
    """A batch shared by two gives the step that Keras makes of the whole batch, but for rounding."""
    random = np.random.default_rng(3)
    images = Images(random.random((100, 28, 28), np.float32), random.integers(0, 10, 100))
    task = make_task("lenet1", images, images, seed=5, epochs=2)
    workers = Cluster(can_be_private())
    try:
        shared = workers.run(train_distributed, task, Power())
    finally:
        workers.kill()
    model = task.model(task.members[0])
    networks.compile_model(model, task.recipe)
    order = np.random.default_rng(5)
    for epoch, found in enumerate(shared.epochs):
        chosen = order.permutation(len(images))
        model.optimizer.learning_rate = task.recipe.rate(epoch)
        history = model.fit(images.x[chosen], images.y[chosen], batch_size=task.recipe.batch_size, shuffle=False, verbose=0)
        assert found.loss == pytest.approx(history.history["loss"][0], rel=1e-4)
    assert shared.epochs[-1].test_accuracy == pytest.approx(
        model.evaluate(images.x, images.y, verbose=0, return_dict=True)["accuracy"], abs=0.011)
    assert keras.backend.backend() == "tensorflow"
