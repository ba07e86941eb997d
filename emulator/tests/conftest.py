"""Fixtures of the emulator's tests."""
import pytest

import cpu_harness


@pytest.fixture(scope="session")
def cpu_library(tmp_path_factory):
    return cpu_harness.build_library(tmp_path_factory.mktemp("cpu"))


@pytest.fixture
def core(cpu_library):
    core = cpu_harness.Core(cpu_library)
    yield core
    core.close()
