"""Which machine is meant, and whether it is there; no board, no emulator."""
from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest
import spinnemu
from board_fake import BoardFake
from spalloc_fake import SpallocFake
from spinnemu.machine import free_address

from dlgraph import reachability
from dlgraph.errors import MachineError
from dlgraph.machines import Board, Emulated, Spalloc, configured_machine, default_machine, resolve


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch, tmp_path) -> Path:
    """The user's own machine does not matter here."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("DLGRAPH_MACHINE", raising=False)
    return tmp_path


@pytest.mark.parametrize("make, words", [
    (lambda: Emulated(boards=2), ["boards=2", "boards=1", "boards=3", "dlgraph.Spalloc("]),
    (lambda: Emulated(boards=True), ["boards=True"]), (lambda: Emulated(boards=0), ["boards=0", "boards=3"]),
    (lambda: Emulated(boards="3"), ["boards='3'", "boards=3"]),
    (lambda: Emulated(boards=3, board="spinn3"), ["boards=3", "board='spinn3'", "board='spinn5'"]),
    (lambda: Emulated(boards=3, faults={"deaths": [{"chip": (12, 0)}]}), ["chip=(12, 0)", "not a place"]),
    (lambda: Emulated(faults={"deaths": [{"chip": (11, 0)}]}), ["chip=(11, 0)", "48 chips"]),
    (lambda: Emulated(threads=3), ["threads=3", "1 or 2"]), (lambda: Emulated(threads=True), ["threads=True"]),
    (lambda: Emulated(board="spinn6"), ["'spinn6'", "'spinn5'", "'spinn3'"]),
    (lambda: Emulated(address="127.0.0.1"), ["127.0.0.1", "127.x.y.z"]),
    (lambda: Emulated(address="10.0.0.1"), ["10.0.0.1", "loopback"]),
    (lambda: Emulated(faults={"drop": 2}), ["drop=2", "probability", "drop=0.01"]),
    (lambda: Emulated(faults={"dorp": 0.1}), ["'dorp'", "Did you mean 'drop'?"]),
    (lambda: Emulated(board="spinn3", faults={"deaths": [{"chip": (2, 0)}]}), ["chip=(2, 0)", "spinn3", "4 chips"]),
    (lambda: Emulated(faults=0.1), ["faults=0.1", "dictionary"]),
    (lambda: Emulated(profile=1), ["profile=1", "True"]),
    (lambda: Board(""), ["hostname=''"]), (lambda: Board(None), ["hostname=None"]),
    (lambda: Board("a", board="x"), ["board='x'"]), (lambda: Board("a\0b"), [r"'a\x00b'", "plain text"]),
    (lambda: Spalloc("spalloc://server:99999", user="me"), ["spalloc://server:99999", "Port", "spalloc://user@host:port"]),
    (lambda: Spalloc("[server", user="me"), ["'[server'", "https://host"]),
    (lambda: Spalloc("server"), ["server", "user='you@example.org'"]),
    (lambda: Spalloc("server", port=0, user="me"), ["port=0", "22244"]),
    (lambda: Spalloc("server", port="a", user="me"), ["port='a'"]),
    (lambda: Spalloc("server", user="me", boards=0), ["boards=0", "1 to 1200", "boards=3"]),
    (lambda: Spalloc("server", user="me", boards="3"), ["boards='3'"]),
    (lambda: Spalloc("server", user="me", boards=1201), ["boards=1201"]),
    (lambda: Spalloc("", user="me"), ["server=''"]),
    (lambda: resolve("spinn-1"), ["'spinn-1'", "dlgraph.Board('spinn-1')"]),
    (lambda: resolve(3), ["machine=3", "dlgraph.Emulated()"]),
])
def test_wrong_machines_are_refused(make, words) -> None:
    with pytest.raises(MachineError) as refusal:
        make()
    for word in words:
        assert word in str(refusal.value)


def test_faults_are_what_the_emulator_is_told() -> None:
    faults = {"drop": 1e-4, "duplicate": 1e-3, "reorder": 1e-3, "datagram_loss": 0.02, "seed": 7}
    machine = Emulated(boards=1, faults=faults)
    assert machine.faults == spinnemu.Faults(**faults) == machine.target().faults
    assert machine == Emulated(faults=machine.faults) and machine != Emulated() and len({machine, Emulated()}) == 2


def test_options_for_the_graph_front_end() -> None:
    assert Board("spinn-1").target().options == {"version": "5", "machine_name": "spinn-1"}
    assert Board("spinn-1", board="spinn3").target().options == {"version": "3", "machine_name": "spinn-1"}
    assert Spalloc("server", user="me@here", machine="big").target().options == {
        "version": "5", "spalloc_server": "server", "spalloc_port": "22244", "spalloc_user": "me@here",
        "spalloc_machine": "big"}
    assert Spalloc("spalloc://me@server:99").target().options["spalloc_server"] == "spalloc://me@server:99"


def test_boards_are_asked_for() -> None:
    lent = Spalloc("server", user="me@here", boards=6).target()
    assert (lent.boards, lent.boards_to_ask_for) == (6, 6) and lent.description.startswith("machine of 6 SpiNN-5 boards of")
    assert Spalloc("server", user="me@here").target().boards_to_ask_for == 1
    emulated = Emulated(boards=3).target()
    assert (emulated.boards, emulated.boards_to_ask_for) == (3, None)
    assert emulated.description == "emulated machine of 3 SpiNN-5 boards"


def test_what_is_emulated_says_so() -> None:
    assert resolve(Emulated()).emulated and resolve(Emulated(board="spinn3")).description == "emulated SpiNN-3 board"
    assert Board("127.0.0.5").target().emulated and "emulated" in Board("127.0.0.5").target().description
    assert not Board("spinn-1").target().emulated and "emulated" not in Board("spinn-1").target().description
    assert not Spalloc("server", user="me").target().emulated


def test_the_default_is_emulated() -> None:
    assert default_machine() == Emulated() and resolve(None).kind == "emulated"


def test_the_environment_names_a_board(monkeypatch) -> None:
    monkeypatch.setenv("DLGRAPH_MACHINE", "spinn-7")
    assert default_machine() == Board("spinn-7")
    assert resolve(Emulated()).kind == "emulated", "what the user says in the program comes first"


@pytest.mark.parametrize("text, machine", [
    ("[Machine]\nversion = 5\nmachine_name = spinn-1\n", Board("spinn-1")),
    ("[Machine]\nVersion = 3\nmachineName = spinn-1\n", Board("spinn-1", board="spinn3")),
    ("[Machine]\nversion = 5\nspalloc_server = s\nspalloc_port = 7\nspalloc_user = u\n", Spalloc("s", 7, "u")),
    ("[Machine]\nspalloc_server = s\n", Spalloc("s", user="unknown user")),
    ("[Machine]\nmachine_name = None\nversion = 5\n", None),
    ("[Machine]\nvirtual_board = True\nversion = 5\n", None),
    ("[Reports]\nreports_enabled = False\n", None), ("", None),
])
def test_the_user_s_configuration_names_a_machine(no_configuration, text, machine) -> None:
    home = no_configuration / "home" / ".spiNNakerGraphFrontEnd.cfg"
    home.write_text(text)
    assert default_machine() == (machine or Emulated())
    assert configured_machine([home]) == machine


def test_the_file_in_the_current_directory_overrides(no_configuration) -> None:
    (no_configuration / "home" / ".spiNNakerGraphFrontEnd.cfg").write_text("[Machine]\nmachine_name = far\n")
    (no_configuration / "here" / "spiNNakerGraphFrontEnd.cfg").write_text("[Machine]\nmachine_name = near\n")
    assert default_machine() == Board("near")


@pytest.mark.parametrize("text", ["no section", "[Machine]\nspalloc_server = s\nspalloc_port = x\n"])
def test_a_broken_configuration_is_one_clear_error(no_configuration, text) -> None:
    (no_configuration / "here" / "spiNNakerGraphFrontEnd.cfg").write_text(text)
    with pytest.raises(MachineError, match="configuration"):
        default_machine()


# ---------------------------------------------------------------------- is it there?

def test_a_booted_board_answers() -> None:
    with BoardFake(free_address()) as board:
        target = Board(board.address).target()
        started = time.monotonic()
        target.start()
        assert time.monotonic() - started < 1 and board.boot_packets == 0 and board.records
        target.start()
        target.stop()
        target.stop()
        assert not board.records


def test_a_board_that_is_not_booted_is_booted() -> None:
    with BoardFake(free_address(), booted=False) as board:
        target = Board(board.address).target()
        target.start()
        assert board.booted and board.boot_packets > 20
        target.stop()


def test_no_answer_at_all(monkeypatch) -> None:
    monkeypatch.setattr("dlgraph.targets.boot_board", lambda hostname, version: None)
    monkeypatch.setattr(reachability, "_TRY_SECONDS", 0.05)
    answers = reachability.board_answers
    monkeypatch.setattr("dlgraph.targets.board_answers", lambda hostname, seconds=0.2: answers(hostname, 0.2))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.203", 17893))
        with pytest.raises(MachineError, match="No answer at 127.0.0.203.*17893.*54321.*power.*dlgraph.Emulated"):
            Board("127.0.0.203").target().start()


def test_a_boot_image_that_is_refused(monkeypatch) -> None:
    """The board's power is on, perhaps, but nothing listens for the image."""
    answers = reachability.board_answers
    monkeypatch.setattr("dlgraph.targets.board_answers", lambda hostname, seconds=0.1: answers(hostname, 0.1))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.205", 17893))
        with pytest.raises(MachineError, match="No answer at 127.0.0.205.*could not be sent to UDP port 54321.*refused.*the name"):
            Board("127.0.0.205").target().start()


@pytest.mark.parametrize("software, words", [
    (b"SC&MP/SpiNNaker\0003.4.1\0", "runs SC&MP '3.4.1'.*works with SC&MP 4.*off and on"),
    (b"SC&MP/SpiNNaker", "runs SC&MP 'of unknown version'"),
    (b"BC&MP/Spin5-BMP\0002.1.0\0", "'BC&MP/Spin5-BMP', not the SC&MP.*BMP.*address of its own"),
    (b"\xff\0", "not the SC&MP"), (b"", "not the SC&MP")])
def test_a_board_with_other_software(software, words) -> None:
    with BoardFake(free_address()) as board:
        board.software = software
        with pytest.raises(MachineError, match=words):
            Board(board.address).target().start()
        assert board.boot_packets == 0 and not board.records


def test_a_host_that_answers_something_else() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as echo:
        echo.bind(("127.0.0.207", 17893))
        threading.Thread(target=lambda: echo.sendto(b"hello", echo.recvfrom(512)[1])).start()
        with pytest.raises(MachineError, match="What answers at 127.0.0.207 on UDP port 17893 is not a SpiNNaker board"):
            Board("127.0.0.207").target().start()


def test_a_host_that_is_no_board() -> None:
    with pytest.raises(MachineError, match="No answer at 127.0.0.204.*not a SpiNNaker board"):
        Board("127.0.0.204").target().start()


def test_an_unknown_name() -> None:
    with pytest.raises(MachineError, match="'no-such-board.invalid' is unknown"):
        Board("no-such-board.invalid").target().start()


# ---------------------------------------------------------------------- the emulated machine

class EmulatorError(Exception):
    """As in ``spinnemu``."""


class AddressBusyError(EmulatorError):
    """As in ``spinnemu``."""


class MachineFake:
    """``spinnemu.Machine`` without the emulator."""

    made: list[dict[str, object]] = []
    running = 0

    def __init__(self, board: str, boards: int, address: str | None, threads: int, translations: list[Path],
                 faults: object) -> None:
        MachineFake.made.append({"board": board, "boards": boards, "address": address, "threads": threads,
                                 "translations": translations, "faults": faults})
        self.address = address or "127.0.0.77"
        if self.address == "127.0.0.66":
            raise AddressBusyError("cannot listen on 127.0.0.66 port 17893")
        if self.address == "127.0.0.67":
            raise EmulatorError("no C compiler")
        MachineFake.running += 1

    def close(self) -> None:
        MachineFake.running -= 1


TRANSLATION = Path("translation.so")
FAKE = types.SimpleNamespace(Machine=MachineFake, EmulatorError=EmulatorError, AddressBusyError=AddressBusyError,
                             translations=types.SimpleNamespace(library_later=lambda paths: TRANSLATION))


def test_the_emulated_board_is_started_and_stopped(monkeypatch) -> None:
    target = Emulated(board="spinn3", address="127.0.0.5", threads=2, faults={"drop": 0.1}).target()
    monkeypatch.setitem(sys.modules, "spinnemu", FAKE)
    with pytest.raises(MachineError, match="not started"):
        _ = target.options
    target.start()
    target.start()
    assert MachineFake.made[-1] == {"board": "spinn3", "boards": 1, "address": "127.0.0.5", "threads": 2,
                                     "translations": [TRANSLATION], "faults": spinnemu.Faults(drop=0.1)}
    assert MachineFake.running == 1
    assert target.options == {"version": "3", "machine_name": "127.0.0.5"}
    target.stop()
    target.stop()
    assert MachineFake.running == 0


def test_busy_ports_are_one_clear_error(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "spinnemu", FAKE)
    with pytest.raises(MachineError, match="127.0.0.66.*17893.*Leave the address out"):
        Emulated(address="127.0.0.66").target().start()


def test_an_emulator_that_fails_is_one_clear_error(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "spinnemu", FAKE)
    with pytest.raises(MachineError, match="cannot be started: no C compiler"):
        Emulated(address="127.0.0.67").target().start()


def test_a_missing_emulator_is_one_clear_error(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "spinnemu", None)
    with pytest.raises(MachineError, match="spinnemu.*dlgraph.Board"):
        Emulated().target().start()


# ---------------------------------------------------------------------- spalloc

def test_a_spalloc_server_is_asked_its_version() -> None:
    with SpallocFake("127.0.0.5") as server:
        Spalloc("127.0.0.1", port=server.port, user="me").target().start()
        Spalloc(f"spalloc://me@127.0.0.1:{server.port}").target().start()
        assert server.names() == ["version", "version"]


def test_no_spalloc_server() -> None:
    with SpallocFake("127.0.0.5") as server:
        port = server.port
    with pytest.raises(MachineError, match=f"No answer at the spalloc server 127.0.0.1 port {port}"):
        Spalloc("127.0.0.1", port=port, user="me").target().start()


@pytest.mark.parametrize("reply", [
    b"220 mail.example.org\n", b"", b"\n", b"\xff\xfe\n", b'{"return": 7}\n', b"[" * 60_000 + b"\n", b"1" * 2_000_000])
def test_something_else_than_a_spalloc_server(reply: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        def greet() -> None:
            connection, _ = other.accept()
            with connection, contextlib.suppress(OSError):       # the asker does not hear all of it
                connection.recv(100)
                connection.sendall(reply)
        threading.Thread(target=greet, daemon=True).start()
        with pytest.raises(MachineError, match="spalloc server"):
            Spalloc("127.0.0.1", port=other.getsockname()[1], user="me").target().start()


BORROW = """
import sys
from spinnaker_graph_front_end.config_setup import unittest_setup
unittest_setup()
from spinn_utilities.config_holder import set_config
from spinn_front_end_common.data.fec_data_writer import FecDataWriter
from spinn_front_end_common.interface.interface_functions.spalloc_allocator_old import spalloc_allocate_job_old
from dlgraph.machines import Spalloc
target = Spalloc("127.0.0.1", port=int(sys.argv[1]), user="me@here", boards=int(sys.argv[2])).target()
for option, value in target.options.items():
    set_config("Machine", option, value)
set_config("Reports", "write_provenance", "False")
FecDataWriter.mock().set_n_required(target.boards_to_ask_for, None)
host, connections, controller = spalloc_allocate_job_old()
print(host, connections)
controller.close()
"""


@pytest.mark.parametrize("boards", [1, 3])
def test_the_graph_front_end_borrows_boards_with_our_options(boards: int) -> None:
    root = Path(__file__).parents[1]
    with SpallocFake("127.0.0.5") as server:
        done = subprocess.run([sys.executable, "-c", BORROW, str(server.port), str(boards)], capture_output=True, text=True,
                              check=False, timeout=60, env={**os.environ, "PYTHONPATH": str(root)})
        assert done.returncode == 0, done.stderr
        lent = ", ".join(f"{place}: '127.0.0.5'" for place in ((0, 0), (4, 8), (8, 4))[:boards])
        assert done.stdout.strip().splitlines()[-1] == f"127.0.0.5 {{{lent}}}"
        names = server.names()
        created, = (call for call in server.commands if call[0] == "create_job")
        assert created[1] == [boards] and created[2]["owner"] == "me@here"
        assert names.index("create_job") < names.index("get_job_state") < names.index("get_job_machine_info")
        assert server.jobs[1]["state"] == 4 and "destroy_job" in names
