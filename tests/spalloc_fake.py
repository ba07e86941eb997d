"""A spalloc server that speaks the old-style protocol (a line of JSON per command) and lends up to three boards."""
from __future__ import annotations

import json
import socketserver
import threading
from types import TracebackType
from typing import Any

QUEUED, READY, DESTROYED = 1, 3, 4


class SpallocFake:
    """Lends the board at ``board_address`` to every job; notes what it is asked.

    A context manager; ``port`` is where it listens, on 127.0.0.1.

    :param polls_until_ready: how often a job is asked for its state before it is ready
    """

    def __init__(self, board_address: str, polls_until_ready: int = 1) -> None:
        self.board_address = board_address
        self.polls_until_ready = polls_until_ready
        self.commands: list[tuple[str, list[Any], dict[str, Any]]] = []
        self.jobs: dict[int, dict[str, Any]] = {}
        self._lock = threading.Lock()
        fake = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                for line in self.rfile:
                    request = json.loads(line)
                    with fake._lock:
                        reply = fake._answer(request["command"], request["args"], request["kwargs"])
                    self.wfile.write(json.dumps(reply).encode() + b"\n")

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def _answer(self, command: str, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        self.commands.append((command, args, kwargs))
        if command == "version":
            return {"return": "1.0.0"}
        if command == "create_job":
            job = len(self.jobs) + 1
            self.jobs[job] = {"boards": args[0] if args else 1, "state": QUEUED, "polls": 0,
                              "keepalive": kwargs["keepalive"], "owner": kwargs["owner"]}
            return {"return": job}
        if command in ("notify_job", "no_notify_job"):
            return {"return": None}
        job = self.jobs.get(args[0])
        if job is None:
            return {"exception": f"no job {args[0]}"}
        if command == "get_job_state":
            job["polls"] += 1
            if job["state"] == QUEUED and job["polls"] > self.polls_until_ready:
                job["state"] = READY
            return {"return": {"state": job["state"], "power": job["state"] == READY, "keepalive": job["keepalive"],
                               "reason": None, "start_time": 0.0, "keepalivehost": "127.0.0.1"}}
        if command == "get_job_machine_info":
            places = [[0, 0], [4, 8], [8, 4]][:job["boards"]]      # of Ethernet chips: three boards are 12 x 12 chips
            width = 8 if len(places) == 1 else 12
            return {"return": {"width": width, "height": width, "connections": [[place, self.board_address] for place in places],
                               "machine_name": "fake", "boards": [[0, 0, z] for z in range(len(places))]}}
        if command == "job_keepalive":
            return {"return": None}
        if command == "destroy_job":
            job["state"] = DESTROYED
            return {"return": None}
        return {"exception": f"unknown command {command}"}

    def names(self) -> list[str]:
        """The commands asked so far."""
        with self._lock:
            return [command for command, _, _ in self.commands]

    def __enter__(self) -> SpallocFake:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
