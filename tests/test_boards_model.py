"""Machines of many boards: every figure of the model against one worked out by hand."""
from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dlgraph.mapping.cost import MEASURED
from spinnemu import boards

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
sys.path.append(str(BENCHMARKS))

import boards_model  # noqa: E402
import part_of_board  # noqa: E402
from boards_model import Copy  # noqa: E402

#: 20,000 cycles a sample, 256 samples of each board, 100,000 parameters, of which a core updates 3,000.
COPY = Copy(20_000.0, 256, 100_000, 3_000, 200, 5_000.0)


@pytest.fixture(autouse=True)
def costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those by which the cases were worked out, whatever the cost model has now."""
    monkeypatch.setattr(boards_model, "MEASURED", replace(MEASURED, receive=60.0, send=40.0, sample=1_000.0))


def test_the_hardware_is_that_of_the_emulator() -> None:
    """48 chips, 48 links that leave the board, 8 of them on each of its six sides."""
    chips = boards.chips("spinn5")
    leaving = [1 for x, y in chips for link in range(boards.LINKS) if boards.neighbour("spinn5", x, y, link) is None]
    assert len(chips) == boards_model.CHIPS and boards.CORES == boards_model.CORES_OF_CHIP
    assert len(leaving) == 48 and boards_model.RING_LINKS == 2 * len(leaving) // 6
    timing = (BENCHMARKS.parent / "emulator" / "src" / "timing.h").read_text(encoding="utf-8")
    assert f"#define FPGA_LINK_PACKET_PAYLOAD {boards_model.LINK_CYCLES}\n" in timing


def test_a_torus_is_nearly_square() -> None:
    assert [boards_model.torus(n) for n in (1, 2, 4, 6, 12, 1024, 1200)] == [
        (1, 1), (1, 2), (2, 2), (2, 3), (3, 4), (32, 32), (30, 40)]


def test_one_board_exchanges_nothing() -> None:
    """256 samples in 256 x 20,000 cycles of 5 ns, 25.6 ms: 10,000 samples/s.  (26.84 + 200 x 0.034) W, 33.64 W: 3.364 mJ each, and
    5,000 packets of 1.8 nJ: 9 uJ."""
    one = boards_model.expected(COPY, 1)
    assert one.exchange.cycles == 0 and one.samples_per_s == pytest.approx(10_000)
    assert one.joules_per_sample == pytest.approx(3.364e-3 + 9e-6)
    assert (one.cores, one.batch, one.bound) == (864, 256, "the batch on each board")


def test_four_boards() -> None:
    """Each sends 2 x 3/4 x 100,000 words over 16 links of 128 cycles: 1.2 million cycles; its fullest core receives and sends
    2 x 3/4 x 3,000 words of 100 cycles: 450,000; 4 steps of 1,000.  1,204,000 and 5,120,000 cycles: 31.62 ms for 1,024 samples."""
    four = boards_model.expected(COPY, 4)
    assert four.exchange == boards_model.Exchange(1_200_000, 450_000, 4_000) and four.exchange.cycles == 1_204_000
    assert four.samples_per_s == pytest.approx(1024 / 0.03162)
    # 4 x 33.64 W x 31.62 ms; 1,024 x 5,000 packets, and 2 x 3 x 100,000 words past 8 routers, of 1.8 nJ
    joules = 4 * 33.64 * 0.03162 + (1024 * 5_000 + 600_000 * 8) * 1.8e-9
    assert four.joules_per_sample == pytest.approx(joules / 1024)


def test_factors_are_of_their_part() -> None:
    """Twice 5,120,000 and half of 1,204,000 cycles."""
    found = boards_model.expected(COPY, 4, 2.0, 0.5)
    assert found.samples_per_s == pytest.approx(1024 * 200e6 / (10_240_000 + 602_000))


def test_what_most_time_goes_to() -> None:
    """A sample a board: 20,000 cycles of work; the links have 1.6 million of 1,024 boards."""
    alone = Copy(20_000.0, 1, 100_000, 3_000, 200, 5_000.0)
    assert boards_model.expected(alone, 1024).bound == "links between boards"
    cores = Copy(20_000.0, 1, 100_000, 90_000, 200, 5_000.0)
    assert boards_model.expected(cores, 1024).bound == "cores, to receive and send gradients"


def test_a_million_cores() -> None:
    assert boards_model.expected(COPY, 1200).cores == 1_036_800


def test_chips_that_are_left_hang_together() -> None:
    for n in range(1, 49):
        kept = part_of_board.nearest_chips(n)
        assert len(set(kept)) == n and kept[0] == (0, 0)
        for at, chip in enumerate(kept[1:], 1):
            assert any(boards.neighbour("spinn5", *chip, link) in kept[:at] for link in range(boards.LINKS))


def test_the_front_end_is_told_what_to_leave_out() -> None:
    assert part_of_board.left_out(48) == {}
    assert len(part_of_board.left_out(4)["down_chips"].split(":")) == 44
    one = part_of_board.left_out(1)
    assert len(one["down_chips"].split(":")) == 46
    # 15 - 3 of the system and 5 - 2: as many as a chip has for vertices, 18 - 3
    assert one["down_cores"] == "0,0,15-17:1,0,5-17" and (15 - 3) + (5 - 2) == 18 - 3
    with pytest.raises(ValueError, match="1 to 48"):
        part_of_board.left_out(49)


def test_bars_are_what_the_cost_model_was_off_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """1.5 times on 4 chips, 2 on 8, 1.25 on a board, which has 8,000 samples/s instead of 10,000 then."""
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    import scaling

    rows = [{"chips": n, "error": None, "cycles_per_sample": cycles, "predicted": 20_000.0}
            for n, cycles in ((4, 30_000.0), (8, 40_000.0), (48, 25_000.0))]
    assert scaling.off_by(rows) == scaling.OffBy(1.25, 1.25, 2.0) and scaling.off_by(rows[:2]) is None
    row = scaling._row("grows", COPY, 1, scaling.OffBy(1.0, 1.25, 2.0))
    assert row["samples_per_s"] == pytest.approx({"expected": 8_000, "least": 5_000, "most": 10_000})
    assert row["joules_per_sample"]["least"] == pytest.approx(3.364e-3 + 9e-6)
    assert row["joules_per_sample"]["most"] == pytest.approx(2 * 3.364e-3 + 9e-6)
