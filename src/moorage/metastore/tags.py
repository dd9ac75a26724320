"""Tags, one at a time: what a tag points to, and pointing it elsewhere."""

import time
from functools import partial

from sqlalchemy import bindparam, select

from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.history import How
from moorage.domain.name import Repository
from moorage.metastore.catalog import tag_of
from moorage.metastore.contents import VISIBLE
from moorage.metastore.history import Hand, has_pointed
from moorage.metastore.manifests import BY_DIGEST, point, take_tag
from moorage.metastore.pages import TAG_COLUMNS, TAGGED
from moorage.metastore.steps import Database, Steps, one
from moorage.metastore.tables import manifests, tags
from moorage.metastore.trash import Leave, leave_of
from moorage.services.ports import Check
from moorage.services.records import Dropped, TagMove, TagRecord

FIND = (
    select(*TAG_COLUMNS)
    .join(manifests, TAGGED)
    .where(tags.c.repository_id == bindparam("repository_id"), tags.c.name == bindparam("tag"))
)
IMAGE = select(BY_DIGEST.subquery().c.digest)


class TagTable:
    """The port `Tags` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, repository: Repository, tag: str) -> TagRecord | None:
        """See `Tags`."""
        return await self._database.read(_find(repository, tag))

    async def point(
        self,
        repository: Repository,
        tag: str,
        digest: Digest,
        by: str,
        check: Check[TagRecord | None] | None = None,
        *,
        how: How = How.RETAG,
        overrides: bool = False,
    ) -> tuple[TagMove, ...] | None:
        """See `Tags`."""
        hand = Hand(by, time.time(), how, overrides)
        return await self._database.write(partial(_point, repository, tag, digest, check, hand))

    async def delete(
        self,
        repository: Repository,
        tag: str,
        by: str,
        check: Check[TagRecord] | None = None,
        *,
        overrides: bool = False,
    ) -> Dropped | None:
        """See `Tags`."""
        leave = leave_of(by, time.time(), overrides=overrides)
        return await self._database.write(partial(_delete, repository, tag, leave, check))


def _find(repository: Repository, tag: str) -> Steps[TagRecord | None]:
    found = yield from one(VISIBLE, {"repository": str(repository)})
    if found is None:
        return None
    row = yield from one(FIND, {"repository_id": found.id, "tag": tag})
    return tag_of(row, row) if row else None


def _point(
    repository: Repository, tag: str, digest: Digest, check: Check[TagRecord | None] | None, hand: Hand
) -> Steps[tuple[TagMove, ...] | None]:
    image = yield from one(IMAGE, {"repository": str(repository), "reference": digest})
    if image is None:
        return None
    before = yield from _find(repository, tag)
    if check is not None:
        check(before)
    if before is not None and before.digest == digest:
        return ()
    found = yield from one(VISIBLE, {"repository": str(repository)})
    assert found is not None  # noqa: S101  it has this image
    if hand.how is How.ROLLBACK and not (yield from has_pointed(found.id, tag, digest)):
        message = f"{tag} has not pointed to {digest} as far as its history goes; point it there without going back"
        raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "digest"})
    return tuple((yield from point(found.id, tag, digest, hand)))


def _delete(repository: Repository, tag: str, leave: Leave, check: Check[TagRecord] | None) -> Steps[Dropped | None]:
    before = yield from _find(repository, tag)
    if before is None:
        return None
    if check is not None:
        check(before)
    found = yield from one(VISIBLE, {"repository": str(repository)})
    assert found is not None  # noqa: S101  it has this tag
    return (yield from take_tag(found.id, repository, tag, leave))
