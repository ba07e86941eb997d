"""Rates of the emulated fabric and memories, measured by programs that run on it."""
import pytest
from machine_support import program, spinnemu  # noqa: F401 - imports the package

from spinnemu.direct import DirectMachine

READ, WRITE = 0, 1 << 19
CLOCK_HZ = 200e6


@pytest.fixture
def board():
    with DirectMachine("spinn3") as machine:
        yield machine


def flood(board, payload, pairs=8, between_boards=False, seconds=2e-3):
    """Packets per second over one link, from cores of (0, 0) to cores of (1, 0)."""
    if between_boards:
        board.make_link_between_boards(0, 0, 0)
    for i in range(pairs):
        key = 0x1000 * (i + 1)
        board.route(0, 0, i, key, 0xfffff000, links=(0,))
        board.route(1, 0, i, key, 0xfffff000, cores=(i + 1,))
        board.start(1, 0, i + 1, program("receive"))
        board.start(0, 0, i + 1, program("send"), w0=key, w2=int(payload))
    board.run(1e-4)
    before = board.packets("delivered")["mc"]
    board.run(seconds)
    assert board.packets("dropped")["mc"] == 0
    taken = [board.read_word(1, 0, i + 1, 16) for i in range(pairs)]
    assert min(taken) > 0.7 * max(taken)                # inputs get their turns
    return (board.packets("delivered")["mc"] - before) / seconds


def test_link_on_a_board(board):
    assert flood(board, payload=False) == pytest.approx(7.0e6, rel=0.2)


def test_link_on_a_board_with_payload(board):
    assert flood(board, payload=True) == pytest.approx(7.0e6 * 40 / 72, rel=0.2)


def test_link_between_boards(board):
    assert flood(board, payload=False, between_boards=True) == pytest.approx(2.8e6, rel=0.2)


def test_one_core_does_not_fill_a_link_but_two_do(board):
    one = flood(board, payload=False, pairs=1)
    assert 3e6 < one < 7.3e6


def test_packet_latency(board):
    """Core to core on a chip, then over one link: some tenths of a microsecond."""
    board.route(0, 0, 0, 0x1000, ~0 & 0xffffffff, cores=(2,))
    board.start(0, 0, 2, program("receive"), w0=1)
    board.run(1e-5)
    before = board.cycles
    board.start(0, 0, 1, program("send"), w0=0x1000, w1=1)
    board.run(1e-5)
    counted = 0xffffffff - board.read_word(0, 0, 2, 28)
    assert board.read_word(0, 0, 2, 16) == 1
    assert 48 < counted - before < 200


@pytest.mark.parametrize("direction", [READ, WRITE])
def test_dma_of_one_core(board, direction):
    board.start(0, 0, 1, program("dma"), w0=0x60100000, w1=4096 | direction, w2=20)
    board.run(1e-3)
    assert board.read_word(0, 0, 1, 16) == 20
    rate = 20 * 4096 / (board.read_word(0, 0, 1, 20) / CLOCK_HZ)
    assert 300e6 < rate < 533e6


def test_dma_of_all_cores_shares_the_sdram(board):
    for core in range(1, 18):
        board.start(0, 0, core, program("dma"), w0=0x60100000 + 0x10000 * core, w1=4096, w2=20)
    board.run(4e-3)
    cycles = max(board.read_word(0, 0, core, 20) for core in range(1, 18))
    assert cycles > 0
    assert 17 * 20 * 4096 / (cycles / CLOCK_HZ) == pytest.approx(1.0e9, rel=0.2)


@pytest.mark.parametrize("address, write, low, high", [
    (0x60100000, 0, 30, 80), (0x60100000, 1, 3, 20), (0x70100000, 1, 20, 60),
    (0xe5000000, 0, 15, 40), (0x21000004, 0, 4, 16), (0x400100, 0, 3, 8)])
def test_single_accesses(board, address, write, low, high):
    """Cycles of an access and its loop, in the order of size of the constants in timing.h."""
    board.start(0, 0, 1, program("access"), w0=address, w1=write)
    board.run(1e-4)
    assert low <= board.read_word(0, 0, 1, 20) / 64 <= high
