"""What a network holds on a machine, and how it is given back."""
from __future__ import annotations

import atexit

from dlgraph.executor import Executor
from dlgraph.targets import MachineTarget


class MachineHolder:
    """The executor and the machine, kept apart from the network so that both can be given back at exit."""

    def __init__(self, target: MachineTarget) -> None:
        self.target = target
        self.executor: Executor | None = None

    def close_at_exit(self) -> None:
        """Be the first at the end of the program: before the machine, which was started later, closes itself."""
        atexit.unregister(self.close)
        atexit.register(self.close)

    def close(self) -> None:
        """Give the machine back; it can be taken again."""
        atexit.unregister(self.close)
        executor, self.executor = self.executor, None
        try:
            if executor is not None:
                executor.close()
        finally:
            self.target.stop()
