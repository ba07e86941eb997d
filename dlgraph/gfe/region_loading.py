"""Data regions of a graph's cores, loaded in few round trips.

GFE allocates memory for one core after the other, writes where it lies, then each region by itself and a table of regions behind
them, and waits for the answer each time: some 16 round trips a core.  But the regions of a core lie in one block, behind their
table.  So here what is to be written of it goes as one, and the host asks for all cores before it waits.

This also keeps where each region lies; GFE reads that back from the machine, core by core.
"""
from __future__ import annotations

import contextlib
from typing import Iterator, MutableMapping

import numpy as np
from spinn_front_end_common.data import FecDataView
from spinn_front_end_common.interface.ds import DsSqlliteDatabase
from spinn_front_end_common.interface.interface_functions.load_data_specification import _LoadDataSpecification
from spinn_front_end_common.utilities.constants import (
    APP_PTR_TABLE_BYTE_SIZE, APPDATA_MAGIC_NUM, CORE_DATA_SDRAM_BASE_TAG, DSE_VERSION, MAX_MEM_REGIONS)
from spinn_front_end_common.utilities.exceptions import DataSpecException
from spinnman.model.enums import UserRegister

from dlgraph.gfe.plain_scp import Block, write_plainly

#: Rather written as zeros than left out, bytes: another request takes as long.
GAP_BYTES = 256
_LOADER = "_LoadDataSpecification__python_load"

#: (x, y, p, region) -> address.
Pointers = MutableMapping[tuple[int, int, int, int], int]


@contextlib.contextmanager
def regions_loaded_together(pointers: Pointers) -> Iterator[None]:
    """Meanwhile GFE loads data regions as said above.

    :param pointers: takes where the regions lie
    """
    stock = getattr(_LoadDataSpecification, _LOADER)

    def load(_: _LoadDataSpecification, is_system: bool, uses_advanced_monitors: bool) -> None:
        with DsSqlliteDatabase() as database:
            _load(database, is_system, pointers)

    setattr(_LoadDataSpecification, _LOADER, load)
    try:
        yield
    finally:
        setattr(_LoadDataSpecification, _LOADER, stock)


def _load(database: DsSqlliteDatabase, is_system: bool, pointers: Pointers) -> None:
    transceiver, app_id = FecDataView.get_transceiver(), FecDataView.get_app_id()
    cores = [(x, y, p) for x, y, p, _, _ in database.get_core_infos(is_system)]
    sizes = [database.get_region_sizes(*core) for core in cores]
    starts = transceiver.malloc_sdram_multi([
        (x, y, APP_PTR_TABLE_BYTE_SIZE + sum(size.values()), app_id, CORE_DATA_SDRAM_BASE_TAG + p)
        for (x, y, p), size in zip(cores, sizes, strict=True)])
    transceiver.write_user_many([(x, y, p, UserRegister.USER_0, start) for (x, y, p), start in zip(cores, starts, strict=True)],
                                "Telling cores where their data lie")
    for core, size, start in zip(cores, sizes, starts, strict=True):
        database.set_start_address(*core, start)
        place = start + APP_PTR_TABLE_BYTE_SIZE
        for region, n_bytes in size.items():
            database.set_region_pointer(*core, region, place)
            pointers[(*core, region)] = place
            place += n_bytes
    blocks: list[Block] = []
    for core, start in zip(cores, starts, strict=True):
        blocks += _blocks(database, core, start)
    write_plainly(blocks)


def _blocks(database: DsSqlliteDatabase, core: tuple[int, int, int], start: int) -> list[Block]:
    """What is to be written of a core's memory, its table first."""
    table = np.zeros((MAX_MEM_REGIONS, 3), "<u4")             # address, sum, words
    written: list[tuple[int, bytes]] = []
    total = APP_PTR_TABLE_BYTE_SIZE
    for region, pointer, content in database.get_region_pointers_and_content(*core):
        if pointer is None:
            raise DataSpecException(f"x={core[0]} y={core[1]} p={core[2]}: region {region} has no address")
        table[region, 0] = pointer
        if content is not None:
            padded = bytes(content) + bytes(-len(content) % 4)
            words = np.frombuffer(padded, "<u4")
            table[region, 1:] = words.sum(dtype=np.uint32), len(words)
            written.append((pointer, padded))
            total += len(content)
    if total != database.get_memory_to_write(*core):
        raise DataSpecException(f"x={core[0]} y={core[1]} p={core[2]}: {total} bytes to be written are not those specified")
    header = np.array([APPDATA_MAGIC_NUM, DSE_VERSION], "<u4").tobytes() + table.tobytes()
    return [(core[0], core[1], place, data) for place, data in joined([(start, header), *sorted(written)])]


def joined(pieces: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """(address, bytes) in ascending order, those with at most :data:`GAP_BYTES` between them as one."""
    whole: list[tuple[int, bytearray]] = []
    for address, data in pieces:
        gap = address - (whole[-1][0] + len(whole[-1][1])) if whole else -1
        if 0 <= gap <= GAP_BYTES:
            whole[-1][1].extend(bytes(gap) + data)
        else:
            whole.append((address, bytearray(data)))
    return [(address, bytes(data)) for address, data in whole]
