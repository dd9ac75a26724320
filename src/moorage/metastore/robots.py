"""Robots: accounts of programs, of a registry or of the server."""

import time
from functools import partial

from sqlalchemy import bindparam, delete

from moorage.metastore.accounts import ACCOUNTS, GET, account_of, create_account
from moorage.metastore.steps import Database, Steps, one
from moorage.metastore.tables import users
from moorage.services.ports import Check
from moorage.services.records import Account, AccountKind

_robots = (
    ACCOUNTS.where(users.c.kind == AccountKind.ROBOT.value, users.c.name > bindparam("after"))
    .order_by(users.c.name)
    .limit(bindparam("limit"))
)
OF_REGISTRY = _robots.where(users.c.registry_id == bindparam("registry_id"))
OF_SERVER = _robots.where(users.c.registry_id.is_(None))
DELETE = delete(users).where(users.c.id == bindparam("of_user"))


class RobotTable:
    """The port `Robots` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, name: str, registry_id: int | None) -> Account:
        """See `Robots`."""
        row = {"name": name, "password_hash": "", "kind": AccountKind.ROBOT.value}
        return await self._database.write(partial(create_account, {**row, "registry_id": registry_id}, time.time()))

    async def page(self, registry_id: int | None, after: str, limit: int) -> tuple[Account, ...]:
        """See `Robots`."""
        return await self._database.read(_page(registry_id, after, limit))

    async def delete(self, user_id: int, check: Check[Account] | None = None) -> bool:
        """See `Robots`."""
        return await self._database.write(partial(_delete, user_id, check))


def _page(registry_id: int | None, after: str, limit: int) -> Steps[tuple[Account, ...]]:
    place = {"after": after, "limit": limit}
    if registry_id is None:
        rows = yield OF_SERVER, place
    else:
        rows = yield OF_REGISTRY, {"registry_id": registry_id, **place}
    return tuple(account_of(row) for row in rows)


def _delete(user_id: int, check: Check[Account] | None) -> Steps[bool]:
    row = yield from one(GET, {"id": user_id})
    if row is None or row.kind != AccountKind.ROBOT:
        return False
    if check is not None:
        check(account_of(row))
    yield DELETE, {"of_user": user_id}
    return True
