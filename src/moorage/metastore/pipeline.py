"""One connection for what is looked up: queries go out one behind the other, and their rows come back in that order.

    ask ─── query 1 ──▶
    ask ────── query 2 ──▶        nobody waits for a connection, or for another's rows
                ◀── rows 1 ─── ◀── rows 2

Each request waits for a row at least. Through a pool and a cursor that takes a processor three times as long as here,
where a statement is prepared once and then only its values and rows go back and forth.

https://www.postgresql.org/docs/current/libpq-pipeline-mode.html
"""

import asyncio
from collections import deque, namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql import psycopg as dialects
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from moorage.metastore.connections import (
    ANSWER_SECONDS,
    CONNECTING,
    Connection,
    configure,
    limited,
    mapped,
    now,
)
from moorage.metastore.steps import Rows, Step

AGAIN_SECONDS = 0.2
"""How long to wait before each attempt but the second: a connection may have broken while nobody used it."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A statement as it is sent: `order` names its values, `fixed` are those of its own."""

    statement: Executable
    name: bytes
    sql: bytes
    order: tuple[str, ...]
    fixed: Mapping[str, Any]


class Pipeline:
    """Runs single statements that change nothing, of constants of modules; connects again where it must."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._line: _Line | None = None
        self._opening = asyncio.Lock()
        self._known: dict[int, _Known] = {}
        self._dialect = dialects.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]

    async def open(self) -> None:
        """Connect; UNAVAILABLE when the database doesn't answer."""
        try:
            await self._open()
        except psycopg.Error as error:
            raise mapped(error) from error

    async def close(self) -> None:
        """Close the connection."""
        if self._line is not None:
            self._line.end(psycopg.OperationalError("closed"))

    async def ask(self, step: Step) -> Rows:
        """Return a statement's rows; one that broke off is asked again, as it changes nothing."""
        statement, values = step
        assert isinstance(values, dict)  # noqa: S101  a list of them is for what writes
        known = self._known.get(id(statement)) or self._learn(statement, values)
        given = {**known.fixed, **values}
        sent = [given[name] for name in known.order]
        until, pause = now() + ANSWER_SECONDS, 0.0
        while True:
            try:
                return await self._try(known, sent, until)
            except psycopg.OperationalError as error:
                if now() + pause >= until:
                    raise mapped(error) from error
            except psycopg.Error as error:
                raise mapped(error) from error
            await asyncio.sleep(pause)
            pause = AGAIN_SECONDS

    async def _try(self, known: _Known, sent: list[Any], until: float) -> Rows:
        line = self._line
        if line is None or line.is_over:
            try:
                async with asyncio.timeout_at(until):
                    line = await self._open()
            except TimeoutError as error:
                raise psycopg.errors.ConnectionTimeout from error
        with limited(line.connection, until - now()):
            return await line.ask(known, sent)

    async def _open(self) -> "_Line":
        async with self._opening:
            if self._line is None or self._line.is_over:
                connection = await psycopg.AsyncConnection.connect(self._url, **CONNECTING)
                try:
                    await configure(connection)
                except BaseException:
                    await connection.close()
                    raise
                self._line = _Line(connection)
            return self._line

    def _learn(self, statement: Executable, sample: Mapping[str, Any]) -> _Known:
        assert isinstance(statement, ClauseElement)  # noqa: S101  every statement of Core is one
        compiled = statement.compile(dialect=self._dialect, column_keys=list(sample))
        assert isinstance(compiled, SQLCompiler)  # noqa: S101  what a statement, and nothing else, compiles to
        fixed = {name: value for name, value in compiled.params.items() if name not in sample}
        name = b"look%d" % len(self._known)
        known = _Known(statement, name, str(compiled).encode(), tuple(compiled.positiontup or ()), fixed)
        self._known[id(statement)] = known
        return known


class _Line:
    """A connection, and those who wait for the rows of theirs in the order in which they asked."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.is_over = False
        self._pgconn = connection.pgconn
        self._transformer = Transformer(connection)
        self._loop = asyncio.get_running_loop()
        self._prepared: dict[bytes, Callable[..., Any] | None] = {}
        self._waiting: deque[tuple[bytes, asyncio.Future[Rows]]] = deque()
        self._socket = self._pgconn.socket
        self._found: PGresult | None = None
        self._pgconn.enter_pipeline_mode()
        self._loop.add_reader(self._socket, self._receive)

    def ask(self, known: _Known, values: list[Any]) -> asyncio.Future[Rows]:
        """Send a query; OperationalError when the connection is no more."""
        future: asyncio.Future[Rows] = self._loop.create_future()
        sent = self._transformer.dump_sequence(values, [PyFormat.TEXT] * len(values))
        try:
            if known.name not in self._prepared:
                self._pgconn.send_prepare(known.name, known.sql)
                self._prepared[known.name] = None
            self._pgconn.send_query_prepared(known.name, sent, result_format=Format.BINARY)
            self._pgconn.pipeline_sync()
            self._waiting.append((known.name, future))
            self._send()
        except psycopg.Error as error:
            self.end(error)
            raise
        return future

    def end(self, error: psycopg.Error) -> None:
        """Close the connection; who waits is told why."""
        if self.is_over:
            return
        self.is_over = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._pgconn.finish()
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(error)
        self._waiting.clear()

    def _send(self) -> None:
        if self._pgconn.flush():
            self._loop.add_writer(self._socket, self._go_on)

    def _go_on(self) -> None:
        """Send what the socket had no room for before."""
        try:
            if not self._pgconn.flush():
                self._loop.remove_writer(self._socket)
        except psycopg.Error as error:
            self.end(error)

    def _receive(self) -> None:
        try:
            self._pgconn.consume_input()
            while self._waiting and not self._pgconn.is_busy():
                self._take(self._pgconn.get_result())
        except psycopg.Error as error:
            self.end(error)

    def _take(self, result: PGresult | None) -> None:
        """Take the next of what is answered to the first who waits: to prepare, the rows or the error, and the end."""
        if result is None or result.status == ExecStatus.COMMAND_OK:
            return
        if result.status != ExecStatus.PIPELINE_SYNC:
            # What went wrong first is what is told: the rest was not tried.
            self._found = self._found or result
            return
        name, future = self._waiting.popleft()
        found, self._found = self._found, None
        if future.done():
            return
        if found is not None and found.status == ExecStatus.TUPLES_OK:
            future.set_result(self._rows(name, found))
            return
        error = _error_of(found)
        future.set_exception(error)
        if not isinstance(error, psycopg.DataError):
            # Whether the statement is prepared is not known.
            self.end(error)

    def _rows(self, name: bytes, result: PGresult) -> Rows:
        make = self._prepared[name]
        if make is None:
            names = [(result.fname(number) or b"").decode() for number in range(result.nfields)]
            make = namedtuple("Row", names)._make  # type: ignore[attr-defined]  # noqa: PYI024  made at run time
            self._prepared[name] = make
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, make)


def _error_of(result: PGresult | None) -> psycopg.Error:
    if result is None:
        return psycopg.OperationalError("no answer")
    return psycopg.errors.error_from_result(result)
