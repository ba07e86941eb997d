"""What goes wrong and how it is said: every error that dlgraph raises on purpose."""
from __future__ import annotations


class DlgraphError(Exception):
    """Base of every error that dlgraph raises on purpose."""


class NumberFormatError(DlgraphError, ValueError):
    """A number given by the user does not fit its fixed-point format; found before a run."""


class UnsupportedError(DlgraphError, ValueError):
    """A combination (activation and loss, say) that has no rule in ``docs/arithmetic.rst``."""


class NumberFormatOverflow(DlgraphError, ArithmeticError):
    """A checked sum left its 32 bits during a run.

    :param layer: the name of the layer
    :param quantity: which sum: ``"sum"``, ``"partial error"`` or ``"gradient"``
    :param advice: what to change
    """

    def __init__(self, layer: str, quantity: str, advice: str) -> None:
        super().__init__(f"layer {layer!r}: the {quantity} does not fit its 32 bits; {advice}")
        self.layer = layer
        self.quantity = quantity
        self.advice = advice


class LayerKindError(DlgraphError, TypeError):
    """A layer kind from outside whose class does not give what it has to."""


class ModelError(UnsupportedError):
    """A Keras model or a graph, or what it is to be trained with, that dlgraph cannot train; found before a machine is touched."""


class DataError(DlgraphError, ValueError):
    """Samples, targets or arguments of ``train``, ``predict`` or ``evaluate`` that cannot be used; found likewise."""


class CheckpointError(DataError):
    """A checkpoint that cannot be read or written, or belongs to another training; found likewise."""


class MachineError(DlgraphError, RuntimeError):
    """A machine that is not described rightly, does not answer, or failed during a run."""


class CoreLost(MachineError):
    """A core, a chip or a link that died during a run."""


class DoesNotFit(MachineError):
    """A network, or its samples, that no cut brings onto the machine; found before the machine is touched."""
