"""The history of tags: a row for each move, written in the move's own transaction.

A tag keeps its newest `KEPT_MOVES`. To look for what is older costs something, so that only every `TRIM_EVERY`th move
does. Which ones is as good as chance: of two tags that are moved in turns, one would else never have its turn.
"""

import zlib
from functools import partial
from typing import NamedTuple

from sqlalchemy import bindparam, delete, insert, select

from moorage.domain.digest import Digest
from moorage.domain.history import KEPT_MOVES, How
from moorage.domain.name import Repository
from moorage.metastore.steps import Database, Row, Steps, one
from moorage.metastore.tables import manifests, repositories, tag_moves
from moorage.services.history_records import PastMove

TRIM_EVERY = 64
LAST = 2**62

_of_tag = (tag_moves.c.repository_id == bindparam("of_repository"), tag_moves.c.tag == bindparam("of_tag"))
MOVE = insert(tag_moves).returning(tag_moves.c.id)
_oldest_kept = select(tag_moves.c.id).where(*_of_tag).order_by(tag_moves.c.id.desc()).offset(bindparam("kept")).limit(1)
TRIM = delete(tag_moves).where(*_of_tag, tag_moves.c.id <= _oldest_kept.scalar_subquery())

_image = (
    select(manifests.c.id)
    .where(manifests.c.repository_id == tag_moves.c.repository_id, manifests.c.digest == tag_moves.c.digest)
    .limit(1)
    .correlate(tag_moves)
    .scalar_subquery()
)
MOVES = (
    select(tag_moves, _image.is_not(None).label("is_here"))
    .where(*_of_tag, tag_moves.c.id < bindparam("before"))
    .order_by(tag_moves.c.id.desc())
    .limit(bindparam("limit"))
)
REPOSITORY = select(repositories.c.id).where(repositories.c.name == bindparam("repository"))
POINTED = (
    select(tag_moves.c.id)
    .where(*_of_tag, tag_moves.c.digest == bindparam("digest"))
    .order_by(tag_moves.c.id.desc())
    .limit(1)
)
"""Whether a tag has pointed to an image."""

DELETIONS = (
    select(tag_moves.c.id, tag_moves.c.repository_id, tag_moves.c.tag)
    .where(tag_moves.c.digest.is_(None), tag_moves.c.at < bindparam("before"))
    .order_by(tag_moves.c.at)
    .limit(bindparam("limit"))
)
FORGET = delete(tag_moves).where(*_of_tag, tag_moves.c.id <= bindparam("of_id"))


class Hand(NamedTuple):
    """Who moves tags, when (Unix seconds), how, and whether those move too that a rule holds."""

    by: str
    at: float
    how: How
    overrides: bool = False


class TagHistoryTable:
    """The port `TagHistory` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def moves(self, repository: Repository, tag: str, before: int | None, limit: int) -> tuple[PastMove, ...]:
        """See `TagHistory`."""
        return await self._database.read(_moves(repository, tag, LAST if before is None else before, limit))

    async def forget(self, before: float, limit: int) -> int:
        """See `TagHistory`."""
        return await self._database.write(partial(_forget, before, limit))


def remember(repository_id: int, tag: str, digest: Digest | None, previous: str | None, hand: Hand) -> Steps[None]:
    """Write a move of a tag down, and now and then let its oldest moves go."""
    move = {"repository_id": repository_id, "tag": tag, "digest": digest, "previous": previous}
    ((number,),) = yield MOVE, {**move, "at": hand.at, "by": hand.by, "how": hand.how.value}
    if zlib.crc32(str(number).encode()) % TRIM_EVERY == 0:
        yield TRIM, {"of_repository": repository_id, "of_tag": tag, "kept": KEPT_MOVES}


def has_pointed(repository_id: int, tag: str, digest: Digest) -> Steps[bool]:
    """Tell whether a tag has pointed to an image, as far as its history goes."""
    found = yield from one(POINTED, {"of_repository": repository_id, "of_tag": tag, "digest": digest})
    return found is not None


def _moves(repository: Repository, tag: str, before: int, limit: int) -> Steps[tuple[PastMove, ...]]:
    found = yield from one(REPOSITORY, {"repository": str(repository)})
    if found is None:
        return ()
    rows = yield MOVES, {"of_repository": found.id, "of_tag": tag, "before": before, "limit": limit}
    return tuple(_move_of(row) for row in rows)


def _move_of(row: Row) -> PastMove:
    # Older servers say nothing of how.
    how = row.how or (How.PUSH if row.digest else How.DELETION)
    return PastMove(row.id, row.at, row.by, How(how), row.digest, row.previous, bool(row.is_here))


def _forget(before: float, limit: int) -> Steps[int]:
    rows = yield DELETIONS, {"before": before, "limit": limit}
    for row in rows:
        yield FORGET, {"of_repository": row.repository_id, "of_tag": row.tag, "of_id": row.id}
    return len(rows)
