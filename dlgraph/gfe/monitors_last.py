"""Monitors that begin with the application, once everything else is loaded.

GFE loads and starts its extra monitors first, so that data can stream through them.  Data regions do not here
(:mod:`dlgraph.gfe.region_loading`).  From their start on the monitors look every 10 us for a packet to re-inject
(``extra_monitor_support.c``, ``TICK_PERIOD``), and while a machine is loaded there is none: nothing but SC&MP sends.  On an
emulated board those looks, 100,000 a second on each chip, take longer than the loading.
"""
from __future__ import annotations

import contextlib
from typing import Any, Callable, Iterator

from spinn_front_end_common.data import FecDataView
from spinn_front_end_common.interface import abstract_spinnaker_base
from spinn_front_end_common.interface.interface_functions import load_data_specification, load_executable_images
from spinnman.model import ExecutableTargets
from spinnman.model.enums import CPUState, ExecutableType

#: For monitors to run once they have been told to, as GFE gives them.
RUNNING_SECONDS = 10.0


@contextlib.contextmanager
def monitors_last() -> Iterator[None]:
    """Meanwhile GFE loads so, unless its Java programs load: these stream data regions through the monitors."""
    stock: Any = abstract_spinnaker_base
    load_system, load_application = stock.load_sys_images, stock.load_app_images
    asks = load_data_specification.load_using_advanced_monitors
    waiting = False

    def system_later() -> None:
        nonlocal waiting
        waiting = not FecDataView.has_java_caller()
        if not waiting:
            load_system()

    def both() -> None:
        nonlocal waiting
        if waiting:
            waiting = False
            _load_all()
        else:
            load_application()

    def through_monitors() -> bool:
        return not waiting and asks()

    stock.load_sys_images, stock.load_app_images = system_later, both
    load_data_specification.load_using_advanced_monitors = through_monitors
    try:
        yield
    finally:
        stock.load_sys_images, stock.load_app_images = load_system, load_application
        load_data_specification.load_using_advanced_monitors = asks


def _load_all() -> None:
    """Every binary, the monitors' last, and one signal to start for all."""
    stock: Any = load_executable_images
    filtered = stock.filter_targets

    def in_order(wanted: Callable[[ExecutableType], bool]) -> ExecutableTargets:
        targets = ExecutableTargets()
        for part in (filtered(lambda kind: wanted(kind) and kind is not ExecutableType.SYSTEM),
                     filtered(lambda kind: wanted(kind) and kind is ExecutableType.SYSTEM)):
            for kind in part.executable_types_in_binary_set():
                for binary in part.get_binaries_of_executable_type(kind):
                    targets.add_subsets(binary, part.get_cores_for_binary(binary), kind)
        return targets

    stock.filter_targets = in_order
    try:
        stock._load_images(lambda _: True, "Loading executables onto the machine")
    finally:
        stock.filter_targets = filtered
    monitors = filtered(lambda kind: kind is ExecutableType.SYSTEM)
    FecDataView.get_transceiver().wait_for_cores_to_be_in_state(
        monitors.all_core_subsets, FecDataView.get_app_id(), frozenset([CPUState.RUNNING]), timeout=RUNNING_SECONDS)
