"""The database that the settings name, its tables brought up to date, opened and closed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.migrations import migrate
from moorage.metastore.sqlite import SoleDuty, SQLite
from moorage.metastore.steps import Database
from moorage.services.ports import Duty, Health
from moorage.settings import Settings

NO_DRIVER = "database_url names PostgreSQL, whose driver is not here: install moorage[postgres]"


class HealthyDatabase(Database, Health, Protocol):
    """A database that can be asked whether it answers."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An open database, and who runs the jobs of all the servers on it."""

    database: HealthyDatabase
    duty: Duty


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Opened]:
    """Open it; raise UNAVAILABLE, with a line for the person who starts the server, where that can't be."""
    file = settings.database_file
    async with _sqlite(file) if file is not None else _postgres(settings) as opened:
        yield opened


@asynccontextmanager
async def _sqlite(file: Path) -> AsyncIterator[Opened]:
    migrate(file)
    database = SQLite(file)
    await database.start()
    try:
        yield Opened(database, SoleDuty())
    finally:
        await database.close()


@asynccontextmanager
async def _postgres(settings: Settings) -> AsyncIterator[Opened]:
    # Imported here: most servers and commands have no such database, and need no driver.
    try:
        import psycopg_pool  # noqa: F401, PLC0415
    except ImportError as error:
        raise MoorageError(ErrorCode.UNAVAILABLE, NO_DRIVER) from error
    from moorage.metastore.duty import SharedDuty  # noqa: PLC0415
    from moorage.metastore.migrations.postgres import migrate_postgres  # noqa: PLC0415
    from moorage.metastore.postgres import PostgreSQL  # noqa: PLC0415

    assert settings.database_url is not None  # noqa: S101  without one it is a file
    url = settings.database_url.get_secret_value()
    await asyncio.to_thread(migrate_postgres, url)
    database, duty = PostgreSQL(url), SharedDuty(url)
    try:
        await database.start()
        yield Opened(database, duty)
    finally:
        await duty.close()
        await database.close()
