"""Rows as lines of JSON, and back: backups.

    rows ─▶ {"id": 7, "name": "dmc/app", …} ─▶ the same tables, of the version they had ─▶ migrations ─▶ today's tables

They come back into a file of their own and are moved from there; so an old backup needs no code but migrations.
"""

import asyncio
import base64
import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.bulk import SQLiteBulk, Values
from moorage.metastore.migrations import is_current, newest, upgrade
from moorage.metastore.moving import OF_THE_STORE, TABLES
from moorage.metastore.tables import blobs, manifests, metadata

BYTES = "base64"

SUFFIXES = ("", "-wal", "-shm", "-journal")


class JsonRows:
    """The port `RowsAsText` over today's tables; where a blob lies in its store is no part of them."""

    schema = newest()
    tables = tuple(table.name for table in TABLES if table not in OF_THE_STORE)
    images = manifests.name

    def written(self, table: str, rows: Values) -> bytes:
        """See `RowsAsText`."""
        columns = metadata.tables[table].columns.keys()
        hidden = {blobs.c.place.name} if table == blobs.name else set()
        named = [(at, name) for at, name in enumerate(columns) if name not in hidden]
        lines = (_dump({name: row[at] for at, name in named}) for row in rows)
        return ("\n".join(lines) + "\n").encode()


class SQLiteScratch:
    """The port `Scratch` over a file."""

    def __init__(self, path: Path) -> None:
        self.bulk = SQLiteBulk(path)
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._triggers: list[tuple[str, str]] = []

    def remove(self) -> None:
        """Delete the file."""
        if self._connection is not None:
            self._connection.close()
        for suffix in SUFFIXES:
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)

    async def begin(self, schema: str) -> None:
        """See `Scratch`."""
        await _in_thread(self._begin, schema)

    async def fill(self, table: str, lines: bytes) -> None:
        """See `Scratch`."""
        await _in_thread(self._fill, table, lines)

    async def end(self, last_ids: Mapping[str, int]) -> None:
        """See `Scratch`."""
        await _in_thread(self._end, last_ids)

    def _begin(self, schema: str) -> None:
        is_current("the backup", schema)
        self.remove()
        self._path.touch(0o600)
        url = f"sqlite:///{self._path}"
        upgrade({"sqlalchemy.url": url}, schema)
        connection = self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("BEGIN")
        # What they keep has come along as rows, or is kept anew where the rows go from here.
        self._triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in self._triggers:
            connection.execute(f"DROP TRIGGER {_quoted(name)}")
        self._filled: set[str] = set()

    def _fill(self, table: str, lines: bytes) -> None:
        assert self._connection is not None  # noqa: S101  begun
        rows = [_load(line) for line in lines.splitlines()]
        if table not in self._filled:
            # A migration may have put something there, as the first row of `clock`.
            self._connection.execute(f"DELETE FROM {_quoted(table)}")  # noqa: S608  quoted
            self._filled.add(table)
        if rows:
            names = ", ".join(map(_quoted, rows[0]))
            marks = ", ".join("?" * len(rows[0]))
            statement = f"INSERT INTO {_quoted(table)} ({names}) VALUES ({marks})"  # noqa: S608  quoted
            self._connection.executemany(statement, [tuple(row.values()) for row in rows])

    def _end(self, last_ids: Mapping[str, int]) -> None:
        assert self._connection is not None  # noqa: S101  begun
        for _, sql in self._triggers:
            self._connection.execute(sql)
        self._connection.execute("COMMIT")
        self._connection.close()
        self._connection = None
        upgrade({"sqlalchemy.url": f"sqlite:///{self._path}"})
        with self.bulk.write() as connection:
            known = self.bulk.last_ids(connection)
            ids = {table: max(last, last_ids.get(table, 0)) for table, last in known.items()}
            self.bulk.go_on_after(connection, ids)
            connection.exec_driver_sql("COMMIT")


def _dump(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"), default=_as_text)


def _as_text(value: object) -> dict[str, str]:
    if isinstance(value, bytes):
        return {BYTES: base64.b64encode(value).decode()}
    raise TypeError(value)


def _load(line: bytes) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(line)
    return {name: base64.b64decode(value[BYTES]) if isinstance(value, dict) else value for name, value in row.items()}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def _in_thread(work: Callable[..., None], *args: object) -> None:
    """Do what blocks; rows that don't fit the tables are no backup's, and a full disk is that of the data folder."""
    try:
        await asyncio.to_thread(work, *args)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise MoorageError(ErrorCode.DISK_FULL) from error
        raise MoorageError(ErrorCode.VALUE_INVALID, f"the backup does not fit its tables: {error}") from error
    except (sqlite3.Error, ValueError, AttributeError) as error:
        raise MoorageError(ErrorCode.VALUE_INVALID, f"the backup does not fit its tables: {error}") from error
