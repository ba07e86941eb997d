"""What layers give, and the shapes that samples have: as users see them, and as images."""
from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from dlgraph.layers import INPUT, Shape

if TYPE_CHECKING:
    from dlgraph.graph.graph import Graph


@dataclass(frozen=True, eq=False)
class Value:
    """What the network's input or a layer gives, to be handed to the layers that take it.

    :ivar graph: that it belongs to
    :ivar node: number of the layer that makes it, or :data:`~dlgraph.layers.INPUT`
    :ivar shape: of one sample: (n,) flat, (positions, channels) of a line, (height, width, channels) of an image
    """

    graph: Graph
    node: int
    shape: tuple[int, ...]

    @property
    def name(self) -> str:
        """Of the layer that makes it; ``"input"`` of the network's input."""
        return "input" if self.node == INPUT else self.graph.nodes[self.node].name

    @property
    def image(self) -> Shape:
        """(height, width, channels)."""
        return image_shape(self.shape)

    def __repr__(self) -> str:
        return f"<dlgraph value {self.name!r} of shape {self.shape}>"


def image_shape(shape: tuple[int, ...]) -> Shape:
    """(height, width, channels) of a sample of this shape; the order of the values is the same."""
    if len(shape) <= 1:
        return (1, 1, prod(shape))
    if len(shape) == 3:
        return (shape[0], shape[1], shape[2])
    return (prod(shape[:-1]), 1, shape[-1])


def shape_like(image: Shape, like: tuple[int, ...]) -> tuple[int, ...]:
    """The inverse of :func:`image_shape`.

    :param like: a shape with as many axes, of which those of four and more axes keep all but the last
    """
    if len(like) <= 1:
        return (prod(image),)
    return {2: (image[0], image[2]), 3: image}.get(len(like), (*like[:-1], image[2]))
