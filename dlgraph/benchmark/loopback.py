"""Switches on the loopback device of a network namespace that was just made, in which it is off.

A program by itself, so that it can be tried whether this computer allows it: ``unshare --map-root-user --net python loopback.py``.
"""
from __future__ import annotations

import socket
import struct

#: Of Linux' if.h and sockios.h.
IFF_UP, SIOCGIFFLAGS, SIOCSIFFLAGS = 1, 0x8913, 0x8914
_REQUEST = "16sh14x"


def switch_on(name: bytes = b"lo") -> None:
    """:raises OSError: where that is not allowed"""
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        found = fcntl.ioctl(any_socket, SIOCGIFFLAGS, struct.pack(_REQUEST, name, 0))
        flags = struct.unpack(_REQUEST, found)[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack(_REQUEST, name, flags | IFF_UP))


if __name__ == "__main__":
    switch_on()
