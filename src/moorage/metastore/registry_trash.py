"""Deleting whole registries into the trash: one gets an address that nobody can write, and all it has a name below it.

    dmc ── dmc/team/app, grants, rules, robots ──▶ ~17 ── ~17/team/app        deletion 17, and `dmc` is free

So everything in it stays linked to it, and whatever finds registries by address or repositories by name finds none of
it. What had been deleted in it before stays beside it. Its end: trash.py.
"""

import time
from collections.abc import Sequence
from functools import partial

from sqlalchemy import Integer, bindparam, cast, delete, func, null, select, update

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.immutable import check_may_move
from moorage.metastore.contents import SOME
from moorage.metastore.emptying import FORGET, span_of
from moorage.metastore.leases import NOW
from moorage.metastore.registries import FIND as FIND_REGISTRY
from moorage.metastore.registries import registry_of
from moorage.metastore.repositories import named
from moorage.metastore.steps import Database, Row, Steps, one
from moorage.metastore.tables import (
    WORDS,
    deletions,
    grants,
    image_pulls,
    links,
    registries,
    registry_blobs,
    registry_usage,
    repositories,
    repository_counts,
    retention_marks,
    tags,
    total,
    uploads,
    users,
)
from moorage.metastore.trash import EXPIRE, SHOWN, Leave, begin, entry_of, leave_of
from moorage.services.ports import Check
from moorage.services.records import Registry, RepositoryRecord
from moorage.services.registry_trash_records import DeletedRegistry, RegistryContents
from moorage.services.trash_records import HIDDEN, DeletionKind, hidden_address

_here = (repositories.c.registry_id == bindparam("registry_id"), repositories.c.name < HIDDEN)
_pushed = repositories.c.pushed_at.is_not(None)
CONTENTS = (
    select(
        func.count(repositories.c.id.distinct()).label("repositories"),
        total(repository_counts.c.tags).label("tags"),
        total(repository_counts.c.images).label("images"),
        func.max(repositories.c.last_pulled_at).label("pulled_at"),
    )
    .join(repository_counts, repository_counts.c.repository_id == repositories.c.id, isouter=True)
    .where(*_here, _pushed)
)
BODIES = select(total(registry_usage.c.body_bytes)).where(registry_usage.c.registry_id == bindparam("registry_id"))
_holder = repositories.alias("holder")
_elsewhere = (
    select(links.c.digest)
    .join(_holder, _holder.c.id == links.c.repository_id)
    .where(
        links.c.digest == registry_blobs.c.digest,
        _holder.c.registry_id != registry_blobs.c.registry_id,
        # What lies in the trash keeps nothing from coming free.
        _holder.c.name < HIDDEN,
    )
    .exists()
)
ONLY_HERE = select(total(registry_blobs.c.size)).where(
    registry_blobs.c.registry_id == bindparam("registry_id"), ~_elsewhere
)
LAST_PULL = (
    select(image_pulls.c.pulled_at, image_pulls.c.pulled_by)
    .join(repositories, repositories.c.id == image_pulls.c.repository_id)
    .where(*_here)
    .order_by(image_pulls.c.pulled_at.desc())
    .limit(1)
)
KEPT = select(func.count()).where(deletions.c.registry_id == bindparam("registry_id"), deletions.c.leased_until > NOW)
GRANTS = select(func.count()).where(grants.c.registry_id == bindparam("registry_id"))
ROBOTS = select(func.count()).where(users.c.registry_id == bindparam("registry_id"))

NAMES = select(repositories.c.name).where(*_here, _pushed).order_by(repositories.c.name).limit(SHOWN)
PATHS = select(repositories.c.id, repositories.c.name).where(*_here, _pushed)
TAGS = select(tags.c.repository_id, tags.c.name).where(tags.c.repository_id.in_(bindparam("some", expanding=True)))

READDRESS = (
    update(registries).where(registries.c.id == bindparam("of_registry")).values(address=bindparam("new_address"))
)
RENAME = (
    update(repositories)
    .where(
        repositories.c.registry_id == bindparam("of_registry"),
        repositories.c.name >= bindparam("start"),
        repositories.c.name < bindparam("end"),
    )
    .values(
        name=cast(bindparam("new_address"), WORDS).concat(
            func.substr(repositories.c.name, cast(bindparam("from_slash"), Integer))
        )
    )
)
END_UPLOADS = (
    update(uploads)
    .where(
        uploads.c.repository_id.in_(
            select(repositories.c.id).where(repositories.c.registry_id == bindparam("of_registry"))
        )
    )
    .values(repository_id=null())
)
DROP_ROBOTS = delete(users).where(users.c.registry_id == bindparam("of_registry"))
# With another mark its rules look at all of it once more: what was put in line for them has been passed over.
DROP_MARK = delete(retention_marks).where(retention_marks.c.registry_id == bindparam("of_registry"))

_own = registries.alias("own")
_last = select(func.max(deletions.c.id)).where(deletions.c.registry_id == _own.c.id).correlate(_own).scalar_subquery()
# Nothing is deleted in a registry after itself.
PRESENT = (
    select(deletions)
    .join(_own, deletions.c.id == _last)
    .where(_own.c.address >= HIDDEN, deletions.c.kind == DeletionKind.REGISTRY.value, deletions.c.leased_until > NOW)
    .order_by(deletions.c.id.desc())
    .limit(bindparam("limit"))
)
BEFORE = PRESENT.where(deletions.c.id < bindparam("before"))
FIND = select(deletions).where(
    deletions.c.id == bindparam("entry"),
    deletions.c.kind == DeletionKind.REGISTRY.value,
    deletions.c.leased_until > NOW,
)
NAMED = (
    select(deletions)
    .where(
        deletions.c.name == bindparam("address"),
        deletions.c.kind == DeletionKind.REGISTRY.value,
        deletions.c.leased_until > NOW,
    )
    .order_by(deletions.c.id.desc())
    .limit(1)
)
REGISTRIES = select(registries).where(registries.c.id.in_(bindparam("some", expanding=True)))
REPOSITORIES = (
    select(repositories.c.name)
    .where(repositories.c.name > bindparam("start"), repositories.c.name < bindparam("end"), _pushed)
    .order_by(repositories.c.name)
    .limit(bindparam("limit"))
)


class RegistryTrashTable:
    """The port `RegistryTrash` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def contents(self, registry_id: int) -> RegistryContents:
        """See `RegistryTrash`; aside, since it looks at every blob of the registry."""
        return (await self._database.read_aside(_contents(registry_id)))[0]

    async def delete(
        self,
        address: str,
        by: str,
        check: Check[Registry] | None = None,
        *,
        frees: int = 0,
        overrides: bool = False,
    ) -> DeletedRegistry | None:
        """See `RegistryTrash`."""
        leave = leave_of(by, time.time(), overrides=overrides)
        return await self._database.write(partial(_delete, address, leave, check, frees))

    async def find(self, entry: int) -> DeletedRegistry | None:
        """See `RegistryTrash`."""
        return await self._database.read(_find(entry))

    async def named(self, address: str) -> DeletedRegistry | None:
        """See `RegistryTrash`."""
        return await self._database.read(_named(address))

    async def page(self, before: int | None, limit: int) -> tuple[DeletedRegistry, ...]:
        """See `RegistryTrash`."""
        return await self._database.read(_page(before, limit))

    async def repositories(self, entry: int, after: str, limit: int) -> tuple[RepositoryRecord, ...]:
        """See `RegistryTrash`."""
        return await self._database.read(_repositories(entry, after, limit))

    async def restore(self, entry: int, check: Check[DeletedRegistry] | None = None) -> DeletedRegistry | None:
        """See `RegistryTrash`."""
        return await self._database.write(partial(_restore, entry, check))

    async def expire(self, entry: int, check: Check[DeletedRegistry] | None = None) -> DeletedRegistry | None:
        """See `RegistryTrash`."""
        return await self._database.write(partial(_expire, entry, check))


def _contents(registry_id: int) -> Steps[RegistryContents]:
    asked = {"registry_id": registry_id}
    (found,) = yield CONTENTS, asked
    numbers = []
    for statement in (KEPT, GRANTS, ROBOTS, BODIES, ONLY_HERE):
        ((number,),) = yield statement, asked
        numbers.append(int(number))
    kept, granted, robots, bodies, blobs = numbers
    last = yield from one(LAST_PULL, asked)
    return RegistryContents(
        found.repositories,
        found.tags,
        found.images,
        kept,
        granted,
        robots,
        bodies + blobs,
        found.pulled_at,
        last.pulled_by if last else None,
    )


def _delete(address: str, leave: Leave, check: Check[Registry] | None, frees: int) -> Steps[DeletedRegistry | None]:
    row = yield from one(FIND_REGISTRY, {"address": address})
    if row is None:
        return None
    registry = registry_of(row)
    if check is not None:
        check(registry)
    if registry.immutable_tags and not leave.overrides:
        yield from _check_may_go(registry)
    entry = yield from _begin(registry, leave, frees)
    hidden, of = hidden_address(entry), {"of_registry": registry.id}
    yield READDRESS, {**of, "new_address": hidden}
    yield RENAME, {**of, **_below(address), "new_address": hidden}
    yield END_UPLOADS, of
    if not registry.trash_days:
        # Their names are free at once; the rest goes as everything does that has had its time.
        yield DROP_ROBOTS, of
    kept = yield from one(select(deletions).where(deletions.c.id == bindparam("entry")), {"entry": entry})
    return DeletedRegistry(entry_of(kept), registry)


def _begin(registry: Registry, leave: Leave, frees: int) -> Steps[int]:
    (found,) = yield CONTENTS, {"registry_id": registry.id}
    names = yield NAMES, {"registry_id": registry.id}
    took = {
        "kind": DeletionKind.REGISTRY.value,
        "name": registry.address,
        "some": " ".join(row.name.partition("/")[2] for row in names),
        "repositories": found.repositories,
        "tags": found.tags,
        "images": found.images,
        "frees": frees,
    }
    return (yield from begin(registry.id, registry.trash_days, took, leave))


def _check_may_go(registry: Registry) -> Steps[None]:
    """Raise TAG_IMMUTABLE when a rule of a registry holds one of its tags."""
    rows = yield PATHS, {"registry_id": registry.id}
    paths = {row.id: row.name.partition("/")[2] for row in rows}
    every = list(paths)
    for start in range(0, len(every), SOME):
        found = yield TAGS, {"some": every[start : start + SOME]}
        for tag in found:
            check_may_move(tag.name, paths[tag.repository_id], registry.immutable_tags)


def _below(address: str) -> dict[str, str | int]:
    """Return where the names below an address begin and end, and at which character what stays of them does."""
    return {"start": f"{address}/", "end": f"{address}0", "from_slash": len(address) + 1}


def _with_registries(rows: Sequence[Row]) -> Steps[tuple[DeletedRegistry, ...]]:
    if not rows:
        return ()
    found = yield REGISTRIES, {"some": [row.registry_id for row in rows]}
    by_id = {row.id: registry_of(row) for row in found}
    return tuple(DeletedRegistry(entry_of(row), by_id[row.registry_id]) for row in rows)


def _find(entry: int) -> Steps[DeletedRegistry | None]:
    rows = yield FIND, {"entry": entry}
    found = yield from _with_registries(rows)
    return found[0] if found else None


def _named(address: str) -> Steps[DeletedRegistry | None]:
    rows = yield NAMED, {"address": address}
    found = yield from _with_registries(rows)
    return found[0] if found else None


def _page(before: int | None, limit: int) -> Steps[tuple[DeletedRegistry, ...]]:
    asked = {"limit": limit}
    rows = yield (PRESENT, asked) if before is None else (BEFORE, {**asked, "before": before})
    return (yield from _with_registries(rows))


def _repositories(entry: int, after: str, limit: int) -> Steps[tuple[RepositoryRecord, ...]]:
    span = span_of(entry)
    rows = yield REPOSITORIES, {"start": span["start"] + after, "end": span["end"], "limit": limit}
    return tuple((yield from named([row.name for row in rows])))


def _restore(entry: int, check: Check[DeletedRegistry] | None) -> Steps[DeletedRegistry | None]:
    found = yield from _find(entry)
    if found is None:
        return None
    if check is not None:
        check(found)
    address = found.entry.name
    taken = yield from one(FIND_REGISTRY, {"address": address})
    if taken is not None:
        message = f"there is another registry named {taken.name} by now; delete that first, it can be restored as well"
        raise MoorageError(ErrorCode.CONFLICT, message, {"name": taken.name})
    of = {"of_registry": found.registry.id}
    yield READDRESS, {**of, "new_address": address}
    yield RENAME, {**of, **_below(hidden_address(entry)), "new_address": address}
    yield DROP_MARK, of
    yield FORGET, {"of_entry": entry}
    return found


def _expire(entry: int, check: Check[DeletedRegistry] | None) -> Steps[DeletedRegistry | None]:
    found = yield from _find(entry)
    if found is None:
        return None
    if check is not None:
        check(found)
    yield EXPIRE, {"of_entry": entry}
    return found
