"""Registries."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from moorage.domain.access import Visibility
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.immutable import parse_immutable_tags
from moorage.domain.name import address_of
from moorage.domain.quota import Allowance
from moorage.domain.reach import Reach, whole_of
from moorage.domain.redirect import Redirects
from moorage.metastore.cache import AccessCache
from moorage.metastore.names import REACH, Names, reader
from moorage.metastore.steps import NOTHING, Database, Row, Steps, one
from moorage.metastore.tables import registries
from moorage.metastore.totals import Totals
from moorage.metastore.usage import RegistryUsageTable
from moorage.services.ports import Check
from moorage.services.records import Registry, RegistrySummary
from moorage.services.trash_records import HIDDEN
from moorage.services.usage_ports import RegistryUsage

# What was deleted has an address that nobody can write (registry_trash.py); none of these finds it.
FIND = select(registries).where(registries.c.address == bindparam("address"), registries.c.address < HIDDEN)
CREATE = insert(registries)
UPDATE = update(registries).where(registries.c.address == bindparam("where_address"))

EVERY = select(registries).where(registries.c.address < HIDDEN).order_by(registries.c.address)
READABLE = EVERY.where(registries.c.address.in_(select(REACH.subquery().c.address)))


class RegistryTable:
    """The port `Registries` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._found = AccessCache(database, _find)
        self._names = Names(database)
        self._usages = RegistryUsageTable(database)
        self._totals = Totals(database)

    async def create(self, name: str, description: str, visibility: Visibility, by: str) -> Registry:
        """See `Registries`."""
        row = {"name": name, "description": description, "visibility": visibility.value, "created_by": by}
        return await self._database.write(partial(_create, row, time.time()))

    async def find(self, address: str) -> Registry | None:
        """See `Registries`."""
        return await self._found.get(address)

    def last(self, address: str) -> Registry | None:
        """See `Registries`."""
        return self._found.last(address)

    async def summaries(self, user_id: int | None, *, sees_all: bool) -> tuple[RegistrySummary, ...]:
        """See `Registries`."""
        rows = await self._database.read(_every() if sees_all else _readable(user_id))
        return await self._summed(rows, await self._names.reach(user_id, sees_all=sees_all))

    async def summary(self, address: str, user_id: int | None, *, sees_all: bool) -> RegistrySummary | None:
        """See `Registries`."""
        registry = await self.find(address)
        if registry is None:
            return None
        (summary,) = await self._summed((registry,), await self._names.reach(user_id, sees_all=sees_all))
        return summary

    async def update(
        self, address: str, changes: Mapping[str, str | int | None], check: Check[Registry] | None = None
    ) -> Registry | None:
        """See `Registries`."""
        return await self._database.write(partial(_update, address, changes, check))

    async def _summed(self, found: Sequence[Registry], reach: Reach) -> tuple[RegistrySummary, ...]:
        """Add up: who reads all of a registry reads what is kept of it."""
        reaches = {one.id: reach.within(whole_of(one.address)) for one in found}
        whole = [one.id for one in found if reaches[one.id] == whole_of(one.address)]
        usages = await self._usages.of(whole)
        totals = await self._totals.of([reaches[one.id] for one in found if one.id not in usages])
        summed = ((one, usages.get(one.id) or totals[reaches[one.id]]) for one in found)
        return tuple(
            _with_usage(RegistrySummary(one, part.repositories, part.size, part.pushed_at), usages.get(one.id))
            for one, part in summed
        )


def _with_usage(summary: RegistrySummary, usage: RegistryUsage | None) -> RegistrySummary:
    """Return with it what only those are shown who read all of a registry."""
    if usage is None:
        return summary
    one = summary.registry
    allowance = None if one.quota is None else Allowance(one.name, one.quota, usage.size, one.quota_warning)
    return replace(summary, allowance=allowance, deleted=usage.frees, stored=usage.stored)


def registry_of(row: Row) -> Registry:
    """Return the record a row of `registries` holds."""
    return Registry(
        id=row.id,
        name=row.name,
        address=row.address,
        description=row.description,
        visibility=Visibility(row.visibility),
        immutable_tags=parse_immutable_tags(row.immutable_tags.splitlines()),
        redirects=Redirects(row.redirects),
        trash_days=row.trash_days,
        created_at=row.created_at,
        created_by=row.created_by,
        quota=row.quota,
        quota_warning=row.quota_warning,
    )


def _find(address: str) -> Steps[Registry | None]:
    row = yield from one(FIND, {"address": address})
    return registry_of(row) if row else None


def _create(values: Mapping[str, Any], now: float) -> Steps[Registry]:
    address = address_of(values["name"])
    taken = yield from _find(address)
    if taken is not None:
        message = f"there is a registry named {taken.name} already"
        raise MoorageError(ErrorCode.CONFLICT, message, {"name": taken.name})
    yield CREATE, {**values, "address": address, "created_at": now}
    made = yield from _find(address)
    assert made is not None  # noqa: S101  inserted in this transaction
    return made


def _every() -> Steps[tuple[Registry, ...]]:
    rows = yield EVERY, NOTHING
    return tuple(registry_of(row) for row in rows)


def _readable(user_id: int | None) -> Steps[tuple[Registry, ...]]:
    rows = yield READABLE, reader(user_id)
    return tuple(registry_of(row) for row in rows)


def _update(
    address: str, changes: Mapping[str, str | int | None], check: Check[Registry] | None
) -> Steps[Registry | None]:
    found = yield from _find(address)
    if found is not None and check is not None:
        check(found)
    yield UPDATE, {"where_address": address, **changes}
    return (yield from _find(address))
