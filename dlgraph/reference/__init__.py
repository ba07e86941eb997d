"""The arithmetic of ``docs/arithmetic.rst`` on the host, bit for bit what the machine computes.

:class:`ReferenceExecutor` trains any layer graph here, without a machine.  Two backends give the same bits: NumPy
(:mod:`dlgraph.reference.numpy_backend`) and a compiled one (:mod:`dlgraph.reference.native`).
"""
from dlgraph.reference.executor import ReferenceExecutor

__all__ = ["ReferenceExecutor"]
