"""Deleting into the trash: what was deleted is a repository that nobody can name.

    dmc/team/app ── images, tags ──▶ ~17/team/app        deletion 17; links there keep the blobs, as everywhere
    dmc/team/app ──────────────────▶ ~18/team/app        deletion 18, of the whole repository: another name

`~` comes after all that names hold, so that no path, pattern, span or total reaches it, and a collection needs to know
nothing of it. Coming back: restoring.py.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import bindparam, insert, null, select, update

from moorage.domain.history import How
from moorage.domain.name import Repository
from moorage.metastore.contents import DROP_TAG, SOME, TARGETS, in_pieces
from moorage.metastore.emptying import FIRST_IN, FORGET, empty, span_of
from moorage.metastore.history import Hand, remember
from moorage.metastore.leases import LEASE, NOW
from moorage.metastore.restoring import restore
from moorage.metastore.steps import Database, Row, Steps, one
from moorage.metastore.tables import deletions, edges, links, manifests, registries, repositories, tags, uploads
from moorage.metastore.trash_space import bytes_beside
from moorage.metastore.upsert import insert_or_nothing
from moorage.services.ports import Check
from moorage.services.recording import ORIGIN
from moorage.services.records import Deletion
from moorage.services.trash_records import DeletedEntry, DeletionKind, Restored, hidden_address

DAY = 86_400
SHOWN = 20
"""Tags or digests of a deletion that lists name."""

KEEPING = (
    select(registries.c.id, registries.c.trash_days)
    .join(repositories, repositories.c.registry_id == registries.c.id)
    .where(repositories.c.id == bindparam("repository_id"))
)
NEW = insert(deletions).values(leased_until=LEASE).returning(deletions.c.id)
NEW_HIDDEN = insert(repositories).returning(repositories.c.id)
RENAME = update(repositories).where(repositories.c.id == bindparam("of_id")).values(name=bindparam("new_name"))
END_UPLOADS = update(uploads).where(uploads.c.repository_id == bindparam("of_id")).values(repository_id=null())

POINTING = select(tags).where(
    tags.c.repository_id == bindparam("repository_id"), tags.c.name.in_(bindparam("some", expanding=True))
)
PUT_TAG = insert(tags)
PUT_LINK = insert_or_nothing(links, ["repository_id", "digest"])
RELEASE = (
    update(links)
    .where(
        links.c.repository_id == bindparam("of_repository"),
        links.c.leased_until.is_(None),
        links.c.digest.in_(bindparam("some", expanding=True)),
    )
    .values(leased_until=NOW)
)
MOVE_EDGES = (
    update(edges)
    .where(edges.c.repository_id == bindparam("of_repository"), edges.c.source.in_(bindparam("some", expanding=True)))
    .values(repository_id=bindparam("to_repository"))
)
MOVE_IMAGES = (
    update(manifests)
    .where(
        manifests.c.repository_id == bindparam("of_repository"),
        manifests.c.digest.in_(bindparam("some", expanding=True)),
    )
    .values(repository_id=bindparam("to_repository"))
)

PRESENT = select(deletions).where(deletions.c.registry_id == bindparam("registry_id"), deletions.c.leased_until > NOW)
FIND = PRESENT.where(deletions.c.id == bindparam("entry"))
LAST = PRESENT.order_by(deletions.c.id.desc()).limit(bindparam("limit"))
BEFORE = LAST.where(deletions.c.id < bindparam("before"))
EXPIRE = update(deletions).where(deletions.c.id == bindparam("of_entry")).values(leased_until=0)


@dataclass(frozen=True, slots=True)
class Leave:
    """What is known of a deletion beside what it takes; `at` in Unix seconds."""

    by: str
    at: float
    why: str
    request_id: str
    overrides: bool = False
    """Whether it takes tags that may not go."""
    how: How = How.DELETION
    run: int | None = None
    """The run of retention that does it."""

    @property
    def hand(self) -> Hand:
        """Whose deletion it is, for the history of tags."""
        return Hand(self.by, self.at, self.how, self.overrides)


def leave_of(
    by: str, at: float, why: str = "", *, overrides: bool = False, how: How = How.DELETION, run: int | None = None
) -> Leave:
    """Return it for the request that is being answered: in its own task, before the story is told."""
    return Leave(by, at, why, ORIGIN.get().request_id, overrides, how, run)


class TrashTable:
    """The port `Trash` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, registry_id: int, entry: int) -> DeletedEntry | None:
        """See `Trash`."""
        return await self._database.read(find(registry_id, entry))

    async def page(self, registry_id: int, before: int | None, limit: int) -> tuple[DeletedEntry, ...]:
        """See `Trash`."""
        return await self._database.read(_page(registry_id, before, limit))

    async def restore(
        self, registry_id: int, entry: int, by: str, check: Check[DeletedEntry] | None = None
    ) -> Restored | None:
        """See `Trash`."""
        return await self._database.write(partial(_restore, registry_id, entry, leave_of(by, time.time()), check))

    async def expire(
        self, registry_id: int, entry: int | None = None, check: Check[DeletedEntry] | None = None
    ) -> tuple[DeletedEntry, ...]:
        """See `Trash`."""
        return await self._database.write(partial(_expire, registry_id, entry, check))

    async def bytes_beside(self, repository: Repository) -> int:
        """See `Trash`; aside, since it looks at all that was deleted there."""
        return (await self._database.read_aside(bytes_beside(repository)))[0]

    async def empty(self, limit: int) -> int:
        """See `Trash`."""
        return await self._database.write(partial(empty, limit))


def keep(repository_id: int, repository: Repository, plan: Deletion, leave: Leave) -> Steps[int | None]:
    """Move images and tags into the trash, and return their entry's number; None where the registry keeps nothing.

    Whether the tags may go has been seen to.
    """
    keeping = yield from one(KEEPING, {"repository_id": repository_id})
    if keeping is None or not keeping.trash_days or not (plan.tags or plan.images):
        return None
    kind = DeletionKind.IMAGES if plan.images else DeletionKind.TAGS
    entry = yield from _begin(keeping, kind, repository, plan, leave)
    named = {"name": str(Repository(hidden_address(entry), repository.path)), "registry_id": keeping.id}
    # As if it had been pushed to: a collection drops repositories that were only begun.
    pushed = {"created_at": leave.at, "pushed_at": leave.at, "pushed_by": leave.by}
    new = {**named, **pushed, "description": "", "pulls": 0, "pushes": 0}
    ((hidden_id,),) = yield NEW_HIDDEN, new
    yield from _move_tags(repository_id, hidden_id, plan.tags, leave)
    for start in range(0, len(plan.images), SOME):
        yield from _move_images(repository_id, hidden_id, plan.images[start : start + SOME])
    return entry


def keep_whole(repository_id: int, repository: Repository, plan: Deletion, leave: Leave) -> Steps[int | None]:
    """Move a repository into the trash: it gets another name. Uploads to it that are under way end."""
    keeping = yield from one(KEEPING, {"repository_id": repository_id})
    if keeping is None or not keeping.trash_days:
        return None
    entry = yield from _begin(keeping, DeletionKind.REPOSITORY, repository, plan, leave)
    hidden = Repository(hidden_address(entry), repository.path)
    yield RENAME, {"of_id": repository_id, "new_name": str(hidden)}
    yield END_UPLOADS, {"of_id": repository_id}
    return entry


def _begin(keeping: Row, kind: DeletionKind, repository: Repository, plan: Deletion, leave: Leave) -> Steps[int]:
    took = {
        "kind": kind.value,
        "name": str(repository),
        "some": " ".join((plan.tags or plan.images)[:SHOWN]),
        "repositories": 0,
        "tags": len(plan.tags),
        "images": len(plan.images),
        "frees": plan.frees,
    }
    return (yield from begin(keeping.id, keeping.trash_days, took, leave))


def begin(registry_id: int, days: int, took: dict[str, Any], leave: Leave) -> Steps[int]:
    """Note a deletion that can be undone for so many days, and return its number."""
    seconds = float(days * DAY)
    row = {
        **took,
        "registry_id": registry_id,
        "deleted_at": leave.at,
        "deleted_by": leave.by,
        "why": leave.why,
        "request_id": leave.request_id,
        "expires_at": leave.at + seconds,
        "lease": seconds,
        "run_id": leave.run,
    }
    ((entry,),) = yield NEW, row
    return int(entry)


def _move_tags(repository_id: int, hidden_id: int, names: Sequence[str], leave: Leave) -> Steps[None]:
    rows = yield from in_pieces(POINTING, repository_id, names)
    if not rows:
        return
    yield PUT_TAG, [{**row._asdict(), "repository_id": hidden_id} for row in rows]
    yield DROP_TAG, [{"of_repository": repository_id, "of_tag": row.name} for row in rows]
    for row in rows:
        yield from remember(repository_id, row.name, None, row.digest, leave.hand)


def _move_images(repository_id: int, hidden_id: int, digests: Sequence[str]) -> Steps[None]:
    targets = yield TARGETS, {"repository_id": repository_id, "some": digests}
    for start in range(0, len(targets), SOME):
        some = targets[start : start + SOME]
        # In use from the beginning, as the images that need them come along.
        new = {"repository_id": hidden_id, "leased_until": None}
        yield PUT_LINK, [{**new, "digest": row.digest, "size": row.size} for row in some]
        yield RELEASE, {"of_repository": repository_id, "some": [row.digest for row in some]}
    moved = {"of_repository": repository_id, "to_repository": hidden_id, "some": digests}
    yield MOVE_EDGES, moved
    yield MOVE_IMAGES, moved


def entry_of(row: Row) -> DeletedEntry:
    """Return the record that a row of `deletions` holds."""
    return DeletedEntry(
        id=row.id,
        kind=DeletionKind(row.kind),
        name=row.name,
        some=tuple(row.some.split()),
        tags=row.tags,
        images=row.images,
        frees=row.frees,
        deleted_at=row.deleted_at,
        deleted_by=row.deleted_by,
        why=row.why,
        request_id=row.request_id,
        expires_at=row.expires_at,
        repositories=row.repositories,
        run=row.run_id,
    )


def find(registry_id: int, entry: int) -> Steps[DeletedEntry | None]:
    """Return a deletion of a registry that can be undone."""
    row = yield from one(FIND, {"registry_id": registry_id, "entry": entry})
    return entry_of(row) if row else None


def _page(registry_id: int, before: int | None, limit: int) -> Steps[tuple[DeletedEntry, ...]]:
    asked = {"registry_id": registry_id, "limit": limit}
    rows = yield (LAST, asked) if before is None else (BEFORE, {**asked, "before": before})
    return tuple(map(entry_of, rows))


def _restore(registry_id: int, entry: int, leave: Leave, check: Check[DeletedEntry] | None) -> Steps[Restored | None]:
    found = yield from find(registry_id, entry)
    if found is None:
        return None
    if check is not None:
        check(found)
    return (yield from bring_back(found, leave))


def bring_back(entry: DeletedEntry, leave: Leave) -> Steps[Restored]:
    """Undo a deletion that is there; raise CONFLICT, before anything is written, where none of it could come."""
    hidden = yield from one(FIRST_IN, span_of(entry.id))
    assert hidden is not None  # noqa: S101  what has not had its time is all there
    restored = yield from restore(entry, hidden.id, Hand(leave.by, leave.at, How.RESTORE))
    yield FORGET, {"of_entry": entry.id}
    return restored


def _expire(registry_id: int, entry: int | None, check: Check[DeletedEntry] | None) -> Steps[tuple[DeletedEntry, ...]]:
    if entry is None:
        rows = yield PRESENT, {"registry_id": registry_id}
    else:
        rows = yield FIND, {"registry_id": registry_id, "entry": entry}
    found = tuple(map(entry_of, rows))
    if check is not None:
        for each in found:
            check(each)
    if found:
        yield EXPIRE, [{"of_entry": each.id} for each in found]
    return found
