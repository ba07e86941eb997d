"""A program of your own on the emulated machine: built, loaded, run, read back; then once more with a machine that fails.

It uses SpiNNMan, the stock host software, as with a board; only the last two steps need a machine that is emulated.
"""
from __future__ import annotations

import sys
import time
from pathlib import Path

import spinnemu
from spinn_machine import CoreSubsets, MulticastRoutingEntry, RoutingEntry
from spinn_utilities.config_holder import set_config
from spinnman import spinnman_script
from spinnman.messages.scp.enums import Signal
from spinnman.model.enums import CPUState, UserRegister
from spinnman.transceiver import Transceiver

HERE = Path(__file__).resolve().parent
CHIP = (0, 0)
SENDER, RECEIVERS = 1, (2, 3)
KEY, MASK = 0x1000, 0xffffffff
APP_ID = 30


# -- build
def build(folder: Path) -> Path:
    """The binary, in a folder."""
    sys.path.insert(0, str(HERE.parent.parent / "c_models"))
    from build import Builder, Compiler, Program
    program = Program(["../examples/own_program/count_packets.c"])
    Builder(folder, Compiler(), folder / "objects").build({"count_packets": program}, jobs=2)
    return folder / "count_packets.aplx"
# -- end of build


# -- load
def load(board: Transceiver, binary: Path) -> CoreSubsets:
    """Routes and binary, on all cores; they wait for each other at the barrier."""
    receivers = RoutingEntry(processor_ids=RECEIVERS, link_ids=[])
    board.load_multicast_routes(*CHIP, [MulticastRoutingEntry(KEY, MASK, receivers)], APP_ID)
    cores = CoreSubsets()
    for core in (SENDER, *RECEIVERS):
        cores.add_processor(*CHIP, core)
    board.execute_flood(cores, str(binary), APP_ID)
    wait_for(board, CPUState.SYNC0, 1 + len(RECEIVERS))
    return cores
# -- end of load


# -- run
def run(board: Transceiver, n_cores: int) -> None:
    """Open the barrier and wait for the end."""
    board.send_signal(APP_ID, Signal.SYNC0)
    wait_for(board, CPUState.FINISHED, n_cores)


def wait_for(board: Transceiver, state: CPUState, n_cores: int) -> None:
    """Until so many cores are in a state."""
    deadline = time.monotonic() + 10
    while (found := board.get_core_state_count(APP_ID, state)) < n_cores:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{found} of {n_cores} cores are in state {state.name}")
        time.sleep(0.05)
# -- end of run


# -- read
def read(board: Transceiver, cores: CoreSubsets) -> list[tuple[int, int]]:
    """Packets and their sum, of each receiver."""
    for text in board.get_iobuf(cores):
        print(" ", text.iobuf.strip())
    return [(board.read_user(*CHIP, core, UserRegister.USER_1), board.read_user(*CHIP, core, UserRegister.USER_2))
            for core in RECEIVERS]
# -- end of read


def once(board: Transceiver, binary: Path, alive: int = 3) -> list[tuple[int, int]]:
    """Load, run, read, and leave nothing behind."""
    cores = load(board, binary)
    run(board, alive)
    results = read(board, cores)
    board.stop_application(APP_ID)
    return results


def main(folder: Path = Path("build_own_program")) -> dict[str, list[tuple[int, int]]]:
    """All of it."""
    binary = build(folder)
    results = {}
    # -- machine
    with spinnemu.Machine(board="spinn3") as machine:
        spinnman_script.setup(n_boards_required=1)
        set_config("Machine", "machine_name", machine.address)
        set_config("Machine", "version", "3")
        spinnman_script.get_machine()
        board = spinnman_script.get_transceiver()
        print("As it should be:")
        results["whole"] = once(board, binary)
        # -- drop
        print("One packet in ten lost:")
        machine.faults(lose_every=10)
        results["lossy"] = once(board, binary)
        machine.faults()
        counters = machine.counters()
        print(f"  {counters.sent['mc']} multicast packets sent, {counters.delivered['mc']} copies delivered, "
              f"{counters.deliveries_missing} missing")
        # -- kill
        print("Core 3 dies at the barrier:")
        cores = load(board, binary)
        machine.kill_core(*CHIP, physical_core(board, 3))
        run(board, n_cores=2)
        results["dead"] = read(board, cores)
        # -- end of kill
        spinnman_script.end()
    return results


# -- physical
def physical_core(board: Transceiver, core: int) -> int:
    """The core's number in the hardware: SC&MP numbers those that work anew on every chip, and gives the monitor 0."""
    cores = CoreSubsets()
    cores.add_processor(*CHIP, core)
    return board.get_cpu_infos(cores).get_cpu_info(*CHIP, core).physical_cpu_id
# -- end of physical


if __name__ == "__main__":
    main()
