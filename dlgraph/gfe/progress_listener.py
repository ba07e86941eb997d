"""Receiving the output group's progress messages (``c_models/layers/progress.h``)."""
from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Collection

from dlgraph.executor import Progress

MESSAGE = struct.Struct("<IqI")      # samples done, loss sum, correct
SDP_HEADER_BYTES = 10                # two bytes of padding and the SDP header, kept by the IP tag
MAX_DATAGRAM_BYTES = 512


class ProgressListener:
    """A UDP socket and the thread that reads it, for as long as a session lasts.

    Anybody may send to it.  What does not come from the machine, has another size or cannot be true is passed over.

    :param local_address: the interface that faces the machine; only it is bound
    :param machine_address: the IP address from which the machine sends; its boards may have more (:meth:`expect`)
    """

    def __init__(self, local_address: str, machine_address: str) -> None:
        self._machine_addresses = {machine_address}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((local_address, 0))
        self._socket.settimeout(0.2)
        self.address: str = local_address
        self.port: int = self._socket.getsockname()[1]
        self._told: tuple[Progress, int] | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._listen, name="dlgraph progress", daemon=True)
        self._thread.start()

    def expect(self, addresses: Collection[str]) -> None:
        """The IP addresses of the machine's boards, each of which has one."""
        self._machine_addresses = self._machine_addresses.union(addresses)

    def tell(self, callback: Progress | None, n_samples: int = 0) -> None:
        """Who hears of the pass that runs.

        :param n_samples: of the pass
        """
        self._told = None if callback is None else (callback, n_samples)

    def _listen(self) -> None:
        while not self._closing:
            try:
                datagram, (sender, _) = self._socket.recvfrom(MAX_DATAGRAM_BYTES)
            except TimeoutError:
                continue
            except OSError:
                return
            self.take(datagram, sender)

    def take(self, datagram: bytes, sender: str) -> None:
        """One datagram, from an IP address: what it says is told, or it is passed over."""
        told = self._told
        if told is None or sender not in self._machine_addresses or len(datagram) != SDP_HEADER_BYTES + MESSAGE.size:
            return
        callback, n_samples = told
        done, loss_sum, n_correct = MESSAGE.unpack_from(datagram, SDP_HEADER_BYTES)
        if 0 < done <= n_samples:
            callback(done, loss_sum, n_correct)

    def close(self) -> None:
        """Listen no more."""
        self._closing = True
        self._thread.join()
        self._socket.close()


def address_towards(machine: str) -> str:
    """The local address from which datagrams to ``machine`` leave."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((machine, 17893))
        return str(probe.getsockname()[0])
