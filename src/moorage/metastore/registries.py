"""Registries and their members."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from moorage.domain.access import Role, Visibility
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import address_of
from moorage.metastore.blobs import LOOK_AGAIN
from moorage.metastore.cache import ExactCache
from moorage.metastore.steps import Database, Row, Steps, one
from moorage.metastore.tables import links, manifests, members, registries, repositories, users
from moorage.services.records import Member, Registry, RegistrySummary

FIND = select(registries).where(registries.c.address == bindparam("address"))
CREATE = insert(registries)
UPDATE = update(registries).where(registries.c.address == bindparam("where_address"))
DELETE = delete(registries).where(registries.c.id == bindparam("id"))
LINKED = select(links.c.digest).join(repositories).where(repositories.c.registry_id == bindparam("id")).distinct()
DELETE_REPOSITORIES = delete(repositories).where(repositories.c.registry_id == bindparam("id"))
IMAGES = (
    select(func.count()).select_from(manifests.join(repositories)).where(repositories.c.registry_id == bindparam("id"))
)

_of_registry = repositories.c.registry_id == registries.c.id
_linked = (
    select(links.c.digest, links.c.size)
    .join(repositories, repositories.c.id == links.c.repository_id)
    .where(_of_registry)
    .correlate(registries)
    .distinct()
    .subquery()
)
_blob_bytes = select(func.coalesce(func.sum(_linked.c.size), 0)).scalar_subquery()
_manifest_bytes = (
    select(func.coalesce(func.sum(manifests.c.body_size), 0))
    .join(repositories, repositories.c.id == manifests.c.repository_id)
    .where(_of_registry)
    .scalar_subquery()
)
_count = (
    select(func.count()).where(_of_registry, repositories.c.pushed_at.is_not(None)).select_from(repositories)
).scalar_subquery()
_pushed_at = select(func.max(repositories.c.pushed_at)).where(_of_registry).scalar_subquery()

_summaries_of_all = select(
    registries,
    _count.label("repositories"),
    (_blob_bytes + _manifest_bytes).label("size"),
    _pushed_at.label("pushed_at"),
)
SUMMARY = _summaries_of_all.where(registries.c.address == bindparam("address"))
SUMMARIES = _summaries_of_all.where(
    or_(
        bindparam("sees_all"),
        registries.c.visibility.in_(bindparam("visible", expanding=True)),
        registries.c.id.in_(select(members.c.registry_id).where(members.c.user_id == bindparam("user_id"))),
    )
).order_by(registries.c.address)

ROLE = select(members.c.role).where(
    members.c.registry_id == bindparam("registry_id"), members.c.user_id == bindparam("user_id")
)
MEMBERS = (
    select(users.c.name, members.c.role)
    .join(users, users.c.id == members.c.user_id)
    .where(members.c.registry_id == bindparam("registry_id"))
    .order_by(users.c.name)
)
USER = select(users.c.id).where(users.c.name == bindparam("name"))
JOIN = upsert(members)
JOIN = JOIN.on_conflict_do_update(index_elements=["registry_id", "user_id"], set_={"role": JOIN.excluded.role})
LEAVE = delete(members).where(
    members.c.registry_id == bindparam("of_registry"), members.c.user_id == bindparam("of_user")
)


class RegistryTable:
    """The port `Registries` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._found = ExactCache(database, _find)
        self._roles = ExactCache(database, _role)

    async def create(self, name: str, description: str, visibility: Visibility, by: str) -> Registry:
        """See `Registries`."""
        row = {"name": name, "description": description, "visibility": visibility.value, "created_by": by}
        return await self._database.write(partial(_create, row, time.time()))

    async def find(self, address: str) -> Registry | None:
        """See `Registries`."""
        return await self._found.get(address)

    async def summaries(self, user_id: int | None, *, sees_all: bool) -> tuple[RegistrySummary, ...]:
        """See `Registries`."""
        return await self._database.read(_summaries(user_id, sees_all=sees_all))

    async def summary(self, address: str) -> RegistrySummary | None:
        """See `Registries`."""
        return await self._database.read(_summary(address))

    async def update(self, address: str, changes: Mapping[str, str]) -> Registry | None:
        """See `Registries`."""
        return await self._database.write(partial(_update, address, changes))

    async def delete(self, address: str) -> bool:
        """See `Registries`."""
        return await self._database.write(partial(_delete, address))

    async def role(self, registry_id: int, user_id: int) -> Role | None:
        """See `Registries`."""
        return await self._roles.get((registry_id, user_id))

    async def members(self, registry_id: int) -> tuple[Member, ...]:
        """See `Registries`."""
        return await self._database.read(_members(registry_id))

    async def set_member(self, registry_id: int, user: str, role: Role | None) -> bool:
        """See `Registries`."""
        return await self._database.write(partial(_set_member, registry_id, user, role))


def visible_to(user_id: int | None) -> list[str]:
    """Return the visibilities of registries that an account (None: anybody) may read without being a member."""
    return [Visibility.PUBLIC.value] if user_id is None else [Visibility.PUBLIC.value, Visibility.INTERNAL.value]


def registry_of(row: Row) -> Registry:
    """Return the record a row of `registries` holds."""
    return Registry(
        id=row.id,
        name=row.name,
        address=row.address,
        description=row.description,
        visibility=Visibility(row.visibility),
        created_at=row.created_at,
        created_by=row.created_by,
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


def _summaries(user_id: int | None, *, sees_all: bool) -> Steps[tuple[RegistrySummary, ...]]:
    parameters = {"sees_all": sees_all, "visible": visible_to(user_id), "user_id": -1 if user_id is None else user_id}
    rows = yield SUMMARIES, parameters
    return tuple(_summary_of(row) for row in rows)


def _summary(address: str) -> Steps[RegistrySummary | None]:
    row = yield from one(SUMMARY, {"address": address})
    return _summary_of(row) if row else None


def _summary_of(row: Row) -> RegistrySummary:
    return RegistrySummary(registry_of(row), row.repositories, row.size, row.pushed_at)


def _update(address: str, changes: Mapping[str, str]) -> Steps[Registry | None]:
    yield UPDATE, {"where_address": address, **changes}
    return (yield from _find(address))


def _delete(address: str) -> Steps[bool]:
    registry = yield from _find(address)
    if registry is None:
        return False
    ((images,),) = yield IMAGES, {"id": registry.id}
    if images:
        message = f"{registry.name} holds {images} images; delete its repositories first"
        raise MoorageError(ErrorCode.IN_USE, message, {"images": images})
    linked = yield LINKED, {"id": registry.id}
    yield DELETE_REPOSITORIES, {"id": registry.id}
    if linked:
        yield LOOK_AGAIN, [{"of_digest": row.digest} for row in linked]
    yield DELETE, {"id": registry.id}
    return True


def _role(key: tuple[int, int]) -> Steps[Role | None]:
    row = yield from one(ROLE, {"registry_id": key[0], "user_id": key[1]})
    return Role(row.role) if row else None


def _members(registry_id: int) -> Steps[tuple[Member, ...]]:
    rows = yield MEMBERS, {"registry_id": registry_id}
    return tuple(Member(row.name, Role(row.role)) for row in rows)


def _set_member(registry_id: int, user: str, role: Role | None) -> Steps[bool]:
    row = yield from one(USER, {"name": user})
    if row is None:
        return False
    if role is None:
        yield LEAVE, {"of_registry": registry_id, "of_user": row.id}
    else:
        yield JOIN, {"registry_id": registry_id, "user_id": row.id, "role": role.value}
    return True
