"""The database that the settings name, its tables brought up to date, opened and closed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from moorage.app.locks import sole
from moorage.app.reserve import Reserve
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.bulk import Bulk, SQLiteBulk
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
    async with _sqlite(file, Reserve(settings.data)) if file is not None else _postgres(settings) as opened:
        yield opened


def bulk_of(settings: Settings) -> Bulk:
    """Return the same database, which must have been opened before, for what goes through all rows."""
    if settings.database_file is not None:
        return SQLiteBulk(settings.database_file)
    from moorage.metastore.bulk_postgres import PostgresBulk  # noqa: PLC0415  as below

    return PostgresBulk(_url(settings))


def hold_for_move(settings: Settings) -> AbstractAsyncContextManager[None]:
    """Keep other moves off a database, or raise IN_USE where one is at it already.

    Both ends are held; so one database under two names is found out, too.
    """
    message = "another `moorage move` is at work on one of the two databases, or they are one and the same"
    return _hold(settings, "move", message)


def hold_for_backup(settings: Settings) -> AbstractAsyncContextManager[None]:
    """Keep other backups off a database, or raise IN_USE where one is at it already."""
    return _hold(settings, "backup", "another backup of this server is at work; wait for it, or end it")


@asynccontextmanager
async def _hold(settings: Settings, work: str, message: str) -> AsyncIterator[None]:
    if settings.database_file is not None:
        with sole(settings.database_file.with_suffix(f".{work}")) as is_ours:
            if not is_ours:
                raise MoorageError(ErrorCode.IN_USE, message)
            yield
        return
    from moorage.metastore.duty import BACKUP, MOVE, SharedDuty  # noqa: PLC0415  as below

    duty = SharedDuty(_url(settings), {"move": MOVE, "backup": BACKUP}[work])
    try:
        if not await duty.is_ours():
            raise MoorageError(ErrorCode.IN_USE, message)
        yield
    finally:
        await duty.close()


@asynccontextmanager
async def _sqlite(file: Path, reserve: Reserve) -> AsyncIterator[Opened]:
    migrate(file)
    reserve.is_kept()
    database = SQLite(file, reserve.give)
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

    url = _url(settings)
    await asyncio.to_thread(migrate_postgres, url)
    database, duty = PostgreSQL(url), SharedDuty(url)
    try:
        await database.start()
        yield Opened(database, duty)
    finally:
        await duty.close()
        await database.close()


def _url(settings: Settings) -> str:
    assert settings.database_url is not None  # noqa: S101  without one it is a file
    return settings.database_url.get_secret_value()
