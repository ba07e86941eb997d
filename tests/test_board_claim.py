"""Two programs and one board: who gets it, what the other one is told, and what is left when one of them is killed."""
from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import Any, Iterator

import pytest
from board_fake import ALLOC, IDLE, NNP, SDRAM, BoardFake
from spinnemu.machine import free_address

from dlgraph.board import __main__, applications, claim, owner, scamp
from dlgraph.board.claim import RECORD_BYTES, Share
from dlgraph.errors import MachineError

ELSEWHERE = bytes(range(16))


@pytest.fixture
def board() -> Iterator[BoardFake]:
    with BoardFake(free_address()) as fake:
        yield fake


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    for module, name, seconds in ((claim, "BEAT_SECONDS", 0.05), (claim, "SILENT_SECONDS", 1.0), (claim, "_LOOK_SECONDS", 0.02),
                                  (claim, "_UNWRITTEN_SECONDS", 1.0), (scamp, "_SECONDS", 0.05),
                                  (applications, "_STOP_SECONDS", 0.2)):
        monkeypatch.setattr(module, name, seconds)


def another(**changes: Any) -> owner.Owner:
    """A program that is not this one: that which started it."""
    parent = os.getppid()
    given = {"token": b"another program!", "process": parent, "started": owner._start_of(parent), "user": "alice", "host": "lab3"}
    return replace(owner.this_process(), **{**given, **changes})


def gone_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        return process.pid


def give(board: BoardFake, to: owner.Owner | None) -> None:
    """The board has a record; None for one that nobody has written yet."""
    with scamp.Scamp(board.address) as commands:
        assert claim._allocate(commands) == SDRAM
        commands.write(SDRAM, bytes(RECORD_BYTES) if to is None else to.packed())


def owner_on(board: BoardFake) -> owner.Owner | None:
    return owner.unpacked(board.get(SDRAM, RECORD_BYTES)) if board.records else None


def test_a_board_is_ours_and_given_back(board) -> None:
    share = Share(board.address)
    mine = owner_on(board)
    assert mine is not None and mine.process == os.getpid() and mine.is_of_this_process() and mine.is_there()
    deadline = time.monotonic() + 5
    while owner_on(board).beats < 2:                                  # type: ignore[union-attr]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    board.run(3, b"dlgraph_input_s")                                  # what the run did not stop
    share.give_back()
    assert board.records == [] and board.states[3] == IDLE and not any(board.get(SDRAM, RECORD_BYTES))
    share = Share(board.address)
    share.give_back()


def test_the_second_program_is_told_who_has_it(board) -> None:
    give(board, another())
    asked = board.asked.total()
    with pytest.raises(MachineError) as refusal:
        Share(board.address)
    for words in (board.address, "in use", f"alice on lab3 (process {os.getppid()}) since 20", "dlgraph.Emulated()"):
        assert words in str(refusal.value)
    assert owner_on(board) == another(since=owner_on(board).since)    # type: ignore[union-attr]
    assert board.asked.total() - asked < 10 and not board.asked[NNP]


def test_a_killed_program_locks_nobody_out(board, monkeypatch) -> None:
    monkeypatch.setattr(claim, "SILENT_SECONDS", 60.0)
    give(board, another(process=gone_process()))
    board.run(1, b"dlgraph_input_s")
    started = time.monotonic()
    share = Share(board.address)
    assert time.monotonic() - started < 30                            # no need to wait for signs of life
    assert owner_on(board).is_of_this_process() and board.states[1] == IDLE       # type: ignore[union-attr]
    share.give_back()
    assert board.records == []


def test_a_process_number_used_again_is_another_process(board) -> None:
    give(board, another(started=1))
    Share(board.address).give_back()


def test_a_process_that_cannot_be_seen_may_be_there(monkeypatch) -> None:
    there, gone = another(), another(process=gone_process())
    monkeypatch.setattr(owner, "_start_of", lambda process: None)
    assert there.is_there() is None and gone.is_there() is False


@pytest.mark.parametrize("computer", [ELSEWHERE, bytes(16)])
def test_an_owner_elsewhere_is_there_while_it_counts(board, computer) -> None:
    there = another(computer=computer)
    give(board, there)
    end = threading.Event()

    def count() -> None:
        beats = 0
        while not end.wait(0.1):
            beats += 1
            board.put(SDRAM + owner.BEATS_OFFSET, beats.to_bytes(4, "little"))

    counting = threading.Thread(target=count)
    counting.start()
    with pytest.raises(MachineError, match=r"alice on lab3 \(process \d+\)"):
        Share(board.address)
    end.set()
    counting.join()
    Share(board.address).give_back()                                  # silent by now


def test_a_record_that_nobody_wrote(board) -> None:
    """Somebody was killed, or is about to write it."""
    give(board, None)
    share = Share(board.address)
    assert owner_on(board).is_of_this_process()                       # type: ignore[union-attr]
    share.give_back()
    give(board, None)
    threading.Timer(0.1, board.put, (SDRAM, another().packed())).start()
    with pytest.raises(MachineError, match="alice on lab3"):
        Share(board.address)


def test_lost_datagrams(board) -> None:
    """A repeated request for the record is answered with the same one, not taken for somebody else's."""
    for one_lost_in in (2, 3, 5):
        board.one_lost_in = one_lost_in if one_lost_in > 2 else 0
        share = Share(board.address)
        assert board.records == [SDRAM]
        share.give_back()
        assert board.records == []
    assert board.asked[ALLOC] > 6


def test_programs_of_others_are_not_stopped(board) -> None:
    board.run(2, b"extra_monitor_support")
    board.run(5, b"c_main")
    with pytest.raises(MachineError) as refusal:
        Share(board.address)
    for words in ("other than dlgraph", "2 of its cores", "c_main, extra_monitor_s",
                  f"python -m dlgraph.board {board.address} --free"):
        assert words in str(refusal.value)
    assert board.records == [] and not board.asked[NNP]


def test_programs_that_do_not_stop(board) -> None:
    give(board, another(process=gone_process()))
    board.run(4, b"c_main")
    board.stubborn = True
    with pytest.raises(MachineError, match=r"1 cores.*do not stop.*chip \(0, 0\) core 4.*off and on"):
        Share(board.address)
    assert board.records == []


def test_networks_of_one_program_share(board) -> None:
    first, second = Share(board.address), Share(board.address)
    assert board.records == [SDRAM]
    first.give_back()
    assert owner_on(board).is_of_this_process()                       # type: ignore[union-attr]
    second.keep()
    second.give_back()
    assert board.records == []


def test_a_copy_of_the_process_does_not_give_it_back(board) -> None:
    share = Share(board.address)
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            share.give_back()
        os._exit(0)
    os.waitpid(child, 0)
    assert board.records == [SDRAM]
    share.give_back()


@pytest.mark.parametrize("taken", [False, True])
def test_a_board_that_was_lost_is_claimed_anew(board, taken) -> None:
    """It was booted meanwhile, and perhaps taken."""
    share = Share(board.address)
    share.keep()
    board.power_on()
    board.put(SDRAM, bytes(RECORD_BYTES))
    if taken:
        give(board, another())
        with pytest.raises(MachineError, match="alice on lab3"):
            share.keep()
        share.give_back()
        assert owner_on(board).user == "alice"                        # type: ignore[union-attr]
        return
    share.keep()
    assert owner_on(board).is_of_this_process()                       # type: ignore[union-attr]
    share.give_back()
    assert board.records == []


def test_an_owner_that_lost_the_board_writes_nothing_on_it(board) -> None:
    share = Share(board.address)
    give_up = claim._held[share._key].claim
    board.power_on()
    board.put(SDRAM, bytes(range(RECORD_BYTES)))
    give_up._beating.join(5)
    assert give_up.lost
    share.give_back()
    assert board.get(SDRAM, RECORD_BYTES) == bytes(range(RECORD_BYTES))


def test_a_board_that_is_gone_can_be_given_back(board) -> None:
    share = Share(board.address)
    board.close()
    started = time.monotonic()
    share.give_back()
    assert time.monotonic() - started < 10


def test_what_is_written_on_the_board_is_not_trusted() -> None:
    record = another(user="a\x1b[2Jb\n", host="").packed()
    read = owner.unpacked(record)
    assert read is not None and (read.user, read.host) == ("a?[2Jb?", "?")
    assert owner.unpacked(bytes(RECORD_BYTES)) is None
    assert owner.unpacked(record[:120] + b"\xff" * (RECORD_BYTES - 120)) is not None
    assert "\N{SNOWMAN}" in str(another(user="\N{SNOWMAN}" * 40))


def test_the_command(board, capsys) -> None:
    assert __main__.main([board.address]) == 0
    assert "no program that uses dlgraph has it" in capsys.readouterr().out
    give(board, another())
    board.run(1, b"dlgraph_input_s")
    assert __main__.main([board.address]) == 0
    said = capsys.readouterr().out
    assert "alice on lab3" in said and "cores with programs: 1 (dlgraph_input_s)" in said and board.records
    assert __main__.main([board.address, "--free"]) == 0
    assert board.records == [] and board.states[1] == IDLE
    board.close()
    assert __main__.main([board.address]) == 1
    assert board.address in capsys.readouterr().err
