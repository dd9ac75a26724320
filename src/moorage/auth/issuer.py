"""What the token service needs: people known by their secrets, and tokens for them."""

import hmac
from collections.abc import Mapping

from moorage.auth.callers import Callers
from moorage.auth.keyring import Keyring
from moorage.auth.tokens import RefreshClaims, TokenError, lifetime, mark_of
from moorage.domain.access import Caller
from moorage.domain.activity import Reason, Who
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.ports import Accounts, Identities
from moorage.services.records import Account
from moorage.services.tally import Tally

Scopes = Mapping[str, frozenset[str]]


class Issuer:
    """Issues bearer and refresh tokens; times are Unix seconds."""

    def __init__(
        self, accounts: Accounts, identities: Identities, callers: Callers, keyring: Keyring, tally: Tally
    ) -> None:
        self._tally = tally
        self._accounts = accounts
        self._identities = identities
        self._callers = callers
        self._keyring = keyring

    async def of(self, authorization: bytes | None, now: float, *, address: str = "") -> Caller:
        """Return the caller of an Authorization header, or raise UNAUTHORIZED or TOO_MANY.

        A bearer token buys no other one: it would widen what it was narrowed to, and outlive itself.
        """
        caller = await self._callers.of(authorization, now, address=address)
        if caller.scope is not None:
            raise MoorageError(ErrorCode.UNAUTHORIZED, "tokens are given for a name and password, not for a token")
        return caller

    async def known(self, name: str, password: str, now: float, *, address: str) -> Caller:
        """Return the caller of that name and password, or raise UNAUTHORIZED or TOO_MANY."""
        return await self._callers.by_password(name, password, now, address=address)

    async def refreshed(self, token: str, now: float) -> Caller:
        """Return the caller a refresh token belongs to, or raise UNAUTHORIZED."""
        tokens = await self._keyring.tokens()
        try:
            claims = tokens.read_refresh(token, now)
        except TokenError as error:
            self._tally.sign_in_refused(Who(), Reason.UNKNOWN)
            raise MoorageError(ErrorCode.UNAUTHORIZED, str(error)) from None
        account = await self._accounts.get(claims.user_id)
        reason = _ended(account, claims, now)
        if account is None or reason is not None:
            self._tally.sign_in_refused(Who(claims.name), reason or Reason.CLOSED)
            raise MoorageError(ErrorCode.UNAUTHORIZED, "this refresh token has ended; sign in again")
        self._tally.signed_in(Who(account.name))
        return Caller(account.id, account.name, account.is_admin)

    async def issue(self, caller: Caller, asked: Scopes, granted: Scopes, now: float) -> tuple[str, int]:
        """Return a bearer token and the seconds it lasts."""
        return (await self._keyring.tokens()).issue(caller, asked, granted, now), lifetime(caller, now)

    async def issue_refresh(self, caller: Caller, now: float) -> str | None:
        """Return a refresh token, which ends when the password changes.

        None for an access token, and for whoever a directory vouches for: it would be wider than that and outlive it.
        """
        if caller.limits is not None:
            return None
        account = None if caller.user_id is None else await self._accounts.get(caller.user_id)
        if account is None:
            raise MoorageError(ErrorCode.UNAUTHORIZED)
        if not account.password_hash or await self._identities.linked(account.id):
            return None
        return (await self._keyring.tokens()).issue_refresh(account, now)


def _ended(account: Account | None, claims: RefreshClaims, now: float) -> Reason | None:
    """Return why a refresh token is worth nothing any more."""
    if account is None or account.is_disabled or account.name != claims.name:
        return Reason.CLOSED
    if not hmac.compare_digest(claims.password.encode(), mark_of(account.password_hash).encode()):
        return Reason.REVOKED
    if account.password_expires_at is not None and account.password_expires_at <= now:
        return Reason.EXPIRED
    return None
