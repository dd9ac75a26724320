"""Upload sessions, and the repository rows they make."""

import time
from collections.abc import Sequence
from functools import partial

from sqlalchemy import bindparam, delete, exists, func, insert, select, update

from moorage.domain.digest import Algorithm, Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from moorage.domain.upload import Upload
from moorage.metastore.leases import LEASE, NOW
from moorage.metastore.steps import Database, Look, Row, Steps, one
from moorage.metastore.tables import blobs, discarded, links, quarantined, registries, repositories, uploads
from moorage.metastore.upsert import insert_or_nothing, insert_or_update

REPOSITORY = select(repositories.c.id).where(repositories.c.name == bindparam("repository"))
# A value, not a table to join: so PostgreSQL finds the repository first, and not all images of a database whose tables
# it knows little of.
REPOSITORY_ID = REPOSITORY.correlate_except(repositories).scalar_subquery()
REGISTRY = select(registries.c.id).where(registries.c.address == bindparam("address"))
NEW_REPOSITORY = insert(repositories)

BEGIN = insert(uploads).values(leased_until=LEASE)
FIND = (
    select(uploads)
    .select_from(uploads)
    .join(repositories, repositories.c.id == uploads.c.repository_id)
    .where(uploads.c.id == bindparam("id"), repositories.c.name == bindparam("repository"))
)
ADVANCE = (
    update(uploads)
    .where(
        uploads.c.id == bindparam("of_upload"),
        uploads.c.size == bindparam("old_size"),
        uploads.c.repository_id.is_not(None),
    )
    .values(
        size=bindparam("new_size"), digest=bindparam("new_digest"), place=bindparam("new_place"), leased_until=LEASE
    )
    .returning(uploads.c.id)
)
END = delete(uploads).where(uploads.c.id == bindparam("of_upload")).returning(uploads.c.id)
FINISH = END.where(uploads.c.repository_id.is_not(None))
FORGET = END.where(uploads.c.leased_until < NOW)
OPEN = select(func.count().label("open")).select_from(
    select(uploads.c.id).where(uploads.c.user == bindparam("user")).limit(bindparam("most")).subquery()
)
EXPIRED = select(uploads.c.id).where(uploads.c.leased_until < NOW).limit(bindparam("limit"))

CLAIM = insert_or_update(blobs, ["digest"], ["leased_until"]).values(leased_until=LEASE)
PLACE = select(blobs.c.place, exists().where(quarantined.c.digest == blobs.c.digest).label("is_quarantined")).where(
    blobs.c.digest == bindparam("digest")
)
SET_PLACE = update(blobs).where(blobs.c.digest == bindparam("of_digest")).values(place=bindparam("new_place"))
LIFT = delete(quarantined).where(quarantined.c.digest == bindparam("of_digest"))
RESIZE = update(blobs).where(blobs.c.digest == bindparam("of_digest")).values(size=bindparam("new_size"))
RESIZE_LINKS = update(links).where(links.c.digest == bindparam("of_digest")).values(size=bindparam("new_size"))
DISCARD = insert_or_nothing(discarded, ["place"]).values(leased_until=LEASE)
LINK = insert_or_update(links, ["repository_id", "digest"], ["leased_until"]).values(leased_until=LEASE)


class UploadTable:
    """The ports `Uploads` and `OpenUploads` over a database; `lease` in seconds."""

    def __init__(self, database: Database, lease: float) -> None:
        self._database = database
        self._lease = lease

    async def begin(self, upload_id: str, repository: Repository, user: str, algorithm: Algorithm) -> Upload:
        """See `Uploads`."""
        return await self._database.write(
            partial(_begin, upload_id, repository, user, algorithm, time.time(), self._lease)
        )

    async def find(self, repository: Repository, upload_id: str, user: str) -> Upload | None:
        """See `Uploads`."""
        row, _ = await self._database.look(_look(repository, upload_id))
        return _upload_of(row) if row is not None and row.user == user else None

    def foresee(self, repository: Repository, upload_id: str) -> None:
        """See `Uploads`."""
        self._database.foresee(_look(repository, upload_id))

    async def advance(self, upload: Upload, size: int, digest: Digest | None, place: str | None = None) -> bool:
        """See `Uploads`."""
        return await self._database.write(partial(_advance, upload, size, digest, place or upload.place, self._lease))

    async def claim(self, digest: Digest, size: int) -> None:
        """See `Uploads`."""
        await self._database.write(partial(_claim, digest, size, self._lease))

    async def finish(self, upload: Upload, digest: Digest, size: int, place: str | None = None) -> bool:
        """See `Uploads`."""
        return await self._database.write(partial(_finish, upload, digest, size, place, self._lease))

    async def cancel(self, upload: Upload) -> bool:
        """See `Uploads`."""
        return await self._database.write(partial(_cancel, upload))

    async def expired(self, limit: int) -> tuple[str, ...]:
        """See `Uploads`."""
        return await self._database.read(_expired(limit))

    async def forget(self, upload_ids: Sequence[str]) -> tuple[str, ...]:
        """See `Uploads`."""
        return await self._database.write(partial(_forget, upload_ids))

    async def count(self, user: str, most: int) -> int:
        """See `OpenUploads`."""
        row = await self._database.read(one(OPEN, {"user": user, "most": most}))
        return int(row.open) if row is not None else 0


def ensure_repository(repository: Repository, now: float) -> Steps[int]:
    """Return the id of a repository's row, making it; raise NAME_UNKNOWN without its registry."""
    row = yield from one(REPOSITORY, {"repository": str(repository)})
    if row is not None:
        return int(row.id)
    registry = yield from one(REGISTRY, {"address": repository.registry})
    if registry is None:
        message = f"there is no registry at {repository.registry}"
        raise MoorageError(ErrorCode.NAME_UNKNOWN, message, {"name": str(repository)})
    new = {"registry_id": registry.id, "name": str(repository), "description": "", "created_at": now, "pushed_by": ""}
    new |= {"pulls": 0, "pushes": 0}
    yield NEW_REPOSITORY, new
    made = yield from one(REPOSITORY, {"repository": str(repository)})
    assert made is not None  # noqa: S101  inserted in this transaction
    return int(made.id)


def _upload_of(row: Row) -> Upload:
    return Upload(
        id=row.id,
        repository_id=row.repository_id,
        user=row.user,
        algorithm=Algorithm(row.algorithm),
        size=row.size,
        digest=row.digest,
        started_at=row.started_at,
        place=row.place,
    )


def _begin(
    upload_id: str, repository: Repository, user: str, algorithm: Algorithm, now: float, lease: float
) -> Steps[Upload]:
    repository_id = yield from ensure_repository(repository, now)
    upload = Upload(upload_id, repository_id, user, algorithm, 0, None, now, upload_id)
    row = {"id": upload_id, "repository_id": repository_id, "user": user, "algorithm": algorithm.value}
    yield BEGIN, {**row, "size": 0, "digest": None, "place": upload_id, "started_at": now, "lease": lease}
    return upload


def _look(repository: Repository, upload_id: str) -> Look:
    return Look(FIND, {"id": upload_id, "repository": str(repository)})


def _advance(upload: Upload, size: int, digest: Digest | None, place: str, lease: float) -> Steps[bool]:
    new = {"new_size": size, "new_digest": digest, "new_place": place, "lease": lease}
    if (yield from one(ADVANCE, {"of_upload": upload.id, "old_size": upload.size, **new})) is None:
        return False
    if digest is not None:
        yield from _claim(digest, size, lease)
    return True


def _claim(digest: Digest, size: int, lease: float) -> Steps[None]:
    yield CLAIM, {"digest": digest, "size": size, "lease": lease}


def _finish(upload: Upload, digest: Digest, size: int, place: str | None, lease: float) -> Steps[bool]:
    if (yield from one(FINISH, {"of_upload": upload.id})) is None:
        return False
    yield from _claim(digest, size, lease)
    # Read after the claim, whose lock on the row lets one pusher at a time find what the other left.
    before = yield from one(PLACE, {"digest": digest})
    if before is not None and before.place != place:
        yield SET_PLACE, {"of_digest": digest, "new_place": place}
        if before.place is not None:
            yield DISCARD, {"place": before.place, "lease": lease}
    if before is not None and before.is_quarantined:
        yield from release(digest, size)
    yield LINK, {"repository_id": upload.repository_id, "digest": digest, "size": size, "lease": lease}
    return True


def release(digest: Digest, size: int) -> Steps[None]:
    """Let a blob out of quarantine, whose bytes, so many, are right now."""
    yield RESIZE, {"of_digest": digest, "new_size": size}
    yield RESIZE_LINKS, {"of_digest": digest, "new_size": size}
    yield LIFT, {"of_digest": digest}


def _cancel(upload: Upload) -> Steps[bool]:
    if (yield from one(END, {"of_upload": upload.id})) is None:
        return False
    yield DISCARD, {"place": upload.id, "lease": 0}
    return True


def _expired(limit: int) -> Steps[tuple[str, ...]]:
    rows = yield EXPIRED, {"limit": limit}
    return tuple(row.id for row in rows)


def _forget(upload_ids: Sequence[str]) -> Steps[tuple[str, ...]]:
    ended = []
    for upload_id in upload_ids:
        # Only what this statement took: a session that somebody has just finished has become a blob.
        if (yield from one(FORGET, {"of_upload": upload_id})) is not None:
            yield DISCARD, {"place": upload_id, "lease": 0}
            ended.append(upload_id)
    return tuple(ended)
