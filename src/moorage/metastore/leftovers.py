"""What lies in the store and no row knows, and rows for it."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, select

from moorage.metastore.contents import SOME
from moorage.metastore.leases import LEASE
from moorage.metastore.steps import Database, Steps
from moorage.metastore.tables import blobs, discarded, moved_blobs, uploads
from moorage.metastore.uploads import DISCARD
from moorage.metastore.upsert import insert_or_nothing
from moorage.services.leftover_ports import Lying

_some: BindParameter[Any] = bindparam("some", expanding=True)
BY_DIGEST = select(blobs.c.digest.label("word")).where(blobs.c.digest.in_(_some))
BY_PLACE = select(blobs.c.place.label("word")).where(blobs.c.place.in_(_some))
MOVED = select(moved_blobs.c.digest.label("word")).where(moved_blobs.c.digest.in_(_some))
MOVED_TO = select(moved_blobs.c.place.label("word")).where(moved_blobs.c.place.in_(_some))
OF_UPLOADS = select(uploads.c.id.label("word")).where(uploads.c.id.in_(_some))
MOVING = select(moved_blobs.c.upload_id.label("word")).where(moved_blobs.c.upload_id.in_(_some))
PLACES = (BY_DIGEST, BY_PLACE, MOVED, MOVED_TO)
UPLOADS = (OF_UPLOADS, MOVING)
# Whatever was written down of an upload: its id alone, or with what comes behind a space or a slash.
GOING = select(discarded.c.place).where(discarded.c.place >= bindparam("upload"), discarded.c.place < bindparam("end"))
AFTER = "0"
"""What comes right after the slash."""

ADOPT = insert_or_nothing(blobs, ["digest"]).values(leased_until=LEASE)
PASSED = -1.0
"""A lease, in seconds, that has passed already."""


class StrayTable:
    """The port `Strays` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def among(self, lying: Sequence[Lying]) -> tuple[Lying, ...]:
        """See `Strays`."""
        return (await self._database.read_aside(_among(lying)))[0]

    async def adopt(self, lying: Sequence[Lying]) -> tuple[Lying, ...]:
        """See `Strays`."""
        return await self._database.write(partial(_adopt, lying)) if lying else ()


def _among(lying: Sequence[Lying]) -> Steps[tuple[Lying, ...]]:
    places = yield from _known(PLACES, (each.place for each in lying))
    owners = dict.fromkeys(each.upload for each in lying if each.place not in places and each.upload is not None)
    known = yield from _known(UPLOADS, owners)
    for upload in owners:
        if (yield GOING, {"upload": upload, "end": upload + AFTER}):
            known.add(upload)
    return tuple(each for each in lying if each.place not in places and each.upload not in known)


def _known(statements: Iterable[Select[Any]], words: Iterable[str]) -> Steps[set[str]]:
    """Return those of the words that are in a column that one of the statements reads."""
    asked, found = list(words), set[str]()
    for statement in statements:
        for start in range(0, len(asked), SOME):
            rows = yield statement, {"some": asked[start : start + SOME]}
            found.update(row.word for row in rows)
    return found


def _adopt(lying: Sequence[Lying]) -> Steps[tuple[Lying, ...]]:
    strays = yield from _among(lying)
    for stray in strays:
        if stray.discard is None:
            yield ADOPT, {"digest": stray.place, "size": stray.size, "place": None, "lease": PASSED}
        else:
            yield DISCARD, {"place": stray.discard, "lease": PASSED}
    return strays
