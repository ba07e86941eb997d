"""A short run of the fuzzer (``make fuzz`` is a long one), and whether it finds what is there to be found."""
import json
import os
import subprocess
import sys

import pytest
from machine_support import HERE

FUZZ = HERE.parent / "fuzz" / "engine_fuzzer.py"
TARGETS = {"host", "board_frames", "boot_rom", "log", "boot_packets", "devices", "programs", "code_pages", "scamp", "snapshot"}
#: seed of target "mistake" -> what is then found
MISTAKES = {1: "shift exponent", 2: "heap-buffer-overflow", 3: "use-after-poison", 8: "does not hold: data[0] != 49"}


def fuzz(*options):
    # Leaks are looked for by ``make fuzz``: it takes a system call that not every container allows.
    return subprocess.run([sys.executable, str(FUZZ), *options], capture_output=True, text=True,
                          env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})


def test_nothing_is_found():
    result = fuzz("--inputs", "10000", "--seed", "20000")
    assert result.returncode == 0, result.stderr
    counts = json.loads(result.stdout)["targets"]
    assert set(counts) == TARGETS
    assert sum(target["inputs"] for target in counts.values()) >= 10000


@pytest.mark.parametrize("seed", MISTAKES)
def test_mistakes_are_found_and_repeated(tmp_path, seed):
    """Each kind ends the run, says where, and can be repeated from the file that it leaves."""
    found = fuzz("--target", "mistake", "--seed", str(seed), "--save", str(tmp_path))
    assert found.returncode != 0 and MISTAKES[seed] in found.stderr
    assert f"FINDING in target mistake, seed {seed}, input " in found.stderr
    saved, = tmp_path.iterdir()
    again = fuzz("--target", "mistake", "--replay", str(saved))
    assert again.returncode != 0 and MISTAKES[seed] in again.stderr


def test_wrong_options_are_refused():
    assert fuzz("--target", "nothing").returncode == 2
