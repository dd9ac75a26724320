"""Lists for people. Each list is one statement however many rows it shows, and its pages are keyset pages."""

import asyncio
import json
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)

from moorage.domain.digest import Digest
from moorage.domain.name import Repository
from moorage.domain.place import Place
from moorage.domain.reach import EVERYTHING, Reach
from moorage.metastore.blobs import LOOK_AGAIN
from moorage.metastore.deletions import deletion
from moorage.metastore.manifests import VISIBLE, check_may_move_tag, drop_image, drop_tag
from moorage.metastore.names import Names, padded
from moorage.metastore.repositories import RECORDS, find_repository, named
from moorage.metastore.steps import Database, Row, Steps, one
from moorage.metastore.tables import edges, links, manifests, repositories, tags, total
from moorage.services.ports import Check
from moorage.services.records import Deletion, ImageRecord, RepositoryRecord, TagRecord

DESCRIBE = (
    update(repositories)
    .where(repositories.c.name == bindparam("repository"))
    .values(description=bindparam("text"))
    .returning(repositories.c.id)
)

_child = manifests.alias("child")
_child_edge = edges.alias("child_edge")
_children_size = (
    select(total(_child.c.own_size))
    .join(
        _child_edge,
        and_(_child_edge.c.repository_id == _child.c.repository_id, _child_edge.c.target == _child.c.digest),
    )
    .where(_child_edge.c.repository_id == manifests.c.repository_id, _child_edge.c.source == manifests.c.digest)
    .correlate(manifests)
    .scalar_subquery()
)
_size = (manifests.c.own_size + _children_size).label("size")
_shown = (
    manifests.c.digest,
    manifests.c.media_type,
    manifests.c.artifact_type,
    manifests.c.config_type,
    manifests.c.is_index,
    manifests.c.platforms,
    _size,
)

_tagged = and_(tags.c.repository_id == manifests.c.repository_id, tags.c.digest == manifests.c.digest)
TAGS = (
    select(tags.c.name, *_shown, tags.c.pushed_at, tags.c.pushed_by)
    .join(manifests, _tagged)
    .where(
        tags.c.repository_id == bindparam("repository_id"),
        or_(bindparam("matching") == "", func.replace(tags.c.name, bindparam("matching"), "") != tags.c.name),
    )
    .limit(bindparam("limit"))
)

_tag_names = (
    select(func.aggregate_strings(tags.c.name, " ")).where(_tagged).correlate(manifests).scalar_subquery().label("tags")
)
_parent_names = (
    select(func.aggregate_strings(edges.c.source, " "))
    .where(edges.c.repository_id == manifests.c.repository_id, edges.c.target == manifests.c.digest)
    .correlate(manifests)
    .scalar_subquery()
    .label("parents")
)
IMAGES = select(
    *_shown,
    manifests.c.annotations,
    manifests.c.pushed_at,
    manifests.c.pushed_by,
    manifests.c.subject,
    _tag_names,
    _parent_names,
).where(manifests.c.repository_id == bindparam("repository_id"))
_is_tagged = select(tags.c.name).where(_tagged).correlate(manifests).exists()
_is_child = (
    select(edges.c.source)
    .where(edges.c.repository_id == manifests.c.repository_id, edges.c.target == manifests.c.digest)
    .correlate(manifests)
    .exists()
)
IS_UNTAGGED = and_(~_is_tagged, ~_is_child, manifests.c.subject.is_(None))
STANDS_ALONE = or_(_is_tagged, IS_UNTAGGED)
IMAGE = IMAGES.where(manifests.c.digest == bindparam("digest"))
CHILDREN = IMAGES.where(
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
        self, user_id: int | None, after: str, limit: int, *, sees_all: bool, within: Reach = EVERYTHING
    ) -> tuple[str, ...]:
        """See `Catalog`."""
        reach = await self._names.reach(user_id, sees_all=sees_all)
        return await self._names.page(reach.within(within), after, limit)

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
        for some in padded(names, RECORDS):
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
    ) -> tuple[TagRecord, ...]:
        """See `Catalog`."""
        return await self._database.read(_tags(repository, order, after, limit, matching))

    async def images(
        self, repository: Repository, *, untagged: bool, after: Place | None, limit: int
    ) -> tuple[ImageRecord, ...]:
        """See `Catalog`."""
        return await self._database.read(_images(repository, after, limit, untagged=untagged))

    async def image(self, repository: Repository, digest: Digest) -> tuple[ImageRecord, ...]:
        """See `Catalog`."""
        return await self._database.read(_image(repository, digest))

    async def deletion(self, repository: Repository, digests: Sequence[Digest], tags: Sequence[str]) -> Deletion:
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
    ) -> Deletion | None:
        """See `Catalog`."""
        if digests is None:
            return await self._database.write(partial(_delete_repository, repository, check))
        return await self._database.write(partial(_delete, repository, digests, tags, by, time.time(), check_image))


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


def tag_of(row: Row) -> TagRecord:
    """Return the tag in a row of `TAGS`."""
    return TagRecord(
        name=row.name,
        digest=row.digest,
        media_type=row.media_type,
        artifact_type=row.artifact_type,
        config_type=row.config_type,
        is_index=bool(row.is_index),
        platforms=_split(row.platforms),
        size=row.size,
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


def _older(at: ColumnElement[float], key: ColumnElement[str]) -> ColumnElement[bool]:
    """Rows that come after (time, key) when the newest come first and equals go by key."""
    return and_(at <= bindparam("at"), or_(at < bindparam("at"), key > bindparam("after")))


TAGS_BY_NAME = TAGS.where(tags.c.name > bindparam("after")).order_by(tags.c.name)
NEWEST_TAGS = TAGS.order_by(tags.c.pushed_at.desc(), tags.c.name)
OLDER_TAGS = NEWEST_TAGS.where(_older(tags.c.pushed_at, tags.c.name))


def _tags(
    repository: Repository, order: str, after: Place | None, limit: int, matching: str
) -> Steps[tuple[TagRecord, ...]]:
    found = yield from one(VISIBLE, {"repository": str(repository)})
    if found is None:
        return ()
    page: dict[str, Any] = {"repository_id": found.id, "limit": limit, "matching": matching}
    if order == "name":
        rows = yield TAGS_BY_NAME, {**page, "after": after.key if after else ""}
    elif after is None:
        rows = yield NEWEST_TAGS, page
    else:
        rows = yield OLDER_TAGS, {**page, "after": after.key, "at": after.at}
    return tuple(tag_of(row) for row in rows)


def _newest(statement: Select[Any]) -> Select[Any]:
    return statement.order_by(manifests.c.pushed_at.desc(), manifests.c.digest).limit(bindparam("limit"))


NEWEST_IMAGES = {False: _newest(IMAGES.where(STANDS_ALONE)), True: _newest(IMAGES.where(IS_UNTAGGED))}
OLDER_IMAGES = {
    untagged: statement.where(_older(manifests.c.pushed_at, manifests.c.digest))
    for untagged, statement in NEWEST_IMAGES.items()
}


def _images(
    repository: Repository, after: Place | None, limit: int, *, untagged: bool
) -> Steps[tuple[ImageRecord, ...]]:
    found = yield from one(VISIBLE, {"repository": str(repository)})
    if found is None:
        return ()
    page: dict[str, Any] = {"repository_id": found.id, "limit": limit}
    if after is None:
        rows = yield NEWEST_IMAGES[untagged], page
    else:
        rows = yield OLDER_IMAGES[untagged], {**page, "after": after.key, "at": after.at}
    return tuple(_image_of(row) for row in rows)


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


def _delete(  # what it takes
    repository: Repository,
    digests: Sequence[Digest],
    names: Sequence[str],
    by: str,
    now: float,
    check: Check[tuple[ImageRecord, ...]] | None,
) -> Steps[Deletion | None]:
    found = yield from one(VISIBLE, {"repository": str(repository)})
    if found is None:
        return None
    family = () if check is None else (yield from _image(repository, digests[0]))
    if check is not None and family:
        check(family)
    plan = yield from deletion(repository, digests, names)
    for tag in plan.tags:
        yield from drop_tag(found.id, tag, by, now)
    for digest in plan.images:
        yield from drop_image(found.id, digest, by, now)
    return plan


def _delete_repository(repository: Repository, check: Check[RepositoryRecord] | None) -> Steps[Deletion | None]:
    yield from _check(repository, check)
    found = yield from one(VISIBLE, {"repository": str(repository)})
    if found is None:
        return None
    plan = yield from deletion(repository, None, ())
    yield from check_may_move_tag(found.id, *plan.tags)
    linked = yield LINKED, {"repository_id": found.id}
    yield DELETE_REPOSITORY, {"id": found.id}
    if linked:
        yield LOOK_AGAIN, [{"of_digest": row.digest} for row in linked]
    return plan
