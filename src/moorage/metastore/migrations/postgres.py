"""The schema in PostgreSQL: servers that start together wait for one another, and old ones go on meanwhile."""

from typing import Any

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.connections import CONNECTING
from moorage.metastore.migrations import is_current, upgrade

KEY = 0x6D6F6F72_00000001
"""Of the lock; any number, but the same in all servers."""


def migrate_postgres(url: str) -> None:
    """Bring the database at a URL up to date; raise UNAVAILABLE with one line where that can't be."""
    try:
        place = _place(url)
        with psycopg.connect(url, **CONNECTING) as connection:
            _check(connection, place)
            # Until the connection is closed; a server that waits for it finds the work done.
            connection.execute("SELECT pg_advisory_lock(%s)", [KEY])
            if not is_current(place, _revision(connection)):
                _upgrade(url)
    except psycopg.Error as error:
        reason = str(error).strip().replace("\n", " ")
        raise MoorageError(ErrorCode.UNAVAILABLE, f"the database does not answer: {reason}") from error


def _place(url: str) -> str:
    """Name the database to people; a URL's password stays unsaid, even by an error about it."""
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        message = "database_url is no URL of PostgreSQL: postgresql://USER:PASSWORD@HOST:PORT/NAME"
        raise MoorageError(ErrorCode.UNAVAILABLE, message) from None
    return f"the database {parts.get('dbname', '')} at {parts.get('host', 'localhost')}"


def _check(connection: psycopg.Connection[Any], place: str) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        message = f"{place} has the encoding {encoding}; make one with ENCODING 'UTF8' TEMPLATE template0"
        raise MoorageError(ErrorCode.UNAVAILABLE, message)


def _revision(connection: psycopg.Connection[Any]) -> str | None:
    ((table,),) = connection.execute("SELECT to_regclass('alembic_version')::text").fetchall()
    if table is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else None


def _upgrade(url: str) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    with engine.begin() as connection:
        upgrade({}, connection=connection)
