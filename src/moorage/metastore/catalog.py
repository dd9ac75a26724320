"""Lists for people. Each list is one statement however many rows it shows, and its pages are keyset pages."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import starmap

from sqlalchemy import (
    bindparam,
    delete,
    select,
    update,
)

from moorage.domain.digest import Digest
from moorage.domain.name import Repository
from moorage.domain.place import Place
from moorage.domain.reach import EVERYTHING, Reach
from moorage.metastore.blobs import LOOK_AGAIN
from moorage.metastore.contents import VISIBLE
from moorage.metastore.deletions import deletion
from moorage.metastore.manifests import check_may_move_tags, drop_image, drop_tag
from moorage.metastore.names import Names, padded
from moorage.metastore.pages import IMAGE_COLUMNS, IMAGE_LISTS, IMAGES, TAG_LISTS, TARGETS, images_of, rows_of
from moorage.metastore.repositories import RECORDS, find_repository, named
from moorage.metastore.steps import Database, Row, Steps, one
from moorage.metastore.tables import edges, links, manifests, repositories
from moorage.metastore.trash import Leave, keep, keep_whole, leave_of
from moorage.services.page_records import Part
from moorage.services.ports import Check
from moorage.services.records import Deletion, ImageRecord, RepositoryRecord, TagRecord

DESCRIBE = (
    update(repositories)
    .where(repositories.c.name == bindparam("repository"))
    .values(description=bindparam("text"))
    .returning(repositories.c.id)
)

_images = select(*IMAGE_COLUMNS).where(manifests.c.repository_id == bindparam("repository_id"))
IMAGE = _images.where(manifests.c.digest == bindparam("digest"))
CHILDREN = _images.where(
    manifests.c.digest.in_(
        select(edges.c.target).where(
            edges.c.repository_id == bindparam("repository_id"), edges.c.source == bindparam("digest")
        )
    )
).order_by(manifests.c.digest)

LINKED = select(links.c.digest).where(links.c.repository_id == bindparam("repository_id"))
DELETE_REPOSITORY = delete(repositories).where(repositories.c.id == bindparam("id"))


class CatalogTable:
    """The port `Catalog` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._names = Names(database)

    async def names(
        self,
        user_id: int | None,
        after: str,
        limit: int,
        *,
        sees_all: bool,
        within: Reach = EVERYTHING,
        words: str = "",
    ) -> tuple[str, ...]:
        """See `Catalog`."""
        reach = (await self._names.reach(user_id, sees_all=sees_all)).within(within)
        if words:
            return await self._names.search(reach, after, limit, words)
        return await self._names.page(reach, after, limit)

    async def repositories(
        self, registry_id: int, user_id: int | None, after: str, limit: int, *, sees_all: bool
    ) -> tuple[RepositoryRecord, ...]:
        """See `Catalog`."""
        whole = await self._names.reach(user_id, sees_all=sees_all)
        found = await self._names.in_registry(whole, registry_id)
        if found is None:
            return ()
        address, reach = found
        names = await self._names.page(reach, f"{address}/{after}", limit)
        records: list[RepositoryRecord] = []
        for some in padded(names, RECORDS, ""):
            records += await self._database.read(named(some))
            await asyncio.sleep(0)
        return tuple(records)

    async def repository(self, repository: Repository) -> RepositoryRecord | None:
        """See `Catalog`."""
        return await self._database.read(find_repository(repository))

    async def describe(
        self, repository: Repository, description: str, check: Check[RepositoryRecord] | None = None
    ) -> bool:
        """See `Catalog`."""
        return await self._database.write(partial(_describe, repository, description, check))

    async def tags(
        self, repository: Repository, *, order: str, after: Place | None, limit: int, matching: str = ""
    ) -> Part[TagRecord]:
        """See `Catalog`."""
        given = {"repository_id": await self._database.read(_visible(repository)), "matching": matching}
        found = await rows_of(self._database, TAG_LISTS[order], given, after, limit, is_sparse=matching != "")
        shown = await images_of(self._database, TARGETS, found.rows)
        return Part(tuple(starmap(tag_of, shown)), found.stopped, found.seen)

    async def images(
        self, repository: Repository, *, untagged: bool, after: Place | None, limit: int
    ) -> Part[ImageRecord]:
        """See `Catalog`."""
        given = {"repository_id": await self._database.read(_visible(repository))}
        found = await rows_of(self._database, IMAGE_LISTS[untagged], given, after, limit, is_sparse=True)
        shown = await images_of(self._database, IMAGES, found.rows)
        return Part(tuple(_image_of(image) for _, image in shown), found.stopped, found.seen)

    async def image(self, repository: Repository, digest: Digest) -> tuple[ImageRecord, ...]:
        """See `Catalog`."""
        return await self._database.read(_image(repository, digest))

    async def deletion(self, repository: Repository, digests: Sequence[Digest] | None, tags: Sequence[str]) -> Deletion:
        """See `Catalog`."""
        return await self._database.read(deletion(repository, digests, tags))

    async def delete(
        self,
        repository: Repository,
        digests: Sequence[Digest] | None,
        tags: Sequence[str],
        by: str,
        check: Check[RepositoryRecord] | None = None,
        *,
        check_image: Check[tuple[ImageRecord, ...]] | None = None,
        overrides: bool = False,
        why: str = "",
    ) -> Deletion | None:
        """See `Catalog`."""
        leave = leave_of(by, time.time(), why, overrides=overrides)
        if digests is None:
            return await self._database.write(partial(_delete_repository, repository, leave, check))
        return await self._database.write(partial(_delete, repository, digests, tags, leave, check_image))


def _check(repository: Repository, check: Check[RepositoryRecord] | None) -> Steps[None]:
    # Its sizes are added up only for somebody who asks.
    found = None if check is None else (yield from find_repository(repository))
    if check is not None and found is not None:
        check(found)


def _describe(repository: Repository, description: str, check: Check[RepositoryRecord] | None) -> Steps[bool]:
    yield from _check(repository, check)
    rows = yield DESCRIBE, {"repository": str(repository), "text": description}
    return bool(rows)


def _split(text: str, by: str = ",") -> tuple[str, ...]:
    return tuple(text.split(by)) if text else ()


def tag_of(row: Row, target: Row) -> TagRecord:
    """Return a tag whose image is in a row with the columns `SHOWN`."""
    return TagRecord(
        name=row.name,
        digest=target.digest,
        media_type=target.media_type,
        artifact_type=target.artifact_type,
        config_type=target.config_type,
        is_index=bool(target.is_index),
        platforms=_split(target.platforms),
        size=target.size,
        pushed_at=row.pushed_at,
        pushed_by=row.pushed_by,
    )


def _image_of(row: Row) -> ImageRecord:
    return ImageRecord(
        digest=row.digest,
        media_type=row.media_type,
        artifact_type=row.artifact_type,
        config_type=row.config_type,
        is_index=bool(row.is_index),
        platforms=_split(row.platforms),
        annotations=json.loads(row.annotations),
        size=row.size,
        pushed_at=row.pushed_at,
        pushed_by=row.pushed_by,
        subject=row.subject,
        tags=_split(row.tags, " "),
        parents=tuple(Digest(parent) for parent in _split(row.parents, " ")),
    )


def _visible(repository: Repository) -> Steps[int | None]:
    row = yield from one(VISIBLE, {"repository": str(repository)})
    return row.id if row else None


def _image(repository: Repository, digest: Digest) -> Steps[tuple[ImageRecord, ...]]:
    found = yield from one(VISIBLE, {"repository": str(repository)})
    if found is None:
        return ()
    key = {"repository_id": found.id, "digest": digest}
    row = yield from one(IMAGE, key)
    if row is None:
        return ()
    rows = yield CHILDREN, key
    return (_image_of(row), *(_image_of(child) for child in rows))


def _delete(
    repository: Repository,
    digests: Sequence[Digest],
    names: Sequence[str],
    leave: Leave,
    check: Check[tuple[ImageRecord, ...]] | None,
) -> Steps[Deletion | None]:
    found = yield from one(VISIBLE, {"repository": str(repository)})
    if found is None:
        return None
    family = () if check is None else (yield from _image(repository, digests[0]))
    if check is not None and family:
        check(family)
    plan = yield from deletion(repository, digests, names)
    yield from check_may_move_tags(found.id, leave.hand, *plan.tags)
    entry = yield from keep(found.id, repository, plan, leave)
    if entry is not None:
        return replace(plan, entry=entry)
    for tag in plan.tags:
        yield from drop_tag(found.id, tag, leave.hand)
    for digest in plan.images:
        yield from drop_image(found.id, digest, leave.hand)
    return plan


def _delete_repository(
    repository: Repository, leave: Leave, check: Check[RepositoryRecord] | None
) -> Steps[Deletion | None]:
    yield from _check(repository, check)
    found = yield from one(VISIBLE, {"repository": str(repository)})
    if found is None:
        return None
    plan = yield from deletion(repository, None, ())
    yield from check_may_move_tags(found.id, leave.hand, *plan.tags)
    entry = yield from keep_whole(found.id, repository, plan, leave)
    if entry is not None:
        return replace(plan, entry=entry)
    linked = yield LINKED, {"repository_id": found.id}
    yield DELETE_REPOSITORY, {"id": found.id}
    if linked:
        yield LOOK_AGAIN, [{"of_digest": row.digest} for row in linked]
    return plan
