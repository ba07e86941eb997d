"""What comes from outside and means no good: datagrams, logs, commands, files in the cache.  (Millions of them: emulator/fuzz.)"""
import hashlib
import json
import os
import random
import socket
import struct
import subprocess
import sys
import time

import pytest
from machine_support import HERE, spinnemu
from test_machine_host import scp

from spinnemu import build, seal, translations
from spinnemu.machine import replay
from spinnemu.translate import main as translate
from spinnemu.translate_image import read_aplx


@pytest.fixture(scope="module")
def spinn3():
    with spinnemu.Machine("spinn3") as machine:
        yield machine


def wait_for(machine, name, least):
    deadline = time.monotonic() + 20
    while getattr(machine.counters(), name) < least:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return machine.counters()


# --- sockets ------------------------------------------------------------------------------------------------------------

def bound_addresses(process_id, port):
    """Of the UDP sockets of a process."""
    links = []
    for number in os.listdir(f"/proc/{process_id}/fd"):
        links.append(os.readlink(f"/proc/{process_id}/fd/{number}"))
    with open(f"/proc/{process_id}/net/udp") as table:
        rows = [line.split() for line in table][1:]
    return {socket.inet_ntoa(struct.pack("<I", int(row[1][:8], 16))) for row in rows
            if f"socket:[{row[9]}]" in links and int(row[1][9:], 16) == port}


def test_it_listens_at_its_loopback_address_only(spinn3):
    assert spinn3.address.startswith("127.")
    for port in (17893, 54321):
        assert bound_addresses(spinn3.process_id, port) == {spinn3.address}
    with open(f"/proc/{spinn3.process_id}/net/tcp") as table:
        inodes = {line.split()[9] for line in list(table)[1:]}
    for number in os.listdir(f"/proc/{spinn3.process_id}/fd"):
        assert os.readlink(f"/proc/{spinn3.process_id}/fd/{number}") not in {f"socket:[{inode}]" for inode in inodes}


def test_datagrams_that_no_frame_holds_are_refused(spinn3):
    before = spinn3.counters()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for length in (1473, 2047, 2048, 2049, 65507):
            for port in (17893, 54321):
                client.sendto(b"\x87" * length, (spinn3.address, port))
        client.sendto(bytes(1472), (spinn3.address, 17893))          # the largest that is not
    after = wait_for(spinn3, "datagrams_in", before.datagrams_in + 11)
    assert after.refused - before.refused == 10
    assert scp(spinn3, 0)[0] == 0x80


def test_senders_outside_this_computer_get_nothing(spinn3):
    """As seen by an address of this computer that is none of its loopback ones."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        try:
            client.connect(("192.0.2.1", 9))                         # sends nothing
            outside = client.getsockname()[0]
        except OSError:
            pytest.skip("this computer has a loopback address only")
    before = spinn3.counters()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((outside, 0))
        client.settimeout(0.3)
        client.sendto(struct.pack("<2x8B2H3I", 0x87, 0xff, 0, 0xff, 255, 255, 0, 0, 0, 9, 0, 0, 0), (spinn3.address, 17893))
        with pytest.raises(TimeoutError):
            client.recv(100)
    after = spinn3.counters()
    assert after.refused - before.refused == 1 and after.datagrams_out == before.datagrams_out


def test_commands_that_are_none(spinn3):
    """Each is answered with an error; then the machine still does what it is told."""
    chooser = random.Random(4)
    lines = [chooser.randbytes(chooser.choice((0, 1, 7, 254, 255, 256, 257, 5000))).replace(b"\n", b"\r") for _ in range(100)]
    lines += [b"faults", b"STATS", b"stats ", b"hash\0hash\0", b"reset now", b"quit it"]
    with spinn3._lock:
        pipe, answers = spinn3._process.stdin.buffer, spinn3._process.stdout
        for line in lines:
            pipe.write(line + b"\n")
            pipe.flush()
            event = json.loads(answers.readline())
            assert event["event"] == ("hash" if line == b"hash\0hash\0" else "error")
    assert scp(spinn3, 0)[0] == 0x80


# --- files ----------------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Of a machine that was not booted and got some datagrams all the same."""
    path = tmp_path_factory.mktemp("log") / "log"
    with spinnemu.Machine("spinn3", "127.0.47.31", boot=False, record=path) as machine:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for i in range(5):
                client.sendto(struct.pack(">HIIII", 1, 3, i, 0, 0) + bytes(64), (machine.address, 54321))
            wait_for(machine, "datagrams_in", 5)
    return path


def test_a_log_that_is_whole(log):
    assert replay(log, "spinn3", "127.0.47.31", boot=False).counters.datagrams_in == 0


HEAD, RECORD = 16, 24 + 18 + 64


@pytest.mark.parametrize("change, says", [
    (lambda content: b"", "no log of an emulated machine, behind 0 records"),
    (lambda content: b"SPNLOG1" + content[7:], "no log"),
    (lambda content: content[:-1], "cut off, behind 5 records"),
    (lambda content: content[:HEAD - 1], "cut off, behind 0 records"),
    (lambda content: content[:HEAD - 1] + b"?" + content[HEAD:], "started with another board, address, .*behind 0 records"),
    (lambda content: content[:HEAD + 2 * RECORD], "cut off, behind 2 records"),
    (lambda content: content[:HEAD + 2 * RECORD + 30], "cut off, behind 2 records"),
    (lambda content: content[:HEAD + RECORD + 50] + b"\1" + content[HEAD + RECORD + 51:], "damaged, behind 1 records"),
    (lambda content: content[:HEAD + 4] + b"\xff\xff\xff\xff" + content[HEAD + 8:], "damaged, behind 0 records"),
    (lambda content: content[:HEAD + 8] + b"\xff" * 8 + content[HEAD + 16:], "damaged, behind 0 records"),
    (lambda content: content[:HEAD + 4] + b"\0\0\0\0" + content[HEAD + 8:], "damaged, behind 0 records"),
])
def test_a_log_that_is_not(log, tmp_path, change, says):
    broken = tmp_path / "broken.log"
    broken.write_bytes(change(log.read_bytes()))
    with pytest.raises(spinnemu.EmulatorError, match=f"{broken} cannot be replayed to its end: it is .*{says}"):
        replay(broken, "spinn3", "127.0.47.31", boot=False)


@pytest.mark.parametrize("board, address, other", [
    ("spinn3", "127.0.47.30", {}), ("spinn5", "127.0.47.31", {}), ("spinn3", "127.0.47.31", {"dead_cores": [(0, 0, 5)]})])
def test_a_log_is_replayed_on_its_own_machine_only(log, board, address, other):
    """On another it would do something, and that would say nothing."""
    with pytest.raises(spinnemu.EmulatorError, match="started with another board, address, boot or list of dead parts"):
        replay(log, board, address, boot=False, **other)


def test_replay_takes_an_address_only(log):
    with pytest.raises(ValueError, match="no IPv4 address"):
        replay(log, "spinn3", "nonsense address", boot=False)


def test_damaged_boot_images_are_named(tmp_path):
    image = tmp_path / "scamp.boot"
    for content in (b"", bytes(512), bytes(32769)):
        image.write_bytes(content)
        with pytest.raises(spinnemu.EmulatorError, match=f"{image} is no boot image .* {len(content)} bytes"):
            spinnemu.boot_image.patched_image(5, image)
    with pytest.raises(spinnemu.EmulatorError, match="cannot be read"):
        spinnemu.boot_image.patched_image(5, tmp_path / "none")


def test_a_sealed_file_is_known_from_a_damaged_one(tmp_path):
    path = tmp_path / "library.so"
    path.write_bytes(bytes(range(256)) * 10)
    assert not seal.is_whole(path) and not seal.is_whole(tmp_path / "none")
    seal.seal(path)
    whole = path.read_bytes()
    assert seal.is_whole(path) and whole.startswith(bytes(range(256)) * 10)
    for damaged in (whole[:-1], whole[1:], whole[:1000] + b"\0" + whole[1001:], whole + b"\0", b""):
        path.write_bytes(damaged)
        assert not seal.is_whole(path)


def test_a_damaged_engine_is_compiled_again(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(build, "_sources", lambda: [])
    (tmp_path / "engine.c").write_text("int engine;\n")
    monkeypatch.setattr(build, "_installed", lambda: None)
    monkeypatch.setattr(build, "_sources", lambda: [tmp_path / "engine.c"])
    made = build.library()
    whole = made.read_bytes()
    made.write_bytes(whole[:len(whole) // 2])
    assert build.library() == made and made.read_bytes() == whole


def test_a_damaged_translation_is_not_used(tmp_path, monkeypatch):
    """One that is named is refused; one in the cache is made again."""
    damaged = tmp_path / "translation.so"
    damaged.write_bytes(b"\x7fELF" + bytes(1000))
    with pytest.raises(spinnemu.EmulatorError, match=f"{damaged} is no translation"):
        spinnemu.Machine("spinn3", boot=False, translations=[damaged])
    monkeypatch.setattr(build, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(translations, "make", lambda images, target, thumb: target.write_bytes(b"made"))
    words = (2, 0, 32, 8, 4, 0, 0, 0)
    aplx = b"".join(word.to_bytes(4, "little") for word in words) + b"12345678"
    translations.path_of([aplx]).write_bytes(b"\x7fELF" + bytes(1000))
    assert translations.library([aplx]).read_bytes() == b"made"


def test_damaged_programs_are_named(tmp_path, capsys):
    path = tmp_path / "program.aplx"
    entry = struct.Struct("<4I").pack
    for content, says in (
            (b"damaged", "ends inside the table"), (entry(9, 0, 0, 0), "no entry of kind 9"),
            (entry(2, 0, 16, 100) + bytes(50), "ends before its contents do"), (entry(4, 0, 0, 0), "puts nothing"),
            (entry(2, 0x400000, 32, 64) + entry(2, 0x400000, 16, 64) + entry(4, 0, 0, 0) + bytes(64), "loads more than it has")):
        path.write_bytes(content)
        assert translate([str(path)]) == 1
        said = capsys.readouterr().err
        assert str(path) in said and says in said
        with pytest.raises(spinnemu.EmulatorError, match=says):
            read_aplx(content)


def test_the_cache_is_a_folder_that_nobody_else_may_write_to(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(build.tempfile, "gettempdir", lambda: str(tmp_path))
    mine, other = tmp_path / "cache" / "spinnemu", tmp_path / f"spinnemu-{os.getuid()}"
    assert build.cache_folder() == mine and mine.stat().st_mode & 0o777 == 0o700
    mine.chmod(0o775)
    assert build.cache_folder() == mine and mine.stat().st_mode & 0o777 == 0o755
    mine.chmod(0o777)
    assert build.cache_folder() == other and other.stat().st_mode & 0o777 == 0o700
    other.chmod(0o777)
    with pytest.raises(spinnemu.EmulatorError, match="only this user may write to"):
        build.cache_folder()
    other.rmdir()
    other.symlink_to(tmp_path)
    with pytest.raises(spinnemu.EmulatorError, match="only this user may write to"):
        build.cache_folder()


WRITES = """
import os, sys
wrote = []
def audit(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and arguments[2] and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        wrote.append(str(arguments[0]))
sys.addaudithook(audit)
sys.dont_write_bytecode = True
sys.path.insert(0, {folder!r})
import socket
from machine_support import spinnemu
with spinnemu.Machine("spinn3", "127.0.47.32") as machine:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for i in range(300):
            client.sendto(os.urandom(i), (machine.address, (17893, 54321)[i % 2]))
    for _ in range(20):
        machine.counters()
    files = []
    for number in os.listdir(f"/proc/{{machine.process_id}}/fd"):
        at = os.readlink(f"/proc/{{machine.process_id}}/fd/{{number}}")
        flags = open(f"/proc/{{machine.process_id}}/fdinfo/{{number}}").read().split("flags:")[1].split()[0]
        if at.startswith("/") and int(flags, 8) & 3:
            files.append(at)
print(*wrote, *files, sep="\\n")
"""


def test_nothing_is_written_outside_the_cache(tmp_path):
    engine = build.library()
    cache = tmp_path / "cache" / "spinnemu"
    folders = {name: tmp_path / name for name in ("home", "here", "temporary")}
    for folder in (cache, *folders.values()):
        folder.mkdir(parents=True)
    (cache / engine.name).write_bytes(engine.read_bytes())           # which takes long to compile
    environment = {**os.environ, "HOME": str(folders["home"]), "XDG_CACHE_HOME": str(tmp_path / "cache"),
                   "TMPDIR": str(folders["temporary"])}
    result = subprocess.run([sys.executable, "-c", WRITES.format(folder=str(HERE))], cwd=folders["here"], env=environment,
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert [line for line in result.stdout.split() if not line.startswith((str(cache), "/dev/", "/proc/"))] == []
    there = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert len(there) == 2 and there[0].startswith("cache/spinnemu/booted-spinn3-"), there
    assert hashlib.sha256((tmp_path / there[1]).read_bytes()).digest() == hashlib.sha256(engine.read_bytes()).digest()
