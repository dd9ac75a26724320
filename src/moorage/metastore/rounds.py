"""Rounds of verification: who is at one, and how far it has come."""

from functools import partial

from sqlalchemy import bindparam, delete, insert, select, update

from moorage.metastore.steps import NOTHING, Database, Row, Steps, one
from moorage.metastore.tables import rounds
from moorage.metastore.verify import stock_of
from moorage.services.verify_records import Round, Stock

KEPT = 20
"""Rounds that are remembered."""

OPEN = select(rounds).where(rounds.c.ended_at.is_(None)).order_by(rounds.c.id.desc()).limit(1)
LAST = select(rounds).where(rounds.c.ended_at.is_not(None)).order_by(rounds.c.id.desc()).limit(1)
NEW = insert(rounds).returning(rounds.c.id)
END_OPEN = delete(rounds).where(rounds.c.ended_at.is_(None))
FORGET = delete(rounds).where(rounds.c.id <= bindparam("oldest"))
TAKE = (
    update(rounds)
    .where(
        rounds.c.id == bindparam("of_round"),
        rounds.c.ended_at.is_(None),
        rounds.c.runner == bindparam("old_runner"),
        rounds.c.seen_at == bindparam("old_seen"),
    )
    .values(runner=bindparam("new_runner"), seen_at=bindparam("at"))
    .returning(rounds.c.id)
)
_progress = ("ended_at", "seen_at", "image_id", "blob", "images", "blobs", "bytes", "unread")
ADVANCE = (
    update(rounds)
    .where(
        rounds.c.id == bindparam("of_round"),
        rounds.c.ended_at.is_(None),
        rounds.c.runner == bindparam("of_runner"),
    )
    .values({name: bindparam(f"new_{name}") for name in _progress})
    .returning(rounds.c.id)
)


class RoundTable:
    """The port `Rounds` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, asked_by: str, runner: str, at: float) -> Round:
        """See `Rounds`."""
        stock = (await self._database.read_aside(stock_of()))[0]
        return await self._database.write(partial(_begin, asked_by, runner, at, stock))

    async def take(self, round_: Round, runner: str, at: float) -> Round | None:
        """See `Rounds`."""
        return await self._database.write(partial(_take, round_, runner, at))

    async def advance(self, round_: Round) -> bool:
        """See `Rounds`."""
        return await self._database.write(partial(_advance, round_))

    async def latest(self) -> tuple[Round | None, Round | None]:
        """See `Rounds`."""
        return await self._database.read(_latest())


def _begin(asked_by: str, runner: str, at: float, stock: Stock) -> Steps[Round]:
    yield END_OPEN, NOTHING
    new = {
        "started_at": at,
        "ended_at": None,
        "asked_by": asked_by,
        "runner": runner,
        "seen_at": at,
        "image_id": 0,
        "blob": "",
        "images": 0,
        "blobs": 0,
        "bytes": 0,
        "all_images": stock.images,
        "all_blobs": stock.blobs,
        "all_bytes": stock.bytes,
        "unread": 0,
    }
    ((key,),) = yield NEW, new
    yield FORGET, {"oldest": key - KEPT}
    return Round(key, at, None, asked_by, runner, at, 0, "", Stock(0, 0, 0), stock)


def _take(round_: Round, runner: str, at: float) -> Steps[Round | None]:
    told = {"of_round": round_.id, "old_runner": round_.runner, "old_seen": round_.seen_at}
    if (yield from one(TAKE, {**told, "new_runner": runner, "at": at})) is None:
        return None
    row = yield from one(OPEN)
    return _round_of(row)


def _advance(round_: Round) -> Steps[bool]:
    new = {
        "of_round": round_.id,
        "of_runner": round_.runner,
        "new_ended_at": round_.ended_at,
        "new_seen_at": round_.seen_at,
        "new_image_id": round_.image_id,
        "new_blob": round_.blob,
        "new_images": round_.done.images,
        "new_blobs": round_.done.blobs,
        "new_bytes": round_.done.bytes,
        "new_unread": round_.unread,
    }
    return (yield from one(ADVANCE, new)) is not None


def _latest() -> Steps[tuple[Round | None, Round | None]]:
    under_way = yield from one(OPEN)
    ended = yield from one(LAST)
    return _round_of(under_way), _round_of(ended)


def _round_of(row: Row | None) -> Round | None:
    if row is None:
        return None
    return Round(
        id=row.id,
        started_at=row.started_at,
        ended_at=row.ended_at,
        asked_by=row.asked_by,
        runner=row.runner,
        seen_at=row.seen_at,
        image_id=row.image_id,
        blob=row.blob,
        done=Stock(row.images, row.blobs, row.bytes),
        whole=Stock(row.all_images, row.all_blobs, row.all_bytes),
        unread=row.unread,
    )
