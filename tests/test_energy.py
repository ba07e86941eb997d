"""The energy of a run against cases worked out by hand, and the constants against SpiNNMachine's."""
import pytest

from dlgraph import energy as e


def test_idle_board():
    """10 s of an idle board: 268.4 J; nothing else."""
    result = e.energy("spinn5", 10, 0, 0, 0)
    assert result.board_idle == pytest.approx(268.4)
    assert result.total == result.board_idle


def test_busy_board():
    """768 cores for one second: 26.84 + 26.112 = 52.952 J."""
    assert e.energy("spinn5", 1, 768, 768, 0).total == pytest.approx(52.952)


def test_small_board():
    """Half a second of a 4-chip board with 60 network cores and 9 of the system: 1.78 + 1.173 = 2.953 J."""
    assert e.system_cores("spinn3") == 9
    assert e.energy("spinn3", 0.5, 60 + e.system_cores("spinn3"), 0, 0).total == pytest.approx(2.953)


def test_packets():
    """40 bits at 25 pJ are 1 nJ, 72 bits are 1.8 nJ."""
    result = e.energy("spinn5", 0, 0, 0, n_routed_with_payload=1_000_000, n_routed=1_000_000)
    assert result.packets == pytest.approx(2.8e-3)
    assert result.total == result.packets


def test_sleeping_cores_cost_as_much():
    """100 cores for 2 s, a quarter of the time awake: 6.8 J in the total, 1.7 J shown beside it."""
    result = e.energy("spinn5", 2, 100, 50, 0)
    assert result.cores == pytest.approx(6.8)
    assert result.cores_awake == pytest.approx(1.7)
    assert result.total == pytest.approx(2 * 26.84 + 6.8)


def test_per_sample():
    """60,000 samples in 6 s on 400 cores with 2e9 routed packets: (161.04 + 81.6 + 3.6) / 60,000 J."""
    result = e.energy("spinn5", 6, 400, 0, 2_000_000_000).per_sample(60_000)
    assert result.total == pytest.approx(4.104e-3)
    assert result.packets == pytest.approx(60e-6)


def test_share_of_the_board_that_is_used():
    """12 of 48 chips with 100 network cores for 10 s: a quarter of 268.4 J = 67.1 J; of 197 loaded cores, which take 66.98 J, the
    100, 2 x 12 and 1, 125 x 0.34 J = 42.5 J; all of the packets, 1.8 J."""
    whole = e.energy("spinn5", 10, 100 + e.system_cores("spinn5"), 0, 1_000_000_000)
    assert whole.total == pytest.approx(268.4 + 66.98 + 1.8)
    share = e.share_used(whole, "spinn5", 12, 100)
    assert (share.board_idle, share.cores, share.packets) == pytest.approx((67.1, 42.5, 1.8))


def test_a_machine_of_eight_chips():
    """Of a board's 208 loaded cores 111 are the network's; a machine of 8 chips has those, 2 x 8 and 1: 128.  A sixth of 26.84 W,
    4.4733 W, and 128 x 0.034 W, 4.352 W, for 2 s."""
    whole = e.energy("spinn5", 2, 111 + e.system_cores("spinn5"), 0, 0)
    share = e.share_used(whole, "spinn5", 8, 111)
    assert share.board_idle == pytest.approx(8.9467, rel=1e-4) and share.cores == pytest.approx(8.704)


def test_one_sample_alone_costs_the_board_for_as_long_as_it_takes():
    """234 us of 26.84 W and 208 x 0.034 W, 33.912 W: 7.935 mJ, and 20,000 packets past a router, 36 uJ."""
    assert e.energy("spinn5", 234e-6, 208, 0, 20_000).per_sample(1).total == pytest.approx(7.971e-3, rel=1e-3)


def test_a_whole_board_is_its_own_share():
    whole = e.energy("spinn5", 3, 700 + e.system_cores("spinn5"), 0, 1_000)
    assert e.share_used(whole, "spinn5", 48, 700) == whole


def test_constants_are_the_published_ones():
    from spinn_machine.version.version_3 import Version3
    from spinn_machine.version.version_5 import Version5

    assert e.WATTS_IDLE == {"spinn5": Version5.WATTS_FOR_48_CHIP_BOARD_IDLE_COST,
                            "spinn3": Version3.WATTS_FOR_4_CHIP_BOARD_IDLE_COST}
    assert e.WATTS_PER_CORE == Version5.WATTS_PER_CORE_ACTIVE_OVERHEAD
    assert e.JOULES_PER_ROUTER_BIT * e.BITS_OF_PACKET == Version5.JOULES_PER_PACKET
    assert e.JOULES_PER_ROUTER_BIT * e.BITS_OF_PACKET_WITH_PAYLOAD == Version5.JOULES_PER_PACKET_WITH_PAYLOAD


def test_several_boards():
    """Three idle boards for a second take 80.52 J, and 3 x 97 cores of the system 9.894 J; a share of 48 of 144 chips a third."""
    assert e.system_cores("spinn5", 3) == 291
    whole = e.energy("spinn5", 1, 100 + e.system_cores("spinn5", 3), 0, 0, boards=3)
    assert (whole.board_idle, whole.cores) == pytest.approx((80.52, 13.294))
    share = e.share_used(whole, "spinn5", 48, 100, boards=3)
    assert (share.board_idle, share.cores) == pytest.approx((26.84, 13.294 * 197 / 391))
