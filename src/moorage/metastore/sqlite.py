"""SQLite: reads run inline on one connection, writes go through one thread that commits them in groups.

    event loop                      writer thread
    read(story)  ── inline ─┐
    write(story) ── queue ──┼─────▶ BEGIN IMMEDIATE
                            │         SAVEPOINT, story, RELEASE      for each that is waiting
                            │       COMMIT                           one fsync for the group
                 ◀── future ┴────── answers

WAL with synchronous=FULL: what is committed survives power loss. Several processes may have the file open; SQLite's own
lock puts their groups in order, and `PRAGMA data_version` tells each when another has committed.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Executable, select
from sqlalchemy.dialects import sqlite as dialects

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.activity import recorded
from moorage.metastore.prepared import PreparedStatements
from moorage.metastore.steps import NOTHING, Look, Parameters, Row, Rows, Steps, one
from moorage.metastore.tables import STANDING

T = TypeVar("T")

WAL_LIMIT = "journal_size_limit=67108864"
"""The write-ahead log is cut back to this many bytes after a rush."""

PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "cache_size=-65536",
    # What a trigger or a large sort keeps aside needs no file: in a container there may be no place for one.
    "temp_store=MEMORY",
    WAL_LIMIT,
)

STATEMENTS = 512
"""Statements the driver keeps parsed."""

MARK = select(STANDING)

GROUP = 256
"""Stories in one commit at most."""

BUSY_SECONDS = 20
"""How long a group waits for another process's, before the client is told to try again."""

Job = tuple[Callable[[], Steps[Any]], asyncio.AbstractEventLoop, "asyncio.Future[Any]", bool]
Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]


def _no_room() -> bool:
    return False


class SQLite:
    """The database in one file; see `Database` for what its methods promise.

    `make_room` is asked where the disk is full, once for each commit, and tells whether to try again.
    """

    def __init__(self, path: Path, make_room: Callable[[], bool] = _no_room) -> None:
        self._path = path
        self._make_room = make_room
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._aside = ThreadPoolExecutor(1, "sqlite-aside")
        self._aside_reader: _Connection | None = None
        self._generation: int | None = None
        self._standing: str | None = None
        self._stood, self._stood_at = "", -1

    async def start(self) -> None:
        """Open the file; the tables must be there (migrations)."""
        self._reader = _Connection(self._path)
        self._writer = threading.Thread(target=self._write_groups, name="sqlite-writer", daemon=True)
        self._writer.start()

    async def close(self) -> None:
        """Let the writer finish what is queued, and close the file."""
        if self._writer is not None:
            self._jobs.put(None)
            await asyncio.to_thread(self._writer.join)
            await asyncio.to_thread(self._aside.shutdown, cancel_futures=True)
            self._reader.close()
            if self._aside_reader is not None:
                self._aside_reader.close()

    def generation(self) -> int:
        """See `Database`.

        Asked of the file once in a turn of the event loop. That is exact: what runs in this turn, or waits in line
        before `_forget_generation`, arrived before the file was asked, so nothing it must see was committed later.
        """
        if self._generation is None:
            # First in line, then asked: whatever comes to wait in between is told after the number was forgotten.
            asyncio.get_running_loop().call_soon(self._forget_generation)
            self._generation = self._reader.data_version()
        return self._generation

    async def ask_generation(self) -> object:
        """See `Database`."""
        return self.generation()

    def standing(self) -> str:
        """See `Database`; it is read only when something was committed, and looked at once in a turn likewise."""
        if self._standing is None:
            generation = self.generation()
            if generation != self._stood_at:
                self._stood, self._stood_at = self._tell(_standing()), generation
            self._standing = self._stood
        return self._standing

    async def ask_standing(self) -> str:
        """See `Database`."""
        return self.standing()

    def _forget_generation(self) -> None:
        self._generation = self._standing = None

    async def read(self, steps: Steps[T]) -> T:
        """See `Database`."""
        return self._tell(steps)

    def _tell(self, steps: Steps[T]) -> T:
        try:
            return self._reader.tell(steps)
        except sqlite3.Error as error:
            raise _mapped(error) from error

    async def look(self, look: Look) -> tuple[Row | None, Any]:
        """See `Database`."""
        return self._tell(one(look.statement, {**look.key, **look.more})), look.held

    def foresee(self, look: Look) -> None:
        """See `Database`; a look is inline, and costs nothing that could be saved."""

    async def read_aside(self, steps: Steps[T]) -> tuple[T, float]:
        """See `Database`."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._aside, self._tell_aside, steps)
        except sqlite3.Error as error:
            raise _mapped(error) from error

    def _tell_aside(self, steps: Steps[T]) -> tuple[T, float]:
        if self._aside_reader is None:
            self._aside_reader = _Connection(self._path)
        before = time.thread_time()
        answer = self._aside_reader.tell(steps)
        return answer, time.thread_time() - before

    async def write(self, story: Callable[[], Steps[T]], *, alone: bool = False) -> T:
        """See `Database`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put((recorded(story), loop, future, alone))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # It is written all the same: whoever asked must not go on, say by letting go of an upload, before it is.
            await asyncio.wait([future])
            raise

    async def check(self) -> None:
        """Commit nothing, which needs the lock, the file and the disk; see `Health`."""
        await self.write(_touch)

    def _write_groups(self) -> None:
        connection = _Connection(self._path)
        is_open = True
        while is_open:
            jobs: list[Job] = []
            is_open = self._gather(jobs)
            if jobs:
                for group in _groups(jobs):
                    _answer(group, self._commit(connection, group))
        connection.close()

    def _commit(self, connection: "_Connection", group: list[Job]) -> list[Outcome]:
        outcomes = _commit(connection, group)
        if any(_is_disk_full(error) for *_, error in outcomes) and self._make_room():
            again = [job for job, (*_, error) in zip(group, outcomes, strict=True) if _is_disk_full(error)]
            made = iter(_commit(connection, again))
            outcomes = [next(made) if _is_disk_full(outcome[2]) else outcome for outcome in outcomes]
        return outcomes

    def _gather(self, jobs: list[Job]) -> bool:
        """Wait for a job, take those that wait with it; False when the queue was closed."""
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) >= GROUP or self._jobs.empty():
                return True
            job = self._jobs.get()
        return False


class SoleDuty:
    """The port `Duty` over a file: there is one server on it."""

    async def is_ours(self) -> bool:
        """See `Duty`."""
        return True


class _Connection:
    """One connection to the file; transactions begin and end only where it is told so."""

    def __init__(self, path: Path) -> None:
        self._driver = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS
        )
        for pragma in PRAGMAS:
            self._driver.execute(f"PRAGMA {pragma}").close()
        self._cursor = self._driver.cursor()
        self._prepared = PreparedStatements(dialects.dialect(paramstyle="named"))

    def close(self) -> None:
        """Close the file."""
        self._driver.close()

    def data_version(self) -> int:
        """Return a number that another connection's commit changes."""
        found: int = self._cursor.execute("PRAGMA data_version").fetchone()[0]
        return found

    def command(self, sql: str) -> None:
        """Run a command of the transaction."""
        self._cursor.execute(sql)

    @property
    def is_in_transaction(self) -> bool:
        """Whether a transaction is open; some errors end it by themselves."""
        return self._driver.in_transaction

    def roll_back(self) -> None:
        """Undo the transaction, if an error has not ended it already."""
        if self.is_in_transaction:
            self.command("ROLLBACK")

    def tell(self, steps: Steps[T]) -> T:
        """Run a story to its end."""
        try:
            statement, parameters = next(steps)
            while True:
                statement, parameters = steps.send(self._execute(statement, parameters))
        except StopIteration as end:
            answer: T = end.value
            return answer

    def _execute(self, statement: Executable, parameters: Parameters) -> Rows:
        if isinstance(parameters, dict):
            prepared = self._prepared.prepare(statement, parameters)
            self._cursor.execute(prepared.sql, prepared.bind(parameters))
        else:
            prepared = self._prepared.prepare(statement, parameters[0])
            self._cursor.executemany(prepared.sql, [prepared.bind(each) for each in parameters])
        if self._cursor.description is None:
            return []
        return self._prepared.rows(self._cursor.description, self._cursor.fetchall())


def _standing() -> Steps[str]:
    ((mark,),) = yield MARK, NOTHING
    return str(mark)


def _touch() -> Steps[None]:
    return
    yield


def _groups(jobs: list[Job]) -> Iterator[list[Job]]:
    """Divide jobs into those of one transaction each, in their order."""
    group: list[Job] = []
    for job in jobs:
        *_, is_alone = job
        if is_alone and group:
            yield group
            group = []
        group.append(job)
        if is_alone:
            yield group
            group = []
    if group:
        yield group


def _commit(connection: _Connection, jobs: list[Job]) -> list[Outcome]:
    """Run a group in one transaction; a story that raises is undone alone, a commit that fails fails all."""
    outcomes: list[Outcome] = []
    try:
        connection.command("BEGIN IMMEDIATE")
        try:
            for story, _, future, _ in jobs:
                outcomes.append((future, *_attempt(connection, story)))
            connection.command("COMMIT")
        except BaseException:
            connection.roll_back()
            raise
    except Exception as error:  # noqa: BLE001  whatever ended the group is every waiting client's answer
        if _is_full(error) and len(jobs) > 1:
            # One of them wanted more room than there is; those that give room back must not fail with it.
            return [outcome for job in jobs for outcome in _commit(connection, [job])]
        return [(future, None, _mapped(error)) for _, _, future, _ in jobs]
    return outcomes


def _attempt(connection: _Connection, story: Callable[[], Steps[Any]]) -> tuple[Any, BaseException | None]:
    connection.command("SAVEPOINT story")
    try:
        answer = connection.tell(story())
    except Exception as error:
        if not connection.is_in_transaction:
            # A full disk ends the whole transaction, and every story with it.
            raise
        connection.command("ROLLBACK TO story")
        connection.command("RELEASE story")
        return None, _mapped(error)
    connection.command("RELEASE story")
    return answer, None


def _answer(jobs: list[Job], outcomes: list[Outcome]) -> None:
    loops = {loop for _, loop, _, _ in jobs}
    for loop in loops:
        mine = [outcome for outcome in outcomes if outcome[0].get_loop() is loop]
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, mine)


def _settle(outcomes: list[Outcome]) -> None:
    for future, answer, error in outcomes:
        if future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(answer)


def _is_full(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


def _is_disk_full(error: BaseException | None) -> bool:
    return isinstance(error, MoorageError) and error.error is ErrorCode.DISK_FULL


def _mapped(error: Exception) -> Exception:
    """Tell the client of the database's failures whether to try again; others are what they are."""
    if not isinstance(error, sqlite3.Error):
        return error
    if _is_full(error):
        return MoorageError(ErrorCode.DISK_FULL)
    return MoorageError(ErrorCode.UNAVAILABLE, f"the database does not answer: {error}")
