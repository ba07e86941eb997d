"""Three networks that correct each other: the boosted LeNet-4 of LeCun et al. 1998."""
from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dlgraph.api import from_keras
from dlgraph.arguments import (check_batch_size, check_folder, check_integer, check_resume, check_shuffle,
                               refuse_others)
from dlgraph.callbacks import History
from dlgraph.data.distorted import distorted_chunks
from dlgraph.data.distortion import Distortion
from dlgraph.errors import DataError
from dlgraph.executors import ExecutorFactory, make_executor
from dlgraph.formats import Float32Array
from dlgraph.machines import Machine
from dlgraph.network import Network
from dlgraph.networks.lenet import lenet4
from dlgraph.networks.recipes import compile_model
from dlgraph.networks.selection import Judge, Selection, disagreeing, half_wrong
from dlgraph.progress import Report, check_verbose

N_NETWORKS = 3
_CANDIDATES_PER_SAMPLE = 50
_CHUNK = 10_000
_FILE = "boosted.json"
_SMALLEST = 1e-7       # Keras' own, below which it takes no logarithm


@dataclass
class BoostedHistory:
    """The course of a training.

    :ivar histories: of each network that was trained, as its ``train`` returns it
    :ivar n_samples: samples that each was trained on
    :ivar n_candidates: distorted samples that were looked at to find them; 0 for the first network
    :ivar selections: the sets of the second and third network, where they were to be kept
    """

    histories: list[History] = field(default_factory=list)
    n_samples: list[int] = field(default_factory=list)
    n_candidates: list[int] = field(default_factory=list)
    selections: list[Selection] = field(default_factory=list)


def _member(seed: int) -> Any:
    model = lenet4(seed=seed)
    compile_model(model)
    return model


class BoostedLeNet4:
    """Three LeNet-4, each trained on what those before it find hard; their outputs are added.

    The first network is trained on the samples given.  The second is trained on as many others, half of which the first gets
    wrong; the third on as many, on which the first two disagree (Drucker, Schapire and Simard 1993).  The others are
    distorted copies of the samples given, made on the host before a network is trained on them, as many as it takes.
    They are judged by the host's reference, which gives what the machine gives in every bit, so all of it is a function of
    models, data, seed and hyper-parameters.

    A machine is taken by one network at a time, and given back after each call.

    :param machine: as for :func:`dlgraph.from_keras`
    :param seed: of weights, orders, distortions and choices, 0 .. 2**32 - 1
    :param member: makes one compiled Keras model from a seed below 2**31; None for LeNet-4 with its recipe
    :param distortion: how the further samples differ from those given; None for the default
    :param executor_factory: what computes, in place of the machine; ``dlgraph.executors.make_reference`` for the host
    :param options: as for :func:`dlgraph.from_keras`
    :raises ModelError: for a model that dlgraph cannot train
    :ivar networks: the three :class:`dlgraph.Network`
    :ivar n_trained: how many of them predict
    """

    def __init__(self, machine: Machine | None = None, seed: int = 0, *, member: Callable[[int], Any] | None = None,
                 distortion: Distortion | None = None, executor_factory: ExecutorFactory = make_executor,
                 **options: Any) -> None:
        if check_integer("seed", seed, 0) >= 2**32:
            raise DataError(f"seed={seed} is too large. Give a whole number from 0 to {2**32 - 1}.")
        seeds = seeds_of(seed)
        models = [(member or _member)(weights_seed) for weights_seed, _ in seeds]
        self._make(models, machine, seed, distortion, executor_factory, options)

    def _make(self, models: list[Any], machine: Machine | None, seed: int, distortion: Distortion | None,
              factory: ExecutorFactory, options: dict[str, Any]) -> None:
        self._seed = seed
        self._distortion = distortion or Distortion()
        self.networks: list[Network] = [from_keras(model, machine, order_seed, executor_factory=factory, **options)
                                        for model, (_, order_seed) in zip(models, seeds_of(seed), strict=True)]
        self.n_trained = 0
        self._n_calls = 0

    # ------------------------------------------------------------------ what the user calls

    @property
    def models(self) -> list[Any]:
        """The three Keras models; they hold the trained weights."""
        return [network.model for network in self.networks]

    @property
    def machine(self) -> str:
        """What the networks run on, in words."""
        return self.networks[0].machine

    def train(self, X: Any, y: Any, epochs: int = 1, batch_size: int | None = 32, shuffle: bool = True,
              validation_data: Any = None, callbacks: Any = None, verbose: Any = "auto", *, set_size: int | None = None,
              max_candidates: int | None = None, keep_sets: bool = False, checkpoint: Any = None, resume: Any = "auto",
              **others: Any) -> BoostedHistory:
        """Train the three networks, one after the other.

        Where fewer hard samples are found among ``max_candidates`` than wanted, a network is trained on those found.  Where
        there is not even one batch of them, training ends and the networks trained so far are all there is; both are
        said unless ``verbose`` is 0, and stand in the history.

        A further call trains the networks further, with other distorted samples.

        :param X: images (n, 28, 28) or (n, 28, 28, 1), uint8 or floating point; 0 is the paper
        :param y: class numbers (n,)
        :param epochs: of each network
        :param batch_size: samples per update; None for 32
        :param shuffle: as for :meth:`dlgraph.Network.train`
        :param validation_data: (X, y) that each network by itself is evaluated on after each epoch
        :param callbacks: Keras callbacks per epoch, the same for each network
        :param verbose: 0 silent, 1 or "auto" live, 2 one line per epoch
        :param set_size: samples for the second and for the third network; None for as many as in X
        :param max_candidates: distorted samples to look at for each of the two; None for 50 times ``set_size``
        :param keep_sets: keep the two sets in the history
        :param checkpoint: a folder for a checkpoint of each network, as of :meth:`dlgraph.Network.train`; a training that goes on
            from there chooses the two sets again, which takes its time.  A further call needs another folder.
        :param resume: likewise
        :raises DataError: where an argument cannot be used; before a machine is touched
        :raises CheckpointError: likewise, where a file cannot be used or is of another training
        """
        refuse_others(others, "train")
        level = check_verbose(verbose)
        X, y = np.asarray(X), np.asarray(y)
        shuffle = check_shuffle(shuffle)
        epochs = check_integer("epochs", epochs, 0)
        distorted_chunks(X, y, 1, self._distortion)                      # checks both
        batch = check_batch_size(batch_size, len(X))
        size = check_integer("set_size", set_size, batch) if set_size is not None else len(X)
        most = (check_integer("max_candidates", max_candidates, 1) if max_candidates is not None
                else _CANDIDATES_PER_SAMPLE * size)
        check_resume(resume, checkpoint)
        folder = None if checkpoint is None else check_folder("checkpoint", checkpoint)
        result = BoostedHistory()
        if epochs == 0:
            return result
        self.n_trained = 0
        for number, network in enumerate(self.networks):
            set_x, set_y = X, y
            if number:
                chosen = self._choose(number, X, y, size, most, level)
                result.n_candidates.append(chosen.n_candidates)
                result.n_samples.append(len(chosen))
                if keep_sets:
                    result.selections.append(chosen)
                if len(chosen) < batch:
                    self._say(level, f"  fewer than a batch of {batch}: network {number + 1} is not trained, and the "
                                     f"outputs are those of {number}")
                    break
                set_x, set_y = chosen.x, chosen.y
            else:
                result.n_candidates.append(0)
                result.n_samples.append(len(X))
            self._say(level, f"Network {number + 1} of {N_NETWORKS}")
            kept: dict[str, Any] = {}
            if folder is not None:                                # of the later files some may be missing
                kept = {"checkpoint": folder / f"network_{number + 1}.npz",
                        "resume": "auto" if resume is True and number else resume}
            with network:
                result.histories.append(network.train(set_x, set_y, epochs, batch, shuffle, validation_data, callbacks, verbose,
                                                      **kept))
            self.n_trained = number + 1
        self._n_calls += 1                      # one that is interrupted does not count: it is the same one that goes on
        return result

    def predict(self, X: Any, batch_size: int | None = None, verbose: Any = "auto", **others: Any) -> Float32Array:
        """The sum of the trained networks' outputs, divided by their number: it sums to 1 in each sample.

        :param X: images as for :meth:`train`
        :param batch_size: without effect
        :return: float32 (n, 10)
        :raises DataError: before the first training, and for samples that cannot be used
        """
        refuse_others(others, "predict")
        if not self.n_trained:
            raise DataError("The networks are not trained yet. Call train first.")
        total: Any = 0
        for network in self.networks[:self.n_trained]:
            with network:
                total = total + network.predict(X, verbose=verbose)
        mean: Float32Array = (total / np.float32(self.n_trained)).astype(np.float32)
        return mean

    def evaluate(self, X: Any, y: Any, batch_size: int | None = None, verbose: Any = "auto", return_dict: bool = False,
                 **others: Any) -> Any:
        """Loss (cross-entropy of the mean output) and accuracy.

        :param X: images as for :meth:`train`
        :param y: class numbers (n,)
        :param batch_size: without effect
        :return: ``[loss, accuracy]``, or with ``return_dict`` name -> value
        """
        refuse_others(others, "evaluate")
        labels = np.asarray(y)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.ndim != 1 or labels.dtype.kind not in "biuf" or len(labels) != len(X):
            raise DataError(f"y has the shape {labels.shape}. Give one class number for each of the {len(X)} samples.")
        labels = labels.astype(np.int64)
        outputs = self.predict(X, verbose=verbose)
        if len(labels) and not 0 <= labels.min() <= labels.max() < outputs.shape[1]:
            raise DataError(f"y has labels from {labels.min()} to {labels.max()}. Give class numbers from 0 to "
                            f"{outputs.shape[1] - 1}.")
        of_label = outputs[np.arange(len(labels)), labels].astype(np.float64)
        loss = float(-np.log(np.clip(of_label, _SMALLEST, 1.0)).mean())
        accuracy = float((outputs.argmax(axis=1) == labels).mean())
        return {"accuracy": accuracy, "loss": loss} if return_dict else [loss, accuracy]

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the three Keras models and how far training is.

        :param folder: made where it is not there
        """
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        for number, model in enumerate(self.models, 1):
            model.save(target / f"network_{number}.keras")
        record = {"seed": self._seed, "n_trained": self.n_trained, "n_calls": self._n_calls,
                  "distortion": vars(self._distortion)}
        (target / _FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: str | os.PathLike[str], machine: Machine | None = None, *,
             executor_factory: ExecutorFactory = make_executor, **options: Any) -> BoostedLeNet4:
        """What :meth:`save` wrote, to predict or to train further.

        :param folder: with the three models
        :param machine: as for the class, like executor_factory and options
        :raises DataError: if it is not there or not whole
        """
        import keras

        source = Path(folder)
        try:
            record = json.loads((source / _FILE).read_text(encoding="utf-8"))
            seed, n_trained, n_calls = (int(record[name]) for name in ("seed", "n_trained", "n_calls"))
            distortion = Distortion(**record["distortion"])
            models = [keras.saving.load_model(source / f"network_{number}.keras") for number in range(1, N_NETWORKS + 1)]
        except Exception as error:       # Keras, zipfile, h5py and json have errors of many kinds for what is damaged
            raise DataError(f"{source} has no boosted networks that can be read: {error}. Give a folder that save has "
                            f"written.") from error
        boosted = cls.__new__(cls)
        boosted._make(models, machine, seed, distortion, executor_factory, options)
        boosted.n_trained, boosted._n_calls = n_trained, n_calls
        return boosted

    def reference(self) -> BoostedLeNet4:
        """A twin that computes the same on this computer, from where these networks are now.

        Its training leaves these networks and the Keras models alone.
        """
        twin = BoostedLeNet4.__new__(BoostedLeNet4)
        twin.__dict__.update(self.__dict__)
        twin.networks = [network.reference() for network in self.networks]
        return twin

    def close(self) -> None:
        """Give the machine back."""
        for network in self.networks:
            network.close()

    def __enter__(self) -> BoostedLeNet4:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ------------------------------------------------------------------ the sets

    def _choose(self, number: int, x: npt.NDArray[Any], y: npt.NDArray[Any], size: int, most: int, level: int) -> Selection:
        """The set of the second or third network."""
        twins = [network.reference() for network in self.networks[:number]]

        def classes(of: Network, images: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
            return of.predict(images, verbose=0).argmax(axis=1)

        wrong: Judge = lambda images, labels: classes(twins[0], images) != labels.reshape(len(labels))  # noqa: E731
        disagree: Judge = lambda images, labels: classes(twins[0], images) != classes(twins[1], images)  # noqa: E731
        what = "network 1 gets half wrong" if number == 1 else "networks 1 and 2 disagree on"
        report = Report(level, self.machine, False)

        def told(n: int, n_candidates: int) -> None:
            if report.live:
                report.redraw(f"Looking for samples that {what}: {n}/{size} among {n_candidates} distorted ones")

        random = np.random.Generator(np.random.PCG64([self._seed, self._n_calls + 1, number]))
        candidates = self._candidates(x, y, most, int(random.integers(2**32)), chunk=min(_CHUNK, max(256, 4 * size)))
        try:
            chosen = (half_wrong(candidates, wrong, size, random, told) if number == 1
                      else disagreeing(candidates, disagree, size, told))
        except BaseException:
            report.abandon()
            raise
        report.note(f"{len(chosen):,} samples that {what}, among {chosen.n_candidates:,} distorted ones")
        if len(chosen) < size:
            report.note(f"  fewer than the {size:,} wanted: there were no more among max_candidates")
        return chosen

    def _candidates(self, x: npt.NDArray[Any], y: npt.NDArray[Any], most: int, seed: int,
                    chunk: int) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
        return distorted_chunks(x.astype(np.float32) if x.dtype.kind == "f" else x, y, most, self._distortion, seed, chunk)

    def _say(self, level: int, text: str) -> None:
        Report(level, self.machine, False).note(text)


def seeds_of(seed: int) -> list[tuple[int, int]]:
    """Of each network: the seed of its weights, below 2**31, and the seed of its orders."""
    words = np.random.SeedSequence(seed).generate_state(2 * N_NETWORKS, np.uint32)
    return [(int(words[2 * i]) >> 1, int(words[2 * i + 1])) for i in range(N_NETWORKS)]
