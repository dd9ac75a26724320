"""A Moorage with something of everything, as moves have it; a place for backups, and an empty one to restore to."""

from pathlib import Path

import pytest

from moorage.settings import Settings
from tests.backup.places import place_of
from tests.moving.conftest import filled, source
from tests.moving.places import in_folder, settings_of

__all__ = ["filled", "source"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def place(folder: Path) -> Settings:
    return place_of(folder)


@pytest.fixture
def there(tmp_path: Path) -> Settings:
    return settings_of(in_folder(tmp_path / "there"))
