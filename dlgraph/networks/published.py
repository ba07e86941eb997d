"""What is published about the networks."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """Figures of LeCun et al. 1998, as MNIST's page lists them; of each network by itself where it is boosted.

    :ivar title: what it is called
    :ivar error: per cent of the test images
    :ivar distorted_error: likewise, trained on distorted images too; None where none is given
    :ivar parameters: worked out from the description, biases among them (without LeNet-5's fixed output units)
    :ivar connections: likewise, with them
    """

    title: str
    error: float | None
    distorted_error: float | None
    parameters: int
    connections: int


#: Name of the network -> figures.  LeNet-1's counts are printed in LeCun et al., NIPS 1989; LeNet-4's are those of three inputs
#: to each map of its third layer, which give the "about 260,000 connections" of the text.
PUBLISHED = {
    "mlp_300": Published("784-300-10", 4.7, 3.6, 238_510, 238_510),
    "mlp_300_100": Published("784-300-100-10", 3.05, 2.5, 266_610, 266_610),
    "lenet1": Published("LeNet-1", 1.7, None, 2_578, 98_442),
    "lenet4": Published("LeNet-4", 1.1, None, 50_698, 262_306),
    "lenet5": Published("LeNet-5", 0.95, 0.8, 60_000, 340_908),
    "boosted_lenet4": Published("Boosted LeNet-4", None, 0.7, 3 * 50_698, 3 * 262_306),
}
