"""The kernels' C compiled for the host, called with ctypes."""
from __future__ import annotations

import ctypes
import functools
import os
import shlex
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from arm_kernels import C_SOURCES, KERNELS

from dlgraph.reference.native import build as native_build


class LossConfig(ctypes.Structure):
    """``loss_config_t``"""

    _fields_ = [(name, ctypes.c_uint32)
                for name in ("activation", "loss", "metric", "from_logits", "mean_mantissa", "mean_shift")]


class LossResult(ctypes.Structure):
    """``loss_result_t``"""

    _fields_ = [("loss", ctypes.c_int64), ("n_correct", ctypes.c_uint32)]


def build(folder: Path) -> ctypes.CDLL:
    """The C twins and everything that is C only, with warnings as errors."""
    library = folder / "kernels.so"
    sanitizers = native_build.SANITIZER_FLAGS if native_build.sanitized() else (
        "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")
    command = [*shlex.split(os.environ.get("CC", "gcc")), "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared",
               "-fPIC", *sanitizers, f"-I{KERNELS}", *map(str, C_SOURCES), "-o", str(library)]
    subprocess.run(command, check=True)
    loaded = ctypes.CDLL(str(library))
    u32, i32, u64 = ctypes.c_uint32, ctypes.c_int32, ctypes.c_uint64
    pointer = ctypes.c_void_p
    signatures = {
        "exp_neg": ([u32], u32), "recip": ([u32], u32), "sigma": ([i32], u32), "tanh_31": ([i32], ctypes.c_int64),
        "ln_big": ([u64], i32),
        "activate_all": ([u32, u32, pointer, u32, u32, pointer, pointer, pointer], None),
        "unit_errors_all": ([u32, pointer, pointer, u32, pointer, pointer], None),
        "order_sample": ([u32, u32, u32, pointer], u32),
        "loss_evaluate": ([pointer, u32, pointer, pointer, pointer, pointer, pointer], LossResult),
        "dense_forward_c": ([pointer] * 3 + [u32] * 2, None), "dense_backward_c": ([pointer] * 3 + [u32] * 2, None),
        "dense_gradient_c": ([pointer] * 3 + [u32] * 2, None), "shift_errors_c": ([pointer] * 2 + [u32] * 2, None),
        "sgd_update_c": ([pointer] * 2 + [u32] * 3, u32), "q_flag_read_and_clear_c": ([], u32),
    }
    for name, (arguments, result) in signatures.items():
        function = getattr(loaded, name)
        function.argtypes, function.restype = arguments, result
    return loaded


@functools.lru_cache(maxsize=1)
def shared() -> ctypes.CDLL:
    """The library, built once per process."""
    with tempfile.TemporaryDirectory() as folder:
        return build(Path(folder))


def address(array: np.ndarray) -> int:
    """Of a contiguous array's first element."""
    assert array.flags.c_contiguous
    return array.ctypes.data
