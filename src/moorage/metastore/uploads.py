"""Upload sessions, and the repository rows they make."""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from sqlalchemy import bindparam, delete, exists, false, func, insert, select, update

from moorage.domain.digest import Algorithm, Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from moorage.domain.quota import of_server, tighter
from moorage.domain.upload import UNKNOWN, Upload, Wanted
from moorage.metastore.leases import LEASE, NOW
from moorage.metastore.quotas import (
    ALLOWED,
    QUOTA,
    REGISTRY_ID,
    SERVER_USED,
    Home,
    allowance_of,
    check_blob,
    check_server,
)
from moorage.metastore.steps import Database, Look, Row, Steps, one
from moorage.metastore.tables import blobs, discarded, links, quarantined, registries, repositories, uploads
from moorage.metastore.upsert import insert_or_nothing, insert_or_update

REPOSITORY = select(repositories.c.id).where(repositories.c.name == bindparam("repository"))
# A value, not a table to join: so PostgreSQL finds the repository first, and not all images of a database whose tables
# it knows little of.
REPOSITORY_ID = REPOSITORY.correlate_except(repositories).scalar_subquery()
HOME = (
    select(repositories.c.id, repositories.c.registry_id, registries.c.quota)
    .join(registries, registries.c.id == repositories.c.registry_id)
    .where(repositories.c.name == bindparam("repository"))
)
REGISTRY = select(registries.c.id, registries.c.quota).where(registries.c.address == bindparam("address"))
NEW_REPOSITORY = insert(repositories)

BEGIN = insert(uploads).values(leased_until=LEASE)
FIND = (
    select(uploads, *ALLOWED)
    .select_from(uploads)
    .join(repositories, repositories.c.id == uploads.c.repository_id)
    .join(registries, registries.c.id == repositories.c.registry_id)
    .where(uploads.c.id == bindparam("id"), repositories.c.name == bindparam("repository"))
)
FIND_ON_LIMITED = FIND.add_columns(SERVER_USED.label("server_used"))
"""The same, where the server has a quota."""
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
FINISH = END.where(uploads.c.repository_id.is_not(None), uploads.c.size == bindparam("old_size"))
FORGET = END.where(uploads.c.leased_until < NOW)
OPEN = select(func.count().label("open")).select_from(
    select(uploads.c.id).where(uploads.c.user == bindparam("user")).limit(bindparam("most")).subquery()
)
EXPIRED = select(uploads.c.id).where(uploads.c.leased_until < NOW).limit(bindparam("limit"))

CLAIM = insert_or_update(blobs, ["digest"], ["leased_until"]).values(leased_until=LEASE, is_held=false())
PLACE = select(
    blobs.c.place,
    exists().where(quarantined.c.digest == blobs.c.digest).label("is_quarantined"),
    REGISTRY_ID,
    QUOTA,
).where(blobs.c.digest == bindparam("digest"))
SET_PLACE = update(blobs).where(blobs.c.digest == bindparam("of_digest")).values(place=bindparam("new_place"))
LIFT = delete(quarantined).where(quarantined.c.digest == bindparam("of_digest"))
RESIZE = update(blobs).where(blobs.c.digest == bindparam("of_digest")).values(size=bindparam("new_size"))
RESIZE_LINKS = update(links).where(links.c.digest == bindparam("of_digest")).values(size=bindparam("new_size"))
DISCARD = insert_or_nothing(discarded, ["place"]).values(leased_until=LEASE)
LINK = insert_or_update(links, ["repository_id", "digest"], ["leased_until"]).values(leased_until=LEASE)


class UploadTable:
    """The ports `Uploads` and `OpenUploads` over a database; `lease` in seconds, `quota` the server's in bytes."""

    def __init__(self, database: Database, lease: float, quota: int | None = None) -> None:
        self._database = database
        self._lease = lease
        self._quota = quota

    async def begin(
        self, upload_id: str, repository: Repository, user: str, algorithm: Algorithm, wanted: Wanted = UNKNOWN
    ) -> Upload:
        """See `Uploads`."""
        upload = Upload(upload_id, 0, user, algorithm, 0, None, time.time(), upload_id)
        return await self._database.write(partial(_begin, upload, repository, wanted, self._lease, self._quota))

    async def find(self, repository: Repository, upload_id: str, user: str) -> Upload | None:
        """See `Uploads`."""
        row, _ = await self._database.look(self._look(repository, upload_id))
        if row is None or row.user != user:
            return None
        upload = _upload_of(row)
        if self._quota is None:
            return upload
        return replace(upload, allowance=tighter(upload.allowance, of_server(self._quota, row.server_used)))

    def foresee(self, repository: Repository, upload_id: str) -> None:
        """See `Uploads`."""
        self._database.foresee(self._look(repository, upload_id))

    async def advance(self, upload: Upload, size: int, digest: Digest | None, place: str | None = None) -> bool:
        """See `Uploads`."""
        return await self._database.write(partial(_advance, upload, size, digest, place or upload.place, self._lease))

    async def claim(self, digest: Digest, size: int, repository_id: int | None = None) -> None:
        """See `Uploads`."""
        await self._database.write(partial(_claim_in, repository_id, digest, size, self._lease, self._quota))

    async def finish(self, upload: Upload, digest: Digest, size: int, place: str | None = None) -> bool:
        """See `Uploads`."""
        return await self._database.write(partial(_finish, upload, digest, size, place, self._lease, self._quota))

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

    def _look(self, repository: Repository, upload_id: str) -> Look:
        statement = FIND if self._quota is None else FIND_ON_LIMITED
        return Look(statement, {"id": upload_id, "repository": str(repository)})


def ensure_repository(repository: Repository, now: float) -> Steps[Home]:
    """Return where a repository is, making its row; raise NAME_UNKNOWN without its registry."""
    row = yield from one(HOME, {"repository": str(repository)})
    if row is not None:
        return Home(row.id, row.registry_id, row.quota)
    registry = yield from one(REGISTRY, {"address": repository.registry})
    if registry is None:
        message = f"there is no registry at {repository.registry}"
        raise MoorageError(ErrorCode.NAME_UNKNOWN, message, {"name": str(repository)})
    new = {"registry_id": registry.id, "name": str(repository), "description": "", "created_at": now, "pushed_by": ""}
    new |= {"pulls": 0, "pushes": 0}
    yield NEW_REPOSITORY, new
    made = yield from one(REPOSITORY, {"repository": str(repository)})
    assert made is not None  # noqa: S101  inserted in this transaction
    return Home(made.id, registry.id, registry.quota)


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
        allowance=allowance_of(row),
    )


def _begin(upload: Upload, repository: Repository, wanted: Wanted, lease: float, quota: int | None) -> Steps[Upload]:
    home = yield from ensure_repository(repository, upload.started_at)
    yield from _check_room(home, quota, wanted.digest, wanted.size)
    begun = replace(upload, repository_id=home.repository_id)
    row = {"id": begun.id, "repository_id": begun.repository_id, "user": begun.user, "place": begun.place}
    row |= {"algorithm": begun.algorithm.value, "size": 0, "digest": None, "started_at": begun.started_at}
    yield BEGIN, {**row, "lease": lease}
    return begun


def _advance(upload: Upload, size: int, digest: Digest | None, place: str, lease: float) -> Steps[bool]:
    new = {"new_size": size, "new_digest": digest, "new_place": place, "lease": lease}
    if (yield from one(ADVANCE, {"of_upload": upload.id, "old_size": upload.size, **new})) is None:
        return False
    if digest is not None:
        yield from _claim(digest, size, lease)
    return True


def _claim(digest: Digest, size: int, lease: float) -> Steps[None]:
    yield CLAIM, {"digest": digest, "size": size, "lease": lease}


def _check_room(home: Home, quota: int | None, digest: Digest | None, size: int | None) -> Steps[None]:
    yield from check_blob(home, digest, size)
    yield from check_server(quota, home, digest, size)


def _claim_in(repository_id: int | None, digest: Digest, size: int, lease: float, quota: int | None) -> Steps[None]:
    yield from _claim(digest, size, lease)
    if repository_id is not None:
        row = yield from one(PLACE, {"digest": digest, "repository_id": repository_id})
        assert row is not None  # noqa: S101  claimed in this transaction
        yield from _check_room(Home(repository_id, row.registry_id, row.quota), quota, digest, size)


def _finish(
    upload: Upload, digest: Digest, size: int, place: str | None, lease: float, quota: int | None
) -> Steps[bool]:
    if (yield from one(FINISH, {"of_upload": upload.id, "old_size": upload.size})) is None:
        return False
    yield from _claim(digest, size, lease)
    # Read after the claim, whose lock on the row lets one pusher at a time find what the other left.
    before = yield from one(PLACE, {"digest": digest, "repository_id": upload.repository_id})
    assert before is not None  # noqa: S101  claimed in this transaction
    yield from _check_room(Home(upload.repository_id, before.registry_id, before.quota), quota, digest, size)
    if before.place != place:
        yield SET_PLACE, {"of_digest": digest, "new_place": place}
        if before.place is not None:
            yield DISCARD, {"place": before.place, "lease": lease}
    if before.is_quarantined:
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
