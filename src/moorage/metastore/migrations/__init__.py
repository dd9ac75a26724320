"""The schema, brought up to date at start: one file a change in versions/, in the order of their numbers."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moorage.domain.errors import ErrorCode, MoorageError

VERSIONS = Path(__file__).parent / "versions"


def migrate(path: Path) -> None:
    """Bring the database file at `path` up to date, making it if it is new; raise when it is of a newer Moorage."""
    with _lock(path):
        if not is_current(str(path), _revision(path)):
            # Keys lie in it, and the folder may be one that everybody looks into; SQLite's own files take its mode.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            upgrade({"sqlalchemy.url": f"sqlite:///{path}"})


def is_current(place: str, found: str | None) -> bool:
    """Tell whether the schema `found` in a database, None in a new one, is the newest; raise when it is newer still."""
    known = _known()
    if found is not None and found not in known:
        message = f"{place} was written by a newer Moorage (schema {found}, this one knows {known[-1]}); use that one"
        raise MoorageError(ErrorCode.UNAVAILABLE, message)
    return found == known[-1]


def newest() -> str:
    """Return the version of the schema that this Moorage uses."""
    return _known()[-1]


def upgrade(options: Mapping[str, str], to: str = "head", **attributes: Any) -> None:  # noqa: ANN401  a connection, for env.py
    """Let Alembic run what is missing, up to a version: in the database of a URL, or over a connection."""
    # Imported here: a start that has nothing to migrate does not pay for Alembic.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes=attributes)
    config.set_main_option("script_location", str(VERSIONS.parent))
    for name, value in options.items():
        config.set_main_option(name, value.replace("%", "%%"))
    command.upgrade(config, to)


def _known() -> list[str]:
    return sorted(file.name.partition("_")[0] for file in VERSIONS.glob("[0-9]*.py"))


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """One process at a time: the others wait, and then find the work done."""
    with path.with_suffix(".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _revision(path: Path) -> str | None:
    if not path.exists():
        return None
    try:
        connection = sqlite3.connect(path)
    except sqlite3.Error as error:
        raise MoorageError(ErrorCode.UNAVAILABLE, f"{path} is no database of Moorage: {error}") from None
    try:
        is_new = connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None
        row = None if is_new else connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise MoorageError(ErrorCode.UNAVAILABLE, f"{path} is no database of Moorage: {error}") from None
    finally:
        connection.close()
    return str(row[0]) if row else None
