"""A database as it was at one moment, and the one that gets all its rows: `moorage move`.

    moment ── rows, table by table ──▶ BEGIN · rows of before go · rows come · mark ── COMMIT

The mark says what the rows were like then. Where they are otherwise when the next run comes, somebody has written.
Uploads that have not ended and places to be given back are a store's; they come along where the store stays.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Column, Connection, Table, bindparam, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from moorage.domain.digest import Digest, algorithm_of, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.bulk import Bulk, Values, highest, numbered
from moorage.metastore.steps import Database, Steps
from moorage.metastore.tables import (
    KEPT,
    activity,
    blobs,
    clock,
    discarded,
    edges,
    links,
    manifests,
    metadata,
    moved_blobs,
    moved_rows,
    registries,
    repositories,
    signing_keys,
    standing,
    tags,
    total,
    uploads,
    users,
)
from moorage.metastore.upsert import insert_or_update
from moorage.services.move_ports import Arrival, Contents, LinkedBlob, Moment

P = ParamSpec("P")
T = TypeVar("T")

BATCH = 2000
"""Rows in memory at once."""

TABLES = tuple(table for table in metadata.sorted_tables if table not in {moved_blobs, moved_rows, standing, *KEPT})
"""In the order of their foreign keys; `standing` moves by itself, and the triggers count what comes."""

OF_THE_STORE = frozenset({uploads, discarded})

LINKED = (
    select(blobs.c.digest, blobs.c.size, func.coalesce(blobs.c.place, blobs.c.digest).label("place"))
    .where(select(links.c.digest).where(links.c.digest == blobs.c.digest).exists())
    .order_by(blobs.c.digest)
)
NEEDED_BY = (
    select(repositories.c.name, edges.c.source, tags.c.name.label("tag"))
    .join(repositories, repositories.c.id == edges.c.repository_id)
    .outerjoin(tags, (tags.c.repository_id == edges.c.repository_id) & (tags.c.digest == edges.c.source))
    .order_by(repositories.c.name, tags.c.name, edges.c.source)
)

KNOWN = select(moved_blobs).where(moved_blobs.c.digest.in_(bindparam("digests", expanding=True)))
EXPECT = insert_or_update(moved_blobs, ["digest"], ["upload_id", "place", "is_here"])
ARRIVED = (
    update(moved_blobs)
    .where(moved_blobs.c.digest == bindparam("of_digest"))
    .values(place=bindparam("new_place"), is_here=True)
)
MARK = select(moved_rows.c.mark)
_arrived_at = select(moved_blobs.c.place).where(moved_blobs.c.digest == blobs.c.digest, moved_blobs.c.is_here)
LEARN = (
    update(blobs)
    .where(_arrived_at.where(moved_blobs.c.place.is_distinct_from(blobs.c.place)).exists())
    .values(place=_arrived_at.scalar_subquery())
)

USED = (
    "the database at the destination is in use: somebody other than `moorage move` has written to it. "
    "Name an empty one; or, if nothing in it is needed, drop it and make it anew"
)


class OneMoment:
    """The port `Moment` over a connection that sees one."""

    def __init__(self, bulk: Bulk, connection: Connection) -> None:
        self._bulk = bulk
        self._connection = connection

    async def contents(self) -> Contents:
        """See `Moment`."""
        return await _in_thread(self._contents)

    async def blobs(self, after: str, limit: int) -> tuple[LinkedBlob, ...]:
        """See `Moment`."""
        return await _in_thread(self._linked, blobs.c.digest > after, limit)

    async def blob(self, digest: Digest) -> LinkedBlob | None:
        """See `Moment`."""
        return next(iter(await _in_thread(self._linked, blobs.c.digest == digest, 1)), None)

    async def images(self, digest: Digest, limit: int) -> tuple[str, ...]:
        """See `Moment`."""
        found = await _in_thread(self._all, NEEDED_BY.where(edges.c.target == digest).limit(limit))
        return tuple(f"{row.name}:{row.tag}" if row.tag else f"{row.name}@{row.source}" for row in found)

    async def rows(self, table: str) -> AsyncIterator[Values]:
        """See `Moment`."""
        found = metadata.tables[table]
        ordered = select(found).order_by(*found.primary_key).execution_options(yield_per=BATCH)
        batches = (await _in_thread(self._connection.execute, ordered)).partitions()
        while (batch := await _in_thread(next, batches, None)) is not None:
            yield [tuple(row) for row in batch]

    async def wrong(self, images: Values) -> tuple[str, ...]:
        """See `Moment`."""
        return await _in_thread(_damaged, self._connection, images)

    async def last_ids(self) -> Mapping[str, int]:
        """See `Moment`."""
        return await _in_thread(self._bulk.last_ids, self._connection)

    def _contents(self) -> Contents:
        linked = LINKED.subquery()
        size = self._connection.execute(select(total(linked.c.size))).scalar_one()
        counted = {table.name: _count(self._connection, table) for table in TABLES}
        return Contents(
            registries=counted[registries.name],
            repositories=counted[repositories.name],
            images=counted[manifests.name],
            tags=counted[tags.name],
            blobs=self._connection.execute(select(func.count()).select_from(linked)).scalar_one(),
            bytes=size,
            rows=sum(counted.values()),
        )

    def _linked(self, where: Any, limit: int) -> tuple[LinkedBlob, ...]:  # noqa: ANN401  an expression
        rows = self._all(LINKED.where(where).limit(limit))
        return tuple(LinkedBlob(Digest(row.digest), row.size, row.place) for row in rows)

    def _all(self, statement: Any) -> Sequence[Any]:  # noqa: ANN401  a statement
        return self._connection.execute(statement).all()


class MovedSource:
    """The port `Source`; `is_idle` asks for what servers hold."""

    def __init__(self, bulk: Bulk, is_idle: Callable[[], Awaitable[bool]]) -> None:
        self._bulk = bulk
        self._is_idle = is_idle

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[OneMoment]:
        """See `Source`."""
        connection = await _in_thread(self._bulk.read)
        try:
            yield OneMoment(self._bulk, connection)
        finally:
            await _in_thread(_end, connection)

    async def stands_still(self) -> bool:
        """See `Source`."""
        return await self._is_idle()


class Arrivals:
    """What has come to a database, and a transaction to put it right: what the destinations share."""

    def __init__(self, database: Database, bulk: Bulk) -> None:
        self._database = database
        self._bulk = bulk

    async def arrivals(self, digests: Sequence[Digest]) -> Mapping[Digest, Arrival]:
        """See `Destination`."""
        return await self._database.read(_arrivals(digests))

    async def expect(self, uploads: Mapping[Digest, str]) -> None:
        """See `Destination`."""
        await self._database.write(partial(_expect, uploads))

    async def arrived(self, digest: Digest, place: str | None) -> None:
        """See `Destination`."""
        await self._database.write(partial(_arrived, digest, place))

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        connection = await _in_thread(self._bulk.write)
        try:
            yield connection
            await _in_thread(connection.exec_driver_sql, "COMMIT")
        finally:
            await _in_thread(_end, connection)


class OtherDatabase(Arrivals):
    """The port `Destination` over another database than the source; `has_other_store` says where blobs will be.

    `used` is what is said of one that somebody else has written to.
    """

    def __init__(self, database: Database, bulk: Bulk, *, has_other_store: bool, used: str = USED) -> None:
        super().__init__(database, bulk)
        self._has_other_store = has_other_store
        self._used = used

    async def check(self) -> None:
        """See `Destination`."""
        connection = await _in_thread(self._bulk.read)
        try:
            await _in_thread(self._check, connection)
        finally:
            await _in_thread(_end, connection)

    async def take(
        self, moment: Moment, *, damaged: Collection[Digest], is_last: bool, tell: Callable[[int], None]
    ) -> tuple[str, ...]:
        """See `Destination`; rows that come before the last ones do no harm, and what is damaged can be pushed anew."""
        del damaged, is_last
        wrong: list[str] = []
        async with self._transaction() as connection:
            # Bringing blobs took its time: a server may have been started here meanwhile.
            await _in_thread(self._check, connection)
            await _in_thread(self._bulk.clear, connection, (*KEPT, *TABLES, moved_rows))
            for table in TABLES:
                if self._has_other_store and table in OF_THE_STORE:
                    continue
                async for rows in moment.rows(table.name):
                    placed = await self._placed(rows) if table is blobs and self._has_other_store else rows
                    await _in_thread(self._bulk.insert, connection, table, placed)
                    wrong += await moment.wrong(rows) if table is manifests else ()
                    tell(len(rows))
            await _in_thread(self._bulk.go_on_after, connection, await moment.last_ids())
            await _in_thread(_set_mark, connection)
        return tuple(wrong)

    def _check(self, connection: Connection) -> None:
        found = connection.execute(MARK).scalar()
        if not _is_empty(connection) and (found is None or found != _mark(connection)):
            raise MoorageError(ErrorCode.IN_USE, self._used)

    async def _placed(self, rows: Values) -> Values:
        """Return rows of blobs with the places that they have here."""
        digest, place = _index(blobs.c.digest), _index(blobs.c.place)
        here = await self.arrivals([row[digest] for row in rows])
        places = {key: arrival.place for key, arrival in here.items() if arrival.is_here}
        return [(*row[:place], places.get(row[digest]), *row[place + 1 :]) for row in rows]


class SameDatabase(Arrivals):
    """The port `Destination` over the source itself, whose blobs alone go elsewhere."""

    async def check(self) -> None:
        """See `Destination`; nothing here is overwritten."""

    async def take(
        self, moment: Moment, *, damaged: Collection[Digest], is_last: bool, tell: Callable[[int], None]
    ) -> tuple[str, ...] | None:
        """See `Destination`; rows stay, and learn where the bytes are."""
        del damaged
        if not is_last:
            return None
        wrong: list[str] = []
        async with self._transaction() as connection:
            async for rows in moment.rows(manifests.name):
                wrong += await moment.wrong(rows)
                tell(len(rows))
            if (await _in_thread(connection.execute, LEARN)).rowcount:
                # Nothing at the new store is meant by what the old one had to give back, or had begun.
                for table in OF_THE_STORE:
                    await _in_thread(connection.execute, table.delete())
        return tuple(wrong)


def _arrivals(digests: Sequence[Digest]) -> Steps[Mapping[Digest, Arrival]]:
    rows = (yield KNOWN, {"digests": list(digests)}) if digests else []
    return {row.digest: Arrival(row.upload_id, row.place, bool(row.is_here)) for row in rows}


def _expect(brought_by: Mapping[Digest, str]) -> Steps[None]:
    new = {"place": None, "is_here": False}
    if brought_by:
        yield EXPECT, [{"digest": digest, "upload_id": upload_id, **new} for digest, upload_id in brought_by.items()]


def _arrived(digest: Digest, place: str | None) -> Steps[None]:
    yield ARRIVED, {"of_digest": digest, "new_place": place}


def _mark(connection: Connection) -> str:
    """Say what the rows are like: how many each table has, the highest number in it, and how long servers ran."""
    counts = {table: _count(connection, table) for table in TABLES}
    numbers = {table: highest(connection, key) for table, key in numbered() if table in counts}
    seconds = connection.execute(select(clock.c.seconds)).scalar()
    words = [f"{table.name} {count} {numbers.get(table, '')}".rstrip() for table, count in counts.items()]
    return ", ".join([*words, f"{seconds!r} s"])


def _set_mark(connection: Connection) -> None:
    connection.execute(insert(moved_rows).values(id=1, mark=_mark(connection)))


def _is_empty(connection: Connection) -> bool:
    """Tell whether no server has ever used a database: each begins with a key and an account."""
    return not any(_count(connection, table) for table in (signing_keys, users, registries, activity))


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _damaged(connection: Connection, rows: Values) -> tuple[str, ...]:
    """Name those of these images whose bytes are not what their digest says."""
    digest, body, repository_id = map(_index, (manifests.c.digest, manifests.c.body, manifests.c.repository_id))
    wrong = [row for row in rows if digest_of(row[body], algorithm_of(row[digest])) != row[digest]]
    names = select(repositories.c.id, repositories.c.name).where(
        repositories.c.id.in_({row[repository_id] for row in wrong})
    )
    named = {row.id: row.name for row in connection.execute(names)} if wrong else {}
    return tuple(f"{named[row[repository_id]]}@{row[digest]}" for row in wrong)


def _index(column: Column[Any]) -> int:
    """Return where the values of a column are in a row of its table."""
    return column.table.columns.keys().index(column.name)


def _end(connection: Connection) -> None:
    """Close a connection; what was not committed is undone."""
    with connection, suppress(Exception):
        connection.connection.rollback()


async def _in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do what blocks, and put what the database says against it into words."""
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except DBAPIError as error:
        reason = str(error.orig).strip().replace("\n", " ")
        raise MoorageError(ErrorCode.UNAVAILABLE, f"the database does not answer: {reason}") from error
