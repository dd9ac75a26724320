"""A Moorage with something of everything, and servers that it can be moved to."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from moorage.settings import Settings
from tests.moving.places import fill, in_folder, settings_of
from tests.s3_servers import S3Server, s3_server


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that no test changes."""
    folder = tmp_path_factory.mktemp("filled")
    asyncio.run(fill(folder))
    return folder / "data"


@pytest.fixture
def source(filled: Path, tmp_path: Path) -> Settings:
    """Return the settings of a copy of it."""
    shutil.copytree(filled, tmp_path / "source")
    return settings_of(in_folder(tmp_path / "source"))


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], S3Server]]:
    """Start stores, each when it is first asked for."""
    with ExitStack() as running:
        servers: dict[str, S3Server] = {}

        def start(name: str) -> S3Server:
            if name not in servers:
                servers[name] = running.enter_context(s3_server(name, tmp_path_factory.mktemp(name) / "store"))
            return servers[name]

        yield start
