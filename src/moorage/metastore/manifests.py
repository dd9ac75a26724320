"""Images and tags: one transaction stores the bytes, what they name, the tags and the tags' history."""

import json
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import bindparam, case, delete, exists, false, func, null, or_, select, update

from moorage.domain.digest import Digest, algorithm_of, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.history import How
from moorage.domain.immutable import check_may_move, parse_immutable_tags
from moorage.domain.name import Repository, is_digest
from moorage.metastore.blobs import LOOK_AGAIN
from moorage.metastore.cache import ContentCache
from moorage.metastore.contents import DROP_TAG, SOME, TAGS_OF, VISIBLE
from moorage.metastore.damaged import IS_DAMAGED
from moorage.metastore.deletions import alone
from moorage.metastore.history import Hand, remember
from moorage.metastore.leases import NOW
from moorage.metastore.quotas import check_image
from moorage.metastore.steps import Database, Look, Row, Rows, Steps, one
from moorage.metastore.tables import edges, links, manifests, quarantined, registries, repositories, tags
from moorage.metastore.trash import Leave, keep, leave_of
from moorage.metastore.uploads import REPOSITORY, REPOSITORY_ID, ensure_repository
from moorage.metastore.upsert import insert_or_nothing, insert_or_update
from moorage.services.records import Deletion, Dropped, ManifestRecord, NewManifest, Pushed, ReferrerRecord, TagMove

KEPT = 32 * 1024 * 1024
"""Bytes of manifests that are kept in memory, about."""

OVERHEAD = 512

DAMAGED = "the bytes of this image's manifest are damaged here; push it again"

PROTOCOL = "/v2/"
"""Why something was deleted, where a container client asked for it."""

MOST_REFERRERS = 10_000
REFERRER_BYTES = 4 * 1024 * 1024
"""What a page of referrers may weigh, about: clients read no more of one."""

_named = (repositories.c.id == manifests.c.repository_id) & (repositories.c.name == bindparam("repository"))
_is_part = (
    select(edges.c.source)
    .where(edges.c.target == manifests.c.digest, edges.c.repository_id == manifests.c.repository_id)
    .correlate(manifests)
    .exists()
)
# Bytes under a digest never change: those that are at hand needn't be sent again.
_body = case((manifests.c.digest == bindparam("held"), null()), else_=manifests.c.body).label("body")
_pointed = (
    select(tags.c.repository_id, tags.c.digest, tags.c.pushed_at)
    .where(tags.c.repository_id == REPOSITORY_ID, tags.c.name == bindparam("reference"))
    .correlate_except(tags)
    # The limit is for PostgreSQL, likewise: the tag is found before the image.
    .limit(1)
    .subquery("pointed")
)
BY_DIGEST = (
    select(
        manifests.c.digest,
        manifests.c.media_type,
        _body,
        manifests.c.pushed_at,
        _is_part.label("is_part"),
        IS_DAMAGED,
    )
    .select_from(manifests)
    .where(manifests.c.repository_id == REPOSITORY_ID, manifests.c.digest == bindparam("reference"))
)
BY_TAG = (
    select(
        manifests.c.digest,
        manifests.c.media_type,
        _body,
        _pointed.c.pushed_at,
        false().label("is_part"),
        IS_DAMAGED,
    )
    .select_from(_pointed)
    .join(
        manifests,
        (manifests.c.repository_id == _pointed.c.repository_id) & (manifests.c.digest == _pointed.c.digest),
    )
)

LINKED = select(links.c.digest).where(
    links.c.repository_id == bindparam("repository_id"),
    links.c.digest.in_(bindparam("digests", expanding=True)),
    ~exists().where(quarantined.c.digest == links.c.digest),
)
# One that is here stays as it is, unless its bytes have been damaged.
PUT = insert_or_update(
    manifests,
    ["repository_id", "digest"],
    ["media_type", "own_size", "body_size", "body", "damage"],
    lambda new: or_(manifests.c.damage.is_not(None), manifests.c.body != new.body),
)
# Who pushes an image again wants it to stay: its age begins anew.
AGAIN = (
    update(manifests)
    .where(
        manifests.c.repository_id == bindparam("of_repository"),
        manifests.c.digest == bindparam("of_digest"),
        manifests.c.pushed_at < bindparam("at"),
    )
    .values(pushed_at=bindparam("at"), pushed_by=bindparam("by"))
)
PUT_EDGE = insert_or_nothing(edges, ["repository_id", "source", "target"])
PUSHED = (
    update(repositories)
    .where(repositories.c.id == bindparam("id_"))
    .values(pushed_at=bindparam("at"), pushed_by=bindparam("by"), pushes=repositories.c.pushes + 1)
)
IS_FIRST = select(repositories.c.pushed_at).where(repositories.c.id == bindparam("id_"))

IMMUTABLE = (
    select(registries.c.immutable_tags, repositories.c.name)
    .join(repositories, repositories.c.registry_id == registries.c.id)
    .where(repositories.c.id == bindparam("repository_id"))
)
TAG = select(tags.c.digest).where(tags.c.repository_id == bindparam("repository_id"), tags.c.name == bindparam("tag"))
PUT_TAG = insert_or_update(tags, ["repository_id", "name"], ["digest", "pushed_at", "pushed_by"])
TAGS = (
    select(tags.c.name)
    .where(tags.c.repository_id == bindparam("repository_id"), tags.c.name > bindparam("after"))
    .order_by(tags.c.name)
    .limit(bindparam("limit"))
)

DROP = (
    delete(manifests)
    .where(manifests.c.repository_id == bindparam("of_repository"), manifests.c.digest == bindparam("of_digest"))
    .returning(manifests.c.id)
)
_targets = select(edges.c.target).where(
    edges.c.repository_id == bindparam("of_repository"), edges.c.source == bindparam("of_digest")
)
RELEASE = (
    update(links)
    .where(
        links.c.repository_id == bindparam("of_repository"),
        links.c.leased_until.is_(None),
        links.c.digest.in_(_targets),
    )
    .values(leased_until=NOW)
)
DROP_EDGES = delete(edges).where(
    edges.c.repository_id == bindparam("of_repository"), edges.c.source == bindparam("of_digest")
)

REFERRERS = (
    select(
        manifests.c.digest,
        manifests.c.media_type,
        manifests.c.body_size,
        manifests.c.artifact_type,
        manifests.c.annotations,
    )
    .join(repositories, _named)
    .where(manifests.c.subject == bindparam("subject"), manifests.c.digest > bindparam("after"))
    .where(manifests.c.digest <= bindparam("last"))
    .order_by(manifests.c.digest)
)
REFERRER_SIZES = (
    select(manifests.c.digest, func.length(manifests.c.annotations).label("size"))
    .join(repositories, _named)
    .where(manifests.c.subject == bindparam("subject"), manifests.c.digest > bindparam("after"))
    .order_by(manifests.c.digest)
    .limit(MOST_REFERRERS + 1)
)


class ManifestTable:
    """The port `Manifests` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._found = ContentCache(database, _look, _answer, _weight, KEPT)

    async def put(self, repository: Repository, manifest: NewManifest, tags: Sequence[str], by: str) -> Pushed:
        """See `Manifests`."""
        return await self._database.write(partial(_put, repository, manifest, tags, Hand(by, time.time(), How.PUSH)))

    async def find(self, repository: Repository, reference: str) -> ManifestRecord | None:
        """See `Manifests`."""
        return await self._found.get((str(repository), reference))

    def foresee(self, repository: Repository, reference: str) -> None:
        """See `Manifests`."""
        self._found.foresee((str(repository), reference))

    async def delete(self, repository: Repository, digest: Digest, by: str) -> Dropped | None:
        """See `Manifests`."""
        return await self._database.write(partial(_delete, repository, digest, leave_of(by, time.time(), PROTOCOL)))

    async def delete_tag(self, repository: Repository, tag: str, by: str) -> Dropped | None:
        """See `Manifests`."""
        return await self._database.write(partial(_delete_tag, repository, tag, leave_of(by, time.time(), PROTOCOL)))

    async def tags(self, repository: Repository, after: str, limit: int) -> tuple[str, ...] | None:
        """See `Manifests`."""
        return await self._database.read(_tags(repository, after, limit))

    async def referrers(
        self, repository: Repository, subject: Digest, after: str
    ) -> tuple[tuple[ReferrerRecord, ...], Digest | None]:
        """See `Manifests`."""
        return await self._database.read(_referrers(repository, subject, after))


def _weight(record: ManifestRecord | None) -> int:
    return OVERHEAD + (len(record.body) if record else 0)


def _look(key: tuple[str, str], held: ManifestRecord | None) -> Look:
    repository, reference = key
    statement = BY_DIGEST if is_digest(reference) else BY_TAG
    return Look(
        statement,
        {"repository": repository, "reference": reference},
        {"held": held.digest if held else ""},
        held,
    )


def _answer(_: tuple[str, str], row: Row | None, held: ManifestRecord | None) -> ManifestRecord | None:
    if row is None:
        return None
    if held is not None and held.digest == row.digest:
        body = held.body
    elif digest_of(row.body, algorithm_of(row.digest)) == row.digest:
        body = row.body
    else:
        raise MoorageError(ErrorCode.MANIFEST_UNKNOWN, DAMAGED, {"digest": row.digest})
    return ManifestRecord(row.digest, row.media_type, body, row.pushed_at, bool(row.is_part), bool(row.is_damaged))


def _put(repository: Repository, manifest: NewManifest, names: Sequence[str], hand: Hand) -> Steps[Pushed]:
    home = yield from ensure_repository(repository, hand.at)
    repository_id = home.repository_id
    yield from _check_linked(repository_id, manifest)
    row: dict[str, Any] = {
        "repository_id": repository_id,
        "digest": manifest.digest,
        "media_type": manifest.media_type,
        "artifact_type": manifest.artifact_type,
        "config_type": manifest.config_type,
        "is_index": manifest.is_index,
        "subject": manifest.subject,
        "annotations": json.dumps(dict(manifest.annotations)),
        "platforms": ",".join(manifest.platforms),
        "own_size": manifest.own_size,
        "body_size": len(manifest.body),
        "pushed_at": hand.at,
        "pushed_by": hand.by,
        "body": manifest.body,
        "damage": None,
        "expires_after": manifest.expires_after,
    }
    yield from check_image(home, manifest.digest, len(manifest.body))
    yield PUT, row
    yield AGAIN, {"of_repository": repository_id, "of_digest": manifest.digest, "at": hand.at, "by": hand.by}
    if manifest.named:
        edge = {"repository_id": repository_id, "source": manifest.digest}
        yield PUT_EDGE, [{**edge, "target": target} for target in manifest.named]
    moved: list[TagMove] = []
    for name in names:
        moved += yield from point(repository_id, name, manifest.digest, hand)
    ((pushed_at,),) = yield IS_FIRST, {"id_": repository_id}
    yield PUSHED, {"id_": repository_id, "at": hand.at, "by": hand.by}
    return Pushed(tuple(moved), pushed_at is None)


def _check_linked(repository_id: int, manifest: NewManifest) -> Steps[None]:
    found: set[str] = set()
    for start in range(0, len(manifest.needed), SOME):
        rows: Rows = yield LINKED, {"repository_id": repository_id, "digests": manifest.needed[start : start + SOME]}
        found.update(row.digest for row in rows)
    missing = [digest for digest in manifest.needed if digest not in found]
    if missing:
        message = f"this repository lacks {len(missing)} of the blobs the manifest names; push them first"
        raise MoorageError(ErrorCode.MANIFEST_BLOB_UNKNOWN, message, {"missing": missing[:SOME]})


def point(repository_id: int, tag: str, digest: Digest, hand: Hand) -> Steps[list[TagMove]]:
    """Let a tag point to an image that is there; return how it moved, if it did; raise TAG_IMMUTABLE."""
    row = yield from one(TAG, {"repository_id": repository_id, "tag": tag})
    previous = row.digest if row else None
    if previous not in {None, digest}:
        yield from check_may_move_tags(repository_id, hand, tag)
    new = {"repository_id": repository_id, "name": tag, "digest": digest, "pushed_at": hand.at, "pushed_by": hand.by}
    yield PUT_TAG, new
    if previous == digest:
        return []
    yield from remember(repository_id, tag, digest, previous, hand)
    return [TagMove(tag, previous)]


def check_may_move_tags(repository_id: int, hand: Hand, *names: str) -> Steps[None]:
    """Raise TAG_IMMUTABLE when a rule of the registry holds one of these tags where it is, and is not overridden."""
    if hand.overrides:
        return
    ((text, repository),) = yield IMMUTABLE, {"repository_id": repository_id}
    rules, path = parse_immutable_tags(text.splitlines()), repository.partition("/")[2]
    for tag in names:
        check_may_move(tag, path, rules)


def _delete(repository: Repository, digest: Digest, leave: Leave) -> Steps[Dropped | None]:
    row = yield from one(REPOSITORY, {"repository": str(repository)})
    plan = None if row is None else (yield from alone(row.id, digest))
    if row is None or plan is None:
        return None
    yield from check_may_move_tags(row.id, leave.hand, *plan.tags)
    entry = yield from keep(row.id, repository, plan, leave)
    if entry is None:
        return (yield from drop_image(row.id, digest, leave.hand))
    return Dropped(plan.tags, digest, entry)


def drop_image(repository_id: int, digest: Digest, hand: Hand) -> Steps[Dropped | None]:
    """Delete an image and its tags, and let go of what it named; None when there is none."""
    pointing = yield TAGS_OF, {"repository_id": repository_id, "digest": digest}
    for tag in pointing:
        yield from drop_tag(repository_id, tag.name, hand)
    of = {"of_repository": repository_id, "of_digest": digest}
    targets = yield _targets, of
    yield RELEASE, of
    yield DROP_EDGES, of
    dropped = yield DROP, of
    # Now rather than when the link goes: the collection that drops the link can then drop the blob as well.
    for target in targets:
        yield LOOK_AGAIN, {"of_digest": target.target}
    return Dropped(tuple(tag.name for tag in pointing), digest) if dropped else None


def drop_tag(repository_id: int, tag: str, hand: Hand) -> Steps[Dropped | None]:
    """Delete a tag alone; None when there is none."""
    row = yield from one(TAG, {"repository_id": repository_id, "tag": tag})
    if row is None:
        return None
    yield from check_may_move_tags(repository_id, hand, tag)
    yield DROP_TAG, {"of_repository": repository_id, "of_tag": tag}
    yield from remember(repository_id, tag, None, row.digest, hand)
    return Dropped((tag,), row.digest)


def _delete_tag(repository: Repository, tag: str, leave: Leave) -> Steps[Dropped | None]:
    row = yield from one(REPOSITORY, {"repository": str(repository)})
    return (yield from take_tag(row.id, repository, tag, leave)) if row else None


def take_tag(repository_id: int, repository: Repository, tag: str, leave: Leave) -> Steps[Dropped | None]:
    """Move a tag alone into the trash, or delete it where nothing is kept; None when there is none."""
    row = yield from one(TAG, {"repository_id": repository_id, "tag": tag})
    if row is None:
        return None
    yield from check_may_move_tags(repository_id, leave.hand, tag)
    entry = yield from keep(repository_id, repository, Deletion((tag,), (), 0), leave)
    if entry is None:
        return (yield from drop_tag(repository_id, tag, leave.hand))
    return Dropped((tag,), row.digest, entry)


def _tags(repository: Repository, after: str, limit: int) -> Steps[tuple[str, ...] | None]:
    row = yield from one(VISIBLE, {"repository": str(repository)})
    if row is None:
        return None
    rows = yield TAGS, {"repository_id": row.id, "after": after, "limit": limit}
    return tuple(tag.name for tag in rows)


def _referrers(
    repository: Repository, subject: Digest, after: str
) -> Steps[tuple[tuple[ReferrerRecord, ...], Digest | None]]:
    key = {"repository": str(repository), "subject": subject, "after": after}
    sizes = yield REFERRER_SIZES, key
    room, count = REFERRER_BYTES, 0
    for size in sizes[:MOST_REFERRERS]:
        room -= size.size + OVERHEAD
        if room < 0 and count:
            break
        count += 1
    if not count:
        return (), None
    last = Digest(sizes[count - 1].digest)
    rows = yield REFERRERS, {**key, "last": last}
    found = tuple(
        ReferrerRecord(row.digest, row.media_type, row.body_size, row.artifact_type, json.loads(row.annotations))
        for row in rows
    )
    return found, last if count < len(sizes) else None
