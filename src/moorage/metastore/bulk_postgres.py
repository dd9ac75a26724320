"""PostgreSQL by a plain connection in a thread; see bulk.py."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, Table, create_engine, text
from sqlalchemy.pool import NullPool

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.bulk import Values, highest, numbered
from moorage.metastore.connections import CONNECTING

# A moment is held for as long as the bytes take that it turns out to need.
SESSION = """
SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""
MOMENT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT seconds FROM clock"
ALONE = "BEGIN; LOCK TABLE clock IN SHARE ROW EXCLUSIVE MODE"
"""As a collection has it (postgres.py): other writes wait at the gate."""

LAST = text("SELECT pg_sequence_last_value(CAST(pg_get_serial_sequence(:table, :column) AS regclass))")
GO_ON = text("SELECT setval(pg_get_serial_sequence(:table, :column), :next, false)")


class PostgresBulk:
    """See `Bulk`."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(url, **CONNECTING),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
        )

    def read(self) -> Connection:
        """See `Bulk`."""
        return self._begin(MOMENT)

    def write(self) -> Connection:
        """See `Bulk`."""
        return self._begin(ALONE)

    def clear(self, connection: Connection, tables: Sequence[Table]) -> None:
        """See `Bulk`."""
        named = ", ".join(connection.dialect.identifier_preparer.format_table(table) for table in tables)
        connection.exec_driver_sql(f"TRUNCATE {named}")

    def insert(self, connection: Connection, table: Table, rows: Values) -> None:
        """See `Bulk`; by COPY, which takes a fifth of the time of INSERT."""
        write = connection.dialect.identifier_preparer
        columns = ", ".join(write.format_column(column) for column in table.columns)
        cursor = connection.connection.cursor()
        with _told(), cursor.copy(f"COPY {write.format_table(table)} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row([_storable(value) for value in row])

    def last_ids(self, connection: Connection) -> Mapping[str, int]:
        """See `Bulk`."""
        found = {}
        for table, key in numbered():
            given = connection.execute(LAST, {"table": table.name, "column": key.name}).scalar_one()
            found[table.name] = max(given or 0, highest(connection, key))
        return found

    def go_on_after(self, connection: Connection, ids: Mapping[str, int]) -> None:
        """See `Bulk`."""
        for table, key in numbered():
            connection.execute(GO_ON, {"table": table.name, "column": key.name, "next": ids[table.name] + 1})

    def _begin(self, begin: str) -> Connection:
        connection = self._engine.connect()
        # One after the other: what is sent together is one transaction, and this one must begin with its BEGIN.
        with _told():
            for commands in (SESSION, begin):
                connection.connection.cursor().execute(commands)
        return connection


@contextmanager
def _told() -> Iterator[None]:
    """Put into words what PostgreSQL says against it, where SQLAlchemy does not stand in between."""
    try:
        yield
    except psycopg.Error as error:
        reason = str(error).strip().replace("\n", " ")
        raise MoorageError(ErrorCode.UNAVAILABLE, f"the database does not answer: {reason}") from error


def _storable(value: object) -> object:
    """Return what PostgreSQL can keep of a value: NUL, which an image's type may have in SQLite, is no character there.

    The bytes of the image itself stay what they are.
    """
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value
