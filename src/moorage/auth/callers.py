"""The one place where a request's credentials become a caller.

What was verified is remembered, and what may change is looked up each time: a token seen before costs one look in a
dictionary and one at its account, and a disabled account or a changed password counts at once.
"""

import hmac
import secrets
from dataclasses import dataclass
from typing import TypeVar

from moorage.auth.challenge import Basic, read_authorization
from moorage.auth.keyring import Keyring
from moorage.auth.machines import Machines
from moorage.auth.tokens import Claims, TokenError, Tokens
from moorage.domain.access import ANONYMOUS, Caller, Scope
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.accounts import AccountService
from moorage.services.ports import Accounts
from moorage.services.records import Account

PASSWORD_SECONDS = 300
"""How long a password that was right is believed without hashing it again."""

LENIENT_SECONDS = 12 * 3600
"""How long an expired token still counts for the upload it began."""

ROOM = 10_000
LONGEST_REMEMBERED = 2048
"""Bytes of the longest header that is kept: one for many repositories is longer, rare, and verified each time."""

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Verified:
    """An account whose password was right, as it then was, and until when that is believed."""

    account: Account
    until: float


class Callers:
    """Tells who asks."""

    def __init__(self, accounts: Accounts, people: AccountService, keyring: Keyring, machines: Machines) -> None:
        self._accounts = accounts
        self._people = people
        self._keyring = keyring
        self._machines = machines
        self._tokens: Tokens | None = None
        self._key = secrets.token_bytes(32)
        self._seen: dict[bytes, Claims] = {}
        self._verified: dict[bytes, _Verified] = {}

    async def of(self, authorization: bytes | None, now: float, *, address: str = "", lenient: bool = False) -> Caller:
        """Return the caller of an Authorization header, or raise UNAUTHORIZED, or TOO_MANY to whoever guesses.

        `now` is Unix seconds, `address` the client's. With `lenient` a token of the last twelve hours passes; its scope
        says when it expired.
        """
        if authorization is None:
            return ANONYMOUS
        tokens = await self._keyring.tokens()
        if tokens is not self._tokens:
            # A key may be gone, and with it what it signed.
            self._tokens, self._seen = tokens, {}
        claims = self._seen.get(authorization)
        if claims is None:
            credentials = read_authorization(authorization)
            if isinstance(credentials, Basic):
                return await self.by_password(credentials.name, credentials.password, now, address=address)
            claims = _read(tokens, credentials.token, now)
            if len(authorization) <= LONGEST_REMEMBERED:
                _remember(self._seen, authorization, claims)
        if now >= claims.scope.expires_at + (LENIENT_SECONDS if lenient else 0):
            raise MoorageError(ErrorCode.UNAUTHORIZED, "this token has expired; ask for a new one")
        if claims.user_id is None:
            return Caller(None, claims.name, scope=claims.scope, given=claims.given)
        return _caller(await self._accounts.get(claims.user_id), claims.name, claims.scope)

    async def by_password(self, name: str, password: str, now: float, *, address: str) -> Caller:
        """Return the caller of a name and password, or raise UNAUTHORIZED, or TOO_MANY to whoever guesses."""
        if self._machines.know(name, password):
            return await self._machines.by_token(password, now)
        # Only a mark that nobody else can make: a dump of the memory holds no passwords.
        key = hmac.digest(self._key, f"{name}\0{password}".encode("utf-8", "surrogatepass"), "sha256")
        known = self._verified.get(key)
        if known is not None and now < known.until:
            account = await self._accounts.get(known.account.id)
            if account is not None and account.password_hash == known.account.password_hash:
                return _caller(account, known.account.name)
        account = await self._people.verify(name, password, now, address=address)
        if account is None:
            raise MoorageError(ErrorCode.UNAUTHORIZED, "the user name or the password is wrong")
        _remember(self._verified, key, _Verified(account, now + PASSWORD_SECONDS))
        return _caller(account, account.name)


def _read(tokens: Tokens, token: str, now: float) -> Claims:
    try:
        return tokens.read(token, now)
    except TokenError as error:
        raise MoorageError(ErrorCode.UNAUTHORIZED, str(error)) from None


def _remember(known: dict[bytes, V], key: bytes, value: V) -> None:
    if len(known) >= ROOM:
        del known[next(iter(known))]
    known[key] = value


def _caller(account: Account | None, name: str, scope: Scope | None = None) -> Caller:
    if account is None or account.is_disabled or account.name != name:
        raise MoorageError(ErrorCode.UNAUTHORIZED, "this account is closed")
    return Caller(account.id, account.name, account.is_admin, scope)
