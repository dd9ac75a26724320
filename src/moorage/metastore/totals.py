"""Totals of a part of a registry: how many repositories a reach has, how large they are, when somebody pushed last.

    a whole registry                               is kept (usage.py), and doesn't come here
    one span, as team/*                            the database adds it up
    more of them, or names to be matched           their repositories are looked up, and their blobs counted once

What took long is remembered for a while: adding up stays a small part of what a server does, however much it holds.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from moorage.domain.reach import AFTER, Reach, Span
from moorage.metastore.steps import Database, Steps, one
from moorage.metastore.tables import links, manifests, repositories, total

QUICK = 0.05
"""Seconds of work: what takes no longer is added up anew whenever anything was written."""

SHARE = 20
"""What took longer is right for so many times as long, which makes it a twentieth of a processor at most."""

LONGEST = 60.0
"""Seconds: no total is older."""

SOME = 500
"""Values in one `IN`, and names in one read."""

ROOM = 10_000
"""Totals that are kept."""

_in_span = (repositories.c.name >= bindparam("start"), repositories.c.name < bindparam("end"))
COUNTED = select(func.count().label("repositories"), func.max(repositories.c.pushed_at).label("pushed_at")).where(
    *_in_span, repositories.c.pushed_at.is_not(None)
)
_linked = (
    select(links.c.digest, links.c.size)
    .join(repositories, repositories.c.id == links.c.repository_id)
    .where(*_in_span)
    .distinct()
    .subquery()
)
BLOB_BYTES = select(total(_linked.c.size).label("size"))
MANIFEST_BYTES = (
    select(total(manifests.c.body_size).label("size"))
    .join(repositories, repositories.c.id == manifests.c.repository_id)
    .where(*_in_span)
)
LYING_IN = (
    select(repositories.c.id, repositories.c.name, repositories.c.pushed_at)
    .where(*_in_span)
    .order_by(repositories.c.name)
    .limit(SOME)
)
LINKED_TO = select(links.c.digest, links.c.size).where(links.c.repository_id.in_(bindparam("ids", expanding=True)))
BODIES_OF = select(total(manifests.c.body_size).label("size")).where(
    manifests.c.repository_id.in_(bindparam("ids", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Total:
    """`size` is bytes, `pushed_at` Unix seconds or None for never."""

    repositories: int
    size: int
    pushed_at: float | None


@dataclass(frozen=True, slots=True)
class _Kept:
    total: Total
    generation: object
    until: float


class Totals:
    """Totals, added up aside from everything else."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[Reach, _Kept] = {}
        self._adding = asyncio.Lock()

    async def of(self, reaches: Sequence[Reach]) -> Mapping[Reach, Total]:
        """Return the total of each; large ones may be as old as a minute."""
        if not reaches:
            return {}
        generation = await self._database.ask_generation()
        if not all(self._is_known(reach, generation) for reach in reaches):
            # Who waits for the same finds it done.
            async with self._adding:
                generation = await self._database.ask_generation()
                known = [reach for reach in reaches if self._is_known(reach, generation)]
                await self._add([reach for reach in reaches if reach not in known], known, generation)
        return {reach: self._kept[reach].total for reach in reaches}

    def _is_known(self, reach: Reach, generation: object) -> bool:
        kept = self._kept.get(reach)
        return kept is not None and (kept.generation == generation or kept.until > time.monotonic())

    async def _add(self, reaches: Sequence[Reach], others: Sequence[Reach], generation: object) -> None:
        if len(self._kept) + len(reaches) > ROOM:
            self._kept = {reach: self._kept[reach] for reach in others}
        totals, seconds = await self._database.read_aside(_totals(reaches))
        until = time.monotonic() + (min(SHARE * seconds, LONGEST) if seconds > QUICK else 0.0)
        self._kept |= {reach: _Kept(total, generation, until) for reach, total in totals.items()}


def _totals(reaches: Sequence[Reach]) -> Steps[dict[Reach, Total]]:
    found: dict[Reach, Total] = {}
    for reach in reaches:
        found[reach] = yield from _total(reach)
    return found


def _total(reach: Reach) -> Steps[Total]:
    if len(reach.spans) == 1 and not reach.spans[0].filters:
        return _of_span(reach.spans[0])
    return _of_spans(reach)


def _of_span(span: Span) -> Steps[Total]:
    place = {"start": span.start, "end": span.end}
    ((number, pushed_at),) = yield COUNTED, place
    ((blob_bytes,),) = yield BLOB_BYTES, place
    ((manifest_bytes,),) = yield MANIFEST_BYTES, place
    return Total(number, blob_bytes + manifest_bytes, pushed_at)


def _of_spans(reach: Reach) -> Steps[Total]:
    found: dict[int, float | None] = {}
    for span in reach.spans:
        start, is_more = span.start, True
        while is_more:
            rows = yield LYING_IN, {"start": start, "end": span.end}
            reached = set(span.among(row.name for row in rows))
            found |= {row.id: row.pushed_at for row in rows if row.name in reached}
            is_more = len(rows) == SOME
            start = rows[-1].name + AFTER if rows else span.end
    size = yield from _size(list(found))
    pushed = [at for at in found.values() if at is not None]
    return Total(len(pushed), size, max(pushed, default=None))


def _size(ids: list[int]) -> Steps[int]:
    blobs: dict[str, int] = {}
    size = 0
    for first in range(0, len(ids), SOME):
        some = ids[first : first + SOME]
        page = {"ids": some + [0] * (SOME - len(some))}
        rows = yield LINKED_TO, page
        blobs |= {row.digest: row.size for row in rows}
        bodies = yield from one(BODIES_OF, page)
        size += bodies.size if bodies else 0
    return size + sum(blobs.values())
