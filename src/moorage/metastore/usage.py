"""What registries hold, and the server, read from what triggers keep (tables/counts.py)."""

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, func, select

from moorage.domain.digest import Digest
from moorage.domain.quota import Allowance
from moorage.metastore.names import padded
from moorage.metastore.quotas import ALLOWED, SERVER_USED, TRASHED, allowance_of
from moorage.metastore.steps import NOTHING, Database, Steps, one
from moorage.metastore.tables import registries, registry_blobs, registry_usage, repositories, total
from moorage.services.trash_records import HIDDEN
from moorage.services.usage_ports import RegistryUsage

AT_ONCE = 100
"""Registries that one statement looks up."""

_pushed_at = (
    select(repositories.c.pushed_at)
    .where(
        repositories.c.registry_id == registries.c.id,
        repositories.c.pushed_at.is_not(None),
        # Not the name itself: SQLite would go by the index of names, through all of the registry.
        func.coalesce(repositories.c.name, "") < HIDDEN,
    )
    .order_by(repositories.c.pushed_at.desc())
    .limit(1)
    .scalar_subquery()
)
_counted = ("repositories", "images", "body_bytes", "blob_bytes")
USAGES = (
    select(
        registries.c.id,
        _pushed_at.label("pushed_at"),
        *(total(registry_usage.c[name] - registry_usage.c[f"trash_{name}"]).label(name) for name in _counted),
        total(TRASHED).label("trashed"),
        total(registry_usage.c.trash_frees).label("frees"),
    )
    .join(registry_usage, registry_usage.c.registry_id == registries.c.id, isouter=True)
    .where(registries.c.id.in_(bindparam("ids", expanding=True)))
    .group_by(registries.c.id)
)
ON_SERVER = select(SERVER_USED.label("server_used"))
LIMITED = select(registries.c.id, registries.c.address, *ALLOWED).where(
    registries.c.quota.is_not(None), registries.c.address < HIDDEN
)
HELD = select(registry_blobs.c.size).where(
    registry_blobs.c.registry_id == bindparam("registry_id"), registry_blobs.c.digest == bindparam("digest")
)


class RegistryUsageTable:
    """The port `RegistryUsages` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, registry_ids: Sequence[int]) -> Mapping[int, RegistryUsage]:
        """See `RegistryUsages`."""
        return await self._database.read(usages(registry_ids))

    async def allowances(self) -> Mapping[str, Allowance]:
        """See `RegistryUsages`; aside, since it looks at all registries that have a quota."""
        return (await self._database.read_aside(_allowances()))[0]

    async def holds(self, registry_id: int, digest: Digest) -> bool:
        """See `RegistryUsages`."""
        return await self._database.read(one(HELD, {"registry_id": registry_id, "digest": digest})) is not None


class ServerUsageTable:
    """The port `ServerUsage` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def used(self) -> int:
        """See `ServerUsage`."""
        row = await self._database.read(one(ON_SERVER))
        return int(row.server_used) if row is not None else 0


def _allowances() -> Steps[dict[str, Allowance]]:
    rows = yield LIMITED, NOTHING
    found = ((row.address, allowance_of(row)) for row in rows)
    return {address: allowance for address, allowance in found if allowance is not None}


def usages(registry_ids: Sequence[int]) -> Steps[dict[int, RegistryUsage]]:
    """Return what each of these registries holds."""
    found = {}
    for some in padded(registry_ids, AT_ONCE, 0):
        rows = yield USAGES, {"ids": some}
        for row in rows:
            found[row.id] = RegistryUsage(
                row.repositories, row.images, row.body_bytes, row.blob_bytes, row.pushed_at, row.trashed, row.frees
            )
    return found
