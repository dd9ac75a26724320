"""The keys that sign bearer tokens."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import bindparam, delete, insert, select

from moorage.metastore.cache import AccessCache
from moorage.metastore.steps import NOTHING, Database, Steps
from moorage.metastore.tables import signing_keys
from moorage.services.key_records import SigningKey

KEYS = select(signing_keys).order_by(signing_keys.c.created_at.desc(), signing_keys.c.id)
ADD = insert(signing_keys)
FORGET = delete(signing_keys).where(signing_keys.c.created_at < bindparam("before"))


class KeyTable:
    """The port `Keys` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._every = AccessCache(database, _every)

    async def every(self) -> Sequence[SigningKey]:
        """See `Keys`."""
        return await self._every.get(None)

    async def ensure(self, fresh: tuple[str, bytes]) -> None:
        """See `Keys`."""
        await self._database.write(partial(_ensure, fresh, time.time()))

    async def rotate(self, fresh: tuple[str, bytes], forget_after: float) -> Sequence[SigningKey]:
        """See `Keys`."""
        return await self._database.write(partial(_rotate, fresh, time.time(), forget_after))


def _every(_: None) -> Steps[tuple[SigningKey, ...]]:
    rows = yield KEYS, NOTHING
    return tuple(SigningKey(row.id, row.secret, row.created_at) for row in rows)


def _ensure(fresh: tuple[str, bytes], now: float) -> Steps[None]:
    if not (yield KEYS, NOTHING):
        yield ADD, _row(fresh, now)


def _rotate(fresh: tuple[str, bytes], now: float, forget_after: float) -> Steps[tuple[SigningKey, ...]]:
    known = yield from _every(None)
    # A wall clock that was turned back must not make the new key an old one.
    at = max([now, *(key.created_at + 1 for key in known)])
    # A key was replaced when the next newer one was made.
    replaced = zip(known[1:], (key.created_at for key in known), strict=False)
    forgotten = [key.created_at for key, since in replaced if since <= at - forget_after]
    if forget_after == 0:
        forgotten = [key.created_at for key in known]
    yield ADD, _row(fresh, at)
    if forgotten:
        yield FORGET, {"before": max(forgotten) + 0.5}
    return (yield from _every(None))


def _row(key: tuple[str, bytes], at: float) -> dict[str, Any]:
    return {"id": key[0], "secret": key[1], "created_at": at}
