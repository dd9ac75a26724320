"""Groups and who is in them."""

import time
from collections.abc import Collection
from functools import partial

from sqlalchemy import bindparam, delete, func, insert, select

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.steps import Database, Row, Steps, one
from moorage.metastore.tables import group_members, groups, users
from moorage.services.ports import Check
from moorage.services.records import Group, Mirrored, Moves

_count = select(func.count()).where(group_members.c.group_id == groups.c.id).scalar_subquery()
_groups = select(groups, _count.label("members"))
GROUPS = _groups.where(groups.c.name > bindparam("after")).order_by(groups.c.name).limit(bindparam("limit"))
FIND = _groups.where(groups.c.name == bindparam("name"))
CREATE = insert(groups)
DELETE = delete(groups).where(groups.c.name == bindparam("of_name")).returning(groups.c.id)

MEMBERS = (
    select(users.c.name)
    .join(group_members, group_members.c.user_id == users.c.id)
    .join(groups, groups.c.id == group_members.c.group_id)
    .where(groups.c.name == bindparam("name"), users.c.name > bindparam("after"))
    .order_by(users.c.name)
    .limit(bindparam("limit"))
)
MEMBER = (
    select(groups.c.id.label("group_id"), users.c.id.label("user_id"), group_members.c.user_id.label("inside"))
    .select_from(groups)
    # A robot of a registry is in no group: it would hold the group's grants elsewhere.
    .join(users, (users.c.name == bindparam("user")) & users.c.registry_id.is_(None))
    .join(
        group_members,
        (group_members.c.group_id == groups.c.id) & (group_members.c.user_id == users.c.id),
        isouter=True,
    )
    .where(groups.c.name == bindparam("group"))
)
JOIN = insert(group_members)
LEAVE = delete(group_members).where(
    group_members.c.group_id == bindparam("of_group"), group_members.c.user_id == bindparam("of_user")
)
MIRRORS = (
    select(groups.c.id, groups.c.name, groups.c.external, group_members.c.user_id.label("inside"))
    .select_from(groups)
    .join(
        group_members,
        (group_members.c.group_id == groups.c.id) & (group_members.c.user_id == bindparam("user_id")),
        isouter=True,
    )
    .where(groups.c.directory == bindparam("directory"))
    .order_by(groups.c.name)
)


class GroupTable:
    """The port `Groups` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, name: str, mirrored: Mirrored | None = None) -> Group:
        """See `Groups`."""
        return await self._database.write(partial(_create, name, mirrored, time.time()))

    async def find(self, name: str) -> Group | None:
        """See `Groups`."""
        return await self._database.read(_find(name))

    async def page(self, after: str, limit: int) -> tuple[Group, ...]:
        """See `Groups`."""
        return await self._database.read(_page(after, limit))

    async def delete(self, name: str, check: Check[Group] | None = None) -> bool:
        """See `Groups`."""
        return await self._database.write(partial(_delete, name, check))

    async def members(self, name: str, after: str, limit: int) -> tuple[str, ...]:
        """See `Groups`."""
        return await self._database.read(_members(name, after, limit))

    async def holds(self, name: str, user: str) -> bool:
        """See `Groups`."""
        return await self._database.read(_holds(name, user))

    async def join(self, name: str, user: str, check: Check[str | None] | None = None) -> bool:
        """See `Groups`."""
        return await self._database.write(partial(_join, name, user, check))

    async def leave(self, name: str, user: str, check: Check[str | None] | None = None) -> bool:
        """See `Groups`."""
        return await self._database.write(partial(_leave, name, user, check))

    async def mirror(self, directory: str, user_id: int, externals: Collection[str]) -> Moves:
        """See `Groups`."""
        # A sign-in that changes nothing must not empty every cache.
        if await self._database.read(_moves(directory, user_id, externals)) == ([], []):
            return Moves((), ())
        return await self._database.write(partial(_mirror, directory, user_id, externals))


def _group_of(row: Row) -> Group:
    mirrored = None if row.directory is None else Mirrored(row.directory, row.external)
    return Group(row.id, row.name, mirrored, row.created_at, row.members)


def _find(name: str) -> Steps[Group | None]:
    row = yield from one(FIND, {"name": name})
    return _group_of(row) if row else None


def _page(after: str, limit: int) -> Steps[tuple[Group, ...]]:
    rows = yield GROUPS, {"after": after, "limit": limit}
    return tuple(_group_of(row) for row in rows)


def _create(name: str, mirrored: Mirrored | None, now: float) -> Steps[Group]:
    taken = yield from _find(name)
    if taken is not None:
        raise MoorageError(ErrorCode.CONFLICT, f"there is a group named {name} already", {"name": name})
    directory, external = (mirrored.directory, mirrored.external) if mirrored else (None, None)
    yield CREATE, {"name": name, "directory": directory, "external": external, "created_at": now}
    made = yield from _find(name)
    assert made is not None  # noqa: S101  inserted in this transaction
    return made


def _delete(name: str, check: Check[Group] | None) -> Steps[bool]:
    found = yield from _find(name)
    if found is not None and check is not None:
        check(found)
    gone = yield DELETE, {"of_name": name}
    return bool(gone)


def _members(name: str, after: str, limit: int) -> Steps[tuple[str, ...]]:
    rows = yield MEMBERS, {"name": name, "after": after, "limit": limit}
    return tuple(row.name for row in rows)


def _holds(name: str, user: str) -> Steps[bool]:
    row = yield from one(MEMBER, {"group": name, "user": user})
    return row is not None and row.inside is not None


def _join(name: str, user: str, check: Check[str | None] | None) -> Steps[bool]:
    row = yield from one(MEMBER, {"group": name, "user": user})
    if row is not None and check is not None:
        check(None if row.inside is None else user)
    if row is not None and row.inside is None:
        yield JOIN, {"group_id": row.group_id, "user_id": row.user_id}
    return row is not None


def _leave(name: str, user: str, check: Check[str | None] | None) -> Steps[bool]:
    row = yield from one(MEMBER, {"group": name, "user": user})
    if row is not None and check is not None:
        check(None if row.inside is None else user)
    if row is not None and row.inside is not None:
        yield LEAVE, {"of_group": row.group_id, "of_user": row.user_id}
    return row is not None and row.inside is not None


def _moves(directory: str, user_id: int, externals: Collection[str]) -> Steps[tuple[list[Row], list[Row]]]:
    """Return the groups to join and those to leave."""
    rows = yield MIRRORS, {"directory": directory, "user_id": user_id}
    joined = [row for row in rows if row.inside is None and row.external in externals]
    left = [row for row in rows if row.inside is not None and row.external not in externals]
    return joined, left


def _mirror(directory: str, user_id: int, externals: Collection[str]) -> Steps[Moves]:
    joined, left = yield from _moves(directory, user_id, externals)
    if joined:
        yield JOIN, [{"group_id": group.id, "user_id": user_id} for group in joined]
    if left:
        yield LEAVE, [{"of_group": group.id, "of_user": user_id} for group in left]
    return Moves(tuple(group.name for group in joined), tuple(group.name for group in left))
