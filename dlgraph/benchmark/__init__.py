"""Training compared across machines: ``dlgraph benchmark``.

The same networks are trained on a SpiNNaker board (emulated unless told otherwise) and with Keras on this computer's processor, on
its GPU, and by two workers that share each batch.  ``docs/benchmark.rst`` says what is measured and how.

What a training needs (:mod:`~dlgraph.benchmark.tasks`) goes to a device (:mod:`~dlgraph.benchmark.spinnaker`,
:mod:`~dlgraph.benchmark.keras_training`, :mod:`~dlgraph.benchmark.distributed`); what comes back
(:mod:`~dlgraph.benchmark.outcome`) is kept in a record (:mod:`~dlgraph.benchmark.record`), of which rows, a table and plots are
made.
"""
