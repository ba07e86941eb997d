"""Emulated boards as the unmodified host software sees them."""
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time

import pytest
from machine_support import HERE, program, spinnemu

SDRAM = 0x60100000
APP_ID = 30
ROOT = {"spinn3": 3, "spinn5": 5}


@pytest.fixture
def connect():
    """Connects the stock client to a machine."""
    from spinn_utilities.config_holder import set_config
    from spinnman.config_setup import unittest_setup
    from spinnman.transceiver import create_transceiver_from_hostname
    opened = []

    def do(machine):
        unittest_setup()
        set_config("Machine", "version", str(ROOT[machine.board]))
        transceiver = create_transceiver_from_hostname(machine.address)
        opened.append(transceiver)
        return transceiver

    yield do
    for transceiver in opened:
        transceiver.close()


@pytest.fixture(scope="module")
def spinn5():
    with spinnemu.Machine("spinn5") as machine:
        yield machine


@pytest.fixture
def spinn3():
    with spinnemu.Machine("spinn3") as machine:
        yield machine


def scp(machine, command, *args, data=b"", x=255, y=255, timeout=5.0, sequence=1, attempts=1):
    """One SCP request, made again if no answer comes; the answer's result code and what follows."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        client.connect((machine.address, 17893))
        header = bytes((0, 0, 0x87, 0xff, 0, 0xff, y, x, 0, 0))
        request = header + struct.pack("<HHIII", command, sequence, *args, *[0] * (3 - len(args))) + data
        for attempt in range(attempts):
            client.send(request)
            try:
                reply = client.recv(2000)
                break
            except TimeoutError:
                if attempt + 1 == attempts:
                    raise
    return struct.unpack_from("<H", reply, 10)[0], reply[14:]


def check_memory(transceiver, x, y, size):
    data = random.Random(size).randbytes(size)
    transceiver.write_memory(x, y, SDRAM, data)
    assert bytes(transceiver.read_memory(x, y, SDRAM, size)) == data


def n_links(machine):
    return sum(1 for chip in machine.chips for _ in chip.router.links)


def test_spinn3(spinn3, connect):
    transceiver = connect(spinn3)
    details = transceiver.get_machine_details()
    assert (details.n_chips, n_links(details)) == (4, 22)       # 11, from both ends
    assert sum(chip.n_processors for chip in details.chips) == 72
    check_memory(transceiver, 0, 0, 100_000)
    check_memory(transceiver, 1, 1, 50_000)


def test_spinn5(spinn5, connect):
    transceiver = connect(spinn5)
    details = transceiver.get_machine_details()
    assert (details.n_chips, n_links(details)) == (48, 240)
    assert sum(chip.n_processors for chip in details.chips) == 864


def test_a_megabyte_on_the_farthest_chip(spinn5, connect):
    transceiver = connect(spinn5)
    transceiver.get_machine_details()
    check_memory(transceiver, 7, 7, 1 << 20)


def test_a_program_on_700_cores(spinn5, connect, tmp_path):
    from spinn_machine import CoreSubsets
    from spinn_machine.data.machine_data_writer import MachineDataWriter
    from spinnman.model.enums import CPUState
    transceiver = connect(spinn5)
    details = transceiver.get_machine_details()
    MachineDataWriter.mock().set_machine(details)
    cores = [(chip.x, chip.y, p) for chip in details.chips for p in range(1, 18)][:700]
    subsets = CoreSubsets()
    for core in cores:
        subsets.add_processor(*core)
    binary = tmp_path / "report.aplx"
    binary.write_bytes(program("report"))
    transceiver.execute_flood(subsets, str(binary), APP_ID)
    deadline = time.monotonic() + 20
    while (count := transceiver.get_core_state_count(APP_ID, CPUState.FINISHED)) < 700:
        assert time.monotonic() < deadline, count
        time.sleep(0.05)
    some = CoreSubsets()
    for core in (cores[0], cores[350], cores[-1]):
        some.add_processor(*core)
    assert [iobuf.iobuf for iobuf in transceiver.get_iobuf(some)] == ["I have run...\n"] * 3
    transceiver.stop_application(APP_ID)
    deadline = time.monotonic() + 20
    while transceiver.get_core_state_count(APP_ID, CPUState.FINISHED):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert spinn5.counters().faulted_cores == 0


def test_cold_start_over_udp(connect, monkeypatch):
    """The stock client finds nothing, boots the board over UDP 54321, and finds SC&MP."""
    if spinnemu.build.sanitized():           # which takes longer than the client waits
        monkeypatch.setattr("spinnman.transceiver.base_transceiver.INITIAL_FIND_SCAMP_RETRIES_COUNT", 20)
    with spinnemu.Machine("spinn3", boot=False) as machine:
        transceiver = connect(machine)
        details = transceiver.get_machine_details()
        assert (details.n_chips, n_links(details)) == (4, 22)
        assert machine.counters().datagrams_in > 32


def test_reset(spinn3, connect):
    transceiver = connect(spinn3)
    check_memory(transceiver, 0, 0, 1000)
    spinn3.reset()
    assert bytes(transceiver.read_memory(0, 0, SDRAM, 4)) == bytes(4)


def test_dead_parts(connect):
    with spinnemu.Machine("spinn5", dead_chips=[(3, 3)], dead_cores=[(0, 0, 5), (1, 1, 17), (2, 2, 0)],
                          dead_links=[(4, 4, 0)]) as machine:
        details = connect(machine).get_machine_details()
        assert details.n_chips == 47
        assert not details.is_chip_at(3, 3)
        for x, y in ((0, 0), (1, 1), (2, 2)):
            assert details[x, y].n_processors == 17
        assert not details.is_link_at(4, 4, 0)
        assert not details.is_link_at(5, 4, 3)
        assert details.is_link_at(4, 4, 2)


def test_dead_monitor_of_the_ethernet_chip(connect):
    with spinnemu.Machine("spinn3", dead_cores=[(0, 0, 0)]) as machine:
        transceiver = connect(machine)
        details = transceiver.get_machine_details()
        assert details[0, 0].n_processors == 17
        assert machine.counters().monitors[0, 0] != 0
        check_memory(transceiver, 1, 1, 1000)


def test_busy_address(spinn3):
    with pytest.raises(spinnemu.AddressBusyError, match=f"{spinn3.address} port 17893"):
        spinnemu.Machine("spinn3", spinn3.address)


def test_busy_boot_port():
    address = "127.0.9.9"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((address, 54321))
        with pytest.raises(spinnemu.AddressBusyError, match=f"{address} port 54321"):
            spinnemu.Machine("spinn3", address)


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.7", "0.0.0.0", "nonsense address"])
def test_unsuitable_addresses(address):
    with pytest.raises(ValueError):
        spinnemu.Machine("spinn3", address)


def test_several_machines(connect):
    machines = [spinnemu.Machine("spinn3") for _ in range(3)]
    try:
        assert len({machine.address for machine in machines}) == 3
        transceivers = [connect(machine) for machine in machines]
        for i, transceiver in enumerate(transceivers):
            transceiver.write_memory(0, 0, SDRAM, bytes([i] * 4))
        for i, transceiver in enumerate(transceivers):
            assert bytes(transceiver.read_memory(0, 0, SDRAM, 4)) == bytes([i] * 4)
    finally:
        for machine in machines:
            machine.close()


@pytest.mark.parametrize("thread", [False, True])
def test_the_process_ends_with_its_parent(thread):
    """Whoever started the machine dies without a word; thereafter so does the machine."""
    body = ("import sys, time\n"
            f"sys.path.insert(0, {str(HERE)!r})\n"
            "from machine_support import spinnemu\n"
            "machine = []\n"
            "start = lambda: machine.append(spinnemu.Machine('spinn3'))\n")
    body += ("import threading\nt = threading.Thread(target=start); t.start(); t.join()\n" if thread else "start()\n")
    body += "print(machine[0].process_id, flush=True)\ntime.sleep(60)\n"
    parent = subprocess.Popen([sys.executable, "-c", body], stdout=subprocess.PIPE, text=True)
    try:
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        time.sleep(0.3)                      # a machine does not end with the thread that started it
        os.kill(child, 0)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
    deadline = time.monotonic() + 10
    while True:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            break
        try:                                 # nobody may be there to collect it
            with open(f"/proc/{child}/stat") as status:
                if status.read().rsplit(")", 1)[1].split()[0] == "Z":
                    break
        except OSError:
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_ctrl_c_while_a_machine_starts():
    """A terminal sends it to the whole process group: whoever starts the machine decides, even before the machine runs."""
    body = ("import os, signal, sys, threading\n"
            f"sys.path.insert(0, {str(HERE)!r})\n"
            "from machine_support import spinnemu\n"
            "seen = []\n"
            "signal.signal(signal.SIGINT, lambda *_: seen.append(1))\n"
            "for delay in (0.01, 0.02, 0.04, 0.06, 0.08):\n"
            "    timer = threading.Timer(delay, lambda: os.killpg(0, signal.SIGINT))\n"
            "    timer.start()\n"
            "    spinnemu.Machine('spinn3').close()\n"
            "    timer.join()\n"
            "print(len(seen))\n")
    result = subprocess.run([sys.executable, "-c", body], start_new_session=True, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "") and 1 <= int(result.stdout) <= 5


def test_starts_fast_from_a_snapshot(spinn5):
    # one that nobody is given: machines of other tests come and go beside this one
    address = f"127.78.{os.getpid() >> 8 & 255}.{os.getpid() & 255 or 1}"
    with spinnemu.Machine("spinn5", address):
        pass
    started = time.monotonic()
    with spinnemu.Machine("spinn5", address) as again:
        code, _ = scp(again, 0)
        took = time.monotonic() - started
        assert again.from_snapshot
    assert code == 0x80
    assert address != spinn5.address
    assert took < 4 or spinnemu.build.sanitized()        # 2 where nothing else runs


def test_a_damaged_snapshot_is_not_used(tmp_path, monkeypatch):
    library = spinnemu.build.library()
    monkeypatch.setattr(spinnemu.build, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(spinnemu.build, "library", lambda: library)
    for damage in (None, "flip", "cut", "pipe"):
        for file in tmp_path.glob("*.snapshot"):
            content = bytearray(file.read_bytes())
            content[len(content) // 2] ^= damage == "flip"
            if damage == "pipe":
                file.unlink()
                os.mkfifo(file)              # which nobody ever writes to
            else:
                file.write_bytes(content if damage == "flip" else content[:-4096])
        with spinnemu.Machine("spinn3", "127.0.9.6") as machine:
            assert not machine.from_snapshot
            assert scp(machine, 0)[0] == 0x80
    with spinnemu.Machine("spinn3", "127.0.9.6") as machine:
        assert machine.from_snapshot


def test_datagrams_that_are_none(spinn3):
    """Nothing that comes over the network brings the machine down."""
    chooser = random.Random(1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for i in range(600):
            length = chooser.choice((0, 1, 2, 9, 10, 13, 14, 17, 18, 26, 100, 282, 283, 500, 1472, 1473, 5000))
            data = bytearray(chooser.randbytes(length))
            if i % 2 and length > 2:
                data[2] = chooser.choice((0x07, 0x87))
            client.sendto(data, (spinn3.address, chooser.choice((17893, 54321))))
    # what got in may have been a command to SC&MP, of any kind; so only the engine must be there
    deadline = time.monotonic() + 30
    while not spinn3.counters().datagrams_in and time.monotonic() < deadline:
        time.sleep(0.01)
    assert spinn3.counters().datagrams_in > 0
    spinn3.reset()
    assert scp(spinn3, 0)[0] == 0x80


def test_counters(spinn3):
    before = spinn3.counters()
    for sequence in range(5):
        assert scp(spinn3, 2, 0x60000000, 64, 2, x=1, y=1, sequence=sequence)[0] == 0x80
    after = spinn3.counters()
    assert after.datagrams_in - before.datagrams_in == 5
    assert after.datagrams_out - before.datagrams_out == 5
    assert after.sent["p2p"] > before.sent["p2p"]
    assert after.seconds > before.seconds
    assert after.awake[0, 0, 0] > before.awake[0, 0, 0]
    assert after.awake[0, 0, 9] == before.awake[0, 0, 9]         # idle cores sleep
    assert set(after.monitors.values()) == {0}
    assert sum(after.link_packets.values()) == sum(after.forwarded.values())


def test_a_repeat_counts_once_the_answer_must_have_been_lost(spinn3):
    """No program listens at port 3 of core 5, so no answer comes.  A repeat at once is one too many, a later one is let through.

    Where this computer was busy elsewhere between the two, they were not at once, and another request is tried.
    """
    def wait_for(name, n):
        deadline = time.monotonic() + 10
        while getattr(spinn3.counters(), name) - getattr(before, name) < n:
            assert time.monotonic() < deadline
            time.sleep(0.001)          # an idle machine gets on by several times that
        return spinn3.counters()

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
        host.connect((spinn3.address, 17893))
        for number in range(4711, 4811):
            before = spinn3.counters()
            request = struct.pack("<2x8B4H3I", 0x87, 0xff, 3 << 5 | 5, 0xff, 0, 0, 0, 0, 0, number, 0, 0, 0, 0, 0)[:26]
            host.send(request)
            host.send(request)
            sent = wait_for("datagrams_in", 2)
            if sent.seconds - before.seconds < 0.03:
                break
        assert sent.repeats_dropped - before.repeats_dropped == 1
        while spinn3.counters().seconds - sent.seconds < 0.05:
            time.sleep(0.01)
        host.send(request)
        assert wait_for("datagrams_in", 3).repeats_dropped - before.repeats_dropped == 1


def test_idle_time_is_real_time(spinn3):
    before, started = spinn3.counters(), time.monotonic()
    time.sleep(1.0)
    emulated = spinn3.counters().seconds - before.seconds
    assert emulated < time.monotonic() - started + 0.1


def test_faults_spare_the_signals_of_scamp(spinn3, connect):
    spinn3.faults(drop_every=1, lose_every=2)
    transceiver = connect(spinn3)
    check_memory(transceiver, 1, 1, 1000)
    transceiver.stop_application(APP_ID)
    spinn3.faults()
    counters = spinn3.counters()
    assert counters.dropped["mc"] == 0
    assert counters.lost_on_request == 0
    with pytest.raises(ValueError):
        spinn3.faults(drop_every=-1)
