"""Fixtures of the emulator's tests."""
import pytest

import cpu_harness
import machine_support  # noqa: F401 - finds spinnemu
from spinnemu import build


@pytest.fixture(scope="session")
def cpu_library(tmp_path_factory):
    extra = build.SANITIZER_FLAGS if build.sanitized() else []
    return cpu_harness.build_library(tmp_path_factory.mktemp("cpu"), extra)


@pytest.fixture
def core(cpu_library):
    core = cpu_harness.Core(cpu_library)
    yield core
    core.close()
