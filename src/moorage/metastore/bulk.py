"""A database by a plain connection in a thread: for a move, which goes through every row there is.

Statements of requests never come here: they are stories (steps.py).
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Column, Connection, Table, create_engine, func, insert, select
from sqlalchemy.pool import NullPool

from moorage.metastore.tables import clock, metadata

Values = Sequence[tuple[Any, ...]]
"""Rows, their values in the order of the columns."""

BUSY_SECONDS = 20


class Bulk(Protocol):
    """What differs between the two databases. The methods block."""

    def read(self) -> Connection:
        """Open a connection that sees one moment until it is closed."""

    def write(self) -> Connection:
        """Open one with a transaction that keeps other writers off; its COMMIT is said in so many words."""

    def clear(self, connection: Connection, tables: Sequence[Table]) -> None:
        """Delete all rows of tables that are in the order of their foreign keys."""

    def insert(self, connection: Connection, table: Table, rows: Values) -> None:
        """Add rows, whose values are in the order of the columns."""

    def last_ids(self, connection: Connection) -> Mapping[str, int]:
        """Return the highest id that each table has ever given."""

    def go_on_after(self, connection: Connection, ids: Mapping[str, int]) -> None:
        """Let tables give higher ids than these."""


class SQLiteBulk:
    """See `Bulk`."""

    def __init__(self, path: Path) -> None:
        self._engine = create_engine(
            "sqlite://", creator=lambda: _open(path), poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )

    def read(self) -> Connection:
        """See `Bulk`."""
        connection = self._engine.connect()
        connection.exec_driver_sql("BEGIN")
        # What a transaction sees is settled by its first read.
        connection.execute(select(clock)).all()
        return connection

    def write(self) -> Connection:
        """See `Bulk`."""
        connection = self._engine.connect()
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return connection

    def clear(self, connection: Connection, tables: Sequence[Table]) -> None:
        """See `Bulk`."""
        for table in reversed(tables):
            connection.execute(table.delete())

    def insert(self, connection: Connection, table: Table, rows: Values) -> None:
        """See `Bulk`."""
        connection.exec_driver_sql(str(insert(table).compile(dialect=connection.dialect)), list(rows))

    def last_ids(self, connection: Connection) -> Mapping[str, int]:
        """See `Bulk`; tables without AUTOINCREMENT go on after what is in them."""
        given = {row.name: row.seq for row in connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence")}
        return {table.name: given.get(table.name) or highest(connection, key) for table, key in numbered()}

    def go_on_after(self, connection: Connection, ids: Mapping[str, int]) -> None:
        """See `Bulk`."""
        for table, _ in numbered():
            if table.kwargs.get("sqlite_autoincrement"):
                row = {"name": table.name, "seq": ids[table.name]}
                connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = :name", row)
                connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)", row)


def numbered() -> Iterable[tuple[Table, Column[int]]]:
    """Yield the tables that number their rows, each with the column of the number."""
    for table in metadata.sorted_tables:
        if table.autoincrement_column is not None:
            yield table, table.autoincrement_column


def highest(connection: Connection, key: Column[int]) -> int:
    """Return the highest number in a column, 0 of none."""
    return int(connection.execute(select(func.coalesce(func.max(key), 0))).scalar_one())


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}").close()
    return connection
