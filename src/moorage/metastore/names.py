"""Names of repositories in byte order, as far as somebody's reach goes, read along the index of names.

span    ▕███ BATCH ███▏▕███ BATCH ███▏▕██▏        the event loop goes on in between
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import TypeVar

from sqlalchemy import bindparam, literal, select, union_all

from moorage.domain.access import Visibility
from moorage.domain.pattern import WHOLE
from moorage.domain.reach import AFTER, EVERYTHING, Reach, reach_of, whole_of
from moorage.metastore.cache import AccessCache
from moorage.metastore.grants import COUNTS
from moorage.metastore.steps import Database, Steps, one
from moorage.metastore.tables import grants, registries, repositories
from moorage.services.trash_records import HIDDEN

T = TypeVar("T")

BATCH = 1000
"""Names read in one turn of the event loop, about a millisecond's worth."""

STATEMENT = 20
"""How many names more could be read in the time that a statement takes by itself."""

SEARCHED = 10_000
"""Names that a search goes through."""

REACH = union_all(
    select(registries.c.address, literal(WHOLE).label("pattern")).where(
        registries.c.visibility.in_(bindparam("visible", expanding=True)), registries.c.address < HIDDEN
    ),
    select(registries.c.address, grants.c.pattern)
    .join(grants, grants.c.registry_id == registries.c.id)
    .where(COUNTS, registries.c.address < HIDDEN),
)
ADDRESS = select(registries.c.address).where(registries.c.id == bindparam("registry_id"))
NAMES = (
    select(repositories.c.name)
    .where(
        repositories.c.name >= bindparam("start"),
        repositories.c.name < bindparam("end"),
        repositories.c.pushed_at.is_not(None),
    )
    .order_by(repositories.c.name)
    .limit(bindparam("limit"))
)


class Names:
    """Names, a page at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reaches = AccessCache(database, _reach, lambda reach: 1 + len(reach.spans))

    async def reach(self, user_id: int | None, *, sees_all: bool) -> Reach:
        """Return what an account (None: anybody) may read."""
        return EVERYTHING if sees_all else await self._reaches.get(user_id)

    async def in_registry(self, reach: Reach, registry_id: int) -> tuple[str, Reach] | None:
        """Return a registry's address, and as much of a reach as lies in it."""
        address = await self._database.read(_address(registry_id))
        return None if address is None else (address, reach.within(whole_of(address)))

    async def page(self, reach: Reach, after: str, limit: int) -> tuple[str, ...]:
        """List names past `after`."""
        found: list[str] = []
        work = 0
        for span in reach.past(after):
            start, is_more = span.start, True
            while is_more and len(found) < limit:
                size = BATCH if span.filters else min(BATCH, limit - len(found))
                names = await self._database.read(_names(start, span.end, size))
                found += filter(span.holds, names)
                is_more = len(names) == size
                start = names[-1] + AFTER if names else span.end
                work += len(names) + STATEMENT
                if work >= BATCH:
                    work = 0
                    await asyncio.sleep(0)
            if len(found) >= limit:
                break
        return tuple(found[:limit])

    async def search(self, reach: Reach, after: str, limit: int, words: str) -> tuple[str, ...]:
        """List those of the first `SEARCHED` names past `after` that contain `words`, no further than needed."""
        found: list[str] = []
        for _ in range(SEARCHED // BATCH):
            names = await self.page(reach, after, BATCH)
            found += (name for name in names if words in name)
            if len(found) >= limit or len(names) < BATCH:
                break
            after = names[-1]
        return tuple(found[:limit])


def padded(keys: Sequence[T], size: int, nothing: T) -> Iterator[list[T]]:
    """Divide keys into lists of one length, filled up with the key of nothing, so that one statement does for all."""
    for first in range(0, len(keys), size):
        some = list(keys[first : first + size])
        yield some + [nothing] * (size - len(some))


def reader(user_id: int | None) -> dict[str, object]:
    """Return the parameters of `REACH` for an account (None: anybody)."""
    visible = [Visibility.PUBLIC.value] if user_id is None else [Visibility.PUBLIC.value, Visibility.INTERNAL.value]
    return {"visible": visible, "user_id": -1 if user_id is None else user_id}


def _reach(user_id: int | None) -> Steps[Reach]:
    rows = yield REACH, reader(user_id)
    return reach_of(f"{row.address}/{row.pattern}" for row in rows)


def _address(registry_id: int) -> Steps[str | None]:
    row = yield from one(ADDRESS, {"registry_id": registry_id})
    return row.address if row else None


def _names(start: str, end: str, limit: int) -> Steps[tuple[str, ...]]:
    rows = yield NAMES, {"start": start, "end": end, "limit": limit}
    return tuple(row.name for row in rows)
