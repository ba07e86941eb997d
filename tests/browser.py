"""Chromium without a window, told what to do over its debugging pipe: for the check of pages that is no part of CI."""
from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SECONDS = 60.0


class Browser:
    """A browser with one tab.

    :param program: its path; None to look for one
    :raises FileNotFoundError: where there is none
    """

    def __init__(self, program: str | None = None) -> None:
        program = program or next(filter(None, map(shutil.which, NAMES)), None)
        if program is None:
            raise FileNotFoundError(f"There is no browser among {', '.join(NAMES)}. Install Chromium, or name one: --browser PATH.")
        self._folder = tempfile.TemporaryDirectory(prefix="browser")
        ours, theirs = os.pipe(), os.pipe()           # (read, write): what it is told, what it answers
        script = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'        # it wants its pipes to be 3 and 4
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", str(ours[0]), str(theirs[1]), program, "--headless", "--no-sandbox", "--disable-gpu",
             "--hide-scrollbars", f"--user-data-dir={self._folder.name}", "--remote-debugging-pipe", "about:blank"],
            pass_fds=(ours[0], theirs[1]), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        os.close(ours[0])
        os.close(theirs[1])
        self._told, self._answers = os.fdopen(ours[1], "wb"), os.fdopen(theirs[0], "rb")
        self._buffer, self._number, self._tab = b"", 0, ""
        #: What it said on its own, since :meth:`open`.
        self.events: list[dict[str, Any]] = []
        target = next(each for each in self.call("Target.getTargets")["targetInfos"] if each["type"] == "page")
        self._tab = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._tab = ""
            self.call("Browser.close")
            self._process.wait(SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
            self._told.close()
            self._answers.close()
            self._folder.cleanup()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Do something, and wait until it is done.

        :raises RuntimeError: with what it says, where it does not
        """
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters} | ({"sessionId": self._tab} if self._tab else {})
        self._told.write(json.dumps(message).encode() + b"\0")
        self._told.flush()
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def open(self, page: Path, width: int, height: int, scheme: str = "light", media: str = "screen") -> None:
        """Show a file.

        :param width: of the window, in pixels of CSS
        :param scheme: ``"light"`` or ``"dark"``
        :param media: ``"screen"`` or ``"print"``
        """
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events = []
        self.call("Page.navigate", url=page.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._next()

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page.

        :raises RuntimeError: where it throws
        """
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(str(found["exceptionDetails"]))
        return found["result"].get("value")

    def screenshot(self, path: Path, part: str | None = None) -> None:
        """The page as a picture.

        :param part: a selector of CSS; None for the whole page
        """
        clip = {} if part is None else {"clip": self.evaluate(
            f"(({{x, y, width, height}}) => ({{x, y, width, height, scale: 0.75}}))"
            f"(document.querySelector({json.dumps(part)}).getBoundingClientRect())")}
        taken = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, **clip)
        path.write_bytes(base64.b64decode(taken["data"]))

    def _next(self) -> dict[str, Any]:
        """The next message; events are kept."""
        while b"\0" not in self._buffer:
            more = os.read(self._answers.fileno(), 1 << 20)
            if not more:
                raise RuntimeError(f"the browser ended with status {self._process.wait()}")
            self._buffer += more
        first, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        if "method" in message:
            self.events.append(message)
        return message
