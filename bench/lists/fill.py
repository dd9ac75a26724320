"""A world's rows put into a database whose tables are there and empty, in either of the two."""

import itertools
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import psycopg

from bench.lists.world import COLUMNS, Rows

BATCH = 10_000
"""Rows given to SQLite at once."""


class Filled(Protocol):
    """The rows of each table, in the order of `COLUMNS`."""

    tables: dict[str, Callable[[], Rows]]


def fill_sqlite(path: Path, world: Filled, tell: Callable[[str], None]) -> None:
    """Fill a file in one transaction, which nothing reads meanwhile."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-1000000")
    connection.execute("BEGIN IMMEDIATE")
    for name, rows in world.tables.items():
        columns = COLUMNS[name].split()
        into = f"{name} ({_quoted(columns)}) VALUES ({', '.join('?' for _ in columns)})"
        found = rows()
        count = 0
        while some := list(itertools.islice(found, BATCH)):
            connection.executemany(f"INSERT INTO {into}", some)
            count += len(some)
        tell(f"{name}: {count:,}")
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def fill_postgres(url: str, world: Filled, tell: Callable[[str], None], *, is_counted: bool = True) -> None:
    """Fill a database, and let it look at its tables as autovacuum does some time after.

    What is not counted comes without what triggers add up, one row of which would be written for each of millions.
    """
    with psycopg.connect(url) as connection:
        if not is_counted:
            connection.execute("SET session_replication_role = replica")
        for name, rows in world.tables.items():
            count = 0
            columns = COLUMNS[name].split()
            with connection.cursor().copy(f"COPY {name} ({_quoted(columns)}) FROM STDIN".encode()) as copy:
                for row in rows():
                    copy.write_row(row)
                    count += 1
            if "id" in columns:
                number = f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), max(id)) FROM {name}"  # noqa: S608
                connection.execute(number.encode())
            tell(f"{name}: {count:,}")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _quoted(columns: Iterable[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
