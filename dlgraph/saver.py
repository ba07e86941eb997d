"""Keeps the checkpoint of one call of ``train``: reads it at the beginning, writes it after every epoch."""
from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from dlgraph.arguments import check_file, check_resume
from dlgraph.callback_state import logs_go_on, put_back, states_of
from dlgraph.checkpoint import Checkpoint, Identity, Position, Shapes, read_checkpoint
from dlgraph.errors import CheckpointError, DataError
from dlgraph.fingerprint import Fields, differences, in_words
from dlgraph.optimisers import Schedule
from dlgraph.progress import Report
from dlgraph.training_state import TrainingState
from dlgraph.whole_file import try_to_write, write_whole

log = logging.getLogger(__name__)


class Saver:
    """The checkpoint of one call of ``train``, or none.

    :param path: of the file, or None to keep none
    :param resume: whether to go on from the file: ``"auto"`` where there is one, True in any case, False not
    :param callbacks: of the call
    :param identity: of the network, likewise its shapes
    :raises DataError: for arguments that cannot be used
    :raises CheckpointError: where the file to go on from is not there, cannot be read, or is of another network
    :ivar saved: what training goes on from, or None
    :ivar error: why the file is not up to date, or None where it is
    """

    def __init__(self, path: Any, resume: Any, callbacks: Sequence[Any], identity: Identity,
                 shapes: Callable[[], Shapes]) -> None:
        check_resume(resume, path)
        self.path = None if path is None else check_file("checkpoint", path)
        self.saved: Checkpoint | None = None
        self.error: str | None = None
        self._callbacks = callbacks
        self._identity = identity
        self._training: Fields = {}
        self._first_rate: float | None = None
        self._written: TrainingState | None = None
        if self.path is None:
            return
        there = os.path.exists(self.path)
        if any(kind.__name__ == "BackupAndRestore" for each in callbacks for kind in type(each).__mro__):
            raise DataError("callbacks has BackupAndRestore, and checkpoint is given as well: both would set where training goes "
                            "on. Leave the callback out; checkpoint keeps more, and the same bits.")
        if resume is True and not there:
            raise CheckpointError(f"There is no checkpoint {self.path} to go on from. Name the file that is there, or give "
                                  f"resume='auto' to begin one.")
        if resume is not False and there:
            self.saved = read_checkpoint(self.path, identity, shapes())

    def begin(self, training: Fields, rate: float, schedule: Schedule | None, n_trained: int) -> None:
        """Refuse to go on from another training.

        :param rate: the learning rate now
        :param schedule: what gives it, where it is not a number
        :param n_trained: epochs that the network has been trained until now
        :raises CheckpointError: by what differs
        """
        if self.path is None:
            return
        self._training, self._first_rate = training, None if schedule else rate
        if self.saved is None:
            return
        there = self.saved.position
        found = differences(self.saved.training, training)
        if (there.rate is None) != (schedule is not None):
            found.append(f"the learning rate is {'a schedule' if there.rate is None else f'{there.rate:g}'} there and "
                         f"{'a schedule' if schedule else f'{rate:g}'} here")
        elif schedule is not None:
            for step, text in there.scheduled:
                if text != f"{schedule(step, 1)[0]:.5g}":
                    found.append(f"the learning rate of step {step} is {text} there and {schedule(step, 1)[0]:.5g} here")
                    break
        elif not n_trained and rate not in (there.first_rate, there.rate):          # else it is what callbacks made of it
            found.append(f"the learning rate was {there.first_rate:g} at the beginning there and is {rate:g} here")
        if found:
            raise CheckpointError(
                f"{self.path} is the checkpoint of another training: {in_words(found)}. Train as it was begun, name another file, "
                f"or give resume=False to begin anew and overwrite it.")
        self._first_rate = there.first_rate
        self._written = self.saved.state

    def beginning(self) -> AbstractContextManager[None]:
        """While callbacks are told that training begins."""
        return logs_go_on(self._callbacks) if self.saved is not None else nullcontext()

    def put_back_callbacks(self) -> None:
        """Give them the states they had."""
        if self.saved is not None:
            for kind in put_back(self._callbacks, self.saved.callbacks):
                log.warning("The checkpoint %s has the state of a callback %s, which is not among the callbacks: it is left out.",
                            self.path, kind)

    def try_out(self, state: TrainingState, position: Position) -> None:
        """Find out whether a new checkpoint can be written, while nothing is lost yet.

        :raises CheckpointError: if not
        """
        if self.path is None or self.saved is not None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try_to_write(self.path, self._content(state, position))
        except OSError as error:
            raise CheckpointError(f"The checkpoint {self.path} cannot be written: {error.strerror or error}. Make room, or name a "
                                  f"file in a folder that can be written to.") from error

    def tell(self, report: Report, last: int) -> None:
        """Say where training goes on.

        :param last: the epoch to end at
        """
        if self.saved is None:
            return
        there = self.saved.position
        rate = "" if there.rate is None else f", learning rate {there.rate:g}"
        if there.over:
            report.note(f"Nothing to train: a callback ended the training in {self.path} after epoch {there.epoch}")
        elif there.epoch < last:
            report.note(f"Going on from {self.path}, after epoch {there.epoch}{rate}")
        else:
            report.note(f"Nothing to train: {self.path} has {there.epoch} epochs")

    def save(self, state: TrainingState, position: Position, then: str = "Training goes on") -> None:
        """Put the file in place of the one before; where that fails, say so and leave it.

        :param then: what comes next, for the warning
        """
        if self.path is None:
            return
        content = self._content(state, position)
        try:
            write_whole(self.path, content)
        except OSError as error:
            self.error = error.strerror or str(error)
            log.warning("The checkpoint %s could not be written after epoch %d: %s. %s; the file stays as it was before.",
                        self.path, position.epoch, self.error, then)
        else:
            self.error, self._written = None, state
        position.history.checkpoint_error = self.error

    def finish(self, state: TrainingState, position: Position) -> None:
        """Once more, where the file is not what training ended with."""
        if self.error or (self._written is not None and self._written is not state):
            self.save(state, position, "Training has ended")

    def _content(self, state: TrainingState, position: Position) -> bytes:
        position.first_rate = self._first_rate
        checkpoint = Checkpoint(self._identity(position.input_fraction), self._training, state, position,
                                states_of(self._callbacks))
        try:
            return checkpoint.content()
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"The checkpoint {self.path} cannot be made: {error}. The state_dict() of a callback must be "
                                  f"made of numbers, texts, lists and dicts.") from error
