"""More images from few: each one distorted in many ways, reproducibly and in pieces."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from dlgraph.arguments import check_integer
from dlgraph.data.distortion import Distortion
from dlgraph.errors import DataError
from dlgraph.order import order

#: Images whose random numbers are drawn together; it must stay as it is, or a seed gives other images.
BLOCK = 256
#: Places in the old image are rounded to this fraction of a pixel.  With it, products of bytes and shares of pixels are exact
#: in float32, and the last bits of the random fields, which depend on the computer's library, hardly ever matter.
STEPS = 256

Array = npt.NDArray[Any]


def distorted(x: Any, y: Any, n: int, distortion: Distortion | None = None, seed: int = 0) -> tuple[Array, Array]:
    """``n`` distorted images with their labels, all in memory.

    :param x: images (samples, rows, columns) or (samples, rows, columns, 1), uint8 or floating point; 0 is the paper
    :param y: labels or targets, one per image
    :param n: how many; each image is used once before any is used again
    :param distortion: how strongly; None for the default
    :param seed: 0 .. 2**32 - 1
    :return: images of x's dtype and of its shape but for the first axis, and their labels of y's dtype
    :raises DataError: for arrays or numbers that cannot be used
    """
    x, y = _check(x, y)
    n = check_integer("n", n, 1)
    new_x, new_y = np.empty((n, *x.shape[1:]), x.dtype), np.empty((n, *y.shape[1:]), y.dtype)
    done = 0
    for part_x, part_y in distorted_chunks(x, y, n, distortion, seed):
        new_x[done:done + len(part_x)], new_y[done:done + len(part_x)] = part_x, part_y
        done += len(part_x)
    return new_x, new_y


def distorted_chunks(x: Any, y: Any, n: int | None = None, distortion: Distortion | None = None, seed: int = 0,
                     chunk: int = 10_000) -> Iterator[tuple[Array, Array]]:
    """The same images as :func:`distorted`, chunk after chunk, in memory that depends on ``chunk`` and not on ``n``.

    The images do not depend on ``chunk``::

        for x, y in dlgraph.data.distorted_chunks(x_train, y_train, 600_000):
            net.train(x / 255, y)

    :param n: how many in all; None for as many as are asked for
    :param chunk: images at a time; the last chunk may be smaller
    :raises DataError: as :func:`distorted`, at the call
    """
    x, y = _check(x, y)
    if n is not None:
        n = check_integer("n", n, 1)
    chunk = check_integer("chunk", chunk, 1)
    if check_integer("seed", seed, 0) >= 2**32:
        raise DataError(f"seed={seed} is too large. Give a whole number from 0 to {2**32 - 1}.")
    return _chunks(x, y, n, distortion or Distortion(), seed, chunk)


def _chunks(x: Array, y: Array, n: int | None, distortion: Distortion, seed: int,
            chunk: int) -> Iterator[tuple[Array, Array]]:
    start = 0
    while n is None or start < n:
        stop = start + chunk if n is None else min(n, start + chunk)
        sources = _sources(start, stop, len(x), seed)
        new_x = np.empty((stop - start, *x.shape[1:]), x.dtype)
        for block in range(start // BLOCK, (stop - 1) // BLOCK + 1):
            first, last = max(start, block * BLOCK), min(stop, (block + 1) * BLOCK)
            rows, columns = distortion.draw(BLOCK, x.shape[1:3], np.random.Generator(np.random.PCG64([seed, block])))
            part = slice(first - block * BLOCK, last - block * BLOCK)
            images = x[sources[first - start:last - start]].reshape(-1, *x.shape[1:3])
            new_x[first - start:last - start] = taken_from(images, rows[part], columns[part]).reshape(-1, *x.shape[1:])
        yield new_x, y[sources]
        start = stop


def taken_from(images: Array, rows: Array, columns: Array) -> Array:
    """Pixels at places between pixels, by bilinear interpolation; beyond the edge all is 0.

    :param images: (n, rows, columns), uint8 or floating point
    :param rows: places in pixels, (n, new rows, new columns)
    :param columns: likewise
    :return: of the images' dtype; bytes are rounded to the nearest, halves to the even one
    """
    n, height, width = images.shape
    framed = np.zeros((n, height + 2, width + 2), np.float64 if images.dtype == np.float64 else np.float32)
    framed[:, 1:-1, 1:-1] = images
    row, row_share = _split(rows, height)
    column, column_share = _split(columns, width)
    corner = (np.arange(n)[:, None, None] * (height + 2) + row) * (width + 2) + column
    flat = framed.reshape(-1)
    new = np.zeros(rows.shape, framed.dtype)
    for down in (0, 1):
        for right in (0, 1):
            share = (row_share if down else 1 - row_share) * (column_share if right else 1 - column_share)
            new += flat[corner + (down * (width + 2) + right)] * share.astype(framed.dtype)
    return np.rint(new).astype(images.dtype) if images.dtype.kind in "iu" else new.astype(images.dtype)


def _split(places: Array, size: int) -> tuple[npt.NDArray[np.int64], Array]:
    """Places in a frame of one pixel around the image: the pixel before, and the share of the next one."""
    steps = np.rint((np.clip(places, -1.0, size) + 1) * STEPS).astype(np.int64)
    pixel = np.minimum(steps // STEPS, size)
    return pixel, (steps - pixel * STEPS) / STEPS


def _sources(start: int, stop: int, n_images: int, seed: int) -> npt.NDArray[np.int64]:
    """Which image each new one is made from: all images in one random order, then all in another."""
    places = np.arange(start, stop)
    sources = np.empty(stop - start, np.int64)
    for turn in range(start // n_images, (stop - 1) // n_images + 1):
        within = places // n_images == turn
        sources[within] = order(n_images, seed, turn)[places[within] % n_images]
    return sources


def _check(x: Any, y: Any) -> tuple[Array, Array]:
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim not in (3, 4) or 0 in x.shape or (x.ndim == 4 and x.shape[3] != 1):
        raise DataError(f"x has the shape {x.shape}. Give images (samples, rows, columns) or (samples, rows, columns, 1).")
    if x.dtype != np.uint8 and x.dtype not in (np.float32, np.float64):
        raise DataError(f"x has the dtype {x.dtype}. Give images of uint8, float32 or float64.")
    if y.ndim == 0 or len(y) != len(x):
        raise DataError(f"x has {len(x)} images, but y has {'none' if y.ndim == 0 else len(y)}. Give one label per image.")
    return x, y
