"""Joules of this computer's processor and GPU: by their counters where these can be read, else by a stated power.

* **RAPL**: Linux shows the energy counters of processor packages and of their memory below ``/sys/class/powercap`` (kernel
  documentation, ``power/powercap/powercap``): ``energy_uj`` counts microjoules and begins again at ``max_energy_range_uj``, on
  large processors after minutes, so it is read every few seconds.  Many systems let only root read it; virtual machines have none.
* **NVML**: ``nvmlDeviceGetPowerUsage``, milliwatts of the whole board of the GPU, read several times a second and integrated by the
  trapezoidal rule; through ``nvidia-ml-py`` where it is installed, else through ``nvidia-smi``.
* **Stated power**: watts of the package times seconds.  Nothing is measured then, which every figure says.

The stated power is 280 W for 64 cores unless told otherwise: the largest configurable thermal design power of an AMD EPYC 7763, as
Techgage's review of the series at its launch lists it (techgage.com, "AMD EPYC Milan", 2021).  Design powers are no measurements:
published comparisons find estimates from them unreliable (arXiv 2307.05520).
"""
from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
_PACKAGE = re.compile(r"[\w-]+:\d+")
_PART_OF_PACKAGE = re.compile(r"[\w-]+:\d+:\d+")
#: Seconds between readings of counters, which at 1 kW run over after a minute at the earliest.
COUNTER_PERIOD = 5.0
#: Seconds between readings of a power.
POWER_PERIOD = 0.1
#: Of an AMD EPYC 7763.
PACKAGE_WATTS = 280.0
PACKAGE_CORES = 64


class Meter(ABC):
    """Measures between :meth:`start` and :meth:`stop`, again and again.

    :cvar method: as records have it
    :cvar estimate: whether nothing is measured
    """

    method: str
    estimate = False

    @abstractmethod
    def start(self) -> None:
        """From now on."""

    @abstractmethod
    def stop(self) -> float:
        """Until now; returns joules since :meth:`start`."""

    def share_of(self, joules: float) -> float | None:
        """What of it falls to the part of the device in use; None where all of it is."""
        return None


class _Sampled(Meter):
    """Takes readings in a thread."""

    def __init__(self, period: float) -> None:
        self._period = period
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @abstractmethod
    def _begin(self) -> None:
        """The first reading."""

    @abstractmethod
    def _take(self) -> None:
        """Another reading."""

    @abstractmethod
    def _joules(self) -> float:
        """Of the readings since the first."""

    def start(self) -> None:
        self._begin()
        self._over.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        assert self._thread is not None
        self._over.set()
        self._thread.join()
        self._take()
        return self._joules()

    def _run(self) -> None:
        while not self._over.wait(self._period):
            self._take()


@dataclass(frozen=True)
class _Counter:
    """One of RAPL's."""

    name: str
    file: Path
    range: int

    def read(self) -> int:
        return int(self.file.read_text(encoding="ascii"))


def counted_joules(readings: list[int], counter_range: int) -> float:
    """Joules that a counter of microjoules went through, which begins again at its range at most once between two readings."""
    steps = (later - earlier for earlier, later in zip(readings, readings[1:]))
    return sum(step if step >= 0 else step + counter_range for step in steps) / 1e6


def integrated_joules(readings: list[tuple[float, float]]) -> float:
    """Joules from (seconds, watts), by the trapezoidal rule."""
    return sum((later - earlier) * (before + after) / 2
               for (earlier, before), (later, after) in zip(readings, readings[1:]))


class Rapl(_Sampled):
    """All processor packages, and their memory where it is counted.

    :param root: where the kernel shows the counters
    :raises OSError: where there is none, or none can be read
    """

    method = "RAPL"

    def __init__(self, root: Path = POWERCAP) -> None:
        super().__init__(COUNTER_PERIOD)
        self.counters = [counter for folder in sorted(root.iterdir()) if (counter := _counter(folder)) is not None]
        if not self.counters:
            raise OSError(f"there are no energy counters below {root}")
        for counter in self.counters:
            counter.read()
        self._readings: list[list[int]] = []

    def _begin(self) -> None:
        self._readings = [[counter.read()] for counter in self.counters]

    def _take(self) -> None:
        for readings, counter in zip(self._readings, self.counters, strict=True):
            readings.append(counter.read())

    def _joules(self) -> float:
        return sum(counted_joules(readings, counter.range)
                   for readings, counter in zip(self._readings, self.counters, strict=True))


def _counter(folder: Path) -> _Counter | None:
    """A package, or the memory beside it; None for parts of a package, which it counts itself, and for the whole platform."""
    package, part = _PACKAGE.fullmatch(folder.name), _PART_OF_PACKAGE.fullmatch(folder.name)
    if not (package or part) or not (folder / "energy_uj").exists():
        return None
    if folder.name.startswith("intel-rapl-mmio"):                 # the same counters by another way
        return None
    name = (folder / "name").read_text(encoding="ascii").strip()
    if not (package and name.startswith("package") or part and name == "dram"):
        return None
    return _Counter(name, folder / "energy_uj", int((folder / "max_energy_range_uj").read_text(encoding="ascii")))


class StatedPower(Meter):
    """Watts times seconds.

    :param watts: of the whole package
    :param cores: of the package
    :param used: cores of them that are in use here
    """

    method = "stated power"
    estimate = True

    def __init__(self, watts: float, cores: int, used: int) -> None:
        self.watts, self.cores, self.used = watts, cores, min(used, cores)
        self._start = 0.0

    def start(self) -> None:
        self._start = time.monotonic()

    def stop(self) -> float:
        return self.watts * (time.monotonic() - self._start)

    def share_of(self, joules: float) -> float | None:
        return joules * self.used / self.cores if self.used < self.cores else None


class GpuPower(_Sampled):
    """One GPU.

    :param method: as records have it
    :param watts: reads its power
    """

    def __init__(self, method: str, watts: Callable[[], float]) -> None:
        super().__init__(POWER_PERIOD)
        self.method = method
        self._watts = watts
        self._readings: list[tuple[float, float]] = []

    def _begin(self) -> None:
        self._readings = []
        self._take()

    def _take(self) -> None:
        watts = self._watts()
        self._readings.append((time.monotonic(), watts))

    def _joules(self) -> float:
        return integrated_joules(self._readings)


def cpu_meter(watts: float | None, cores: int | None, used: int, root: Path = POWERCAP) -> Meter:
    """Of the processor.

    :param watts: of the package, in place of what can be measured; None to measure where that is possible
    :param cores: of the package; None for those of the stated one, or for all in use where watts are given
    :param used: processors that this process may run on
    """
    if watts is None:
        try:
            return Rapl(root)
        except (OSError, ValueError):
            pass
    if watts is None:
        return StatedPower(PACKAGE_WATTS, cores or PACKAGE_CORES, used)
    return StatedPower(watts, cores or used, used)


def gpu_meter(number: int = 0) -> GpuPower | None:
    """Of an NVIDIA GPU; None where its power cannot be read.

    :param number: of the GPU, as NVML counts
    """
    for method, make in (("NVML", _nvml), ("nvidia-smi", _nvidia_smi)):
        try:
            watts = make(number)
            watts()
            return GpuPower(method, watts)
        except Exception:       # pynvml has errors of its own, which are known only where it is installed
            continue
    return None


def _nvml(number: int) -> Callable[[], float]:
    import pynvml

    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(number)
    return lambda: float(pynvml.nvmlDeviceGetPowerUsage(handle)) / 1e3


def _nvidia_smi(number: int) -> Callable[[], float]:
    program = shutil.which("nvidia-smi")
    if program is None:
        raise OSError("nvidia-smi is not there")
    command = [program, f"--id={number}", "--query-gpu=power.draw", "--format=csv,noheader,nounits"]

    def watts() -> float:
        return float(subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout)

    return watts


def idle_watts(meter: Meter, seconds: float) -> float | None:
    """Watts that a device takes while this process waits; None where nothing is measured."""
    if meter.estimate:
        return None
    start = time.monotonic()
    meter.start()
    time.sleep(seconds)
    joules = meter.stop()
    return joules / (time.monotonic() - start)
