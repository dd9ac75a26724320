"""Grants: which roles count for an account in a registry, and which of them count for an account."""

from functools import partial

from sqlalchemy import bindparam, delete, or_, select

from moorage.domain.access import Grant, Role
from moorage.domain.pattern import WHOLE
from moorage.metastore.cache import AccessCache
from moorage.metastore.steps import Database, Row, Steps, one
from moorage.metastore.tables import grants, group_members, groups, users
from moorage.metastore.upsert import insert_or_update
from moorage.services.ports import Check
from moorage.services.records import GrantRecord, Holder, HolderKind

_groups_of_user = select(group_members.c.group_id).where(group_members.c.user_id == bindparam("user_id"))
COUNTS = or_(grants.c.user_id == bindparam("user_id"), grants.c.group_id.in_(_groups_of_user))

OF = (
    select(grants.c.role, grants.c.pattern, groups.c.name)
    .join(groups, groups.c.id == grants.c.group_id, isouter=True)
    .where(grants.c.registry_id == bindparam("registry_id"), COUNTS)
)
# A robot of a registry holds grants there only.
_user = select(users.c.id).where(
    users.c.name == bindparam("name"),
    or_(users.c.registry_id.is_(None), users.c.registry_id == bindparam("registry_id")),
)
HOLDERS = {
    HolderKind.USER: (grants.c.user_id, _user),
    HolderKind.GROUP: (grants.c.group_id, select(groups.c.id).where(groups.c.name == bindparam("name"))),
}
GIVE = {
    kind: insert_or_update(grants, ["registry_id", column.name, "pattern"], ["role"])
    for kind, (column, _) in HOLDERS.items()
}
# By key: `groups/…` comes before `users/…`.
_named = {HolderKind.GROUP: (groups, grants.c.group_id), HolderKind.USER: (users, grants.c.user_id)}
_held_by = {
    kind: select(holders.c.name, grants.c.pattern, grants.c.role)
    .join(holders, holders.c.id == column)
    .where(grants.c.registry_id == bindparam("registry_id"))
    for kind, (holders, column) in _named.items()
}
HELD = {
    kind: _held_by[kind].where(holders.c.name == bindparam("name"), grants.c.pattern == bindparam("pattern"))
    for kind, (holders, _) in _named.items()
}
PAGE = {
    kind: _held_by[kind]
    .where(
        holders.c.name >= bindparam("name"),
        or_(holders.c.name > bindparam("name"), grants.c.pattern > bindparam("pattern")),
    )
    .order_by(holders.c.name, grants.c.pattern)
    .limit(bindparam("limit"))
    for kind, (holders, _) in _named.items()
}
MEMBERS = (
    _held_by[HolderKind.USER]
    .where(grants.c.pattern == WHOLE, users.c.name > bindparam("after"))
    .order_by(users.c.name)
    .limit(bindparam("limit"))
)
TAKE = {
    kind: delete(grants)
    .where(
        grants.c.registry_id == bindparam("of_registry"),
        column == bindparam("of_holder"),
        grants.c.pattern == bindparam("of_pattern"),
    )
    .returning(grants.c.id)
    for kind, (column, _) in HOLDERS.items()
}


class GrantTable:
    """The port `Grants` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._found = AccessCache(database, _of)

    async def of(self, registry_id: int, user_id: int) -> tuple[Grant, ...]:
        """See `Grants`."""
        return await self._found.get((registry_id, user_id))

    def last(self, registry_id: int, user_id: int) -> tuple[Grant, ...] | None:
        """See `Grants`."""
        return self._found.last((registry_id, user_id))

    async def page(self, registry_id: int, after: str, limit: int) -> tuple[GrantRecord, ...]:
        """See `Grants`."""
        return await self._database.read(_page(registry_id, after, limit))

    async def members(self, registry_id: int, after: str, limit: int) -> tuple[GrantRecord, ...]:
        """See `Grants`."""
        return await self._database.read(_members(registry_id, after, limit))

    async def find(self, registry_id: int, holder: Holder, pattern: str) -> GrantRecord | None:
        """See `Grants`."""
        return await self._database.read(_held(registry_id, holder, pattern))

    async def give(
        self,
        registry_id: int,
        holder: Holder,
        pattern: str,
        role: Role,
        check: Check[GrantRecord | None] | None = None,
    ) -> bool:
        """See `Grants`."""
        return await self._database.write(partial(_give, registry_id, GrantRecord(holder, pattern, role), check))

    async def take(
        self, registry_id: int, holder: Holder, pattern: str, check: Check[GrantRecord | None] | None = None
    ) -> bool:
        """See `Grants`."""
        return await self._database.write(partial(_take, registry_id, holder, pattern, check))


def _of(key: tuple[int, int]) -> Steps[tuple[Grant, ...]]:
    rows = yield OF, {"registry_id": key[0], "user_id": key[1]}
    # What is the account's own and whole comes first: of equal roles the first one is named as the reason.
    found = (Grant(Role(row.role), row.pattern, row.name) for row in rows)
    return tuple(sorted(found, key=lambda grant: (grant.group or "", grant.pattern)))


def _page(registry_id: int, after: str, limit: int) -> Steps[tuple[GrantRecord, ...]]:
    noun, _, rest = after.partition("/")
    name, _, pattern = rest.partition("/")
    found: list[GrantRecord] = []
    for kind, statement in PAGE.items():
        start = {"name": name, "pattern": pattern} if kind.plural == noun else {"name": "", "pattern": ""}
        if kind.plural >= noun and len(found) < limit:
            rows = yield statement, {"registry_id": registry_id, "limit": limit - len(found), **start}
            found += (_grant_of(kind, row) for row in rows)
    return tuple(found)


def _members(registry_id: int, after: str, limit: int) -> Steps[tuple[GrantRecord, ...]]:
    rows = yield MEMBERS, {"registry_id": registry_id, "after": after, "limit": limit}
    return tuple(_grant_of(HolderKind.USER, row) for row in rows)


def _grant_of(kind: HolderKind, row: Row) -> GrantRecord:
    return GrantRecord(Holder(kind, row.name), row.pattern, Role(row.role))


def _held(registry_id: int, holder: Holder, pattern: str) -> Steps[GrantRecord | None]:
    key = {"registry_id": registry_id, "name": holder.name, "pattern": pattern}
    row = yield from one(HELD[holder.kind], key)
    return _grant_of(holder.kind, row) if row else None


def _give(registry_id: int, grant: GrantRecord, check: Check[GrantRecord | None] | None) -> Steps[bool]:
    holder = grant.holder
    column, find = HOLDERS[holder.kind]
    found = yield from one(find, {"name": holder.name, "registry_id": registry_id})
    if found is None:
        return False
    if check is not None:
        check((yield from _held(registry_id, holder, grant.pattern)))
    row = {"registry_id": registry_id, column.name: found.id, "pattern": grant.pattern, "role": grant.role.value}
    yield GIVE[holder.kind], row
    return True


def _take(registry_id: int, holder: Holder, pattern: str, check: Check[GrantRecord | None] | None) -> Steps[bool]:
    found = yield from one(HOLDERS[holder.kind][1], {"name": holder.name, "registry_id": registry_id})
    if found is None:
        return False
    if check is not None:
        check((yield from _held(registry_id, holder, pattern)))
    taken = yield TAKE[holder.kind], {"of_registry": registry_id, "of_holder": found.id, "of_pattern": pattern}
    return bool(taken)
