"""How strongly images are distorted, and the random numbers of it."""
from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from dlgraph.errors import DataError

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Distortion:
    """Affine and elastic distortions.

    Affine ones are those that LeCun et al. 1998 name for MNIST (shifts, scaling, squeezing, horizontal shear) and small
    rotations; each is drawn uniformly from plus to minus its figure.  The paper gives no figures: these are ours.
    Elastic ones are those of Simard, Steinkraus and Platt 2003 with their figures for MNIST: each pixel is moved by random
    numbers of -1 .. 1, smoothed with a Gaussian of ``smoothness`` pixels and multiplied by ``elasticity``.

    :param shift: pixels, down and across each for itself
    :param scale: share of the size
    :param squeeze: share by which the width grows while the height shrinks
    :param shear: pixels to the right per pixel down
    :param rotation: degrees
    :param elasticity: alpha of the paper; 0 for no elastic distortion
    :param smoothness: sigma of the paper, in pixels
    :raises DataError: for figures that make no image
    """

    shift: float = 2.0
    scale: float = 0.15
    squeeze: float = 0.1
    shear: float = 0.2
    rotation: float = 10.0
    elasticity: float = 34.0
    smoothness: float = 4.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < np.inf:
                raise DataError(f"{each.name}={value!r} cannot be used. Give a number from 0.")
        for name in ("scale", "squeeze"):
            if getattr(self, name) >= 0.9:
                raise DataError(f"{name}={getattr(self, name)} leaves nothing of some images. Give a number below 0.9.")
        if self.elasticity and not self.smoothness:
            raise DataError("smoothness=0 tears images into single pixels. Give a number above 0, or elasticity=0.")

    def draw(self, n: int, shape: tuple[int, int], random: np.random.Generator) -> tuple[Float64Array, Float64Array]:
        """Where each pixel of new images comes from.

        :param n: images
        :param shape: rows, columns
        :return: rows and columns in the old images, each (n, rows, columns)
        """
        matrix, shift = self._affine(n, random)
        middle = [(size - 1) / 2 for size in shape]
        down, across = np.arange(shape[0])[:, None] - middle[0], np.arange(shape[1])[None, :] - middle[1]
        # products one by one: a matrix product may differ in its last bit from one computer to the next
        places = [matrix[:, i, 0, None, None] * down + matrix[:, i, 1, None, None] * across
                  + (shift[:, i, None, None] + middle[i]) for i in (0, 1)]
        if self.elasticity:
            for place in places:
                noise = random.uniform(-1.0, 1.0, (n, *shape))
                place += self.elasticity * smooth(noise, self.smoothness)
        return places[0], places[1]

    def _affine(self, n: int, random: np.random.Generator) -> tuple[Float64Array, Float64Array]:
        """Matrices (n, 2, 2) and shifts (n, 2), from places in new images to places in old ones; rows first."""
        u = random.uniform(-1.0, 1.0, (n, 6))
        shift = u[:, :2] * self.shift
        angle = np.deg2rad(u[:, 2] * self.rotation)
        scale, squeeze, shear = 1 + u[:, 3] * self.scale, 1 + u[:, 4] * self.squeeze, u[:, 5] * self.shear
        cosine, sine = np.cos(angle), np.sin(angle)
        height, width = scale / squeeze, scale * squeeze
        matrix = np.empty((n, 2, 2))
        # new to old: turned back, then the slant taken out, then the size
        matrix[:, 0, 0], matrix[:, 0, 1] = cosine / height, sine / height
        matrix[:, 1, 0], matrix[:, 1, 1] = (-sine - shear * cosine) / width, (cosine - shear * sine) / width
        return matrix, shift


def smooth(noise: Float64Array, sigma: float) -> Float64Array:
    """Convolve the last two axes with a Gaussian, zeros beyond the edges.

    :param noise: (n, rows, columns)
    :param sigma: of the Gaussian, in pixels; cut off at 4 sigma, sum 1
    """
    reach = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    for size, product in ((noise.shape[1], "ik,nkj->nij"), (noise.shape[2], "jk,nik->nij")):
        apart = np.arange(size)[:, None] - np.arange(size)[None, :]
        matrix = np.where(np.abs(apart) <= reach, weights[np.clip(apart + reach, 0, 2 * reach)], 0.0)
        noise = np.einsum(product, matrix, noise, optimize=True)
    return noise
