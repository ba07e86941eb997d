"""Routing, waiting and dropping."""
import pytest
from machine_support import program, spinnemu  # noqa: F401 - imports the package

from spinnemu.direct import DirectMachine

CONTROL, DUMP_HEADER, DUMP_KEY, DUMP_DATA, DUMP_OUTPUTS, DUMP_STATUS = 0x00, 0x18, 0x1c, 0x20, 0x24, 0x28
COUNTER_ENABLE, FILTER, COUNTER = 0x2c, 0x200, 0x300
DUMPED, OVERFLOW = 1 << 31, 1 << 30
ALL = 0xffffffff


@pytest.fixture
def board():
    with DirectMachine("spinn3") as machine:
        yield machine


def test_first_matching_entry_wins(board):
    board.route(0, 0, 5, 0x1200, 0xffffff00, cores=(2,))
    board.route(0, 0, 9, 0x1000, 0xfffff000, cores=(3,))
    for core in (2, 3):
        board.start(0, 0, core, program("receive"))
    board.start(0, 0, 1, program("send"), w0=0x1000, w1=16, w5=0x100)
    board.run(1e-4)
    assert board.read_word(0, 0, 2, 16) == 1
    assert board.read_word(0, 0, 3, 16) == 15


def test_a_table_may_change_between_packets(board):
    board.route(0, 0, 0, 0x1000, ALL, cores=(2,))
    for core in (2, 3):
        board.start(0, 0, core, program("receive"))
    board.start(0, 0, 1, program("send"), w0=0x1000, w3=100)
    board.run(1e-5)
    board.route(0, 0, 0, 0x1000, ALL, cores=(3,))
    board.run(1e-6)
    old = board.read_word(0, 0, 2, 16)
    board.run(1e-5)
    assert board.read_word(0, 0, 2, 16) == old
    assert board.read_word(0, 0, 3, 16) > 0


def test_default_route_goes_straight_on(board):
    board.route(0, 0, 0, 0x1000, ALL, links=(2,))
    # nothing on (0, 1): the packet came from the south and leaves to the north, to (0, 0) again
    board.route(0, 0, 1, 0x2000, ALL, cores=(2,))
    board.start(0, 0, 2, program("receive"))
    board.start(0, 0, 1, program("send"), w0=0x1000, w1=1)
    board.run(2e-6)
    assert board.packets("forwarded")["mc"] >= 2


def test_multicast_copies_to_all_outputs(board):
    board.route(0, 0, 0, 0x1000, ALL, cores=(2, 3, 4), links=(0, 1))
    board.route(1, 0, 0, 0x1000, ALL, cores=(5,))
    board.route(1, 1, 0, 0x1000, ALL, cores=(6,))
    for x, y, core in ((0, 0, 2), (0, 0, 3), (0, 0, 4), (1, 0, 5), (1, 1, 6)):
        board.start(x, y, core, program("receive"))
    board.start(0, 0, 1, program("send"), w0=0x1000, w1=100, w2=1)
    board.run(1e-4)
    for x, y, core in ((0, 0, 2), (0, 0, 3), (0, 0, 4), (1, 0, 5), (1, 1, 6)):
        assert board.read_word(x, y, core, 16) == 100
        assert board.read_word(x, y, core, 24) == sum(range(100))
    assert board.packets("dropped")["mc"] == 0


def test_a_core_that_does_not_read_makes_the_router_drop(board):
    board.route(0, 0, 0, 0x1000, 0xfffff000, cores=(2,))
    board.start(0, 0, 2, program("receive"), w0=1)      # takes one packet, then sleeps
    board.start(0, 0, 1, program("send"), w0=0x1000, w1=20, w2=1, w5=1)
    board.run(1e-4)
    dropped, delivered = board.packets("dropped")["mc"], board.packets("delivered")["mc"]
    assert dropped > 0
    assert dropped + delivered == 20
    status = board.read_router(0, 0, DUMP_STATUS)
    assert status & DUMPED and status & OVERFLOW
    assert status & (1 << 6 + 2)
    assert board.read_router(0, 0, DUMP_STATUS) == 0    # reading clears it
    assert board.read_router(0, 0, DUMP_OUTPUTS) == 1 << 6 + 2
    assert board.read_router(0, 0, DUMP_KEY) == 0x1000 + delivered     # the first that was lost
    assert board.read_router(0, 0, DUMP_DATA) == delivered
    header = board.read_router(0, 0, DUMP_HEADER)
    assert header >> 16 & 0xff == 0x02                  # multicast with payload
    assert header >> 24 & 7 == 7                        # from a core


@pytest.mark.parametrize("wait, cycles", [(0x40, 240), (0x4f, 480), (0x60, 1024), (0x00, 0)])
def test_wait_times(board, wait, cycles):
    """Each lost packet costs the wait time, in cycles of the router's slower clock."""
    board.start(0, 0, 2, program("receive"), w0=1)
    board.route(0, 0, 0, 0x1000, ALL, cores=(2,))
    board.start(0, 0, 1, program("send"), w0=0x1000, w1=200)
    board.write_router(0, 0, CONTROL, wait << 16 | 17 << 8 | 1)
    before = board.cycles
    while board.packets("dropped")["mc"] < 190:
        board.run(1e-6)
    took = board.cycles - before
    expected = 190 * max(cycles * 1.5, 10)
    assert took == pytest.approx(expected, rel=0.25, abs=3000)


def test_waiting_for_ever(board):
    board.start(0, 0, 2, program("receive"), w0=1)
    board.route(0, 0, 0, 0x1000, ALL, cores=(2,))
    board.start(0, 0, 1, program("send"), w0=0x1000, w1=200)
    board.write_router(0, 0, CONTROL, 0xff << 16 | 17 << 8 | 1)
    board.run(1e-2)
    assert board.packets("dropped")["mc"] == 0
    assert board.packets("sent")["mc"] < 20             # and the sender is held


def test_head_of_line_blocking(board):
    """Packets for a core that reads wait behind one for a core that does not."""
    board.write_router(0, 0, CONTROL, 0xff << 16 | 17 << 8 | 1)
    board.route(0, 0, 0, 0x1000, ALL, cores=(2,))
    board.route(0, 0, 1, 0x2000, ALL, cores=(3,))
    board.start(0, 0, 2, program("receive"), w0=1)
    board.start(0, 0, 3, program("receive"))
    board.start(0, 0, 1, program("send"), w0=0x1000, w1=50)
    board.start(0, 0, 4, program("send"), w0=0x2000)
    board.write_router(0, 0, CONTROL, 0xff << 16 | 17 << 8 | 1)
    board.run(1e-5)
    stuck = board.read_word(0, 0, 3, 16)
    board.run(1e-4)
    assert board.read_word(0, 0, 3, 16) == stuck


def test_back_pressure_over_links_loses_nothing(board):
    """A slow reader two links away slows the sender down while routers wait long enough."""
    for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
        board.write_router(x, y, CONTROL, 0xff << 16 | 17 << 8 | 1)
    board.route(0, 0, 0, 0x1000, ALL, links=(0,))
    board.route(1, 0, 0, 0x1000, ALL, links=(2,))
    board.route(1, 1, 0, 0x1000, ALL, cores=(2,))
    board.start(1, 1, 2, program("receive"), w0=3)
    board.start(0, 0, 1, program("send"), w0=0x1000, w1=1000)
    for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
        board.write_router(x, y, CONTROL, 0xff << 16 | 17 << 8 | 1)
    board.run(1e-3)
    assert board.packets("dropped")["mc"] == 0
    # 3 read, at most what fits on the way: buffers of two cores and two links
    assert 8 <= board.read_word(0, 0, 1, 16) <= 30


def test_diagnostic_counters_with_the_stock_filters(board):
    for i, word in enumerate((0x01fe7cf1, 0x01febcf1, 0x0001fcf1)):
        board.write_router(0, 0, FILTER + 4 * i, word)
        board.write_router(1, 0, FILTER + 4 * i, word)
    for x in (0, 1):
        board.write_router(x, 0, COUNTER_ENABLE, 0xffff0007)
    board.route(0, 0, 0, 0x1000, ALL, links=(0,))
    board.route(1, 0, 0, 0x1000, ALL, cores=(2,))
    board.start(1, 0, 2, program("receive"))
    board.start(0, 0, 1, program("send"), w0=0x1000, w1=50)
    board.run(1e-4)
    assert [board.read_router(0, 0, COUNTER + 4 * i) for i in range(3)] == [50, 0, 0]
    assert [board.read_router(1, 0, COUNTER + 4 * i) for i in range(3)] == [0, 50, 0]
    board.write_router(1, 0, COUNTER_ENABLE, 0x00020007)
    assert board.read_router(1, 0, COUNTER + 4) == 0


def test_packets_are_conserved(board):
    """Every chip floods every other; each packet is delivered, or dropped and counted."""
    chips = ((0, 0), (1, 0), (0, 1), (1, 1))
    for i, (x, y) in enumerate(chips):
        for core in range(1, 6):
            board.start(x, y, core + 6, program("receive"))
        for j, (tx, ty) in enumerate(chips):
            for k, (lx, ly) in enumerate(chips):        # east or north first, then into cores
                if (lx, ly) == (tx, ty):
                    board.route(lx, ly, j, 0x1000 * (j + 1), 0xfffff000, cores=tuple(range(7, 12)))
                else:
                    link = 0 if lx != tx else 2
                    board.route(lx, ly, j, 0x1000 * (j + 1), 0xfffff000, links=(link,))
    for i, (x, y) in enumerate(chips):
        for core in range(1, 6):
            board.start(x, y, core, program("send"), w0=0x1000 * ((i + core) % 4 + 1), w1=500, w2=core % 2)
    board.run(5e-3)
    sent, delivered, dropped = (board.packets(what)["mc"] for what in ("sent", "delivered", "dropped"))
    assert sent == 4 * 5 * 500
    assert delivered == 5 * (sent - dropped)


def test_runs_are_the_same_on_one_thread_and_two():
    def run(threads):
        with DirectMachine("spinn3", threads) as board:
            for i in range(8):
                board.route(0, 0, i, 0x1000 * i, 0xfffff000, links=(0, 1), cores=(i + 9,))
                board.route(1, 0, i, 0x1000 * i, 0xfffff000, cores=(i + 1,))
                board.route(1, 1, i, 0x1000 * i, 0xfffff000, cores=(i + 1,))
                board.start(0, 0, i + 9, program("receive"))
                board.start(1, 0, i + 1, program("receive"))
                board.start(0, 0, i + 1, program("send"), w0=0x1000 * i, w3=5 * i)
            for core in range(9, 18):        # enough for two threads to be used
                board.start(0, 1, core, program("access"), w0=0x60000000, w1=core % 2)
                board.start(1, 1, core, program("dma"), w0=0x60100000, w1=256, w2=100)
                board.start(0, 1, core - 8, program("send"), w0=0x5000, w1=100, w3=20)
            board.run(3e-4)
            return board.state_hash(), board.packets("delivered"), board.packets("dropped")
    assert run(1) == run(1) == run(2)
