"""Servers in processes of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.client import Client
from tests.process.server import Launcher, Running


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bytecode")


@pytest.fixture
def launch(tmp_path: Path, bytecode: Path) -> Iterator[Launcher]:
    launcher = Launcher(tmp_path, bytecode)
    yield launcher
    launcher.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, bytecode: Path) -> Iterator[Running]:
    """One server for the tests of a module that leave it as it was."""
    launcher = Launcher(tmp_path_factory.mktemp("server"), bytecode)
    yield launcher()
    launcher.close()


@pytest.fixture
def client(server: Running) -> Iterator[Client]:
    with server.client() as client:
        yield client
