"""Joules of processor and GPU, against cases worked out by hand."""
from __future__ import annotations

import time
from pathlib import Path

import pytest

from dlgraph.benchmark import meters
from dlgraph.benchmark.keras_training import Clock
from dlgraph.benchmark.meters import (GpuPower, Meter, Rapl, StatedPower, counted_joules, cpu_meter, gpu_meter, idle_watts,
                                      integrated_joules)


def test_counters_that_begin_again() -> None:
    """From 900 to 1000 and on from 0 to 50, then 250 more, microjoules: 150 + 250 = 400 uJ."""
    assert counted_joules([900, 50, 300], 1000) == pytest.approx(400e-6)
    assert counted_joules([5], 1000) == 0.0


def test_power_over_time() -> None:
    """100 W for 2 s, then 1 s from 100 to 300 W: 200 + 200 J."""
    assert integrated_joules([(10.0, 100.0), (12.0, 100.0), (13.0, 300.0)]) == pytest.approx(400.0)


def zone(root: Path, folder: str, name: str, value: int) -> Path:
    """As the kernel shows a counter."""
    (root / folder).mkdir()
    for file, text in (("name", name), ("energy_uj", str(value)), ("max_energy_range_uj", "1000000")):
        (root / folder / file).write_text(text + "\n")
    return root / folder / "energy_uj"


def test_packages_and_their_memory_are_counted_once(tmp_path: Path) -> None:
    """Two packages of 0.2 J (its counter begins again) and 0.3 J, and 0.1 J of memory; the others are parts of these, or copies."""
    packages = [zone(tmp_path, "intel-rapl:0", "package-0", 900_000), zone(tmp_path, "intel-rapl:1", "package-1", 100)]
    memory = zone(tmp_path, "intel-rapl:0:1", "dram", 0)
    for folder, name in (("intel-rapl:0:0", "core"), ("intel-rapl:2", "psys"), ("intel-rapl-mmio:0", "package-0")):
        zone(tmp_path, folder, name, 0)
    (tmp_path / "dtpm").mkdir()
    meter = cpu_meter(None, None, 2, tmp_path)
    assert isinstance(meter, Rapl) and not meter.estimate and len(meter.counters) == 3
    meter.start()
    packages[0].write_text("100000\n")
    packages[1].write_text("300100\n")
    memory.write_text("100000\n")
    for file in tmp_path.glob("*/energy_uj"):
        if file not in (*packages, memory):
            file.write_text("999999\n")
    assert meter.stop() == pytest.approx(0.2 + 0.3 + 0.1)
    assert meter.share_of(10.0) is None


def test_without_counters_the_power_is_stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """280 W for 3 s are 840 J, of which 2 of 64 cores have 26.25 J; 65 W for 3 s on all of 4 cores 195 J."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    for root in (tmp_path, tmp_path / "absent"):
        meter = cpu_meter(None, None, 2, root)
        assert isinstance(meter, StatedPower) and meter.estimate
        meter.start()
        now[0] += 3.0
        joules = meter.stop()
        assert joules == pytest.approx(840.0) and meter.share_of(joules) == pytest.approx(26.25)
    given = cpu_meter(65.0, None, 4, tmp_path)
    given.start()
    now[0] += 3.0
    assert given.stop() == pytest.approx(195.0) and given.share_of(195.0) is None
    assert cpu_meter(65.0, 8, 4, tmp_path).share_of(195.0) == pytest.approx(97.5)
    assert idle_watts(given, 1.0) is None, "nothing is measured"


def test_a_watt_meter_is_read_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meters, "POWER_PERIOD", 0.01)
    meter = GpuPower("NVML", lambda: 50.0)
    start = time.monotonic()
    meter.start()
    time.sleep(0.1)
    joules = meter.stop()
    seconds = time.monotonic() - start
    assert 5.0 <= joules <= 50.0 * seconds
    assert len(meter._readings) > 3
    watts = idle_watts(meter, 0.05)
    assert watts is not None and watts <= 50.0


def test_no_gpu_no_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(number: int) -> None:
        raise OSError("none")

    monkeypatch.setattr(meters, "_nvml", absent)
    monkeypatch.setattr(meters, "_nvidia_smi", absent)
    assert gpu_meter() is None
    monkeypatch.setattr(meters, "_nvidia_smi", lambda number: lambda: 70.0)
    found = gpu_meter()
    assert found is not None and found.method == "nvidia-smi"


class Steady(Meter):
    """So many joules each time."""

    method = "RAPL"

    def __init__(self, joules: float) -> None:
        self.joules = joules

    def start(self) -> None:
        pass

    def stop(self) -> float:
        return self.joules


def test_idle_and_host_stand_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """2 epochs of 5 s and 30 J on the device, 7 J on the host; the idle device takes 2 W: 60 J, of which 20 J idle, and 14 J."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    device = Steady(20.0)
    clock = Clock(device, Steady(7.0), idle_seconds=10.0)
    assert clock.idle == pytest.approx(2.0)
    device.joules = 30.0
    for _ in range(2):
        clock.start()
        now[0] += 5.0
        assert clock.stop() == 5.0
        now[0] += 100.0                      # testing is not counted
    energy = clock.energy()
    assert energy is not None
    assert (energy.joules, energy.idle_joules, energy.host_joules, energy.share_joules) == (60.0, pytest.approx(20.0), 14.0, None)
    assert Clock(None, None, 1.0).energy() is None
