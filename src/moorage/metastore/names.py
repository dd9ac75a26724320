"""Names of repositories in byte order, as far as somebody's reach goes, read along the index of names.

span    ▕███ BATCH ███▏▕███ BATCH ███▏▕██▏        the event loop goes on in between
"""

import asyncio
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import bindparam, case, func, literal, select, union_all

from moorage.domain.access import Visibility
from moorage.domain.pattern import WHOLE
from moorage.domain.reach import AFTER, EVERYTHING, Reach, Span, reach_of, whole_of
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

LIGHTER = 5
"""How many times faster the database looks for words in names than it tells them."""

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

_seen = NAMES.subquery("seen")
_fits = func.replace(_seen.c.name, bindparam("words"), "") != _seen.c.name
LOOKED_THROUGH = select(
    func.count(),
    func.max(_seen.c.name),
    # No name has a space.
    func.aggregate_strings(case((_fits, _seen.c.name)), " "),
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
        return await self._find(reach, after, _Found(limit))

    async def search(self, reach: Reach, after: str, limit: int, words: str) -> tuple[str, ...]:
        """List those of the first `SEARCHED` names past `after` that contain `words`, no further than needed."""
        return await self._find(reach, after, _Found(limit, SEARCHED, words))

    async def _find(self, reach: Reach, after: str, found: "_Found") -> tuple[str, ...]:
        work = 0
        for span in reach.past(after):
            start: str | None = span.start
            while start is not None and not found.is_full:
                seen, last = await self._database.read(found.read(span, start))
                start = None if last is None else last + AFTER
                work += seen + STATEMENT
                if work >= BATCH:
                    work = 0
                    await asyncio.sleep(0)
            if found.is_full:
                break
        return tuple(found.names[: found.limit])


@dataclass(slots=True)
class _Found:
    """What a list has found so far, of names that contain `words`; it goes through `left` names more at most."""

    limit: int
    left: float = math.inf
    words: str = ""
    names: list[str] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        return len(self.names) >= self.limit or self.left <= 0

    def read(self, span: Span, start: str) -> Steps[tuple[int, str | None]]:
        """Read some names of a span; return how many that were, and the last one if there may be more."""
        if self.words and not span.filters:
            return self._looked_through(span, start)
        return self._listed(span, start)

    def _listed(self, span: Span, start: str) -> Steps[tuple[int, str | None]]:
        size = BATCH if span.filters or self.words else min(BATCH, self.limit - len(self.names))
        rows = yield NAMES, {"start": start, "end": span.end, "limit": size}
        reached = span.among(row.name for row in rows)
        self.left -= len(reached)
        self.names += (name for name in reached if self.words in name) if self.words else reached
        return len(rows), rows[-1].name if len(rows) == size else None

    def _looked_through(self, span: Span, start: str) -> Steps[tuple[int, str | None]]:
        """Have the database look, where nobody else must."""
        size = int(min(BATCH, self.left))
        ((seen, last, names),) = yield (
            LOOKED_THROUGH,
            {
                "start": start,
                "end": span.end,
                "limit": size,
                "words": self.words,
            },
        )
        self.left -= seen
        self.names += sorted(names.split(" ")) if names else ()
        return seen // LIGHTER, last if seen == size else None


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
