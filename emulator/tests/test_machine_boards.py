"""Machines of three boards: how they are wired, and what goes over the links between them.  Their software is in the integration
tests, since it takes long to boot."""
import pytest
from machine_support import program, spinnemu
from spinn_machine.spinnaker_triad_geometry import SpiNNakerTriadGeometry

from spinnemu import boards
from spinnemu.direct import DirectMachine
from spinnemu.serial_rom import LIST_ADDRESS, ROM_BYTES, serial_rom, serial_roms

ALL = 0xffffffff
EAST = 0
#: by link 0, from board (0, 0) to board (8, 4)
LAST, FIRST = (7, 4), (8, 4)


@pytest.fixture
def machine():
    with DirectMachine("spinn5", boards=3) as machine:
        yield machine


def test_chips_and_boards_are_those_of_spinnmachine():
    geometry = SpiNNakerTriadGeometry.get_spinn5_geometry()
    chips = boards.chips("spinn5", 3)
    assert len(chips) == 144
    for x, y in chips:
        number, own_x, own_y = boards.on_its_board(x, y, 3)
        assert boards.TRIAD[number] == geometry.get_ethernet_chip_coordinates(x, y, 12, 12)
        assert (own_x, own_y) == geometry.get_local_chip_coordinate(x, y)
    between = [(x, y, link) for x, y in chips for link in range(boards.LINKS)
               if boards.on_its_board(x, y, 3)[0] != boards.on_its_board(*boards.neighbour("spinn5", x, y, link, 3), 3)[0]]
    assert len(between) == 3 * 6 * 8, "eight on each side of each hexagon"


def test_packets_reach_every_chip(machine):
    """North from chip to chip by default routes: once around, over two board edges, and home."""
    machine.route(0, 0, 0, 0x1000, ALL, links=(2,))
    assert machine.packets("forwarded")["mc"] == 0
    machine.route(0, 11, 0, 0x1000, ALL, cores=(3,))
    machine.start(0, 11, 3, program("receive"))
    machine.start(0, 0, 1, program("send"), w0=0x1000, w1=1)
    machine.run(1e-4)
    assert machine.read_word(0, 11, 3, 16) == 1
    assert machine.packets("forwarded")["mc"] == 11 and machine.packets("unconnected")["mc"] == 0


def test_edges_meet(machine):
    machine.route(0, 5, 0, 0x1000, ALL, links=(3,))         # west
    machine.route(11, 5, 0, 0x1000, ALL, cores=(2,))
    machine.start(11, 5, 2, program("receive"))
    machine.start(0, 5, 1, program("send"), w0=0x1000, w1=7)
    machine.run(1e-4)
    assert machine.read_word(11, 5, 2, 16) == 7


def rate_and_time(machine, start, end):
    """Packets per second that eight cores bring over link 0 from chip to chip; cycles until the first one came."""
    for i in range(8):
        key = 0x1000 * (i + 1)
        machine.route(*start, i, key, 0xfffff000, links=(EAST,))
        machine.route(*end, i, key, 0xfffff000, cores=(i + 1,))
        machine.start(*end, i + 1, program("receive"))
        machine.start(*start, i + 1, program("send"), w0=key, w2=1)
    first = machine.cycles
    while not machine.packets("delivered")["mc"]:
        machine.run(1e-7)
    first = machine.cycles - first
    machine.run(1e-4)
    before = machine.packets("delivered")["mc"]
    machine.run(1e-3)
    return (machine.packets("delivered")["mc"] - before) / 1e-3, first


def test_a_link_to_another_board_is_slower_and_takes_longer(machine):
    with DirectMachine("spinn5", boards=3) as other:
        rate, time = rate_and_time(machine, (2, 2), (3, 2))
        rate_between, time_between = rate_and_time(other, LAST, FIRST)
    assert rate == pytest.approx(7.0e6 * 40 / 72, rel=0.2)
    assert rate_between == pytest.approx(2.8e6 * 40 / 72, rel=0.2)
    assert time_between > time + 100


def test_two_threads_are_one():
    def final(threads):
        with DirectMachine("spinn5", threads, boards=3) as machine:
            chips = sorted(boards.chips("spinn5", 3))
            for x, y in chips:                # everybody to everybody else in the row
                machine.route(x, y, 0, y << 12, 0xfffff000, links=(EAST,), cores=(2,))
                machine.start(x, y, 2, program("receive"))
            for x, y in chips[::5]:
                machine.start(x, y, 1, program("send"), w0=y << 12, w1=20, w2=1)
            machine.run(2e-4)
            return machine.state_hash(), machine.packets("delivered"), machine.packets("dropped")

    assert final(1) == final(2)


def test_faults_strike_links_between_boards(machine):
    machine.faults({"packets": [{"kind": "lose", "link": (*LAST, EAST), "every": 2}]})
    machine.route(*LAST, 0, 0x1000, ALL, links=(EAST,))
    machine.route(*FIRST, 0, 0x1000, ALL, cores=(2,))
    machine.start(*FIRST, 2, program("receive"))
    machine.start(*LAST, 1, program("send"), w0=0x1000, w1=10)
    machine.run(1e-4)
    assert machine.read_word(*FIRST, 2, 16) == 5
    assert machine.vanished_at() == {(*FIRST, 3): 5}
    machine.faults({"deaths": [{"chip": FIRST}]})
    with pytest.raises(ValueError, match=r"chip=\(12, 0\) is not a place"):
        machine.faults({"deaths": [{"chip": (12, 0)}]})


def test_lists_of_dead_parts_go_to_their_boards():
    roms = serial_roms(3, dead_chips=[(9, 5)], dead_cores=[(0, 3, 7)], dead_links=[(4, 8, 2)])
    parts = [roms[i:i + ROM_BYTES] for i in range(0, len(roms), ROM_BYTES)]
    assert parts == [serial_rom(dead_cores=[(0, 3, 7)]), serial_rom(dead_links=[(0, 0, 2)]), serial_rom(dead_chips=[(1, 1)])]
    assert all(len(part) == ROM_BYTES > LIST_ADDRESS for part in parts)
    with pytest.raises(ValueError, match=r"no chip \(12, 0\)"):
        serial_roms(3, dead_chips=[(12, 0)])


@pytest.mark.parametrize("boards, board, words", [
    (0, "spinn5", ["boards=0", "boards=1", "boards=3"]), (2, "spinn5", ["boards=2", "boards=3"]), ("3", "spinn5", ["boards='3'"]),
    (True, "spinn5", ["boards=True"]), (3, "spinn3", ["boards=3", "board='spinn3'", "board='spinn5'"])])
def test_other_machines_are_refused(boards, board, words):
    with pytest.raises(ValueError) as refusal:
        spinnemu.Machine(board, boards=boards)
    for word in words:
        assert word in str(refusal.value)


def test_addresses_follow_each_other():
    with pytest.raises(ValueError, match="127.0.13.253 leaves no room for 3 boards.*252 or less"):
        spinnemu.Machine(boards=3, address="127.0.13.253")
    with spinnemu.Machine("spinn3", "127.0.13.6", boot=False):
        with pytest.raises(spinnemu.AddressBusyError, match="127.0.13.6 port 17893"):
            spinnemu.Machine(boards=3, address="127.0.13.5", boot=False)
    with spinnemu.Machine(boards=3, address="127.0.13.5", boot=False) as machine:
        assert machine.addresses == ("127.0.13.5", "127.0.13.6", "127.0.13.7")
