"""Where cycles go: counted to the cycle, by groups of addresses, and nothing else changes."""
import pytest
from machine_support import program, spinnemu

from spinnemu.direct import DirectMachine
from spinnemu.profile import GROUPS, CodeGroups, profile_text

#: The places of programs/profiled.S; a fast interrupt's vector belongs to its handler.
ARM, THUMB, SDRAM, HANDLER, WAIT, SLEEP = range(1, 7)
START = 0x400
PLACES = [*((START + 0x100 * group, START + 0x100 * (group + 1), group) for group in (ARM, THUMB, SDRAM, HANDLER, WAIT, SLEEP)),
          (0x1c, 0x20, HANDLER)]
LOCAL_WRITE, SDRAM_READ = 5, 40              # src/timing.h
TURNS, INTERRUPTS, BETWEEN = 1000, 9, 5000
EXPECTED = {
    ARM: 4 * TURNS + 2, THUMB: 47, SDRAM: 1 + 3 * (1 + SDRAM_READ) + 3,
    HANDLER: INTERRUPTS * (3 + 3 + 1 + 1 + LOCAL_WRITE + 1 + 3),         # entry, vector, handler
    SLEEP: 5 * INTERRUPTS - 2 + 1 + 1 + LOCAL_WRITE + 1,
}


def start(board, core=(0, 0, 1), interrupts=INTERRUPTS):
    board.start(*core, program("profiled"), w0=TURNS, w2=interrupts, w3=BETWEEN)


def run(profiled=True, threads=1, cores=((0, 0, 1),), slow=1, parts=1):
    """The counts of the first core, and the machine's fingerprint."""
    with DirectMachine("spinn3", threads) as board:
        if slow != 1:
            board.faults({"slow": [{"core": core, "factor": slow} for core in cores]})
        for core in cores:
            start(board, core)
        if profiled:
            board.start_profile([CodeGroups(PLACES, cores[::2]), CodeGroups(PLACES, cores[1::2])])
        awake = board.awake(*cores[0])
        for _ in range(parts):
            board.run(1e-3 / parts)
        counted = [board.profile(*core) for core in cores] if profiled else []
        if profiled:
            assert counted[0].awake == board.awake(*cores[0]) - awake
            assert counted[0].total == board.cycles
        return counted, board.state_hash(), board.awake(*cores[0])


def test_cycles_by_hand():
    (counted,), _, _ = run()
    assert {group: counted.groups[group] for group in EXPECTED} == EXPECTED
    assert sum(counted.groups[SLEEP + 1:]) == 0 and 0 < counted.groups[0] < 100 and 0 < counted.groups[WAIT] < 100
    assert counted.asleep == 200_000 - sum(counted.groups)


def test_slices_do_not_matter():
    (many,), _, _ = run(parts=97)
    (one,), _, _ = run(parts=1)
    assert many.groups == one.groups


def test_slow_cores_are_counted_as_slow():
    (counted,), _, awake = run(slow=3)
    assert counted.groups[ARM] == 3 * EXPECTED[ARM] and counted.awake == awake


ALL = tuple((x, y, core) for x in range(2) for y in range(2) for core in range(1, 18))


def test_nothing_else_changes():
    """States and times of all cores, on one thread and on two."""
    assert len({run(profiled, threads, ALL)[1:] for profiled in (False, True) for threads in (1, 2)}) == 1


def test_every_core_counts_for_itself():
    counted, _, _ = run(threads=2, cores=ALL)
    assert all(core == counted[0] for core in counted)


def packets(profiled):
    """A core that polls for packets, and one that sends them; both meet devices and each other."""
    with DirectMachine("spinn3") as board:
        board.route(0, 0, 0, 0x1000, 0xfffff000, cores=(2,))
        board.start(0, 0, 2, program("receive"))
        board.start(0, 0, 1, program("send"), w0=0x1000, w2=1, w3=20)
        if profiled:
            board.start_profile([CodeGroups([(START, START + 0x100, 1)], [(0, 0, 1), (0, 0, 2)])])
        board.run(1e-3)
        if profiled:
            assert all(board.profile(0, 0, core).groups[1] == board.awake(0, 0, core) > 199_000 for core in (1, 2))
        return board.packets("delivered"), board.read_word(0, 0, 2, 24), board.state_hash()


def test_packets_come_at_the_same_cycle():
    assert packets(True) == packets(False)


def test_a_new_profile_begins_from_zero_and_an_end_forgets():
    with DirectMachine("spinn3") as board:
        start(board)
        board.start_profile([CodeGroups(PLACES, [(0, 0, 1)])])
        board.run(5e-4)
        before = board.profile(0, 0, 1)
        board.start_profile([CodeGroups([], [(0, 0, 1)])])
        board.run(5e-4)
        after = board.profile(0, 0, 1)
        assert before.groups[ARM] and not after.groups[ARM] and after.awake == after.groups[0]
        assert before.total + after.total == board.cycles and before.awake + after.awake == board.awake(0, 0, 1)
        board.stop_profile()
        board.run(1e-4)
        with pytest.raises(ValueError, match="not profiled"):
            board.profile(0, 0, 1)


@pytest.mark.parametrize("first, last, between", [(ARM, SLEEP, (ARM, THUMB, SDRAM, WAIT)), (THUMB, SDRAM, (THUMB,)), (SDRAM, None, (
    SDRAM, HANDLER, WAIT, SLEEP)), (None, SDRAM, (0, ARM, THUMB))])
def test_only_between_two_places(first, last, between):
    """What comes before and behind is not counted, neither awake nor asleep."""
    (whole,), state, _ = run()
    with DirectMachine("spinn3") as board:
        start(board)
        first, last = (None if place is None else START + 0x100 * place for place in (first, last))
        board.start_profile([CodeGroups(PLACES, [(0, 0, 1)], first, last)])
        board.run(1e-3)
        told = board.profile(0, 0, 1)
        assert board.state_hash() == state
    assert told.groups == tuple(cycles if group in between else 0 for group, cycles in enumerate(whole.groups))
    assert told.total == (told.awake if last else 200_000 - sum(whole.groups[group] for group in (0, ARM, THUMB)))


def test_counted_again_and_again():
    """From each time that the handler is entered, to the loop's next turn behind it."""
    with DirectMachine("spinn3") as board:
        start(board)
        board.start_profile([CodeGroups(PLACES, [(0, 0, 1)], START + 0x100 * HANDLER, START + 0x100 * SLEEP)])
        board.run(1e-3)
        told = board.profile(0, 0, 1)
    assert told.groups[HANDLER] == INTERRUPTS * (1 + 1 + LOCAL_WRITE + 1 + 3)
    assert told.groups[SLEEP] == (INTERRUPTS - 1) * (1 + 3) + 1 + 1 + 1 + 1 + LOCAL_WRITE + 1       # the last goes on to the end
    assert told.asleep > 100_000


@pytest.mark.parametrize("programs, said", [
    ([], "1 to 64 programs"), ([CodeGroups([], [])] * 65, "not 65"),
    ([CodeGroups([], [(2, 0, 1)])], r"\(2, 0, 1\) is no core of a spinn3 board"),
    ([CodeGroups([], [(0, 0, 18)])], "cores from 0 to 17"),
    ([CodeGroups([], [(0, 0, 1)]), CodeGroups([], [(0, 0, 1)])], "two programs"),
    ([CodeGroups([(1, 4, 0)], [])], "even addresses"), ([CodeGroups([(4, 4, 0)], [])], "even addresses"),
    ([CodeGroups([(0, 0x8002, 0)], [])], "in ITCM"), ([CodeGroups([(0, 4, GROUPS)], [])], "groups 0 to 31"),
    ([CodeGroups([(0, 8, 1), (4, 12, 2)], [])], "must not overlap"),
    ([CodeGroups([], [], 3)], "0x3 is no instruction's address"), ([CodeGroups([], [], None, 0x8000)], "even one in ITCM"),
    ([CodeGroups([(4 * i, 4 * i + 4, i % 2) for i in range(8192)], [])], "too many"),
])
def test_what_cannot_be_profiled(programs, said):
    with pytest.raises(ValueError, match=said):
        profile_text(programs, "spinn3")


@pytest.mark.parametrize("text", ["", ".", "|", "|.", "|1.", "4 1|1 1", "4 1|1 1;.", "4 1 4 1|1 1.", "3 1|1 1.", "32770 1|1 1.", "4 32|1 1.",
                                  "4|1 1.", "4 1|1 1 0 0.", "4 1|1 1 9 9 1.", "4 1|1 1 0 0 18.", "|1 1 0 0 1 0 0 1.", "-4 1|1 1.",
                                  "4 1|1 1.x", "4 1|1 32769.", "4 1|1 -1.", "99999999999999999999 1|1 1."])
def test_the_engine_reads_nothing_else(text):
    """It is told by a pipe, and checks what comes."""
    with DirectMachine("spinn3") as board:
        assert board._engine.direct_profile_start(board._machine, text.encode())
        assert not board._engine.direct_profile_start(board._machine, b"4 1 8 2 |1 1 0 0 1.")


def test_a_machine_of_its_own_process():
    with spinnemu.Machine("spinn3", boot=False) as machine:
        with pytest.raises(spinnemu.EmulatorError, match="no profile"):
            machine.profile()
        machine.start_profile([CodeGroups([(0, 8, 1)], [(1, 1, 3)])])
        told = machine.profile()
        assert list(told.cores) == [(1, 1, 3)] and told.cores[1, 1, 3].total == told.cycles and told.cores[1, 1, 3].awake == 0
        machine.stop_profile()
