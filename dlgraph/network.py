"""A network that trains on a machine: what the user holds."""
from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dlgraph.arguments import (check_batch_size, check_file, check_integer, check_shuffle, refuse_others,
                               validation_epochs)
from dlgraph.callbacks import CallbackList, History
from dlgraph.checkpoint import Checkpoint, Position, Shapes, read_checkpoint
from dlgraph.comparison import Comparison, compare
from dlgraph.cycles import Cycles
from dlgraph.data_encoding import (Data, check_data, check_validation, choose_input_fraction, encode, refuse_no_y,
                                   split_validation, weigh)
from dlgraph.description import Description, describe
from dlgraph.errors import CoreLost, DataError, DoesNotFit, ModelError, UnsupportedError
from dlgraph.executor import Executor, LearningRate, Mapped, Progress
from dlgraph.executors import ExecutorFactory, check_options, make_reference
from dlgraph.fingerprint import Fields, network_fields, rates_of, training_fields
from dlgraph.formats import Float32Array, mean_loss, outputs_to_float
from dlgraph.fractions import value_fractions
from dlgraph.graph import Definition, Goal, Graph
from dlgraph.keras_floats import floats_beside
from dlgraph.layer_graph import LayerGraph, Loss, Metric, PassResult, Samples
from dlgraph.layers import INPUT, Layer, WeightLayer
from dlgraph.machine_graph import MachineGraph, machine_graph
from dlgraph.machine_holder import MachineHolder
from dlgraph.mapping.expected import ChosenCut
from dlgraph.mapping.planning import cores_of, fewest_chips, plan_for_board
from dlgraph.mapping.stages import find_stages
from dlgraph.model_side import GraphSide, ModelSide
from dlgraph.optimiser_formats import FloatState
from dlgraph.optimisers import Plane, Sgd
from dlgraph.order import order
from dlgraph.progress import Pass, Report, check_verbose, machine_seconds
from dlgraph.rates import check_rates
from dlgraph.report import pass_report
from dlgraph.run_report import RunReport, curves_of
from dlgraph.saver import Saver
from dlgraph.targets import HostTarget, MachineTarget
from dlgraph.trace import MOST_TRACED, StreamTrace, Trace
from dlgraph.training_state import (Floats, TrainingState, optimiser_from_float, optimiser_to_float, parameters_from_float,
                                    parameters_to_float)
from dlgraph.traffic import Traffic
from dlgraph.update_words import batch_sizes
from dlgraph.vertex_report import VertexReports

log = logging.getLogger(__name__)


@dataclass
class _Training:
    """What every epoch of one call of ``train`` uses.

    :param first: number of the first epoch, for callbacks and history; then of the next one
    :param last: the epoch to end at
    :param validate_after: epoch -> whether to validate after it
    """

    samples: Samples
    held_out: Samples | None
    batch_size: int
    shuffle: bool
    first: int
    last: int
    validate_after: Callable[[int], bool]
    hooks: CallbackList
    history: History
    report: Report
    saver: Saver


class Network:
    """A network and the machine it trains on.  Made by :func:`dlgraph.from_keras` or :func:`dlgraph.from_graph`.

    Its methods are named and behave as those of a Keras model, except that ``train`` is Keras' ``fit``.  The machine is
    taken when it is first needed and kept until :meth:`close`, the end of a ``with`` block, or the end of the program.

    :ivar model: the Keras model; it holds the trained weights after every epoch.  Of a network from a graph, what callbacks see
    """

    def __init__(self, side: ModelSide, definition: Definition, target: MachineTarget, seed: int,
                 input_max: float | None, fractions: dict[str, int], factory: ExecutorFactory,
                 options: dict[str, Any], state: TrainingState | None = None, input_fraction: int | None = None) -> None:
        self._side = side
        self._net = definition
        self._seed = seed
        self._input_max = input_max
        self._fractions = fractions
        self._factory = factory
        self._options = options
        self._input_fraction = input_fraction
        self._optimiser = side.optimiser()
        #: What the model's weights and its optimiser's state were when last taken over or handed over.
        self._seen = side.read_weights()
        self._seen_state = side.read_state(self._optimiser.planes)
        self._state = state if state is not None else TrainingState(
            parameters_from_float(self._weight_layers, self._seen),
            optimiser_from_float(self._weight_layers, self._seen_state, self._optimiser.planes))
        self._handed_over = True
        self._last_report: RunReport | None = None
        #: Of the last training.
        self._history: History | None = None
        #: What was last reported on: how it was cut, and in words.
        self._described: tuple[ChosenCut | None, int, Description] | None = None
        #: Of the last epoch, and of the last pass forward.
        self._recorded: dict[bool, tuple[StreamTrace, ...]] = {}
        #: What :meth:`describe` was asked, how the network would be cut, and the fewest chips.
        self._planned: tuple[tuple[int, float, tuple[Plane, ...]], Mapped, int] | None = None
        self._holder = MachineHolder(target)
        self._finalizer = weakref.finalize(self, self._holder.close)
        definition.graph.close()

    # ------------------------------------------------------------------ what the user calls

    @property
    def model(self) -> Any:
        """The Keras model; it holds the trained weights after every epoch."""
        return self._side.model

    @property
    def graph(self) -> Graph:
        """Its layers; of a network from a Keras model, those that the model became, whose weights live in the model."""
        return self._net.graph

    @property
    def machine(self) -> str:
        """What the network runs on, in words."""
        return self._holder.target.description

    def train(self, X: Any, y: Any, epochs: int = 1, batch_size: int | None = 32, shuffle: bool = True,
              validation_data: Any = None, callbacks: Any = None, verbose: Any = "auto", initial_epoch: int = 0,
              validation_split: float = 0.0, validation_freq: Any = 1, class_weight: Any = None,
              sample_weight: Any = None, checkpoint: Any = None, resume: Any = "auto", **others: Any) -> History:
        """Train; the last partial batch is trained on as well.

        :param X: samples, of the shape of the model's input, any numeric dtype
        :param y: labels or targets as the loss takes them
        :param epochs: the epoch to end at, counted with ``initial_epoch``
        :param batch_size: samples per update; None for 32
        :param shuffle: use the samples in another order in every epoch, a function of the seed and of how many epochs
            this network has been trained (see :meth:`order`)
        :param validation_data: (X, y) or (X, y, sample_weight) to evaluate after every epoch
        :param callbacks: Keras callbacks; called per epoch
        :param verbose: 0 silent, 1 or "auto" live, 2 one line per epoch
        :param initial_epoch: the number of the first epoch in callbacks and history
        :param validation_split: take this last part of the data for validation
        :param validation_freq: validate every so many epochs, or after the epochs listed
        :param class_weight: class number -> how much its samples count, in training; classes left out count 1
        :param sample_weight: how much each sample counts: its loss is multiplied by it; accuracy counts all samples alike
        :param checkpoint: name of a file to write after every epoch, and to go on from: what training ends with is the same in
            every bit as if it had not been interrupted
        :param resume: "auto": go on from the file where there is one, up to ``epochs`` in all; True: the same, and an error
            where there is none; False: begin anew, and overwrite it
        :return: the history, also of the epochs before the file; loss and accuracy under Keras' keys
        :raises DataError: where an argument cannot be used; before the machine is touched
        :raises CheckpointError: likewise, where the file cannot be used or is of another training
        """
        refuse_others(others, "train")
        level = check_verbose(verbose)
        first, last = check_integer("initial_epoch", initial_epoch, 0), check_integer("epochs", epochs, 0)
        shuffle = check_shuffle(shuffle)
        if validation_data is None and validation_split:
            X, y, sample_weight, validation_data = split_validation(X, y, validation_split, sample_weight)
        refuse_no_y(y)
        data = check_data(X, y, self._net)
        weigh(data, self._net, sample_weight, class_weight)
        check = check_validation(validation_data, self._net)
        validate_after = validation_epochs(validation_freq)
        size = check_batch_size(batch_size, len(data))
        hooks = CallbackList(callbacks)
        self._look_at_model()
        saver = Saver(checkpoint, resume, hooks.callbacks, self._identity, self._shapes)
        self._check_rate(size, len(data), data.weight_unit)
        samples, held_out = self._encode([data] + ([check] if check is not None else []), saver.saved)
        call = _Training(samples, held_out, size, shuffle, first, last, validate_after, hooks, History(),
                         self._report(level, last - first), saver)
        self._begin_checkpoint(call)
        self._set_up(call, {"verbose": level, "epochs": last, "steps": -(-len(data) // size)})
        try:
            self._run(call)
        except BaseException as error:
            call.report.abandon()
            if not self._handed_over:            # interrupted between the end of an epoch and its hand-over
                self._hand_over()
            self._close_after_error(error)
            raise
        return call.history

    def predict(self, X: Any, batch_size: int | None = None, verbose: Any = "auto", **others: Any) -> Float32Array:
        """The network's outputs.

        :param X: samples, as for :meth:`train`
        :param batch_size: without effect
        :return: float32 (n_samples, n_outputs)
        """
        refuse_others(others, "predict")
        level = check_verbose(verbose)
        data = check_data(X, None, self._net)
        self._look_at_model()
        samples, _ = self._encode([data])
        result, executor = self._forward(samples, level, "Predict", keep_outputs=True)
        assert result.outputs is not None
        return outputs_to_float(result.outputs, executor.graph)

    def evaluate(self, X: Any, y: Any, batch_size: int | None = None, verbose: Any = "auto",
                 return_dict: bool = False, sample_weight: Any = None, **others: Any) -> Any:
        """Loss, and accuracy where the model is compiled with it.

        :param X: samples, as for :meth:`train`
        :param y: labels or targets
        :param batch_size: without effect
        :param sample_weight: how much each sample counts in the loss
        :return: as Keras: the loss, or a list of loss and metrics, or with ``return_dict`` name -> value
        """
        refuse_others(others, "evaluate")
        level = check_verbose(verbose)
        refuse_no_y(y)
        data = check_data(X, y, self._net)
        weigh(data, self._net, sample_weight)
        self._look_at_model()
        samples, _ = self._encode([data])
        result, executor = self._forward(samples, level, "Evaluate", keep_outputs=False)
        logs = self._logs(result, samples, executor.graph)
        if return_dict:
            return logs
        values = [logs["loss"]] + [logs[name] for name in self._net.goal.metric_names]
        return values if len(values) > 1 else values[0]

    def order(self, epoch: int, n_samples: int | None = None) -> npt.NDArray[np.int64]:
        """Which sample each position of an epoch used.

        :param epoch: counted from 0 over all calls of :meth:`train`
        :param n_samples: give it to ask for an epoch that is still to come, shuffled
        """
        epoch = check_integer("epoch", epoch, 0)
        shuffled = True
        if n_samples is None:
            if epoch >= len(self._state.orders):
                raise DataError(f"Epoch {epoch} is still to come: {len(self._state.orders)} epochs are trained. Give "
                                f"n_samples to ask for the order it will have.")
            n_samples, shuffled = self._state.orders[epoch]
        n = check_integer("n_samples", n_samples, 1)
        return order(n, self._seed, epoch) if shuffled else np.arange(n)

    def get_weights(self) -> list[Float32Array]:
        """The weights as float32, in Keras' order."""
        self._take_over_weights()
        return [array for arrays in self._floats() for array in arrays]

    def reference(self) -> Network:
        """A twin that computes the same on this computer, from where this network is now.

        Its training leaves this network and the Keras model alone.
        """
        self._look_at_model()
        self._side.build_metrics(self._net.goal.loss is Loss.SPARSE_CATEGORICAL_CROSSENTROPY)
        twin = self._net.twin()
        twin.graph.take_optimiser(replace(self._optimiser, learning_rate=self._side.learning_rate()), self._side.schedule())
        side = GraphSide(twin, self._float_state(), list(self.model.metrics))
        side.write_weights(self._floats())
        return Network(side, twin, HostTarget(), self._seed, self._input_max, self._fractions, make_reference, {}, self._state,
                       self._input_fraction)

    def load_checkpoint(self, path: Any) -> History:
        """Take over what :meth:`train` wrote to a file, without training: the Keras model holds its weights afterwards.

        :return: the history until then
        :raises CheckpointError: where the file cannot be read, or is of another network, by what differs
        """
        self._look_at_model()
        saved = read_checkpoint(check_file("path", path), self._identity, self._shapes())
        self._go_on_from(saved)
        history = self.model.history = self._history = saved.position.history
        history.set_model(self.model)
        return history

    def report(self) -> RunReport:
        """What the last pass was like on the machine: cores, cycles, packets of each layer, and its speed.

        Of the last epoch trained, or of what was predicted or evaluated since; with the epochs of the last training.  ``str()``
        makes a table of it, ``save("run.html")`` a page with drawings.
        """
        if self._last_report is None:
            raise DataError("There is nothing to report yet. Call train, evaluate or predict first.")
        return replace(self._last_report, curves=curves_of(self._history))

    def traffic(self) -> Traffic:
        """Packets sent, delivered, dropped, re-injected and sent again, since the network was put on the machine.

        By stream and by chip; on an emulated machine by link as well.  The machine is asked for it, so it must not have been given
        back: ask inside the ``with`` block.
        """
        executor = self._holder.executor
        found = None if executor is None else executor.traffic()
        if found is None:
            raise DataError(f"There is no traffic to tell of: the network is not on a machine now (it runs on the {self.machine}). "
                            f"Call train, evaluate or predict on a machine, then traffic() before close().")
        return found

    def cycles(self) -> Cycles:
        """Where the cycles of every core went in the last pass, and what bound it.

        Only an emulated machine that was asked to can count them: ``machine=dlgraph.Emulated(profile=True)``.

        :raises DataError: where nothing was counted
        """
        executor = self._holder.executor
        found = None if executor is None else executor.cycles()
        if found is None:
            raise DataError(f"Nobody has counted where cycles went (the network runs on the {self.machine}). Make the network with "
                            f"machine=dlgraph.Emulated(profile=True), call train, evaluate or predict, then cycles() before "
                            f"close().")
        return found

    def describe(self, batch_size: int = 32, input_density: float = 1.0) -> Description:
        """Layers, shapes, parameters, number formats; how each layer is cut, and what is expected of that: what ``print`` shows.

        Once the network has run on a machine, as it lies there; before, as it would be cut for it.  No machine is touched.
        Choosing a cut takes a second for small networks, half a minute for deep ones; it is kept until something else is asked.

        :param batch_size: of the training to come
        :param input_density: likewise, share of the inputs that are not zero
        """
        size = check_integer("batch_size", batch_size, 1)
        _check_density(input_density)
        executor = self._holder.executor
        mapped = executor.mapped() if executor is not None else None
        graph = self._expected_graph()
        n_chips, problem = 0, None
        if mapped is None and self._holder.target.kind != HostTarget.kind:
            try:
                mapped, n_chips = self._would_be_mapped(graph, size, input_density)
            except (DoesNotFit, UnsupportedError) as error:
                problem = str(error)
        return describe(self._net.name, graph, self.machine, size, mapped, n_chips, problem)

    def machine_graph(self, batch_size: int = 32, input_density: float = 1.0) -> MachineGraph:
        """The machine vertices and outgoing partitions that the network becomes.

        Once the network has run on a machine, as it lies there, with places and keys; before, as it would be cut for it.  No
        machine is touched.

        :param batch_size: as for :meth:`describe`, like input_density
        :raises DoesNotFit: where no cut fits, or places given by hand do not
        :raises DataError: where an argument, a place or a probe cannot be used
        """
        size = check_integer("batch_size", batch_size, 1)
        _check_density(input_density)
        if self._holder.target.kind == HostTarget.kind:
            raise DataError("The network runs on the host, where it has no machine vertices. Ask one that runs on a machine, such "
                            "as dlgraph.from_graph(graph, machine=dlgraph.Emulated()).")
        executor = self._holder.executor
        mapped = executor.mapped() if executor is not None else None
        if mapped is None:
            mapped, _ = self._would_be_mapped(self._expected_graph(), size, input_density)
        return machine_graph(self.machine, mapped)

    def map(self, batch_size: int = 32, input_density: float = 1.0, **options: Any) -> MachineGraph:
        """Change how the network is to lie on the machine: what :func:`dlgraph.from_keras` takes as options of the mapping.

        Options that are not given stay as they are.  A network that is on the machine leaves it; the next pass begins anew on it.
        What the network learns is the same in every bit however it lies.

        :param batch_size: as for :meth:`machine_graph`, like input_density
        :param options: such as ``cuts``, ``n_sources``, ``window``, ``place``, ``probes``; see
            :class:`dlgraph.gfe.executor.GfeExecutor`
        :return: what the network becomes with them
        :raises DoesNotFit: as :meth:`machine_graph`, like others; then the options are as they were before
        """
        check_options(options)
        before, self._options = self._options, {**self._options, **options}
        executor, self._holder.executor = self._holder.executor, None
        if executor is not None:
            executor.end_session()
        self._planned = None
        try:
            return self.machine_graph(batch_size, input_density)
        except BaseException:
            self._options, self._planned = before, None
            raise

    def recorded(self, kind: str | None = None, layer: str | None = None, *, training: bool = True) -> list[StreamTrace]:
        """What probes recorded, stream by stream: of each as many samples as its :class:`dlgraph.Probe` asked for.

        :param kind: of stream, such as ``"activations"``; None: all
        :param layer: that sends; None: all
        :param training: in the last epoch; False: in the last pass forward, of evaluate, predict or a validation
        :raises DataError: where nothing was recorded
        """
        found = [each for each in self._recorded.get(training, ()) if kind in (None, each.kind) and layer in (None, each.layer)]
        if not found:
            streams = dict.fromkeys((each.kind, each.layer) for each in self._recorded.get(training, ()))
            there = ", ".join(f"{of_kind} of {sender!r}" for of_kind, sender in streams)
            raise DataError(
                f"Nothing {f'of the kind {kind!r} ' if kind else ''}{f'of layer {layer!r} ' if layer else ''}was recorded "
                f"{'in training' if training else 'in a pass forward'}; there is {there or 'nothing'}. Give probes, such as "
                f"net.map(probes=[dlgraph.Probe('hidden', 'activations')]), then train, evaluate or predict on a machine.")
        return found

    def _expected_graph(self) -> LayerGraph:
        """The network in integers; before there are data, as for inputs up to 1 or input_max."""
        if self._input_fraction is None:
            return self._graph(self._value_fractions(choose_input_fraction([], self._input_max or 1.0))[INPUT])
        return self._graph()

    def _would_be_mapped(self, graph: LayerGraph, batch_size: int, input_density: float) -> tuple[Mapped, int]:
        """How a network that has not run would be cut, and the fewest chips that hold it."""
        key = batch_size, input_density, self._optimiser.planes
        if self._planned is None or self._planned[0] != key:
            given = {name: value for name, value in self._options.items() if name not in ("placement_seed", "max_region_bytes")}
            version, boards = self._holder.target.version, self._holder.target.boards
            stages = find_stages(graph, given.pop("own_cores", False))
            chosen = plan_for_board(graph, stages, cores_of(version, boards), batch_size, input_density, version=version,
                                    boards=boards, **given)
            self._planned = key, Mapped(chosen, 0), fewest_chips(chosen.plan, version, boards)
        return self._planned[1:]

    def trace(self, X: Any, y: Any = None, sample_weight: Any = None, *, every_layer: bool = True) -> Trace:
        """What a pass over some samples gives in every layer, from the machine: activations, errors, gradients.

        Weights, the optimiser's state and the position in the training stay as they are.  With y the pass goes forward and back as
        in training, in one batch, with the dropout that the next epoch would have for samples of these places; without, forward
        only, as in :meth:`predict`.

        :param X: as for :meth:`train`, at most 256 samples
        :param y: labels or targets, or None
        :param sample_weight: as for :meth:`train`
        :param every_layer: give every layer cores of its own for this, cut as the cost model chooses, so that all that a layer
            gives is sent: a session of its own on the machine, and the next training begins another one, some seconds each.
            False: look at the cores that train, as they are; what stays inside of them is left out, by name.
        :raises DataError: where an argument cannot be used; before the machine is touched
        """
        return self._trace(self._inspected(X, y, sample_weight)[1], every_layer)

    def compare(self, X: Any, y: Any = None, sample_weight: Any = None, *, every_layer: bool = True) -> Comparison:
        """A :meth:`trace` beside the reference, bit by bit, and beside Keras, in floating point; layer by layer.

        Keras is left out where dropout is at work, which would drop others there: compare without y then.  Its errors and
        gradients are known where its backend is TensorFlow.

        :param X: as for :meth:`trace`, like all others
        """
        data, samples = self._inspected(X, y, sample_weight)
        trace = self._trace(samples, every_layer)
        reference = make_reference(self._graph(), HostTarget()).trace(samples, len(self._state.orders), trace.training)
        floats, notes = floats_beside(None if isinstance(self._side, GraphSide) else self.model, self._net.nodes,
                                      self._net.input_shape, data)
        return compare(trace, reference, floats, notes)

    def vertices(self) -> VertexReports:
        """What every vertex counted in the last pass on the machine, and what its program wrote, in plain words.

        :raises DataError: where no vertex is on a machine now
        """
        executor = self._holder.executor
        found = executor.vertices() if executor is not None else []
        if not found:
            raise DataError("There are no vertices on a machine now. Call train, evaluate or predict first, on a machine; after an "
                            "error or close() they are gone, and what they had to say of the error is in its text.")
        return VertexReports(self.machine, tuple(found))

    def close(self) -> None:
        """Give the machine back.  The network stays usable: it takes a machine again when it needs one."""
        self._holder.close()

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<dlgraph.Network {self._net.name!r}, {self._net.describe()}, on the {self.machine}>"

    def __str__(self) -> str:
        """:meth:`describe` as a table."""
        return str(self.describe())

    # ------------------------------------------------------------------ one pass

    def _set_up(self, call: _Training, params: dict[str, Any]) -> None:
        """What Keras does before the first epoch."""
        if call.hooks.callbacks:
            self._side.build_metrics(self._net.goal.loss is Loss.SPARSE_CATEGORICAL_CROSSENTROPY)
        call.history.set_params(params)
        call.history.set_model(self.model)
        self.model.history = self._history = call.history
        call.hooks.set_up(self.model, params)
        self.model.stop_training = False
        self.model._initial_epoch = None

    def _run(self, call: _Training) -> None:
        """The epochs of one call of ``train``."""
        with call.saver.beginning():
            call.hooks.call("on_train_begin", {})
        call.saver.put_back_callbacks()
        call.first = self.model._initial_epoch or call.first          # BackupAndRestore goes on where a training ended
        call.report.n_passes = call.last - call.first
        if call.first < call.last:
            call.saver.try_out(self._state, self._position(call))
            call.report.begin(f"Training {self._net.name!r} on {len(call.samples)} samples"
                              + (f", validating on {len(call.held_out)}," if call.held_out is not None else ""))
        call.saver.tell(call.report, call.last)
        logs: dict[str, float] = {}
        for epoch in range(call.first, call.last):
            call.hooks.call("on_epoch_begin", epoch, {})
            self._look_at_model()
            logs = self._train_epoch(call, epoch)
            call.hooks.call("on_epoch_end", epoch, logs)
            call.history.add(epoch, logs)
            call.first = epoch + 1
            if call.saver.path is not None:
                self._take_over_optimiser()
                self._take_over_weights()
                call.saver.save(self._state, self._position(call))
            if self.model.stop_training:
                break
        call.hooks.call("on_train_end", logs)
        self._take_over_weights()            # EarlyStopping restores the best ones
        call.saver.finish(self._state, self._position(call))

    def _train_epoch(self, call: _Training, epoch: int) -> dict[str, float]:
        """Train one epoch, hand its weights over, validate; returns name -> value."""
        n = len(call.samples)
        rate = self._check_rate(call.batch_size, n, call.samples.weight_unit, -(-n // call.batch_size))
        executor = self._open([call.samples] + ([call.held_out] if call.held_out is not None else []))
        title = f"Epoch {epoch + 1}/{call.last}"
        view = call.report.open_pass(title, call.report.n_passes - (call.last - epoch), n)
        executor.set_up.tell = view.set_up
        result = executor.train_epoch(call.samples, len(self._state.orders), call.batch_size, call.shuffle, rate,
                                      self._progress(view, call.samples, executor.graph))
        self._holder.close_at_exit()
        self._note_pass(title, result, executor, call.batch_size)
        self._recorded[True] = executor.recorded(training=True)
        self._handed_over = False
        self._state = TrainingState(executor.parameters(), executor.optimiser_state(), self._state.orders + ((n, call.shuffle),))
        self._hand_over()
        logs = self._logs(result, call.samples, executor.graph)
        if call.held_out is not None and call.validate_after(epoch):
            call.hooks.call("on_test_begin", {})
            held_out = self._logs(executor.forward(call.held_out, keep_outputs=False), call.held_out, executor.graph)
            self._recorded[False] = executor.recorded(training=False)
            call.hooks.call("on_test_end", held_out)
            logs.update({f"val_{name}": value for name, value in held_out.items()})
        view.close(result, logs)
        clipped = {name: count for name, count in result.saturations.items() if count}
        call.history.machine_seconds.append(machine_seconds(result))
        call.history.saturations.append(clipped)
        if clipped:
            call.report.note("  values clipped to their number format: "
                             + ", ".join(f"{count} in layer {name!r}" for name, count in clipped.items()))
        return logs

    def _forward(self, samples: Samples, level: int, title: str, keep_outputs: bool) -> tuple[PassResult, Executor]:
        report = self._report(level)
        try:
            executor = self._open([samples])
            view = report.open_pass(f"{title} on the {self.machine}", 0, len(samples))
            executor.set_up.tell = view.set_up
            result = executor.forward(samples, keep_outputs, self._progress(view, samples, executor.graph))
        except BaseException as error:
            report.abandon()
            self._close_after_error(error)
            raise
        self._holder.close_at_exit()
        self._note_pass(title, result, executor, None)
        self._recorded[False] = executor.recorded(training=False)
        view.close(result, {} if keep_outputs else self._logs(result, samples, executor.graph))
        return result, executor

    def _note_pass(self, title: str, result: PassResult, executor: Executor, batch_size: int | None) -> None:
        """Keep what there is to report of a pass.

        :param batch_size: None of a pass that only goes forward
        """
        target, work = self._holder.target, tuple(executor.work())
        mapped = executor.mapped()
        cut, size = None if mapped is None else mapped.chosen, batch_size or 32
        if self._described is None or self._described[0] is not cut or self._described[1] != size:
            self._described = cut, size, describe(self._net.name, executor.graph, self.machine, size, mapped)
        self._last_report = RunReport(
            **vars(pass_report(title, self.machine, result, work, training=batch_size is not None)), emulated=target.emulated,
            board=target.version if work else "", boards=target.boards, batch_size=batch_size, cores=work,
            packets=executor.pass_packets(), network=self._described[2], set_up=dict(executor.set_up.seconds),
            upload=executor.upload())

    # ------------------------------------------------------------------ looking inside

    def _inspected(self, X: Any, y: Any, sample_weight: Any) -> tuple[Data, Samples]:
        """A few samples, checked and encoded."""
        data = check_data(X, y, self._net)
        if len(data) > MOST_TRACED:
            raise DataError(f"X has {len(data)} samples. A trace holds every number of every layer, of at most {MOST_TRACED} "
                            f"samples; give fewer, such as X[:32].")
        if y is not None:
            weigh(data, self._net, sample_weight)
        elif sample_weight is not None:
            raise DataError("sample_weight was given without y. It counts errors, which need y; give both or neither.")
        self._look_at_model()
        samples, _ = self._encode([data])
        return data, samples

    def _trace(self, samples: Samples, every_layer: bool) -> Trace:
        epoch, training = len(self._state.orders), samples.labels is not None or samples.targets is not None
        try:
            if every_layer:
                trace = self._trace_every_layer(samples, epoch, training)
            else:
                trace = self._open([samples]).trace(samples, epoch, training)
        except BaseException as error:
            self._close_after_error(error)
            raise
        self._holder.close_at_exit()
        return trace

    def _trace_every_layer(self, samples: Samples, epoch: int, training: bool) -> Trace:
        """On an executor made for it."""
        if self._holder.executor is not None:
            self._holder.executor.end_session()          # the Graph Front End has one network at a time
        graph = self._graph()
        graph.optimiser = Sgd(graph.optimiser.learning_rate)        # its update tells the gradient
        executor = self._factory(graph, self._holder.target, own_cores=True)        # a cut by hand is of other stages
        try:
            return executor.trace(samples, epoch, training)
        except DoesNotFit as error:
            raise DoesNotFit(f"{error} This is with cores of its own for every layer; every_layer=False looks at the cores that "
                             f"train.") from error
        finally:
            executor.end_session()

    def _logs(self, result: PassResult, samples: Samples, graph: LayerGraph) -> dict[str, float]:
        """Name -> value, in Keras' (alphabetical) order."""
        logs = {"loss": mean_loss(result.loss_sum, result.n_samples, graph) * samples.weight_unit}
        logs.update(dict.fromkeys(self._net.goal.metric_names,
                                  result.n_correct / _counted(result.n_samples, graph)))
        return dict(sorted(logs.items()))

    def _progress(self, view: Pass, samples: Samples, graph: LayerGraph) -> Progress:
        """An executor's progress, shown as means."""
        names = self._net.goal.metric_names

        def progress(done: int, loss_sum: int, n_correct: int, machine_cycles: int = 0) -> None:
            values = {"loss": mean_loss(loss_sum, done, graph) * samples.weight_unit} if loss_sum else {}
            values.update(dict.fromkeys(names, n_correct / _counted(done, graph)) if loss_sum else {})
            view.update(done, dict(sorted(values.items())), machine_cycles)
        return progress

    # ------------------------------------------------------------------ weights

    @property
    def _weight_layers(self) -> list[WeightLayer]:
        """As translated: without the weights."""
        return [node.weight_layer for node in self._net.weight_nodes]

    def _floats(self) -> Floats:
        """The weights as float32, in Keras' shapes."""
        return parameters_to_float(self._weight_layers, self._state.parameters, self._seen)

    def _float_state(self) -> FloatState:
        """The optimiser's state as float32, in Keras' shapes."""
        return optimiser_to_float(self._state.optimiser, self._optimiser.planes, self._seen)

    def _hand_over(self) -> None:
        """Give the trained weights to the model, and the optimiser's state to its optimiser."""
        weights, state = self._floats(), self._float_state()
        self._side.write_weights(weights)
        self._side.write_state(state, self._optimiser.planes)
        self._seen, self._seen_state = weights, state
        self._handed_over = True

    def _look_at_model(self) -> None:
        """Take over changed weights and a changed optimiser; refuse a model that is now compiled for another goal.

        :raises ModelError: with both goals
        """
        goal = self._side.goal()
        if goal != self._net.goal:
            raise ModelError(
                f"The model was compiled anew for another goal: {_words(goal)} instead of {_words(self._net.goal)}. "
                f"Call from_keras again.")
        self._take_over_optimiser()
        self._take_over_weights()

    def _take_over_optimiser(self) -> None:
        """Take over the model's optimiser, and its state where the user or a callback changed it.

        While it holds what training gave it, the exact state stays.
        """
        now = self._side.optimiser()
        if (now.kind, now.planes) != (self._optimiser.kind, self._optimiser.planes):
            self._holder.close()             # another executor is made when it is needed
        elif self._holder.executor is not None:
            self._holder.executor.set_optimiser(now)
        given = self._side.read_state(now.planes)
        if now.planes != self._optimiser.planes or not given.equals(self._seen_state):
            self._state = replace(self._state, optimiser=optimiser_from_float(self._weight_layers, given, now.planes))
            if self._holder.executor is not None:
                self._holder.executor.set_optimiser_state(self._state.optimiser)
        self._optimiser, self._seen_state = now, given

    def _take_over_weights(self) -> None:
        """Take over the model's weights where the user or a callback changed them.

        While the model holds what training gave it, the exact fixed-point weights stay.
        """
        given = self._side.read_weights()
        if all(np.array_equal(a, b) for now, seen in zip(given, self._seen, strict=True)
               for a, b in zip(now, seen, strict=True)):
            return
        seen = given
        # a weight that was saturated at the format's end came out as the end itself, rounded to float32
        end = [8.0, 256.0]
        given = [[np.where(array == end[i], np.nextafter(np.float32(end[i]), np.float32(0)), array)
                  for i, array in enumerate(arrays)] for arrays in given]
        self._state, self._seen = replace(self._state, parameters=parameters_from_float(self._weight_layers, given)), seen
        if self._holder.executor is not None:
            self._holder.executor.set_parameters(self._state.parameters)

    # ------------------------------------------------------------------ checkpoints

    def _identity(self, input_fraction: int) -> Fields:
        """What a checkpoint must be of.

        :param input_fraction: fraction bits of the network's inputs that it has; without ``input_max`` any will do
        """
        if self._input_max is not None:
            input_fraction = self._value_fractions(choose_input_fraction([], self._input_max))[INPUT]
        return network_fields(self._net.layers, self._value_fractions(input_fraction), self._net.goal, self._optimiser, self._seed)

    def _shapes(self) -> Shapes:
        """Of the arrays in a checkpoint."""
        parameters = [(layer.weights.shape, (layer.n_units,)) for layer in self._weight_layers]
        return Shapes(parameters, self._optimiser.planes, self._seen)

    def _begin_checkpoint(self, call: _Training) -> None:
        """Go on from the checkpoint, where there is one.

        :raises CheckpointError: where it is of another training
        """
        if call.saver.path is None:
            return
        fields = training_fields(call.samples, call.batch_size, call.shuffle, self._optimiser, self._net.goal)
        call.saver.begin(fields, self._side.learning_rate(), self._side.schedule(), len(self._state.orders))
        saved = call.saver.saved
        if saved is not None:
            self._go_on_from(saved)
            call.history, call.first = saved.position.history, saved.position.epoch
            call.last = call.first if saved.position.over else call.last

    def _go_on_from(self, saved: Checkpoint) -> None:
        """Take over what a checkpoint has, and give it to the model and the executor."""
        if saved.position.input_fraction != self._input_fraction:
            self._holder.close()             # another executor is made when it is needed
        self._input_fraction, self._state = saved.position.input_fraction, saved.state
        if self._holder.executor is not None:
            self._holder.executor.set_parameters(self._state.parameters)
            self._holder.executor.set_optimiser_state(self._state.optimiser)
        self._hand_over()
        if saved.position.rate is not None and self._side.schedule() is None:
            self._side.set_learning_rate(saved.position.rate)

    def _position(self, call: _Training) -> Position:
        """How far a training is."""
        assert self._input_fraction is not None
        schedule = self._side.schedule()
        return Position(call.first, bool(self.model.stop_training), self._input_fraction, None,
                        self._side.learning_rate() if schedule is None else None,
                        rates_of(schedule, self._state.optimiser.iterations), call.history)

    # ------------------------------------------------------------------ checks and encoding

    def _check_rate(self, size: int, n_samples: int, weight_unit: float, n_steps: int = 1) -> LearningRate:
        """The learning rate now; of a schedule, those of the next steps.

        :param weight_unit: of the samples' weights, which gradients are to be multiplied by
        :param n_steps: how many are to be checked
        :raises DataError: where one does not fit the number format with this batch size
        """
        schedule, first = self._side.schedule(), self._state.optimiser.iterations
        rates = [self._side.learning_rate()] * n_steps if schedule is None else schedule(first, n_steps)
        shapes, fractions = self._net.shapes(), self._value_fractions(0)
        layers = [(replace(layer, input_fraction=fractions[layer.inputs[0]]), layer.n_positions(shapes[number]))
                  for number, layer in enumerate(self._net.layers) if isinstance(layer, WeightLayer)]
        check_rates(rates, first, batch_sizes(n_samples, size), size, weight_unit, self._optimiser, layers)
        return rates if schedule is not None else rates[0]

    def _encode(self, sets: list[Data], saved: Checkpoint | None = None) -> tuple[Samples, Samples | None]:
        """Training and validation samples; the first data that come fix the inputs' fraction.

        :param saved: has the inputs' fraction, where training goes on from there
        """
        fraction = self._input_fraction if saved is None else saved.position.input_fraction
        if fraction is None:
            fraction = self._value_fractions(choose_input_fraction(sets, self._input_max))[INPUT]
        encoded = [encode(data, fraction, self._net.goal, self._net.n_outputs) for data in sets]
        if saved is None:
            self._input_fraction = fraction
        return encoded[0], encoded[1] if len(encoded) > 1 else None

    def _value_fractions(self, input_fraction: int) -> dict[int, int]:
        """Fraction bits of every value: of a layer's by its number, of the network's input by INPUT.

        :param input_fraction: that the data ask for; where the input meets other values, it may be given less
        """
        return value_fractions(self._net.layers, input_fraction, self._fractions)

    # ------------------------------------------------------------------ the executor

    def _open(self, samples: list[Samples]) -> Executor:
        """The executor, told which data it will use; made when first needed, and again after :meth:`close`."""
        holder = self._holder
        if holder.executor is None:
            holder.executor = self._factory(self._graph(), holder.target, **self._options)
            holder.executor.set_optimiser_state(self._state.optimiser)
        holder.executor.prepare(samples)
        return holder.executor

    def _graph(self, input_fraction: int | None = None) -> LayerGraph:
        """The network in integers.

        :param input_fraction: None for that of the data
        """
        known = self._input_fraction if input_fraction is None else input_fraction
        assert known is not None
        fractions = self._value_fractions(known)
        parameters = iter(self._state.parameters)
        layers: list[Layer] = []
        for number, layer in enumerate(self._net.layers):
            layer = replace(layer, input_fraction=fractions[layer.inputs[0]], output_fraction=fractions.get(number, -1))
            if isinstance(layer, WeightLayer):
                layer.weights, layer.biases = next(parameters)
            layers.append(layer)
        goal = self._net.goal
        return LayerGraph(layers, goal.loss, goal.from_logits, goal.metric, self._optimiser, self._seed,
                          self._net.image)

    def _close_after_error(self, error: BaseException) -> None:
        """Give the machine back without hiding the error, or the Ctrl-C, that is on its way.

        A machine that has lost a part stays: it knows which, and what comes next goes on without it.
        """
        if isinstance(error, CoreLost):
            return
        try:
            self.close()
        except Exception as another:
            log.warning("The %s could not be given back properly: %s", self.machine, another)

    def _report(self, level: int, n_passes: int = 1) -> Report:
        target = self._holder.target
        return Report(level, target.description, target.emulated, n_passes)


def _check_density(input_density: Any) -> None:
    if not 0 < input_density <= 1:
        raise DataError(f"input_density={input_density!r} cannot be used. Give a number above 0, up to 1.")


def _counted(n_samples: int, graph: LayerGraph) -> int:
    """Over how many the correct ones are counted: outputs for binary accuracy, else samples."""
    return max(1, n_samples * (graph.n_outputs if graph.metric is Metric.BINARY_ACCURACY else 1))


def _words(goal: Goal) -> str:
    return (f"loss={goal.loss.name.lower()}{' from logits' if goal.from_logits else ''}, "
            f"metrics={list(goal.metric_names)}")
