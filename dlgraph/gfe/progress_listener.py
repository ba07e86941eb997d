"""Receiving the output group's progress messages (``c_models/layers/progress.h``)."""
from __future__ import annotations

import socket
import struct
import threading

from dlgraph.executor import Progress

MESSAGE = struct.Struct("<IqI")      # samples done, loss sum, correct
SDP_HEADER_BYTES = 10                # two bytes of padding and the SDP header, kept by the IP tag
MAX_DATAGRAM_BYTES = 512


class ProgressListener:
    """A UDP socket and the thread that reads it, for as long as a session lasts.

    :param local_address: the interface that faces the machine; only it is bound
    """

    def __init__(self, local_address: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((local_address, 0))
        self._socket.settimeout(0.2)
        self.address: str = local_address
        self.port: int = self._socket.getsockname()[1]
        self._callback: Progress | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._listen, name="dlgraph progress", daemon=True)
        self._thread.start()

    def tell(self, callback: Progress | None) -> None:
        """Who hears of the pass that runs."""
        self._callback = callback

    def _listen(self) -> None:
        while not self._closing:
            try:
                datagram = self._socket.recv(MAX_DATAGRAM_BYTES)
            except TimeoutError:
                continue
            except OSError:
                return
            callback = self._callback
            if callback is not None and len(datagram) == SDP_HEADER_BYTES + MESSAGE.size:
                callback(*MESSAGE.unpack_from(datagram, SDP_HEADER_BYTES))

    def close(self) -> None:
        self._closing = True
        self._thread.join()
        self._socket.close()


def address_towards(machine: str) -> str:
    """The local address from which datagrams to ``machine`` leave."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((machine, 17893))
        return str(probe.getsockname()[0])
