"""What registries hold, read from what triggers keep (tables/counts.py)."""

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, func, select

from moorage.domain.digest import Digest
from moorage.domain.quota import Allowance
from moorage.metastore.names import padded
from moorage.metastore.quotas import ALLOWED, allowance_of
from moorage.metastore.steps import NOTHING, Database, Steps, one
from moorage.metastore.tables import registries, registry_blobs, registry_usage, repositories, total
from moorage.services.usage_ports import RegistryUsage

AT_ONCE = 100
"""Registries that one statement looks up."""

_pushed_at = (
    select(func.max(repositories.c.pushed_at)).where(repositories.c.registry_id == registries.c.id).scalar_subquery()
)
_counted = ("repositories", "images", "body_bytes", "blob_bytes")
USAGES = (
    select(
        registries.c.id,
        _pushed_at.label("pushed_at"),
        *(total(registry_usage.c[name]).label(name) for name in _counted),
    )
    .join(registry_usage, registry_usage.c.registry_id == registries.c.id, isouter=True)
    .where(registries.c.id.in_(bindparam("ids", expanding=True)))
    .group_by(registries.c.id)
)
LIMITED = select(registries.c.address, *ALLOWED).where(registries.c.quota.is_not(None))
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
        """See `RegistryUsages`."""
        return await self._database.read(_allowances())

    async def holds(self, registry_id: int, digest: Digest) -> bool:
        """See `RegistryUsages`."""
        return await self._database.read(one(HELD, {"registry_id": registry_id, "digest": digest})) is not None


def _allowances() -> Steps[dict[str, Allowance]]:
    rows = yield LIMITED, NOTHING
    found = {row.address: allowance_of(row) for row in rows}
    return {address: allowance for address, allowance in found.items() if allowance is not None}


def usages(registry_ids: Sequence[int]) -> Steps[dict[int, RegistryUsage]]:
    """Return what each of these registries holds."""
    found = {}
    for some in padded(registry_ids, AT_ONCE, 0):
        rows = yield USAGES, {"ids": some}
        for row in rows:
            found[row.id] = RegistryUsage(row.repositories, row.images, row.body_bytes, row.blob_bytes, row.pushed_at)
    return found
