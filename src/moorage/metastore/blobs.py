"""Blobs, seen only through the links of repositories."""

import time
from functools import partial

from sqlalchemy import bindparam, delete, exists, func, or_, select, update

from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from moorage.metastore.cache import ContentCache
from moorage.metastore.leases import LEASE, NOW, RENEWED
from moorage.metastore.quotas import check_blob
from moorage.metastore.steps import Database, Look, Row, Steps, one
from moorage.metastore.tables import blobs, edges, links, quarantined, repositories
from moorage.metastore.uploads import LINK, REPOSITORY_ID, ensure_repository
from moorage.services.records import BlobRecord
from moorage.services.trash_records import HIDDEN

FIND = (
    select(
        links.c.repository_id,
        links.c.size,
        blobs.c.place,
        or_(links.c.leased_until.is_(None), links.c.leased_until < NOW + bindparam("fresh")).label("needs_lease"),
        exists().where(quarantined.c.digest == links.c.digest).label("is_damaged"),
    )
    .select_from(links)
    .outerjoin(blobs, blobs.c.digest == links.c.digest)
    .where(links.c.repository_id == REPOSITORY_ID, links.c.digest == bindparam("digest"))
)
# A repository that has been deleted since has its id still, in the trash.
LINKED = (
    select(links.c.size)
    .join(repositories, repositories.c.id == links.c.repository_id)
    .where(
        links.c.repository_id == bindparam("repository_id"),
        links.c.digest == bindparam("digest"),
        repositories.c.name < HIDDEN,
    )
)
RENEW = (
    update(links)
    .where(links.c.repository_id == bindparam("of_repository"), links.c.digest == bindparam("of_digest"))
    .values(leased_until=LEASE)
)
NEEDED = (
    select(func.min(edges.c.source).label("source"))
    .join(repositories, repositories.c.id == edges.c.repository_id)
    .where(repositories.c.name == bindparam("repository"), edges.c.target == bindparam("digest"))
)
UNLINK = delete(links).where(
    links.c.repository_id == bindparam("of_repository"), links.c.digest == bindparam("of_digest")
)
LOOK_AGAIN = (
    update(blobs)
    .where(blobs.c.digest == bindparam("of_digest"), blobs.c.leased_until.is_(None))
    .values(leased_until=NOW)
)
# Not EXISTS: PostgreSQL would rather look at all links at once.
UNLINKED = (
    select(links.c.digest).where(links.c.digest == blobs.c.digest).limit(1).correlate(blobs).scalar_subquery().is_(None)
)


class BlobTable:
    """The port `Blobs` over a database; `lease` in seconds."""

    def __init__(self, database: Database, lease: float) -> None:
        self._database = database
        self._lease = lease
        self._found = ContentCache(database, partial(_look, lease * RENEWED), _answer)

    async def find(self, repository: Repository, digest: Digest) -> BlobRecord | None:
        """See `Blobs`."""
        return await self._found.get((str(repository), digest))

    def foresee(self, repository: Repository, digest: Digest) -> None:
        """See `Blobs`."""
        self._found.foresee((str(repository), digest))

    async def renew(self, blob: BlobRecord) -> bool:
        """See `Blobs`."""
        return await self._database.write(partial(_renew, blob, self._lease))

    async def mount(self, source: BlobRecord, target: Repository) -> bool:
        """See `Blobs`."""
        return await self._database.write(partial(_mount, source, target, time.time(), self._lease))

    async def unlink(self, repository: Repository, digest: Digest) -> bool:
        """See `Blobs`."""
        return await self._database.write(partial(_unlink, repository, digest))


def _look(fresh: float, key: tuple[str, Digest], _: object) -> Look:
    repository, digest = key
    return Look(FIND, {"repository": repository, "digest": digest, "fresh": fresh})


def _answer(key: tuple[str, Digest], row: Row | None, _: object) -> BlobRecord | None:
    digest = key[1]
    if row is None:
        return None
    place = row.place or digest
    return BlobRecord(row.repository_id, digest, row.size, bool(row.needs_lease), place, bool(row.is_damaged))


def _renew(blob: BlobRecord, lease: float) -> Steps[bool]:
    row = yield from one(LINKED, {"repository_id": blob.repository_id, "digest": blob.digest})
    if row is None:
        return False
    yield RENEW, {"of_repository": blob.repository_id, "of_digest": blob.digest, "lease": lease}
    return True


def _mount(source: BlobRecord, target: Repository, now: float, lease: float) -> Steps[bool]:
    row = yield from one(LINKED, {"repository_id": source.repository_id, "digest": source.digest})
    if row is None:
        return False
    home = yield from ensure_repository(target, now)
    yield from check_blob(home, source.digest, row.size)
    yield LINK, {"repository_id": home.repository_id, "digest": source.digest, "size": row.size, "lease": lease}
    return True


def _unlink(repository: Repository, digest: Digest) -> Steps[bool]:
    link = yield from one(FIND, {"repository": str(repository), "digest": digest, "fresh": 0})
    if link is None:
        return False
    needed = yield from one(NEEDED, {"repository": str(repository), "digest": digest})
    if needed is not None and needed.source is not None:
        message = f"the image {needed.source} needs this blob; delete the image instead"
        raise MoorageError(ErrorCode.IN_USE, message, {"image": needed.source})
    yield UNLINK, {"of_repository": link.repository_id, "of_digest": digest}
    yield LOOK_AGAIN, {"of_digest": digest}
    return True
