"""A board as far as dlgraph itself asks it, without the Graph Front End: boot ROM, and SC&MP's answers of one chip."""
from __future__ import annotations

import socket
import struct
import threading
from collections import Counter

OK, BAD_COMMAND = 0x80, 0x83
VER, READ, WRITE, NNP, ALLOC, INFO = 0, 2, 3, 20, 28, 31
SYSTEM_VARIABLES, VCPU, P2P_TABLE, TAG_TABLE, SDRAM = 0xf5007f00, 0xe5007000, 0xe1010000, 0x67884038, 0x60240018
IDLE, RUN = 15, 7
N_CORES = 18


class BoardFake:
    """Listens at a loopback address, on ports 17893 and 54321.

    :param booted: from the start; else once it has got a boot image
    """

    def __init__(self, address: str, booted: bool = True) -> None:
        self.address = address
        self.booted = booted
        self.boot_packets = 0
        #: What VER says.
        self.software = b"SC&MP/SpiNNaker\0004.0.0\0"
        #: Of so many requests, one is lost on its way, and of as many answers; 0 for none.
        self.one_lost_in = 0
        self.asked: Counter[int] = Counter()
        self.memory: dict[int, int] = {}                               # words
        self.blocks: dict[int, tuple[int, int]] = {}                   # SDRAM: address -> tag, size
        self.states = [RUN] + [IDLE] * (N_CORES - 1)
        self.stubborn = False                                          # whether programs do not stop
        self.put(SYSTEM_VARIABLES, bytes((0, 0, 1, 1)))                # one chip
        self.put(SYSTEM_VARIABLES + 0xdc, struct.pack("<I", TAG_TABLE))
        self.scp, self.boot = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.scp.bind((address, 17893))
        self.boot.bind((address, 54321))
        self.open = True
        self._serving = [threading.Thread(target=serve, daemon=True) for serve in (self._answer, self._take_image)]
        for bound, thread in zip((self.scp, self.boot), self._serving, strict=True):
            bound.settimeout(0.02)                                     # when it looks whether it is closed
            thread.start()

    def __enter__(self) -> BoardFake:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.open = False
        for thread in self._serving:
            thread.join()
        for kept in (self.scp, self.boot):
            kept.close()

    def put(self, address: int, data: bytes) -> None:
        """:param data: whole words"""
        for i, (word,) in enumerate(struct.iter_unpack("<I", data)):
            self.memory[address + 4 * i] = word

    def get(self, address: int, n_bytes: int) -> bytes:
        return b"".join(struct.pack("<I", self.memory.get(address + 4 * i, 0)) for i in range(n_bytes // 4))

    def run(self, core: int, program: bytes) -> None:
        """A program runs on a core."""
        self.states[core] = RUN
        self.put(VCPU + 128 * core + 72, program[:15].ljust(16, b"\0"))

    @property
    def records(self) -> list[int]:
        """Addresses of the blocks of SDRAM that are taken."""
        return sorted(self.blocks)

    def power_on(self) -> None:
        """As after it was switched off and booted."""
        self.blocks.clear()
        self.memory = {address: word for address, word in self.memory.items() if not TAG_TABLE <= address < TAG_TABLE + (1 << 18)}
        self.states[1:] = [IDLE] * (N_CORES - 1)

    def _answer(self) -> None:
        n = 0
        while self.open:
            try:
                request, sender = self.scp.recvfrom(512)
            except TimeoutError:
                continue
            command, sequence, *arguments = struct.unpack_from("<HH3I", request, 10)
            assert len(request) >= 26 and request[2] == 0x87
            n += 1
            if not self.booted or self.one_lost_in and n % self.one_lost_in == 0:
                continue
            code, body = self._obey(command, *arguments, request[26:])
            n += 1
            if self.one_lost_in and n % self.one_lost_in == 0:
                continue
            self.scp.sendto(b"\0\0" + request[2:10] + struct.pack("<HH", code, sequence) + body, sender)

    def _obey(self, command: int, arg1: int, arg2: int, arg3: int, data: bytes) -> tuple[int, bytes]:
        self.asked[command] += 1
        if command == VER:
            return OK, struct.pack("<4BHHI", 0, 0, 0, 0, 256, 0xffff, 0) + self.software
        if command == READ:
            return OK, self.get(arg1, arg2)
        if command == WRITE:
            assert len(data) == arg2
            self.put(arg1, data)
            return OK, b""
        if command == ALLOC:
            return self._allocate(arg1 & 0xff, arg1 >> 8 & 0xff, arg1 >> 16, arg2, arg3)
        if command == INFO:
            return OK, struct.pack("<3I", N_CORES, 0, 0) + bytes(self.states)
        if command == NNP:
            if arg2 & 0xffff == 0xf010 and not self.stubborn:         # applications 16 to 31
                self.states[1:] = [IDLE] * (N_CORES - 1)
            return OK, b""
        return BAD_COMMAND, b""

    def _allocate(self, operation: int, application: int, flags: int, argument: int, tag: int) -> tuple[int, bytes]:
        if operation == 1:                                             # free
            if argument not in self.blocks:
                return 0x84, b""
            entry, _ = self.blocks.pop(argument)
            self.put(entry, bytes(4))
            return OK, b""
        entry = TAG_TABLE + 4 * (application << 8 | tag)
        address = self.memory.get(entry, 0)
        if address:
            same = flags & 4 and self.blocks[address][1] == argument
            return OK, struct.pack("<I", address if same else 0)
        address = SDRAM
        self.blocks[address] = entry, argument
        self.put(entry, struct.pack("<I", address))
        return OK, struct.pack("<I", address)

    def _take_image(self) -> None:
        while self.open:
            try:
                packet = self.boot.recv(2000)
            except TimeoutError:
                continue
            self.boot_packets += 1
            self.booted = struct.unpack_from(">HI", packet)[1] == 5    # the last one starts the image
