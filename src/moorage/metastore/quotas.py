"""Whether a registry has room for what is pushed, and the server: read in the transaction that stores it.

Where there is no quota nothing is read. The server's, too, has room for sure only for what the registry itself holds:
else somebody could find out by it what other registries have.
"""

from typing import NamedTuple

from sqlalchemy import bindparam, case, exists, null, select

from moorage.domain.digest import Digest
from moorage.domain.quota import Allowance, of_server
from moorage.metastore.steps import Row, Steps, one
from moorage.metastore.tables import (
    manifests,
    registries,
    registry_blobs,
    registry_usage,
    repositories,
    server_usage,
    total,
)

TRASHED = registry_usage.c.trash_body_bytes + registry_usage.c.trash_blob_bytes
_used = (
    select(total(registry_usage.c.body_bytes + registry_usage.c.blob_bytes - TRASHED))
    .where(registry_usage.c.registry_id == registries.c.id)
    .correlate(registries)
    .scalar_subquery()
)
ALLOWED = (
    registries.c.name.label("registry"),
    registries.c.quota,
    registries.c.quota_warning,
    # Not added up where nobody asks.
    case((registries.c.quota.is_(None), null()), else_=_used).label("used"),
)
"""What an allowance is made of, of a row of `registries`."""

_room = select(*ALLOWED).where(registries.c.id == bindparam("registry_id"))
_is_held = (
    exists()
    .where(registry_blobs.c.registry_id == bindparam("registry_id"), registry_blobs.c.digest == bindparam("digest"))
    .label("is_held")
)
_lives = (
    exists()
    .where(
        registry_blobs.c.registry_id == bindparam("registry_id"),
        registry_blobs.c.digest == bindparam("digest"),
        ~registry_blobs.c.is_trashed,
    )
    .label("lives")
)
ROOM_FOR_BLOB = _room.add_columns(_lives)
SERVER_USED = select(total(server_usage.c.blob_bytes)).scalar_subquery()
ROOM_ON_SERVER = select(SERVER_USED.label("server_used"), _is_held)
ROOM_FOR_IMAGE = _room.add_columns(
    exists()
    .where(manifests.c.repository_id == bindparam("repository_id"), manifests.c.digest == bindparam("digest"))
    .label("is_held")
)
QUOTA = (
    select(registries.c.quota)
    .join(repositories, repositories.c.registry_id == registries.c.id)
    .where(repositories.c.id == bindparam("repository_id"))
    .scalar_subquery()
    .label("quota")
)
REGISTRY_ID = (
    select(repositories.c.registry_id)
    .where(repositories.c.id == bindparam("repository_id"))
    .scalar_subquery()
    .label("registry_id")
)


class Home(NamedTuple):
    """Where something is pushed to: a repository and its registry, and the registry's quota in bytes, if it has one."""

    repository_id: int
    registry_id: int
    quota: int | None


def allowance_of(row: Row) -> Allowance | None:
    """Return what a row with `ALLOWED` says; None where there is no quota."""
    return None if row.quota is None else Allowance(row.registry, row.quota, row.used, row.quota_warning)


def check_blob(home: Home, digest: Digest | None, size: int | None) -> Steps[None]:
    """Raise QUOTA_REACHED or TOO_LARGE_FOR_QUOTA where a blob has no room; what the registry holds already has.

    A size that is not known yet (None) is one that only a full registry has no room for. What lies in the trash takes
    none, and needs it to come back by a push.
    """
    if home.quota is None:
        return
    row = yield from one(ROOM_FOR_BLOB, {"registry_id": home.registry_id, "digest": digest or ""})
    allowance = row and allowance_of(row)
    if row is not None and allowance is not None and not row.lives:
        _check(allowance, size)


def check_server(quota: int | None, home: Home, digest: Digest | None, size: int | None) -> Steps[None]:
    """Raise them where the whole server, that may hold so many bytes (None: any), has no room for a blob."""
    if quota is None:
        return
    row = yield from one(ROOM_ON_SERVER, {"registry_id": home.registry_id, "digest": digest or ""})
    if row is not None and not row.is_held:
        _check(of_server(quota, row.server_used), size)


def _check(allowance: Allowance, size: int | None) -> None:
    if size is None:
        allowance.check_begins()
    else:
        allowance.check(size)


def check_image(home: Home, digest: Digest, size: int) -> Steps[None]:
    """Raise them where a manifest has no room; one that the repository has already needs none."""
    if home.quota is None:
        return
    place = {"registry_id": home.registry_id, "repository_id": home.repository_id}
    row = yield from one(ROOM_FOR_IMAGE, {**place, "digest": digest})
    allowance = row and allowance_of(row)
    if row is not None and allowance is not None and not row.is_held:
        allowance.check(size)
