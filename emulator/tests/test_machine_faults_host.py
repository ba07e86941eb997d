"""Faults on request as SC&MP, the host software and the log of a run see them."""
import socket
import struct
import time

import pytest
from machine_support import spinnemu
from test_machine_host import connect, n_links, scp, spinn3  # noqa: F401 - two are fixtures
from test_machine_replay import boot_messages

from spinnemu.machine import replay

OK, VERSION, READ = 0x80, 0, 2
SDRAM = 0x60100000


def read(machine, x, y, sequence=1, **options):
    return scp(machine, READ, SDRAM, 4, 2, x=x, y=y, sequence=sequence, **options)[0]


def wait_for(machine, what):
    deadline = time.monotonic() + 20
    while not what(machine.counters()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(machine, *chips):
    return all(read(machine, x, y, sequence=100 * x + y, attempts=3) == OK for x, y in chips)


def dead(machine, x, y):
    """SC&MP of (0, 0) says that it cannot reach a chip, or says nothing at all."""
    try:
        return read(machine, x, y, sequence=200 + 10 * x + y, timeout=0.5) != OK
    except TimeoutError:
        return True


def test_cores_and_chips_that_are_dead_before_power_on(connect):  # noqa: F811
    """SC&MP finds what is dead by itself: cores by their self-test, chips by their silence."""
    deaths = [{"core": (0, 0, 5)}, {"core": (0, 1, 0)}, {"chip": (1, 1)}]
    with spinnemu.Machine("spinn3", faults={"deaths": deaths}, snapshots=False) as machine:
        details = connect(machine).get_machine_details()
        assert sorted((chip.x, chip.y, chip.n_processors) for chip in details.chips) == [(0, 0, 17), (0, 1, 17), (1, 0, 18)]
        assert not any((chip.x, chip.y, link) in ((0, 0, 1), (0, 0, 4), (0, 1, 0), (0, 1, 3)) for chip in details.chips
                       for link in range(6) if details.is_link_at(chip.x, chip.y, link))
        counters = machine.counters()
        assert counters.monitors[0, 1] == 1
        assert (counters.faults["kill_core"], counters.faults["kill_chip"]) == (2, 1)
        assert all(counters.awake[x, y, core] == 0 for x, y, core in ((0, 0, 5), (0, 1, 0), *((1, 1, c) for c in range(18))))


def test_a_link_that_is_dead_before_power_on(connect):  # noqa: F811
    """SC&MP also gives up the other link between the two chips: its test sends packets to a chip, not over a link."""
    with spinnemu.Machine("spinn3", faults={"deaths": [{"link": (0, 0, 0)}]}, snapshots=False) as machine:
        details = connect(machine).get_machine_details()
        links = {(chip.x, chip.y, link) for chip in details.chips for link in range(6) if details.is_link_at(chip.x, chip.y, link)}
        assert details.n_chips == 4 and n_links(details) == 22 - 4
        assert not links & {(0, 0, 0), (1, 0, 3), (0, 0, 3), (1, 0, 0)}
        assert machine.counters().dropped_at[0, 0, 0] > 100         # its cries for the neighbour


def test_parts_that_die_while_the_machine_runs_and_stay_dead(tmp_path):
    log, address = tmp_path / "log", "127.0.9.31"
    faults = {"packets": [{"kind": "delay", "rate": 0.1, "types": ["p2p", "nn"], "up_to_us": 5}],
              "deaths": [{"chip": (1, 1), "after_ms": 100}], "seed": 3}
    with spinnemu.Machine("spinn3", address, record=log, faults=faults) as machine:
        assert read(machine, 1, 1) == read(machine, 1, 0) == read(machine, 0, 1) == OK
        wait_for(machine, lambda counters: counters.faults["kill_chip"])
        assert dead(machine, 1, 1)
        assert alive(machine, (1, 0), (0, 1))
        machine.kill_core(1, 0, 0)                                   # its monitor
        assert dead(machine, 1, 0)
        machine.slow_core(0, 0, 0, 3)
        assert alive(machine, (0, 0))
        assert machine.counters().faults["delay"] > 0
        machine.reset()
        counters = machine.counters()
        assert counters.faults["kill_chip"] == counters.faults["kill_core"] == 0     # of this start
        assert dead(machine, 1, 1)
        assert alive(machine, (0, 0), (1, 0), (0, 1)) and counters.monitors[1, 0] == 1     # another core took over
        for link in (2, 5):                                          # both lead to (0, 1)
            machine.kill_link(0, 0, link)
        assert alive(machine, (1, 0)) and dead(machine, 0, 1)
    for threads in (1, 2):
        assert replay(log, "spinn3", address, threads=threads).state_hash == machine.final_state_hash


def test_a_board_without_its_ethernet_chip():
    with spinnemu.Machine("spinn3") as machine:
        assert read(machine, 0, 0) == OK
        machine.kill_chip(0, 0)
        assert dead(machine, 0, 0)
        before = machine.counters()
        assert before.faults["kill_chip"] == 1 and before.seconds > 0
        with pytest.raises(spinnemu.EmulatorError, match="did not come up"):
            machine.reset()
        assert dead(machine, 0, 0)


def test_datagrams_come_to_harm():
    def harm(machine):
        for sequence in range(12):
            assert read(machine, sequence % 2, 0, sequence, timeout=0.1, attempts=100) == OK
        return {kind for kind, n in machine.counters().faults.items() if n}

    with spinnemu.Machine("spinn3", faults={"datagram_loss": 0.25, "seed": 5}) as machine:
        assert harm(machine) == {"datagram_loss"}
        before = machine.counters()
        machine.faults(datagram_duplicate=0.5, datagram_reorder=0.3, seed=6)
        assert harm(machine) == {"datagram_loss", "datagram_duplicate", "datagram_reorder"}
        after = machine.counters()
        assert after.datagrams_in - before.datagrams_in > 12        # duplicates reach the board
        assert after.faults["datagram_loss"] == before.faults["datagram_loss"]
        machine.faults(datagram_loss=1, spare_commands=[READ])
        assert read(machine, 0, 0) == OK
        with pytest.raises(TimeoutError):
            scp(machine, VERSION, timeout=0.1)
        machine.faults()
        assert scp(machine, VERSION)[0] == OK


def test_scamp_takes_a_repeated_request_for_routes_for_a_second_one(spinn3):  # noqa: F811
    """So one whose answer was lost cannot be repeated where it is for more than half of the entries."""
    alloc, of_routes = 28, 17 << 8 | 3
    firsts = [struct.unpack("<I", scp(spinn3, alloc, of_routes, 511, sequence=1)[1])[0] for _ in range(2)]
    assert firsts == [1, 512]
    with spinnemu.Machine("spinn3") as machine:
        firsts = [struct.unpack("<I", scp(machine, alloc, of_routes, 512, sequence=1)[1])[0] for _ in range(2)]
    assert firsts == [1, 0]


def test_boot_messages_come_to_harm():
    with spinnemu.Machine("spinn3", boot=False, faults={"datagram_loss": 1}) as machine:
        messages = boot_messages()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
            for message in messages:
                host.sendto(message, (machine.address, 54321))
        wait_for(machine, lambda counters: counters.faults["datagram_loss"] == len(messages))
        assert machine.counters().datagrams_in == 0


@pytest.mark.parametrize("faults, words", [
    ({"deaths": [{"chip": (0, 0)}]}, "Ethernet"), ({"deaths": [{"core": (2, 0, 1)}]}, "spinn3"), ({"dorp": 1}, "drop")])
def test_faults_are_refused_before_there_is_a_machine(monkeypatch, faults, words):
    monkeypatch.setattr(spinnemu.build, "library", lambda: pytest.fail("a machine was started"))
    with pytest.raises(ValueError, match=words):
        spinnemu.Machine("spinn3", faults=faults)
