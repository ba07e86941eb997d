"""Keeping GFE's manners to itself: its configuration, its chatter, its signal handlers."""
from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Iterator

import appdirs
from spinnaker_graph_front_end.config_setup import CONFIG_FILE_NAME


def _has_user_configuration() -> bool:
    folders = [appdirs.site_config_dir(), appdirs.user_config_dir(), os.path.expanduser("~")]
    return any((Path(folder) / f".{CONFIG_FILE_NAME}").is_file() for folder in folders)


@contextlib.contextmanager
def user_configuration() -> Iterator[None]:
    """GFE demands a configuration file in the home directory, or writes a template there and gives up.

    Where the user has none, GFE sees a home directory with an empty one.
    """
    if _has_user_configuration():
        yield
        return
    home = os.environ.get("HOME")
    with tempfile.TemporaryDirectory(prefix="dlgraph-home-") as folder:
        (Path(folder) / f".{CONFIG_FILE_NAME}").touch()
        os.environ["HOME"] = folder
        try:
            yield
        finally:
            if home is None:
                del os.environ["HOME"]
            else:
                os.environ["HOME"] = home


@contextlib.contextmanager
def quiet_logging() -> Iterator[None]:
    """While GFE reads its configuration it sets up the root logger, unless there is a handler already."""
    handler = logging.NullHandler()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


class _Errors(logging.Handler):
    """Keeps the text of every error that is logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@contextlib.contextmanager
def logged_errors() -> Iterator[list[str]]:
    """What GFE logs as errors; the cores' own error messages are among it."""
    handler = _Errors()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield handler.texts
    finally:
        root.removeHandler(handler)


@contextlib.contextmanager
def captured_output() -> Iterator[io.StringIO]:
    """GFE's progress bars, kept instead of shown; they belong into an error message if there is one."""
    text = io.StringIO()
    with contextlib.redirect_stderr(text), contextlib.redirect_stdout(text):
        yield text


@contextlib.contextmanager
def own_signal_handlers() -> Iterator[None]:
    """GFE replaces the handler of Ctrl-C and the exception hook; put back what was there."""
    hook = sys.excepthook
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if main else None
    try:
        yield
    finally:
        sys.excepthook = hook
        if main and handler is not None:
            signal.signal(signal.SIGINT, handler)
