"""Servers in processes of their own, as in tests/process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import settings_of
from tests.postgres import Cluster
from tests.process.conftest import bytecode, launch
from tests.process.server import Launcher
from tests.s3_servers import s3_server

__all__ = ["afar", "bytecode", "launch"]


@pytest.fixture
def afar(tmp_path: Path, bytecode: Path, postgres: Cluster) -> Iterator[Launcher]:
    """Return what starts a server whose data are in PostgreSQL and a bucket; what uses it is marked `servers`."""
    with s3_server("versitygw", tmp_path / "store") as store:
        launcher = Launcher(tmp_path / "afar", bytecode, settings=settings_of(postgres.empty(), store, "faults"))
        launcher.folder.mkdir()
        yield launcher
        launcher.close()
