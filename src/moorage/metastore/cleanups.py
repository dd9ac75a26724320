"""What is remembered of collections, and what each registry alone has, which is added up for whoever asks."""

from functools import partial

from sqlalchemy import bindparam, delete, func, insert, select

from moorage.metastore.blobs import UNLINKED
from moorage.metastore.steps import NOTHING, Database, Row, Steps, one
from moorage.metastore.tables import (
    blobs,
    cleanups,
    only_here,
    registries,
    registry_blobs,
    registry_usage,
    total,
    uploads,
)
from moorage.services.storage_records import Cleanup, OnlyHere, Unfinished
from moorage.services.trash_records import HIDDEN

KEPT = 20
"""Runs that are remembered."""

ASKED = select(cleanups).where(cleanups.c.ended_at.is_(None)).order_by(cleanups.c.id).limit(1)
LAST = select(cleanups).where(cleanups.c.ended_at.is_not(None)).order_by(cleanups.c.id.desc()).limit(1)
NEW = insert(cleanups).returning(cleanups.c.id)
GRANTED = delete(cleanups).where(cleanups.c.ended_at.is_(None))
FORGET = delete(cleanups).where(cleanups.c.id <= bindparam("oldest"))

# A range of the index, which SQLite doesn't use to leave NULL out.
SKIPPED = select(func.count()).select_from(blobs).where(blobs.c.leased_until >= 0, UNLINKED)
UNFINISHED = select(
    func.count().label("number"), total(uploads.c.size).label("bytes"), func.min(uploads.c.started_at).label("oldest")
)

_alone = (
    select(func.min(registry_blobs.c.registry_id).label("registry_id"), func.max(registry_blobs.c.size).label("size"))
    .join(registries, registries.c.id == registry_blobs.c.registry_id)
    .where(~registry_blobs.c.is_trashed, registries.c.address < HIDDEN)
    .group_by(registry_blobs.c.digest)
    .having(func.count() == 1)
    .subquery("alone")
)
ALONE = select(_alone.c.registry_id, total(_alone.c.size).label("bytes")).group_by(_alone.c.registry_id)
# What is in use changes with these, but for a change that leaves a registry exactly as large as it was.
_in_use = total(registry_usage.c.blob_bytes - registry_usage.c.trash_blob_bytes)
IN_USE = (
    select(registry_usage.c.registry_id, _in_use.label("in_use"))
    .join(registries, registries.c.id == registry_usage.c.registry_id)
    .where(registries.c.address < HIDDEN)
    .group_by(registry_usage.c.registry_id)
)
EVERY = select(only_here)
CLEAR = delete(only_here)
PUT = insert(only_here)


class CleanupTable:
    """The port `Cleanups` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(self, by: str, at: float) -> None:
        """See `Cleanups`."""
        await self._database.write(partial(_ask, by, at))

    async def note(self, run: Cleanup) -> None:
        """See `Cleanups`."""
        await self._database.write(partial(_note, run))

    async def latest(self) -> tuple[Cleanup | None, Cleanup | None]:
        """See `Cleanups`."""
        return await self._database.read(_latest())

    async def skipped(self) -> int:
        """See `Cleanups`; aside, since it looks at all that has a lease."""
        return (await self._database.read_aside(_skipped()))[0]

    async def unfinished(self) -> Unfinished:
        """See `Cleanups`; aside, since there may be thousands."""
        return (await self._database.read_aside(_unfinished()))[0]

    async def add_up(self, at: float, age: float) -> None:
        """See `Cleanups`; aside, since it looks at every blob."""
        known = await self.only_here()
        if known is not None and 0 <= at - known.at < age:
            return
        found = (await self._database.read_aside(_added_up()))[0]
        if found is not None:
            await self._database.write(partial(_put, found, at))

    async def only_here(self) -> OnlyHere | None:
        """See `Cleanups`."""
        return await self._database.read(_only_here())


def _ask(by: str, at: float) -> Steps[None]:
    if (yield from one(ASKED)) is None:
        yield NEW, _row_of(Cleanup(by, at))


def _note(run: Cleanup) -> Steps[None]:
    yield GRANTED, NOTHING
    ((key,),) = yield NEW, _row_of(run)
    yield FORGET, {"oldest": key - KEPT}


def _row_of(run: Cleanup) -> dict[str, str | float | None]:
    return {
        "asked_by": run.asked_by,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "blobs": run.blobs,
        "freed": run.freed,
        "uploads": run.uploads,
        "skipped": run.skipped,
    }


def _latest() -> Steps[tuple[Cleanup | None, Cleanup | None]]:
    asked = yield from one(ASKED)
    last = yield from one(LAST)
    return _cleanup_of(asked), _cleanup_of(last)


def _cleanup_of(row: Row | None) -> Cleanup | None:
    if row is None:
        return None
    return Cleanup(row.asked_by, row.started_at, row.ended_at, row.blobs, row.freed, row.uploads, row.skipped)


def _skipped() -> Steps[int]:
    ((number,),) = yield SKIPPED, NOTHING
    return int(number)


def _unfinished() -> Steps[Unfinished]:
    ((number, size, oldest),) = yield UNFINISHED, NOTHING
    return Unfinished(int(number), int(size), oldest)


def _added_up() -> Steps[list[dict[str, int]] | None]:
    """Return the rows to keep, without their time; None where those that are kept are right."""
    in_use = {row.registry_id: int(row.in_use) for row in (yield IN_USE, NOTHING)}
    kept = {row.registry_id: row.in_use for row in (yield EVERY, NOTHING)}
    if kept == in_use:
        return None
    alone = {row.registry_id: int(row.bytes) for row in (yield ALONE, NOTHING)}
    return [{"registry_id": key, "in_use": size, "bytes": alone.get(key, 0)} for key, size in in_use.items()]


def _put(rows: list[dict[str, int]], at: float) -> Steps[None]:
    yield CLEAR, NOTHING
    # Registries that have gone since have no place any more.
    known = {row.registry_id for row in (yield IN_USE, NOTHING)}
    there = [{**row, "at": at} for row in rows if row["registry_id"] in known]
    if there:
        yield PUT, there


def _only_here() -> Steps[OnlyHere | None]:
    rows = yield EVERY, NOTHING
    if not rows:
        return None
    return OnlyHere(max(row.at for row in rows), {row.registry_id: row.bytes for row in rows})
