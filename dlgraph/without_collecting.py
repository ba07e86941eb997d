"""Python's garbage collector set aside while a network is mapped.

Mapping makes millions of small objects that all stay, and the collector looks at every object of the program again and again
meanwhile, those of TensorFlow among them: about half of the time that the choice of a cut takes.
"""
from __future__ import annotations

import contextlib
import gc
from typing import Iterator


@contextlib.contextmanager
def without_collecting() -> Iterator[None]:
    """No objects are collected meanwhile but those that nothing refers to."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
