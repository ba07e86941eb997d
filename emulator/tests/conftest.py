"""Fixtures of the emulator's tests."""
import os

import pytest

import cpu_harness


@pytest.fixture(scope="session")
def cpu_library(tmp_path_factory):
    extra = os.environ.get("SPINNEMU_TEST_CFLAGS", "").split()     # for example -fsanitize=address,undefined
    return cpu_harness.build_library(tmp_path_factory.mktemp("cpu"), extra)


@pytest.fixture
def core(cpu_library):
    core = cpu_harness.Core(cpu_library)
    yield core
    core.close()
