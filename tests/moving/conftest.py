"""A Moorage with something of everything, and servers that it can be moved to."""

import asyncio
import shutil
from pathlib import Path

import pytest

from moorage.settings import Settings
from tests.moving.places import fill, in_folder, settings_of


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
