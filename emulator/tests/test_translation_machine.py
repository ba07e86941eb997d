"""Machines run the same with and without translations of their programs."""
import pytest
from machine_support import program, spinnemu

from spinnemu import direct, translation_key, translations
from spinnemu.translate import main
from spinnemu.translate_image import Image, read_aplx

PROGRAM_AT = 0x400                           # direct.c


def run(threads=1):
    """A core that sends and some that receive, on all chips."""
    with direct.DirectMachine("spinn3", threads) as machine:
        for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
            machine.route(x, y, 0, 0x1000, 0xfffff000, links=() if (x, y) != (0, 0) else (0, 2), cores=(2, 3))
            for core in (2, 3):
                machine.start(x, y, core, program("receive"))
        machine.start(0, 0, 1, program("send"), w0=0x1000, w1=500, w2=1)
        machine.run(0.0005)
        return machine.state_hash(), machine.packets("delivered"), machine.packets("sent")


def test_packets_between_translated_programs(tmp_path):
    interpreted = run()
    images = [Image(bytes(PROGRAM_AT) + program(name), b"") for name in ("send", "receive")]
    made = tmp_path / "translation.so"
    translations.make(images, made)
    engine = direct._engine()
    assert engine.translation_load(str(made).encode(), translation_key.key().encode())
    assert run() == interpreted
    assert run(threads=2) == interpreted
    assert interpreted[2]["mc"] > 0


def test_a_machine_refuses_what_is_no_translation(tmp_path):
    wrong = tmp_path / "translation.so"
    wrong.write_bytes(b"no library")
    with pytest.raises(spinnemu.EmulatorError, match="translation"):
        spinnemu.Machine("spinn3", boot=False, translations=[wrong])


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    damaged = tmp_path / "damaged.aplx"
    damaged.write_bytes(b"damaged")
    assert main([str(damaged)]) == 1
    assert ".aplx" in capsys.readouterr().err


def test_an_aplx_is_read_as_its_loader_reads_it():
    words = (2, 0, 32, 8, 4, 0, 0, 0)        # copy 8 bytes to address 0, run
    aplx = b"".join(word.to_bytes(4, "little") for word in words) + b"12345678"
    assert read_aplx(aplx).itcm == b"12345678"
    with pytest.raises(spinnemu.EmulatorError, match="ends before"):
        read_aplx(aplx[:-1])
