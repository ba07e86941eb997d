"""The benchmark but for its devices: what is planned, how rows come from runs, records that go on, tables, refusals."""
from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from dlgraph.benchmark import devices, others, plots, record, run, workers
from dlgraph.benchmark.command import command_line, settings_of
from dlgraph.benchmark.distributed import parts_of
from dlgraph.benchmark.outcome import Cores, EnergyOutcome, EpochOutcome, Outcome, Swept, tuned_batch
from dlgraph.benchmark.plan import keys_of, sizes_to_try
from dlgraph.benchmark.published import SEEN, published
from dlgraph.benchmark.record import Key, Run
from dlgraph.benchmark.rows import rows_of, seconds_to
from dlgraph.benchmark.settings import NETWORKS, Settings
from dlgraph.benchmark.spinnaker import energy_outcome
from dlgraph.benchmark.table import cell, markdown
from dlgraph.benchmark.tasks import Images, Member, Task, accuracy, for_speed, make_task, with_batch
from dlgraph.cli import main, parser
from dlgraph.energy import Energy
from dlgraph.errors import DataError, MachineError
from dlgraph.networks import RECIPES, TO_THE_END

KEY = Key("mlp_300", "cpu", "same", 0)


def outcome(seconds: list[float], good: list[float | None], joules: float | None = None, **more: Any) -> Outcome:
    epochs = tuple(EpochOutcome(1, 100, each, 0.5, test) for each, test in zip(seconds, good, strict=True))
    energy = None if joules is None else EnergyOutcome("RAPL", False, joules, None, joules / 4)
    return Outcome("some processor", False, epochs, 10.0, 1.0, energy, **more)


def a_run(key: Key = KEY, of: Outcome | None = None, speed_only: bool = False) -> Run:
    return Run(key, 32, 1 + key.repeat, 0.05, 0.9, speed_only, of or outcome([1.0], [0.9], 8.0))


# ---------------------------------------------------------------------- rows


def test_seconds_to_a_target() -> None:
    """Three epochs of 2, 3 and 4 s: 97% after 2 s, 98% after 5 s, 98.5% after 9 s."""
    trained = outcome([2.0, 3.0, 4.0], [0.97, 0.98, 0.985])
    assert [seconds_to(trained, target) for target in (0.97, 0.98, 0.981, 0.99)] == [2.0, 5.0, 9.0, None]


def test_rows_by_hand() -> None:
    """100 samples in 1, 4 and 2 s: 100, 25 and 50 samples/s; 8, 16 and 12 J: 80, 160 and 120 mJ per sample, a quarter idle."""
    runs = [a_run(replace(KEY, repeat=i), outcome([seconds], [good], joules))
            for i, (seconds, good, joules) in enumerate([(1.0, 0.99, 8.0), (4.0, 0.97, 16.0), (2.0, 0.98, 12.0)])]
    row, = rows_of(runs)
    figures = row.figures
    assert row.repeats == 3 and row.n_samples == 100 and row.method == "RAPL" and row.estimate is False

    def values(name: str) -> tuple[float, ...]:
        found = figures[name]
        assert found is not None
        return found.minimum, found.median, found.maximum

    assert values("samples_per_s") == (25.0, 50.0, 100.0)
    assert values("accuracy") == (0.97, 0.98, 0.99)
    assert values("joules_per_sample") == pytest.approx((0.08, 0.12, 0.16))
    assert values("joules_per_sample_idle") == pytest.approx((0.02, 0.03, 0.04))
    assert values("joules_per_training") == pytest.approx((8.0, 12.0, 16.0))
    assert figures["seconds_to_98"] is None, "one repeat did not get there"
    assert figures["joules_per_sample_share"] is None and figures["joules_per_sample_host"] is None


def test_other_batches_and_machines_are_other_rows() -> None:
    runs = [a_run(), replace(a_run(), batch=64), a_run(replace(KEY, device="gpu")),
            a_run(replace(KEY, kind="one"), speed_only=True),
            a_run(replace(KEY, repeat=1), replace(outcome([1.0], [0.9]), machine="another"))]
    rows = rows_of(runs)
    assert [row.repeats for row in rows] == [1] * 5
    assert rows[3].figures["joules_per_training"] is None and rows[3].figures["seconds_per_training"] is None
    assert rows[3].figures["joules_per_sample"] is not None


def test_energy_of_spinnaker_is_the_sum_over_epochs() -> None:
    """2 epochs of 10 + 2 + 1 J on the board, of which 5 + 1 + 1 J fall to the chips in use: 26 J, 14 J, 20 J of it idle."""
    whole, share = Energy(10.0, 2.0, 1.0, 0.5), Energy(5.0, 1.0, 1.0, 0.5)
    found = energy_outcome([(whole, share), (whole, share)])
    assert found is not None and found.estimate
    assert (found.joules, found.share_joules, found.idle_joules, found.host_joules) == (26.0, 14.0, 20.0, None)
    assert found.parts == {"board_idle": 20.0, "cores": 4.0, "packets": 2.0, "cores_awake": 1.0}
    assert energy_outcome([(whole, share), None]) is None and energy_outcome([]) is None


def test_the_best_batch_is_the_smallest_that_is_about_as_fast() -> None:
    sweep = [Swept(32, 500.0), Swept(64, 899.0), Swept(128, 900.0), Swept(256, 1000.0), Swept(512, 950.0)]
    assert tuned_batch(sweep) == 128
    assert tuned_batch(sweep[:1]) == 32


# ---------------------------------------------------------------------- tasks


def images(n: int) -> Images:
    return Images(np.zeros((n, 28, 28), np.float32), np.arange(n) % 10)


def test_rates_go_with_the_batch() -> None:
    """The recipe of 784-300-10 is 0.05 in batches of 32: 0.05/32 for one sample, 0.05 x 4 for 512."""
    task = make_task("mlp_300", images(1000), images(10), 1, None)
    assert task.recipe == RECIPES["mlp_300"]
    assert with_batch(task, 1).recipe.learning_rate == pytest.approx(0.05 / 32)
    assert with_batch(task, 512).recipe.learning_rate == pytest.approx(0.2)
    assert with_batch(task, 32).recipe == task.recipe


def test_speed_needs_one_epoch_of_one_network() -> None:
    member = Member(1, 2, images(50))
    task = for_speed(Task("boosted_lenet4", (member, replace(member, seed=3)), images(5), RECIPES["lenet4"]), 20)
    assert len(task.members) == 1 and len(task.members[0].images) == 20 and task.test is None and task.recipe.epochs == 1


def test_batches_are_no_larger_than_the_data() -> None:
    assert make_task("lenet5", images(100), images(10), 1, 2).recipe == replace(RECIPES["lenet5"], batch_size=100, epochs=2)


def test_longer_recipes_to_the_end() -> None:
    task = make_task("lenet5", images(200), images(10), 1, None, to_the_end=True)
    assert task.recipe == TO_THE_END["lenet5"] != RECIPES["lenet5"]
    conditions = [Settings(Path("x"), to_the_end=chosen).conditions("digits", "0", 1, 1) for chosen in (False, True)]
    assert conditions[0] != conditions[1]                       # so they do not stand in one record
    with pytest.raises(DataError, match="to_the_end and quick"):
        Settings(Path("x"), to_the_end=True, quick=True)


def test_accuracy_of_outputs() -> None:
    assert accuracy(np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]], np.float32), np.array([1, 0, 0])) == pytest.approx(2 / 3)


@pytest.mark.parametrize("n_samples, batch", [(100, 32), (97, 32), (64, 32), (33, 32), (5, 64), (7, 3)])
def test_two_workers_share_every_batch(n_samples: int, batch: int) -> None:
    """Every sample but for a last one by itself is one worker's; both have the same batches."""
    mine, other = (parts_of(n_samples, batch, rank) for rank in range(2))
    assert [n for _, n in mine] == [n for _, n in other] and all(n >= 2 for _, n in mine)
    order = np.arange(n_samples)
    used = sorted(np.concatenate([order[part] for part, _ in (*mine, *other)]))
    assert used == list(range(n_samples - (n_samples % batch == 1)))
    assert all(1 <= len(order[part]) <= n - 1 for part, n in (*mine, *other))


def test_the_plan() -> None:
    keys = keys_of(Settings(Path("x"), networks=("lenet1",), repeats=2), ("spinnaker", "cpu", "distributed"))
    assert [(key.device, key.kind, key.repeat) for key in keys] == [
        ("spinnaker", "same", 0), ("spinnaker", "one", 0), ("spinnaker", "tuned", 0),
        ("spinnaker", "same", 1), ("spinnaker", "one", 1), ("spinnaker", "tuned", 1),
        ("cpu", "same", 0), ("cpu", "one", 0), ("cpu", "tuned", 0), ("cpu", "same", 1), ("cpu", "one", 1), ("cpu", "tuned", 1),
        ("distributed", "same", 0), ("distributed", "tuned", 0), ("distributed", "same", 1), ("distributed", "tuned", 1)]
    quick = keys_of(Settings(Path("x"), quick=True), ("spinnaker",))
    assert [(key.network, key.kind) for key in quick] == [(network, "same") for network in NETWORKS]
    keras = keys_of(Settings(Path("x"), quick=True, networks=("lenet1", "lenet5")), ("cpu", "distributed"))
    assert [(key.network, key.device, key.kind) for key in keras] == [
        ("lenet1", "cpu", "same"), ("lenet1", "cpu", "one"), ("lenet1", "cpu", "tuned"), ("lenet1", "distributed", "same"),
        ("lenet5", "cpu", "same")]
    to_the_end = keys_of(Settings(Path("x"), networks=("lenet1",), to_the_end=True), ("spinnaker", "cpu", "distributed"))
    assert [(key.device, key.kind) for key in to_the_end] == [(device, "same") for device in ("spinnaker", "cpu", "distributed")]
    assert sizes_to_try(32, 1000, "cpu", False) == [16, 32, 64, 128, 256, 512]
    assert sizes_to_try(100, 100, "cpu", True) == [100]
    assert sizes_to_try(128, 60_000, "spinnaker", False) == [128, 256, 512, 1024]


def test_what_other_programs_take(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In 10 s of 2 processors these work 12 s, this process and one like it 4 s each: the others' 4 s are a fifth."""
    text = "cpu  100 20 30 9000 500 4 6 40 7 8\ncpu0 1 2 3 4 5 6 7 8 9 10\n"
    assert others.busy_ticks(text) == 100 + 20 + 30 + 4 + 6 + 40
    clock = iter([(0.0, 50.0, 1.0), (10.0, 62.0, 5.0)])
    monkeypatch.setattr(others.Others, "_now", staticmethod(lambda: next(clock)))
    monkeypatch.setattr(others.os, "cpu_count", lambda: 2)
    assert others.Others(2).share() == pytest.approx(0.2)
    monkeypatch.undo()
    monkeypatch.setattr(others, "STAT", tmp_path / "nothing")
    assert others.Others().share() is None


# ---------------------------------------------------------------------- the record


CONDITIONS = Settings(Path("x")).conditions("MNIST, from mnist.npz", "0" * 64, 100, 10)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    whole = record.begin_record(tmp_path, "dlgraph benchmark --output x", CONDITIONS)
    on_board = replace(outcome([1.0], [0.9]), emulated=True, setup_seconds=None, cores=Cores(50, 59, 4))
    runs = [a_run(), a_run(replace(KEY, device="spinnaker"), on_board), a_run(replace(KEY, kind="one"), speed_only=True)]
    whole.sweeps["mlp_300", "cpu"] = [Swept(32, 10.0), Swept(64, 20.0)]
    for each in runs:
        whole.add(each)
    again = record.begin_record(tmp_path, "another", CONDITIONS)
    assert again.runs == runs and again.sweeps == whole.sweeps
    assert [each["command"] for each in again.others] == ["dlgraph benchmark --output x"]
    assert again.has(KEY) and not again.has(replace(KEY, repeat=1))
    text = (tmp_path / record.FILE).read_text()
    assert str(tmp_path) not in text and not re.search(r'"/', text)


def test_a_record_of_other_conditions_is_refused(tmp_path: Path) -> None:
    record.begin_record(tmp_path, "a", CONDITIONS).write()
    with pytest.raises(DataError, match="another benchmark: samples was 100, is now 200.*another folder"):
        record.begin_record(tmp_path, "a", {**CONDITIONS, "samples": 200})
    (tmp_path / record.FILE).write_text("{")
    with pytest.raises(DataError, match="cannot be read.*Move it away"):
        record.begin_record(tmp_path, "a", CONDITIONS)
    (tmp_path / record.FILE).write_text("{}")
    with pytest.raises(DataError, match="no record of a benchmark.*Move it away"):
        record.begin_record(tmp_path, "a", CONDITIONS)


def test_the_schema_refuses_rows_it_does_not_know(tmp_path: Path) -> None:
    whole = record.begin_record(tmp_path, "a", CONDITIONS)
    whole.add(a_run())
    jsonschema.Draft202012Validator.check_schema(json.loads(record.SCHEMA.read_text()))
    good = json.loads((tmp_path / record.FILE).read_text())
    record.validate(good)
    row, one = good["rows"][0], good["runs"][0]
    for bad in ({**good, "runs": [{**one, "unknown": 1}]}, {**good, "rows": [{**row, "device": "tpu"}]},
                {**good, "published": [*good["published"], row]}):
        with pytest.raises(jsonschema.ValidationError):
            record.validate(bad)


class FakeDevices:
    """Trains nothing; remembers what it was asked."""

    names = ("cpu",)
    asked: list[tuple[Any, ...]] = []
    ends_after = 100

    def __init__(self, settings: Settings, trials: Any) -> None:
        self.notes = ["There are no rows of a GPU: none."]

    def __enter__(self) -> FakeDevices:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def train(self, device: str, task: Task) -> Outcome:
        if len(self.asked) >= self.ends_after:
            raise KeyboardInterrupt
        self.asked.append((device, task.network, task.recipe.batch_size, task.members[0].seed, task.test is None))
        return outcome([1.0], [None if task.test is None else 0.5], 1.0)

    def sweep(self, device: str, task: Task, sizes: list[int]) -> list[Swept]:
        self.asked.append(("sweep", *sizes))
        return [Swept(size, float(size)) for size in sizes]


def test_a_benchmark_that_was_interrupted_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "Devices", FakeDevices)
    monkeypatch.setattr(FakeDevices, "asked", [])
    monkeypatch.setattr(FakeDevices, "ends_after", 3)
    settings = Settings(tmp_path, ("mlp_300",), data="digits", samples=64, test_samples=10, repeats=2)
    with pytest.raises(KeyboardInterrupt):
        run.run_benchmark(settings, "dlgraph benchmark", lambda text: None)
    assert FakeDevices.asked == [("cpu", "mlp_300", 32, 1, False), ("cpu", "mlp_300", 1, 1, True), ("sweep", 16, 32, 64)]
    monkeypatch.setattr(FakeDevices, "ends_after", 100)
    FakeDevices.asked.clear()
    said: list[str] = []
    whole = run.run_benchmark(settings, "dlgraph benchmark", said.append)
    assert FakeDevices.asked == [("cpu", "mlp_300", 64, 1, False), ("cpu", "mlp_300", 32, 2, False),
                                 ("cpu", "mlp_300", 1, 2, True), ("cpu", "mlp_300", 64, 2, False)], "the trials are kept too"
    assert len(whole.runs) == 6 and len(whole.others) == 1
    assert said[0].startswith("[3/6] mlp_300 on cpu, the best batch")
    found = json.loads((tmp_path / record.FILE).read_text())
    assert len(found["rows"]) == 3 and all(row["repeats"] == 2 for row in found["rows"])
    assert (tmp_path / "benchmark.md").exists() and (tmp_path / "speed.svg").read_bytes().startswith(b"<?xml")


# ---------------------------------------------------------------------- table, plots, published figures


def test_cells() -> None:
    assert cell(None) == "–"
    assert cell({"minimum": 1.0, "median": 2.0, "maximum": 12345.0, "n": 3}) == "2 (1–12,345)"
    assert cell({"minimum": 0.0123, "median": 0.0123, "maximum": 0.0123, "n": 1}, 1e3) == "12.3"


def written(folder: Path) -> dict[str, Any]:
    whole = record.begin_record(folder, "dlgraph benchmark --output x", CONDITIONS)
    whole.sweeps["mlp_300", "cpu"] = [Swept(16, 1.0), Swept(32, 20.0)]
    for each in (a_run(), a_run(replace(KEY, device="spinnaker"), replace(outcome([1.0], [0.9]), emulated=True)),
                 a_run(replace(KEY, kind="one"), speed_only=True)):
        whole.add(each)
    return whole.as_json()


def test_measured_and_published_stand_apart(tmp_path: Path) -> None:
    page = markdown(written(tmp_path))
    measured, _, others = page.partition("## Published by others")
    assert "TPUs are published ones" in page.split("\n\n")[1], "said in the first paragraph"
    assert "emulated" in page.split("\n\n")[1]
    assert "| 784-300-10 | CPU | 32 (best for it) | 1 | 90.00 | 100 |" in measured
    assert "Loihi" not in measured and others.count("\n| ") == 1 + 1 + len(published())


def test_a_busy_computer_is_spoken_of(tmp_path: Path) -> None:
    found = written(tmp_path)
    assert "Other programs" not in markdown(found)
    busy = {**found, "runs": [{**each, "others_share": 0.4} if each["device"] == "cpu" else each for each in found["runs"]]}
    assert "took up to 40% of this computer's processor time while rows of CPU" in markdown(busy)


def test_drawing_again_gives_the_same(tmp_path: Path) -> None:
    found = written(tmp_path)
    contents = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        drawn = plots.draw(found, tmp_path / name)
        assert [path.name for path in drawn] == ["speed.svg", "energy.svg", "curves.svg"]
        contents.append([path.read_bytes() for path in drawn])
    assert contents[0] == contents[1]
    assert plots.draw({**found, "rows": []}, tmp_path) == []


def test_published_figures_have_source_and_conditions() -> None:
    groups = {each.group for each in published()}
    assert {"Loihi", "SpiNNaker 2", "TPU", "GPU records", "prototype", "PDP2"} <= groups
    for each in published():
        assert all(getattr(each, name).strip() for name in ("system", "task", "figures", "conditions", "source")), each
        assert each.seen in SEEN
    loihi = next(each for each in published() if each.group == "Loihi")
    assert loihi.joules_per_sample is not None and loihi.joules_per_sample * 60_000 == pytest.approx(35.4), "35 J per epoch"


# ---------------------------------------------------------------------- what is refused


def options(*words: str) -> Settings:
    return settings_of(parser().parse_args(["benchmark", "--output", "somewhere", *words]))


@pytest.mark.parametrize("words, message", [
    (("--networks", "vgg"), "networks=vgg is not known. Give some of mlp_300"),
    (("--devices", "cpu", "tpu"), "devices=cpu tpu is not known. Give some of spinnaker, cpu, gpu, distributed"),
    (("--samples", "0"), "samples=0 is too small. Give a whole number from 1"),
    (("--repeats", "0"), "repeats=0 is too small"),
    (("--seed", "-1"), "seed=-1 cannot be used"),
    (("--seed", str(2**31)), "Give a smaller whole number"),
    (("--cpu-watts", "0"), "cpu_watts=0.0 is no power"),
    (("--cpu-watts", "nan"), "cpu_watts=nan is no power"),
    (("--cpu-cores", "0"), "cpu_cores=0 is too small"),
])
def test_options_that_cannot_be_used(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        options(*words)


def test_quick_is_small_unless_told_otherwise() -> None:
    quick = options("--quick", "--samples", "64")
    assert (quick.samples, quick.test_samples, quick.epochs, quick.board) == (64, 200, 1, "spinn3")
    whole = options()
    assert (whole.samples, whole.epochs, whole.board, whole.networks, whole.devices) == (None, None, "spinn5", NETWORKS, None)


def test_errors_of_the_user(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In a line, before anything is trained."""
    (tmp_path / "file").write_text("")
    assert main(["benchmark", "--output", str(tmp_path / "file")]) == 1
    assert "not a folder" in capsys.readouterr().err
    assert main(["benchmark", "--output", str(tmp_path / "new"), "--data", str(tmp_path / "mnist.npz")]) == 1
    assert "There is no file or folder" in capsys.readouterr().err and not (tmp_path / "new").exists()
    monkeypatch.setattr(devices, "gpu_worker", lambda: (None, "this computer has no GPU"))
    with pytest.raises(MachineError, match="devices has gpu, but this computer has no GPU. Leave it out"):
        devices.Devices(Settings(tmp_path, devices=("gpu",)), run.trials_of(Settings(tmp_path)))
    monkeypatch.setattr(devices, "can_be_private", lambda: True)
    there = devices.Devices(Settings(tmp_path), run.trials_of(Settings(tmp_path)))
    assert there.names == ("spinnaker", "cpu", "distributed")
    assert there.notes == ["There are no rows of a GPU: this computer has no GPU."]


def test_servers_that_listen_at_every_address_are_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "gpu_worker", lambda: (None, "none"))
    monkeypatch.setattr(devices, "can_be_private", lambda: False)
    there = devices.Devices(Settings(tmp_path), run.trials_of(Settings(tmp_path)))
    assert there.names == ("spinnaker", "cpu") and "network of their own" in there.notes[1]
    named = devices.Devices(Settings(tmp_path, devices=("distributed",)), run.trials_of(Settings(tmp_path)))
    assert named.names == ("distributed",) and not named.notes


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "jsonschema" else find(name, *more))
    with pytest.raises(DataError, match="needs jsonschema, which is not installed: pip install"):
        run.run_benchmark(Settings(tmp_path, data="digits"), "x")


def test_gpus_that_the_kernel_has(tmp_path: Path) -> None:
    assert workers.gpu_devices(tmp_path) == []
    for name in ("nvidia0", "nvidiactl", "kfd"):
        (tmp_path / name).write_text("")
    assert workers.gpu_devices(tmp_path) == ["kfd", "nvidia0"]


def test_commands_name_no_folders_of_this_machine(tmp_path: Path) -> None:
    assert command_line(["benchmark", "--output", str(tmp_path / "out"), "--data", "../mnist.npz", "--quick"]) == (
        "dlgraph benchmark --output out --data mnist.npz --quick")
