"""What nothing needs any more: links whose lease passed, then blobs without links.

A lease of NULL means "in use when last looked at". Whatever stops using a row sets its lease to now (drop_image,
unlink), so a collection looks only at rows whose lease has passed: its cost follows what changed, not what exists.
"""

from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import bindparam, delete, exists, select, update

from moorage.domain.digest import Digest
from moorage.metastore.blobs import LOOK_AGAIN, UNLINKED
from moorage.metastore.leases import NOW
from moorage.metastore.quotas import SERVER_USED
from moorage.metastore.steps import NOTHING, Database, Steps, one
from moorage.metastore.tables import blobs, clock, discarded, edges, links, registries, repositories, total, uploads
from moorage.metastore.uploads import DISCARD
from moorage.services.storage_records import Collected, Usage
from moorage.services.trash_records import HIDDEN

TICK = update(clock).where(clock.c.id == 1).values(seconds=clock.c.seconds + bindparam("passed"))

_needed = (
    select(edges.c.source)
    .where(edges.c.repository_id == links.c.repository_id, edges.c.target == links.c.digest)
    # Not EXISTS: PostgreSQL would rather look at all edges at once.
    .limit(1)
    .scalar_subquery()
    .is_not(None)
    .label("needed")
)
EXPIRED_LINKS = (
    select(links.c.repository_id, links.c.digest, _needed)
    .where(links.c.leased_until < NOW)
    # In the order of the index: else PostgreSQL, which expects a third of all rows to fit, looks through the table.
    .order_by(links.c.leased_until)
    .limit(bindparam("limit"))
)
_link = (links.c.repository_id == bindparam("of_repository")) & (links.c.digest == bindparam("of_digest"))
REST_LINK = update(links).where(_link).values(leased_until=None)
DROP_LINK = delete(links).where(_link)

DROP_EMPTY = delete(repositories).where(
    # By the index of pushes, a registry at a time.
    repositories.c.registry_id.in_(select(registries.c.id)),
    repositories.c.pushed_at.is_(None),
    ~select(links.c.digest).where(links.c.repository_id == repositories.c.id).exists(),
    ~select(uploads.c.id).where(uploads.c.repository_id == repositories.c.id).exists(),
)

EXPIRED_BLOBS = (
    select(blobs.c.digest, blobs.c.size, blobs.c.place, UNLINKED.label("unlinked"))
    .where(blobs.c.leased_until < NOW)
    .order_by(blobs.c.leased_until)
    .limit(bindparam("limit"))
)
REST_BLOB = update(blobs).where(blobs.c.digest == bindparam("of_digest")).values(leased_until=None)
DROP_BLOB = delete(blobs).where(blobs.c.digest == bindparam("of_digest"))

DISCARDED = select(discarded.c.place).where(discarded.c.leased_until <= NOW).limit(bindparam("limit"))
FORGET = delete(discarded).where(discarded.c.place == bindparam("of_place"))

# A range of the index, which SQLite doesn't use to leave NULL out.
_has_lease = blobs.c.leased_until >= 0
# What is held is kept added up; of what isn't, a claim that came to nothing, each has a lease.
CLAIMED = select(total(blobs.c.size).label("bytes")).where(_has_lease, ~blobs.c.is_held)
STORED = select((SERVER_USED + CLAIMED.scalar_subquery()).label("bytes"))
WAITING = select(total(blobs.c.size).label("bytes")).where(_has_lease, UNLINKED)
OPEN = select(total(uploads.c.size).label("bytes"))
_in_trash = select(repositories.c.id).where(repositories.c.name >= HIDDEN)
_kept = select(edges.c.target).where(edges.c.repository_id.in_(_in_trash)).distinct().subquery("kept")
_lives = exists().where(edges.c.target == blobs.c.digest, edges.c.repository_id.not_in(_in_trash))
TRASHED = select(total(blobs.c.size).label("bytes")).join(_kept, _kept.c.target == blobs.c.digest).where(~_lives)


class GarbageTable:
    """The port `Garbage` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tick(self, seconds: float) -> None:
        """See `Garbage`."""
        await self._database.write(partial(_tick, seconds))

    async def expire_links(self, limit: int) -> int:
        """See `Garbage`."""
        return await self._database.write(partial(_expire_links, limit))

    async def sweep(self, limit: int, discard: Callable[[Sequence[Digest]], None]) -> Collected:
        """See `Garbage`."""
        return await self._database.write(partial(_sweep, limit, discard), alone=True)

    async def discarded(self, limit: int) -> tuple[str, ...]:
        """See `Garbage`."""
        return await self._database.read(_discarded(limit))

    async def forget(self, places: Sequence[str]) -> None:
        """See `Garbage`."""
        if places:
            await self._database.write(partial(_forget, places))

    async def usage(self) -> Usage:
        """See `Garbage`; aside, since it takes as long as there is in the trash."""
        return (await self._database.read_aside(_usage()))[0]


def _tick(seconds: float) -> Steps[None]:
    yield TICK, {"passed": seconds}


def _expire_links(limit: int) -> Steps[int]:
    rows = yield EXPIRED_LINKS, {"limit": limit}
    for row in rows:
        yield REST_LINK if row.needed else DROP_LINK, {"of_repository": row.repository_id, "of_digest": row.digest}
        if not row.needed:
            yield LOOK_AGAIN, {"of_digest": row.digest}
    yield DROP_EMPTY, NOTHING
    return len(rows)


def _sweep(limit: int, discard: Callable[[Sequence[Digest]], None]) -> Steps[Collected]:
    rows = yield EXPIRED_BLOBS, {"limit": limit}
    unlinked = [row for row in rows if row.unlinked]
    for row in rows:
        yield DROP_BLOB if row.unlinked else REST_BLOB, {"of_digest": row.digest}
    # Alone, so that what is unlinked here stays so. Inside the transaction: a push of the same digest claims it either
    # before, and it has a lease, or after, and then brings its bytes anew. Between the two nothing can come.
    discard([row.digest for row in unlinked if row.place is None])
    # A place of its own is never used again, so its bytes have time.
    for row in unlinked:
        if row.place is not None:
            yield DISCARD, {"place": row.place, "lease": 0}
    return Collected(blobs=len(unlinked), freed=sum(row.size for row in unlinked), looked_at=len(rows))


def _discarded(limit: int) -> Steps[tuple[str, ...]]:
    rows = yield DISCARDED, {"limit": limit}
    return tuple(row.place for row in rows)


def _forget(places: Sequence[str]) -> Steps[None]:
    for place in places:
        yield FORGET, {"of_place": place}


def _usage() -> Steps[Usage]:
    stored = yield from one(STORED)
    waiting = yield from one(WAITING)
    unfinished = yield from one(OPEN)
    trash = yield from one(TRASHED)
    assert stored is not None  # noqa: S101  a sum is always one row
    assert trash is not None  # noqa: S101
    assert waiting is not None  # noqa: S101
    assert unfinished is not None  # noqa: S101
    return Usage(stored.bytes, stored.bytes - waiting.bytes, waiting.bytes, unfinished.bytes, trash.bytes)
