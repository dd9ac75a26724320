"""Emptying the trash: what has had its time goes a little at a time, since nobody waits for it or can restore it."""

from sqlalchemy import bindparam, delete, or_, select, update

from moorage.metastore.leases import NOW
from moorage.metastore.steps import Row, Steps, one
from moorage.metastore.tables import blobs, deletions, links, manifests, registries, repositories
from moorage.services.trash_records import DeletionKind, hidden_address

FORGET = delete(deletions).where(deletions.c.id == bindparam("of_entry"))

EXPIRED = (
    select(deletions.c.id, deletions.c.registry_id, deletions.c.kind)
    .where(deletions.c.leased_until <= NOW)
    .order_by(deletions.c.leased_until)
    .limit(1)
)
EARLIER = (
    select(deletions.c.id)
    .where(deletions.c.registry_id == bindparam("registry_id"), deletions.c.id < bindparam("entry"))
    .order_by(deletions.c.id)
    .limit(1)
)
LYING_IN = (
    select(repositories.c.id, repositories.c.name)
    .where(repositories.c.name >= bindparam("start"), repositories.c.name < bindparam("end"))
    .order_by(repositories.c.name)
)
FIRST_IN = LYING_IN.limit(1)
SOME_LINKS = select(links.c.digest).where(links.c.repository_id == bindparam("repository_id")).limit(bindparam("limit"))
DROP_LINK = delete(links).where(
    links.c.repository_id == bindparam("of_repository"), links.c.digest == bindparam("of_digest")
)
# Sooner than NOW: the collection that comes next takes it. Whoever was promised a blob has given it a lease.
LET_GO = (
    update(blobs)
    .where(blobs.c.digest == bindparam("of_digest"), or_(blobs.c.leased_until.is_(None), blobs.c.leased_until <= NOW))
    .values(leased_until=0)
)
SOME_IMAGES = (
    select(manifests.c.id).where(manifests.c.repository_id == bindparam("repository_id")).limit(bindparam("limit"))
)
DROP_IMAGE = delete(manifests).where(manifests.c.id == bindparam("of_image"))
DROP_REPOSITORY = delete(repositories).where(repositories.c.id == bindparam("of_id"))
DROP_REGISTRY = delete(registries).where(registries.c.id == bindparam("of_id"))


def span_of(entry: int) -> dict[str, str]:
    """Return where the names of what a deletion took begin and end: `0` comes right after `/`."""
    address = hidden_address(entry)
    return {"start": f"{address}/", "end": f"{address}0"}


def empty(limit: int) -> Steps[int]:
    """Take a step with the entry that has waited longest; nothing that leads to it can be restored any more."""
    entry = yield from one(EXPIRED)
    if entry is None:
        return 0
    if entry.kind == DeletionKind.REGISTRY:
        return (yield from _empty_registry(entry, limit))
    return (yield from _empty_entry(entry.id, limit))


def _empty_entry(entry: int, limit: int) -> Steps[int]:
    hidden = yield from one(FIRST_IN, span_of(entry))
    if hidden is not None:
        return (yield from _empty_repository(hidden.id, limit))
    yield FORGET, {"of_entry": entry}
    return 1


def _empty_registry(entry: Row, limit: int) -> Steps[int]:
    """Take what had been deleted in a registry before, then what it had, then itself with all that is only its own."""
    earlier = yield from one(EARLIER, {"registry_id": entry.registry_id, "entry": entry.id})
    if earlier is not None:
        return (yield from _empty_entry(earlier.id, limit))
    hidden = yield from one(FIRST_IN, span_of(entry.id))
    if hidden is not None:
        return (yield from _empty_repository(hidden.id, limit))
    yield DROP_REGISTRY, {"of_id": entry.registry_id}
    return 1


def _empty_repository(repository_id: int, limit: int) -> Steps[int]:
    asked = {"repository_id": repository_id, "limit": limit}
    rows = yield SOME_LINKS, asked
    if rows:
        yield DROP_LINK, [{"of_repository": repository_id, "of_digest": row.digest} for row in rows]
        yield LET_GO, [{"of_digest": row.digest} for row in rows]
        return len(rows)
    rows = yield SOME_IMAGES, asked
    if rows:
        yield DROP_IMAGE, [{"of_image": row.id} for row in rows]
        return len(rows)
    yield DROP_REPOSITORY, {"of_id": repository_id}
    return 1
