"""Access tokens: found by the hash of their secret, or by id for the bearer tokens issued for them."""

import time
from collections.abc import Mapping
from functools import partial

from sqlalchemy import bindparam, delete, func, insert, select, update

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.limits import TokenAction
from moorage.metastore.accounts import GET as ACCOUNT
from moorage.metastore.cache import AccessCache
from moorage.metastore.steps import Database, Row, Steps, one
from moorage.metastore.tables import access_tokens
from moorage.services.ports import Check
from moorage.services.records import AccessToken, NewAccessToken

_columns = [column for column in access_tokens.c if column.name != "secret_hash"]
_of_name = (access_tokens.c.user_id == bindparam("of_user"), access_tokens.c.name == bindparam("of_name"))

CREATE = insert(access_tokens)
NAMED = select(*_columns).where(*_of_name)
PAGE = (
    select(*_columns)
    .where(access_tokens.c.user_id == bindparam("user_id"), access_tokens.c.name > bindparam("after"))
    .order_by(access_tokens.c.name)
    .limit(bindparam("limit"))
)
FIND = select(*_columns).where(access_tokens.c.secret_hash == bindparam("secret_hash"))
GET = select(*_columns).where(access_tokens.c.id == bindparam("id"))
DELETE = delete(access_tokens).where(*_of_name)
USED = (
    update(access_tokens)
    .where(
        access_tokens.c.id == bindparam("of_token"), func.coalesce(access_tokens.c.last_used_at, 0) < bindparam("at")
    )
    .values(last_used_at=bindparam("at"))
)


class AccessTokenTable:
    """The port `AccessTokens` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_secret = AccessCache(database, _find)
        self._by_id = AccessCache(database, _get)

    async def create(self, user_id: int, token: NewAccessToken, by: str) -> AccessToken:
        """See `AccessTokens`."""
        return await self._database.write(partial(_create, user_id, token, by, time.time()))

    async def page(self, user_id: int, after: str, limit: int) -> tuple[AccessToken, ...]:
        """See `AccessTokens`."""
        return await self._database.read(_page(user_id, after, limit))

    async def find(self, secret_hash: str) -> AccessToken | None:
        """See `AccessTokens`."""
        return await self._by_secret.get(secret_hash)

    async def named(self, user_id: int, name: str) -> AccessToken | None:
        """See `AccessTokens`."""
        return await self._database.read(_named(user_id, name))

    async def get(self, token_id: int) -> AccessToken | None:
        """See `AccessTokens`."""
        return await self._by_id.get(token_id)

    async def delete(self, user_id: int, name: str, check: Check[AccessToken] | None = None) -> bool:
        """See `AccessTokens`."""
        return await self._database.write(partial(_delete, user_id, name, check))

    async def used(self, last: Mapping[int, float]) -> None:
        """See `AccessTokens`."""
        if last:
            await self._database.write(partial(_used, dict(last)))


def _token_of(row: Row) -> AccessToken:
    return AccessToken(
        id=row.id,
        user_id=row.user_id,
        name=row.name,
        actions=frozenset(TokenAction(action) for action in row.actions.split(" ")),
        patterns=tuple(row.patterns.split(" ")),
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )


def _create(user_id: int, token: NewAccessToken, by: str, now: float) -> Steps[AccessToken]:
    if (yield from one(ACCOUNT, {"id": user_id})) is None:
        raise MoorageError(ErrorCode.NOT_FOUND)
    of_name = {"of_user": user_id, "of_name": token.name}
    if (yield from one(NAMED, of_name)) is not None:
        message = f"there is an access token named {token.name} already"
        raise MoorageError(ErrorCode.CONFLICT, message, {"name": token.name})
    values = {
        "user_id": user_id,
        "name": token.name,
        "secret_hash": token.secret_hash,
        "actions": " ".join(sorted(token.actions)),
        "patterns": " ".join(token.patterns),
        "created_at": now,
        "created_by": by,
        "expires_at": token.expires_at,
    }
    yield CREATE, values
    made = yield from one(NAMED, of_name)
    assert made is not None  # noqa: S101  inserted in this transaction
    return _token_of(made)


def _page(user_id: int, after: str, limit: int) -> Steps[tuple[AccessToken, ...]]:
    rows = yield PAGE, {"user_id": user_id, "after": after, "limit": limit}
    return tuple(_token_of(row) for row in rows)


def _find(secret_hash: str) -> Steps[AccessToken | None]:
    row = yield from one(FIND, {"secret_hash": secret_hash})
    return _token_of(row) if row else None


def _get(token_id: int) -> Steps[AccessToken | None]:
    row = yield from one(GET, {"id": token_id})
    return _token_of(row) if row else None


def _named(user_id: int, name: str) -> Steps[AccessToken | None]:
    row = yield from one(NAMED, {"of_user": user_id, "of_name": name})
    return _token_of(row) if row else None


def _delete(user_id: int, name: str, check: Check[AccessToken] | None) -> Steps[bool]:
    found = yield from _named(user_id, name)
    if found is None:
        return False
    if check is not None:
        check(found)
    yield DELETE, {"of_user": user_id, "of_name": name}
    return True


def _used(last: Mapping[int, float]) -> Steps[None]:
    yield USED, [{"of_token": token_id, "at": at} for token_id, at in last.items()]
