"""A file of named arrays with a header: what NumPy's ``.npz`` is, read so that no file, however made, can do harm.

The header is JSON in UTF-8, in an array of bytes named ``header``.  Nothing is unpickled, and nothing larger than asked for is
taken into memory.
"""
from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

HEADER = "header"
#: The longest header that is read: a hundred thousand epochs fit.
MOST_HEADER_BYTES = 64 << 20
_NPY_HEADER_BYTES = 10_000
#: Of deflation.  Weights are close to random: level 6 makes them 0.5% smaller still, in two or three times the time.
_LEVEL = 1


def pack(header: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """The content of a file; the same for the same arrays.

    :raises TypeError: for a header that JSON cannot hold
    """
    content = io.BytesIO()
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with zipfile.ZipFile(content, "w") as file:
        for name, array in {HEADER: text, **arrays}.items():
            member = io.BytesIO()
            little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
            np.lib.format.write_array(member, little, (1, 0), allow_pickle=False)
            file.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getbuffer(), zipfile.ZIP_DEFLATED, _LEVEL)     # dated 1980
    return content.getvalue()


class Archive:
    """Such a file, open for reading.

    Where the file is not as it should be, its methods raise what zipfile, zlib, json and NumPy have for that, of a dozen kinds.
    """

    def __init__(self, path: Path) -> None:
        if not stat.S_ISREG(path.stat().st_mode):                       # opening a pipe would wait for ever
            raise ValueError("it is not a file")
        self._file = zipfile.ZipFile(path)

    def header(self) -> Any:
        """What JSON makes of the header."""
        size = min(MOST_HEADER_BYTES, self._file.getinfo(f"{HEADER}.npy").file_size) if self._has(HEADER) else 0
        shape, data = self._member(HEADER, np.dtype(np.uint8), size)
        if len(shape) != 1:
            raise ValueError("its header is not a list of bytes")
        try:
            return json.loads(data.decode("utf-8"))
        except RecursionError as error:
            raise ValueError("its header is nested too deeply") from error

    def array(self, name: str, dtype: type[np.generic], shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """An array that must be of this type and shape."""
        wanted = np.dtype(dtype).newbyteorder("<")
        found, data = self._member(name, wanted, int(np.prod(shape, dtype=np.int64)) * wanted.itemsize)
        if found != shape:
            raise ValueError(f"its array {name!r} has the shape {found}, not {shape}")
        return np.frombuffer(data, wanted).reshape(shape).astype(dtype)

    def _has(self, name: str) -> bool:
        return f"{name}.npy" in self._file.namelist()

    def _member(self, name: str, dtype: np.dtype[Any], most_bytes: int) -> tuple[tuple[int, ...], bytes]:
        """Shape and bytes of an array of at most so many bytes."""
        if not self._has(name):
            raise ValueError(f"it has no array {name!r}")
        member = self._file.getinfo(f"{name}.npy")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"its array {name!r} is compressed in another way than by deflation")
        with self._file.open(member) as source:
            content = source.read(most_bytes + _NPY_HEADER_BYTES + 1)      # reads to the end, where the check sum is compared
        start = io.BytesIO(content[:_NPY_HEADER_BYTES])
        if np.lib.format.read_magic(start) != (1, 0):
            raise ValueError(f"its array {name!r} is not of NumPy's format 1.0")
        shape, by_columns, found = np.lib.format.read_array_header_1_0(start)
        data = content[start.tell():]
        if found != dtype or by_columns or len(data) != int(np.prod(shape, dtype=object)) * dtype.itemsize:
            raise ValueError(f"its array {name!r} is of another type or length than wanted")
        return shape, data

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
