"""Accounts, and the sessions of people."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.cache import AccessCache
from moorage.metastore.steps import NOTHING, Database, Row, Steps, one
from moorage.metastore.tables import registries, sessions, users
from moorage.services.ports import Check
from moorage.services.records import Account, AccountKind, Session
from moorage.services.trash_records import HIDDEN

_address = select(registries.c.address).where(registries.c.id == users.c.registry_id).scalar_subquery()
ACCOUNTS = select(users, _address.label("registry"))
"""What `account_of` reads."""

FIND = ACCOUNTS.where(users.c.name == bindparam("name"))
GET = ACCOUNTS.where(users.c.id == bindparam("id"))
PEOPLE = (
    ACCOUNTS.where(users.c.kind == AccountKind.PERSON.value, users.c.name > bindparam("after"))
    .order_by(users.c.name)
    .limit(bindparam("limit"))
)
ADMINISTRATORS = select(users.c.id).where(users.c.is_admin, ~users.c.is_disabled).order_by(users.c.id)
CREATE = insert(users)
USUAL = {"is_admin": False, "is_disabled": False, "kind": AccountKind.PERSON.value}
CHANGE = update(users).where(users.c.id == bindparam("of_user"))
DELETE = delete(users).where(users.c.id == bindparam("of_user"))

OPEN = insert(sessions)
SESSION = select(sessions).where(sessions.c.token_hash == bindparam("token_hash"))
CLOSE = delete(sessions).where(sessions.c.token_hash == bindparam("token_hash"))
CLOSE_ALL = delete(sessions).where(sessions.c.user_id == bindparam("of_user"))
CLOSE_OLD = delete(sessions).where(sessions.c.expires_at < bindparam("now"))


class AccountTable:
    """The port `Accounts` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_id = AccessCache(database, _get)
        self._by_name = AccessCache(database, _find)

    async def create(
        self, name: str, password_hash: str, *, is_admin: bool, password_expires_at: float | None = None
    ) -> Account:
        """See `Accounts`."""
        secret = {"password_hash": password_hash, "password_expires_at": password_expires_at}
        row = {"name": name, "is_admin": is_admin, **secret}
        return await self._database.write(partial(create_account, row, time.time()))

    async def find(self, name: str) -> Account | None:
        """See `Accounts`."""
        return await self._by_name.get(name)

    async def get(self, user_id: int) -> Account | None:
        """See `Accounts`."""
        return await self._by_id.get(user_id)

    async def page(self, after: str, limit: int) -> tuple[Account, ...]:
        """See `Accounts`."""
        return await self._database.read(_people(after, limit))

    async def change(
        self,
        name: str,
        *,
        password_hash: str | None = None,
        password_expires_at: float | None = None,
        is_disabled: bool | None = None,
        is_admin: bool | None = None,
        check: Check[Account] | None = None,
    ) -> bool:
        """See `Accounts`."""
        given = {"is_disabled": is_disabled, "is_admin": is_admin}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if password_hash is not None:
            changes |= {"password_hash": password_hash, "password_expires_at": password_expires_at}
        return await self._database.write(partial(_change, name, changes, check))

    async def delete(self, name: str, check: Check[Account] | None = None) -> bool:
        """See `Accounts`."""
        return await self._database.write(partial(_delete, name, check))

    async def open_session(self, session: Session, password_hash: str) -> bool:
        """See `Accounts`."""
        return await self._database.write(partial(_open, session, password_hash, time.time()))

    async def session(self, token_hash: str) -> Session | None:
        """See `Accounts`."""
        return await self._database.read(_session(token_hash, time.time()))

    async def close_session(self, token_hash: str) -> None:
        """See `Accounts`."""
        await self._database.write(partial(_close, token_hash))


def account_of(row: Row) -> Account:
    """Return the account in a row of `ACCOUNTS`."""
    return Account(
        id=row.id,
        name=row.name,
        password_hash=row.password_hash,
        is_admin=bool(row.is_admin),
        # A robot is kept out while its registry is deleted.
        is_disabled=bool(row.is_disabled) or (row.registry or "") >= HIDDEN,
        created_at=row.created_at,
        kind=AccountKind(row.kind),
        registry_id=row.registry_id,
        registry=row.registry,
        password_expires_at=row.password_expires_at,
    )


def _find(name: str) -> Steps[Account | None]:
    row = yield from one(FIND, {"name": name})
    return account_of(row) if row else None


def _get(user_id: int) -> Steps[Account | None]:
    row = yield from one(GET, {"id": user_id})
    return account_of(row) if row else None


def _people(after: str, limit: int) -> Steps[tuple[Account, ...]]:
    rows = yield PEOPLE, {"after": after, "limit": limit}
    return tuple(account_of(row) for row in rows)


def create_account(values: Mapping[str, Any], now: float) -> Steps[Account]:
    """Make an account of values that differ from the usual; raise CONFLICT when its name is taken."""
    taken = yield from _find(values["name"])
    if taken is not None:
        message = f"there is an account named {taken.name} already"
        raise MoorageError(ErrorCode.CONFLICT, message, {"name": taken.name})
    yield CREATE, {**USUAL, "created_at": now, **values}
    made = yield from _find(values["name"])
    assert made is not None  # noqa: S101  inserted in this transaction
    return made


def _change(name: str, changes: Mapping[str, Any], check: Check[Account] | None) -> Steps[bool]:
    account = yield from _find(name)
    if account is None:
        return False
    if check is not None:
        check(account)
    if changes.get("is_disabled") or changes.get("is_admin") is False:
        yield from _check_another_administrator(account)
    if changes:
        yield CHANGE, {"of_user": account.id, **changes}
        yield CLOSE_ALL, {"of_user": account.id}
    return True


def _delete(name: str, check: Check[Account] | None) -> Steps[bool]:
    account = yield from _find(name)
    if account is None or account.kind is not AccountKind.PERSON:
        return False
    if check is not None:
        check(account)
    yield from _check_another_administrator(account)
    yield DELETE, {"of_user": account.id}
    return True


def _check_another_administrator(account: Account) -> Steps[None]:
    active = yield ADMINISTRATORS, NOTHING
    if [row.id for row in active] == [account.id]:
        raise MoorageError(ErrorCode.IN_USE, f"{account.name} is the last administrator: make somebody else one first")


def _open(session: Session, password_hash: str, now: float) -> Steps[bool]:
    account = yield from _get(session.user_id)
    if account is None or account.is_disabled or account.password_hash != password_hash:
        return False
    yield CLOSE_OLD, {"now": now}
    yield OPEN, asdict(session)
    return True


def _session(token_hash: str, now: float) -> Steps[Session | None]:
    row = yield from one(SESSION, {"token_hash": token_hash})
    if row is None or row.expires_at < now:
        return None
    return Session(row.token_hash, row.user_id, row.csrf, row.created_at, row.expires_at)


def _close(token_hash: str) -> Steps[None]:
    yield CLOSE, {"token_hash": token_hash}
