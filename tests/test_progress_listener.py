"""What the listener for progress makes of datagrams: of the machine's, of others', of random bytes."""
from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from dlgraph.gfe.progress_listener import ProgressListener

MACHINE, STRANGER = "127.0.0.77", "127.0.0.78"


class Heard:
    """Collects calls, and lets a test wait for one."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int, int]] = []
        self.came = threading.Event()

    def __call__(self, done: int, loss_sum: int, n_correct: int) -> None:
        self.calls.append((done, loss_sum, n_correct))
        if done == 100:
            self.came.set()


@pytest.fixture
def listener() -> Iterator[ProgressListener]:
    made = ProgressListener("127.0.0.1", MACHINE)
    yield made
    made.close()
    assert not made._thread.is_alive()


def send(listener: ProgressListener, datagrams: list[bytes], sender: str = MACHINE) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((sender, 0))
        for datagram in datagrams:
            sock.sendto(datagram, (listener.address, listener.port))


def message(done: int, loss_sum: int = 5, n_correct: int = 1) -> bytes:
    return bytes(10) + struct.pack("<IqI", done, loss_sum, n_correct)


def test_what_the_machine_says_is_passed_on(listener: ProgressListener) -> None:
    heard = Heard()
    listener.tell(heard, 100)
    send(listener, [message(1, -3, 0), message(100, 1 << 40, 77)])
    assert heard.came.wait(10)
    assert heard.calls == [(1, -3, 0), (100, 1 << 40, 77)]


def test_strangers_and_nonsense_are_passed_over(listener: ProgressListener) -> None:
    """The last one, which is right, is heard: nothing before it stopped the listener."""
    heard = Heard()
    listener.tell(heard, 100)
    send(listener, [message(50)], STRANGER)
    chooser = random.Random(1)
    nonsense = [chooser.randbytes(chooser.choice((0, 1, 9, 10, 25, 27, 511, 512, 2000))) for _ in range(50)]
    send(listener, [message(0), message(101), message(0xffffffff), message(7)[:-1], message(7) + b"\0", *nonsense])
    send(listener, [message(100)])
    assert heard.came.wait(10)
    assert heard.calls == [(100, 5, 1)]
