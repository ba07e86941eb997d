"""Faults on request: that each does what it says, where, when and as often as it says, and that the balance of packets holds."""
import math
from collections import Counter
from dataclasses import dataclass

import pytest
from machine_support import program, spinnemu  # noqa: F401 - imports the package

from spinnemu.direct import DirectMachine, datagram_fates
from spinnemu.faults import KINDS, PACKET_KINDS

ALL = 0xffffffff
CONTROL, STATUS, ERROR_HEADER, ERROR_KEY, ERROR_PAYLOAD, ERROR_STATUS = 0x00, 0x04, 0x08, 0x0c, 0x10, 0x14
DUMP_KEY, DUMP_STATUS, DUMPED = 0x1c, 0x28, 1 << 31
PARITY_ERROR, NO_ERROR, MULTICAST = 1 << 30, 1 << 28, 1
INT_READY, INT_PARITY, INT_MULTICAST = 1 << 6, 1 << 7, 1 << 24
KEY = 0x1000


@dataclass
class Run:
    """Packets from core 1 of (0, 0) over link 0 to core 2 of (1, 0), when all of them are through."""

    sent: int
    delivered: int
    dropped: int
    #: words (status, key, payload, cycles since the start) of each packet that core 2 got
    records: list
    counts: dict
    vanished_at: dict
    cycles: int
    state: int

    @property
    def payloads(self):
        return [record[2] for record in self.records]

    def balanced(self):
        """Each packet goes to one core."""
        missing = self.counts["deliveries_lost"] + self.counts["deliveries_dropped"] - self.counts["deliveries_added"]
        return self.counts["held"] == 0 and self.sent == self.delivered + missing


@pytest.fixture
def board():
    with DirectMachine("spinn3") as machine:
        yield machine


def connect(board, links=((0, 0, 0),), to=(1, 0, 2), key=KEY, mask=0xfffff000):
    for x, y, link in links:
        board.route(x, y, 0, key, mask, links=(link,))
    board.route(to[0], to[1], 0, key, mask, cores=(to[2],))


def run(faults=None, n=3000, delay=50, seconds=None, clear=False):
    """Send packets with payloads 0 to n - 1, by default slowly enough to be far apart."""
    with DirectMachine("spinn3") as board:
        connect(board)
        board.start(1, 0, 2, program("record"), w1=int(clear))
        board.start(0, 0, 1, program("send"), w0=KEY, w1=n, w2=1, w3=delay)
        if faults is not None:
            board.faults(faults)
        board.run(seconds or (n * (delay * 4 + 200) + 400_000) / 2e8)
        taken = board.read_word(1, 0, 2, 16)
        words = [board.read_word(1, 0, 2, 0x1000 + 4 * i) for i in range(4 * min(taken, 3800))]
        return Run(
            board.packets("sent")["mc"], board.packets("delivered")["mc"], board.packets("dropped")["mc"],
            [(status, key, payload, ALL - count) for status, key, payload, count in zip(*[iter(words)] * 4)],
            board.fault_counts(), board.vanished_at(), board.cycles, board.state_hash())


def assert_rate(happened, n, rate):
    """Within five standard deviations of n draws; the seed is fixed, so it holds for ever or never."""
    assert abs(happened - n * rate) < 5 * math.sqrt(n * rate * (1 - rate)), (happened, n * rate)


@pytest.fixture(scope="module")
def clean():
    return run()


def test_without_faults_all_come_in_order(clean):
    assert clean.sent == clean.delivered == 3000
    assert clean.payloads == list(range(3000))
    assert not any(clean.counts.values()) and not clean.vanished_at


def test_asking_for_no_faults_changes_nothing(clean):
    asked = run({})
    assert asked.records == clean.records and not any(asked.counts.values())


# ---------------------------------------------------------------------- kinds

def test_lose():
    lost = run({"lose": 0.05, "seed": 1})
    n = lost.counts["lose"]
    assert_rate(n, 3000 + 3000 - lost.vanished_at[0, 0, 7], 0.05)    # at two routers; not again where it is lost already
    assert lost.payloads == sorted(set(lost.payloads)) and len(lost.payloads) == 3000 - n
    assert lost.dropped == 0 and lost.counts["deliveries_lost"] == n and lost.balanced()
    assert set(lost.vanished_at) == {(0, 0, 6 + 1), (1, 0, 3)} and sum(lost.vanished_at.values()) == n


def test_drop():
    with DirectMachine("spinn3") as board:
        connect(board)
        board.start(1, 0, 2, program("record"))
        board.start(0, 0, 1, program("send"), w0=KEY, w1=3000, w2=1, w3=50)
        board.faults({"packets": [{"kind": "drop", "core": (0, 0, 1), "rate": 0.05}]})
        board.run(1e-2)
        n = board.fault_counts()["drop"]
        assert_rate(n, 3000, 0.05)
        assert board.packets("dropped")["mc"] == n == board.fault_counts()["deliveries_dropped"] == board.dropped_at(0, 0, 0)
        assert board.packets("delivered")["mc"] == 3000 - n
        got = {board.read_word(1, 0, 2, 0x1008 + 16 * i) for i in range(3000 - n)}
        assert board.read_router(0, 0, DUMP_STATUS) & DUMPED          # where the re-injector finds it
        assert board.read_router(0, 0, DUMP_KEY + 4) == min(set(range(3000)) - got)
        assert not board.vanished_at()


def test_duplicate():
    twice = run({"packets": [{"kind": "duplicate", "link": (0, 0, 0), "rate": 0.05}], "seed": 2})
    n = twice.counts["duplicate"]
    assert_rate(n, 3000, 0.05)
    seen = Counter(twice.payloads)
    assert set(seen) == set(range(3000)) and sorted(seen.values()) == [1] * (3000 - n) + [2] * n
    assert twice.payloads == sorted(twice.payloads) and twice.counts["deliveries_added"] == n and twice.balanced()


def test_a_duplicate_is_spared_where_it_was_made():
    twice = run({"packets": [{"kind": "duplicate", "core": (0, 0, 1), "rate": 1}]}, n=100)
    assert twice.payloads == [i // 2 for i in range(200)]
    four = run({"duplicate": 1}, n=100)                               # each router doubles
    assert four.payloads == [i // 4 for i in range(400)] and four.balanced()


def overtakers(payloads, value):
    at = payloads.index(value)
    return sum(1 for other in payloads[:at] if other > value)


def test_reorder():
    mixed = run({"packets": [{"kind": "reorder", "link": (0, 0, 0), "rate": 0.05, "overtaken_by": 3}], "seed": 3})
    assert sorted(mixed.payloads) == list(range(3000)) and mixed.balanced()
    late = [value for value in range(3000) if overtakers(mixed.payloads, value)]
    assert_rate(mixed.counts["reorder"], 3000, 0.05)
    assert mixed.counts["reorder"] - 20 < len(late) <= mixed.counts["reorder"]   # one of two held at a time may be overtaken by the other
    assert {overtakers(mixed.payloads, value) for value in late} >= {1, 2, 3}


def test_a_packet_that_none_overtakes_comes_late(clean):
    held = run({"packets": [{"kind": "reorder", "link": (0, 0, 0), "after_packets": 3000, "up_to_us": 70}]})
    assert held.payloads == clean.payloads
    assert held.records[:-1] == clean.records[:-1]
    assert held.records[-1][3] - clean.records[-1][3] == pytest.approx(70 * 200, abs=30)
    assert held.counts["reorder"] == 0 and held.counts["delay"] == 1


def test_delay():
    """Far apart, a packet that is not held back comes when it would have come."""
    options = {"n": 1500, "delay": 2500}
    clean, late = run(**options), run({"packets": [{"kind": "delay", "link": (0, 0, 0), "rate": 0.2, "up_to_us": 20}]}, **options)
    assert late.payloads == clean.payloads and late.balanced()
    by = [record[3] - expected[3] for record, expected in zip(late.records, clean.records)]
    held = [each for each in by if abs(each) > 30]                    # the program looks every 14 cycles or so
    assert_rate(late.counts["delay"], 1500, 0.2)
    assert late.counts["delay"] - 10 <= len(held) <= late.counts["delay"]
    assert max(held) <= 20 * 200 + 30 and max(held) > 0.95 * 20 * 200
    assert sum(held) / len(held) == pytest.approx(20 * 200 / 2, rel=0.1)


def test_a_router_keeps_the_first_corrupt_packet():
    with DirectMachine("spinn3") as board:
        connect(board)
        board.start(1, 0, 2, program("record"))
        board.start(0, 0, 1, program("send"), w0=KEY, w1=3000, w2=1, w3=50)
        control = board.read_router(1, 0, CONTROL)
        board.write_router(1, 0, CONTROL, control | 1 << 1 | 1 << 5)  # interrupt, and count parity errors
        board.faults({"packets": [{"kind": "corrupt", "link": (0, 0, 0), "rate": 0.05}], "seed": 4})
        board.run(1e-2)
        n = board.fault_counts()["corrupt"]
        assert_rate(n, 3000, 0.05)
        got = [board.read_word(1, 0, 2, 0x1008 + 16 * i) for i in range(board.read_word(1, 0, 2, 16))]
        assert len(got) == 3000 - n and board.packets("dropped")["mc"] == 0
        first = min(set(range(3000)) - set(got))
        wrong = board.read_router(1, 0, ERROR_KEY) ^ KEY, board.read_router(1, 0, ERROR_PAYLOAD) ^ first
        assert wrong[0].bit_count() + wrong[1].bit_count() == 1       # one bit
        header = board.read_router(1, 0, ERROR_HEADER)
        assert header >> 29 & 1 and header >> 24 & 7 == 3 and header >> 16 & 0xff == 0x03   # parity, by link 3, with payload
        assert board.read_router(1, 0, STATUS) >> 30 == 3             # error, and interrupt
        assert board.read_router(1, 0, ERROR_STATUS) == 0b111 << 29 | n
        assert board.read_router(1, 0, ERROR_STATUS) == 0             # reading clears it
        assert board.read_router(1, 0, STATUS) >> 30 == 0
        assert board.vanished_at() == {(1, 0, 3): n}


def test_a_core_sees_a_corrupt_packet_as_a_parity_error():
    rule = {"kind": "corrupt", "to_core": (1, 0, 2), "every": 10}
    for clear in (True, False):
        wrong = run({"packets": [rule]}, n=100, clear=clear)
        assert len(wrong.records) == 100 and wrong.delivered == 90 and wrong.balanced()
        assert wrong.vanished_at == {(1, 0, 6 + 2): 10} and wrong.counts["corrupt"] == 10
        for i, (status, key, payload, _) in enumerate(wrong.records):
            bad = i % 10 == 9
            assert bool(status & NO_ERROR) is bool(status & MULTICAST) is not bad
            assert (key ^ KEY).bit_count() + (payload ^ i).bit_count() == bad
            assert bool(status & PARITY_ERROR) is (bad if clear else i >= 9)         # stays until it is cleared


def test_interrupts_of_a_corrupt_packet():
    def last_interrupts(n):
        with DirectMachine("spinn3") as board:
            connect(board)
            board.start(1, 0, 2, program("record"))
            board.start(0, 0, 1, program("send"), w0=KEY, w1=n, w2=1, w3=50)
            board.faults({"packets": [{"kind": "corrupt", "to_core": (1, 0, 2), "every": 10}]})
            board.run(1e-3)
            return board.read_word(1, 0, 2, 0x800) & (INT_READY | INT_PARITY | INT_MULTICAST)
    assert last_interrupts(9) == INT_READY | INT_MULTICAST
    assert last_interrupts(10) == INT_READY | INT_PARITY


# ---------------------------------------------------------------------- how often, where, when

def test_each_rate_is_kept_beside_the_others():
    rates = {kind: 0.03 + 0.02 * i for i, kind in enumerate(PACKET_KINDS)}
    all_of_them = run({"packets": [{"kind": kind, "rate": rate, "core": (0, 0, 1)} for kind, rate in rates.items()], "seed": 5},
                      n=20_000, delay=30)
    for kind, rate in rates.items():
        assert_rate(all_of_them.counts[kind], 20_000, rate)
    assert all_of_them.balanced()


def test_one_in_so_many():
    lost = run({"packets": [{"kind": "lose", "every": 100, "core": (0, 0, 1)}]})
    assert sorted(set(range(3000)) - set(lost.payloads)) == list(range(99, 3000, 100))


@pytest.mark.parametrize("place, hit", [
    ({"link": (0, 0, 0)}, True), ({"link": (1, 0, 3)}, False), ({"link": (0, 0, 3)}, False), ({"core": (0, 0, 1)}, True),
    ({"core": (0, 0, 2)}, False), ({"core": (1, 0, 2)}, False), ({"to_core": (1, 0, 2)}, True), ({"to_core": (0, 0, 1)}, False),
    ({"key": KEY}, True), ({"key": KEY + 1}, False), ({"key": 0, "mask": 0xfff}, True), ({"key": 0x2000, "mask": 0xf000}, False),
    ({"types": ("p2p", "nn", "fr")}, False), ({"types": ["mc", "nn"]}, True)])
def test_where(place, hit):
    lost = run({"packets": [{"kind": "lose", "rate": 1, **place}]}, n=50)
    assert lost.delivered == (0 if hit else 50)
    assert lost.balanced()


@pytest.mark.parametrize("key, rule, hit", [
    (0xffff1000, {}, False), (0xfffe1000, {}, True), (0xffff1000, {"key": 0xffff1000}, True),
    (0xffff1000, {"key": 0xf0000000, "mask": 0xf0000000}, False)])
def test_signals_of_the_system_are_spared_unless_nothing_else_is_meant(board, key, rule, hit):
    connect(board, key=key, mask=ALL)
    board.start(1, 0, 2, program("record"))
    board.start(0, 0, 1, program("send"), w0=key, w1=50, w2=1)
    board.faults({"packets": [{"kind": "lose", "rate": 1, **rule}]})
    board.run(1e-3)
    assert board.packets("delivered")["mc"] == (0 if hit else 50)


def test_when():
    def missing(**rule):
        lost = run({"packets": [{"kind": "lose", "link": (0, 0, 0), **rule}]})
        assert lost.balanced()
        return sorted(set(range(3000)) - set(lost.payloads))

    assert missing(after_packets=1000) == [999]                       # the thousandth, when it comes to the link
    assert missing(after_packets=1000, packets=3) == [999, 1000, 1001]
    assert missing(rate=1, after_packets=2900) == list(range(2899, 3000))
    assert missing(every=10, after_packets=2901) == list(range(2909, 3000, 10))
    assert missing(link=None, core=(0, 0, 1), after_packets=1000) == [1000]
    one, = missing(at_ms=1)
    assert missing(after_ms=1) == [one]                               # the faults were given at 0
    first, *rest = missing(at_ms=1, until_ms=1.1)
    assert first == one and rest == list(range(first + 1, first + 1 + len(rest))) and len(rest) > 10
    assert missing(at_ms=1, packets=2) == [one, one + 1]
    assert 2 <= len(missing(rate=0.5, packets=2)) == 2


def test_a_moment_is_when_it_says(clean):
    """The first packet that a router takes at 1 ms or later."""
    lost = run({"packets": [{"kind": "lose", "link": (0, 0, 0), "at_ms": 1}]})
    missing, = set(range(3000)) - set(lost.payloads)
    arrival = clean.records[missing][3]
    between = clean.records[missing][3] - clean.records[missing - 1][3]
    assert 0 < arrival - 200_000 < between + 100                      # from the router into the program


def test_faults_given_again_begin_anew(board):
    connect(board)
    board.start(1, 0, 2, program("record"))
    board.start(0, 0, 1, program("send"), w0=KEY, w1=3000, w2=1, w3=50)
    board.faults({"packets": [{"kind": "lose", "rate": 1, "core": (0, 0, 1)}]})
    board.run(1e-4)
    board.faults()
    board.run(1e-4)
    lost = board.fault_counts()["lose"]
    board.faults({"packets": [{"kind": "lose", "after_packets": 100, "core": (0, 0, 1)}]})
    board.run(1e-2)
    assert lost > 10 and board.fault_counts()["lose"] == lost + 1
    got = {board.read_word(1, 0, 2, 0x1008 + 16 * i) for i in range(board.read_word(1, 0, 2, 16))}
    *first, last = sorted(set(range(3000)) - got)
    assert first == list(range(lost)) and last > lost + 100


def test_no_more_are_held_than_there_is_room_for():
    held = run({"packets": [{"kind": "delay", "rate": 1, "core": (0, 0, 1), "up_to_us": 1e7}]}, n=12_000, delay=0, seconds=0.02)
    assert 8150 < held.counts["held"] <= 8192 and held.counts["not_held"] > 1000
    assert held.counts["delay"] + held.counts["not_held"] == held.sent
    assert held.sent == held.delivered + held.counts["held"]


def test_datagrams():
    rates = {"datagram_loss": 0.02, "datagram_duplicate": 0.05, "datagram_reorder": 0.03}
    fates = datagram_fates({**rates, "seed": 7}, 20_000)
    for way in (0, 1):                                                # each by itself
        seen = Counter(fates[way::2])
        for fate, rate in zip(("lost", "twice", "held"), rates.values()):
            assert_rate(seen[fate], 10_000, rate)
    assert fates[0::2] != fates[1::2]
    assert fates == datagram_fates({**rates, "seed": 7}, 20_000) != datagram_fates({**rates, "seed": 8}, 20_000)
    assert set(datagram_fates({"drop": 0.5}, 100)) == {"passes"}


# ---------------------------------------------------------------------- the same again

EVERYTHING = {**{kind: 0.01 for kind in PACKET_KINDS}, "delay_us": 30, "deaths": [
    {"core": (1, 1, 12), "after_ms": 0.3}, {"link": (0, 0, 1), "after_packets": 4000}, {"chip": (0, 1), "after_ms": 0.6}],
    "slow": [{"core": (1, 0, 3), "factor": 2.5, "after_ms": 0.1}]}


def busy_run(threads, seed):
    """All chips send to all: what comes of it, with everything that can go wrong."""
    chips = ((0, 0), (1, 0), (0, 1), (1, 1))
    with DirectMachine("spinn3", threads) as board:
        for i, (x, y) in enumerate(chips):
            for j, (tx, ty) in enumerate(chips):
                links = () if (x, y) == (tx, ty) else (0 if x != tx else 2,)
                board.route(x, y, j, 0x1000 * (j + 1), 0xfffff000, links=links, cores=() if links else (9, 10, 11))
            for core in (9, 10, 11, 12):
                board.start(x, y, core, program("receive"))
            for core in range(1, 8):
                board.start(x, y, core, program("send"), w0=0x1000 * ((i + core) % 4 + 1), w1=2000, w2=1, w3=100 + 10 * core)
        board.faults({**EVERYTHING, "seed": seed})
        board.run(2e-3)
        counts = board.fault_counts()
        sent, delivered = board.packets("sent")["mc"], board.packets("delivered")["mc"]
        return board.state_hash(), counts, sent, delivered


def test_the_same_seed_is_the_same_run_on_one_thread_and_two():
    first = busy_run(1, 11)
    assert all(first[1][kind] for kind in KINDS)
    assert first == busy_run(1, 11) == busy_run(2, 11)
    other = busy_run(2, 12)
    assert other[0] != first[0] and other[1] != first[1]


def test_the_balance_holds_whatever_happens():
    """Packets sent times three, when what is on its way has arrived: senders end, and what is held back comes."""
    chips = ((0, 0), (1, 0), (0, 1), (1, 1))
    with DirectMachine("spinn3") as board:
        for i, (x, y) in enumerate(chips):
            for j, (tx, ty) in enumerate(chips):
                links = () if (x, y) == (tx, ty) else (0 if x != tx else 2,)
                board.route(x, y, j, 0x1000 * (j + 1), 0xfffff000, links=links, cores=() if links else (9, 10, 11))
            for core in (9, 10, 11):
                board.start(x, y, core, program("receive"))
            for core in range(1, 8):
                board.start(x, y, core, program("send"), w0=0x1000 * ((i + core) % 4 + 1), w1=1000, w2=1, w3=100 + 10 * core)
        board.faults({**EVERYTHING, "packets": [{"kind": "lose", "to_core": (0, 0, 9), "rate": 0.1}], "seed": 13})
        board.run(2e-2)
        counts = board.fault_counts()
        assert counts["held"] == 0 and counts["kill_chip"] == 1 and counts["deliveries_dropped"] > 100
        missing = counts["deliveries_lost"] + counts["deliveries_dropped"] - counts["deliveries_added"]
        assert 3 * board.packets("sent")["mc"] == board.packets("delivered")["mc"] + missing


# ---------------------------------------------------------------------- deaths

def dies(death, **options):
    return run({"deaths": [{**death, "after_packets": 1000}]}, **options)


def test_a_link_dies():
    dead = dies({"link": (0, 0, 0)})
    assert dead.payloads == list(range(1000))                         # what is on the wire still arrives
    assert dead.counts["kill_link"] == 1 and dead.dropped == dead.counts["deliveries_dropped"] == 2000 and dead.balanced()
    other_end = dies({"link": (1, 0, 3)})
    assert other_end.payloads == dead.payloads
    assert dies({"link": (0, 0, 0), "both_ways": False}).payloads == dead.payloads
    assert dies({"link": (1, 0, 3), "both_ways": False}).delivered == 3000
    assert dies({"link": (0, 0, 1)}).delivered == 3000


def test_a_core_dies():
    receiver = dies({"core": (1, 0, 2)})
    assert receiver.payloads == list(range(len(receiver.payloads))) and 990 < len(receiver.payloads) <= 1000
    assert receiver.delivered == len(receiver.payloads) + 4           # so many places there are in front of it
    assert receiver.dropped == 3000 - receiver.delivered and receiver.balanced()
    sender = dies({"core": (0, 0, 1)})
    assert 1000 <= sender.sent < 1010 and sender.delivered == sender.sent and sender.balanced()
    assert dies({"core": (0, 0, 2)}).delivered == 3000


def test_a_chip_dies():
    receiver = dies({"chip": (1, 0)})
    assert receiver.payloads == list(range(len(receiver.payloads))) and 990 < len(receiver.payloads) <= 1000
    assert receiver.counts["deliveries_lost"] + receiver.dropped == 3000 - receiver.delivered and receiver.balanced()
    sender = dies({"chip": (0, 0)}, delay=0)
    assert 1000 <= sender.sent < 1010 and sender.balanced()
    assert sender.counts["deliveries_lost"] == sum(sender.vanished_at.values()) > 0    # packets that were in it
    assert dies({"chip": (1, 1)}).delivered == 3000


def test_parts_that_die_now(board):
    connect(board)
    board.start(1, 0, 2, program("receive"))
    board.start(0, 0, 1, program("send"), w0=KEY, w3=50)
    board.run(1e-4)
    before = board.read_word(1, 0, 2, 16)
    board.faults({"deaths": [{"core": (1, 0, 2)}]}, more=True)
    board.run(1e-4)
    assert before > 10 and board.read_word(1, 0, 2, 16) == before
    assert board.fault_counts()["kill_core"] == 1


def test_a_dead_core_cannot_be_started_again(board):
    board.faults({"deaths": [{"core": (0, 0, 1)}]})
    board.start(0, 0, 1, program("send"), w0=KEY)
    board.start(0, 0, 2, program("send"), w0=KEY)
    board.run(1e-4)
    assert board.read_word(0, 0, 1, 16) == 0 and board.read_word(0, 0, 2, 16) > 10


@pytest.mark.parametrize("factor", [1, 2.5, 300])
def test_a_slow_core(factor):
    """Instructions and accesses take longer, to the cycle; the timer that says so keeps its pace."""
    def cycles(faults):
        with DirectMachine("spinn3") as board:
            board.faults(faults)
            board.start(0, 0, 1, program("access"), w0=0x60000000, w1=0)
            board.run(1e-2)
            return board.read_word(0, 0, 1, 20)
    normal = cycles({})
    assert abs(cycles({"slow": [{"core": (0, 0, 1), "factor": factor}]}) - factor * normal) < 1
    assert cycles({"slow": [{"core": (0, 0, 2), "factor": factor}]}) == normal
