"""The one place where a request's credentials become a caller.

What was verified is remembered, and what may change is looked up each time: a token seen before costs one look in a
dictionary and one at its account, and a disabled account or a changed password counts at once. An access token, and
what was issued for one, costs one look more, at the access token itself: a revoked one is out at once.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from moorage.auth.challenge import Bearer, read_authorization
from moorage.auth.keyring import Keyring
from moorage.auth.machines import Machines
from moorage.auth.tokens import Claims, TokenError, Tokens
from moorage.domain.access import ANONYMOUS, Caller, Scope
from moorage.domain.activity import Reason, Who
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.limits import Limits
from moorage.services.account_ports import AccessTokens
from moorage.services.accounts import AccountService, until
from moorage.services.names import is_name
from moorage.services.ports import Accounts
from moorage.services.records import AccessToken, Account
from moorage.services.tally import Tally
from moorage.services.token_secrets import hash_of, is_secret

PASSWORD_SECONDS = 300
"""How long a password that was right is believed without hashing it again."""

SIGN_IN_SECONDS = PASSWORD_SECONDS
"""How long an access token that is shown again and again from one address is one sign-in, as a password is."""

LENIENT_SECONDS = 12 * 3600
"""How long an expired token still counts for the upload it began."""

ROOM = 10_000
LONGEST_REMEMBERED = 2048
"""Bytes of the longest header that is kept: one for many repositories is longer, rare, and verified each time."""

HAS_EXPIRED = "this token has expired; ask for a new one"
NOT_KNOWN = "this access token is not known here, or it was revoked"

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Verified:
    """An account whose password was right, as it then was, from where, and until when that is believed."""

    account: Account
    until: float
    address: str


@dataclass(frozen=True, slots=True)
class _Presented:
    """An access token that was presented: whose it is and what it is called, from where, and one sign-in until when."""

    token_id: int
    who: Who
    until: float
    address: str


class Callers:
    """Tells who asks, and the tally of sign-ins and of credentials that were refused.

    `note_use` is told of each use of an access token, by its id, with the time.
    """

    def __init__(  # the parts
        self,
        accounts: Accounts,
        access_tokens: AccessTokens,
        people: AccountService,
        keyring: Keyring,
        machines: Machines,
        note_use: Callable[[int, float], None],
        tally: Tally,
    ) -> None:
        self._tally = tally
        self._accounts = accounts
        self._access_tokens = access_tokens
        self._note_use = note_use
        self._people = people
        self._keyring = keyring
        self._machines = machines
        self._tokens: Tokens | None = None
        self._key = secrets.token_bytes(32)
        self._seen: dict[bytes, Claims] = {}
        self._verified: dict[bytes, _Verified] = {}
        self._presented: dict[bytes, _Presented] = {}
        self._known: dict[int, None] = {}

    def knows(self, authorization: bytes) -> bool:
        """Tell, by a look in a dictionary, whether a header with a password or an access token was good not long ago.

        That is no permission: another header may have the same hash.
        """
        return hash(authorization) in self._known

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
        if claims is not None:
            return await self._by_claims(claims, now, lenient=lenient)
        mark = self._mark(authorization)
        presented = self._presented.get(mark)
        if presented is not None:
            caller = await self._by_access_token(presented.token_id, presented.who, now)
            self._know(authorization)
            if now >= presented.until or address != presented.address:
                _remember(self._presented, mark, replace(presented, until=now + SIGN_IN_SECONDS, address=address))
                self._tally.signed_in(presented.who)
            return caller
        credentials = read_authorization(authorization)
        if isinstance(credentials, Bearer):
            return await self._by_bearer(authorization, credentials, tokens, now, address, lenient=lenient)
        if is_secret(credentials.password):
            return await self._by_secret(authorization, credentials.name, credentials.password, now, address)
        caller = await self.by_password(credentials.name, credentials.password, now, address=address)
        self._know(authorization)
        return caller

    async def by_password(self, name: str, password: str, now: float, *, address: str) -> Caller:
        """Return the caller of a name and a password, or an access token in its place.

        Raise UNAUTHORIZED, or TOO_MANY to whoever guesses.
        """
        if self._machines.know(name, password):
            return await self._machines.by_token(password, now)
        if is_secret(password):
            return await self._by_secret(None, name, password, now, address)
        key = self._mark(f"{name}\0{password}".encode("utf-8", "surrogatepass"))
        known = self._verified.get(key)
        account = await self._unchanged(known.account) if known is not None and now < known.until else None
        if account is None or known is None:
            account = await self._verified_now(name, password, now, address)
            _remember(self._verified, key, _Verified(account, until(account, now, PASSWORD_SECONDS), address))
        elif address != known.address and not account.is_disabled:
            _remember(self._verified, key, replace(known, address=address))
            self._tally.signed_in(Who(account.name))
        return self._caller(account, account.name)

    async def _verified_now(self, name: str, password: str, now: float, address: str) -> Account:
        """Return whose name and password these are, or raise UNAUTHORIZED, or TOO_MANY to whoever guesses."""
        found = await self._people.verify(name, password, now, address=address)
        # Verifying takes its time: what was right when it began is worth nothing if it was changed meanwhile.
        account = await self._unchanged(found) if found is not None else None
        if account is None:
            if found is not None:
                self._tally.sign_in_refused(Who(found.name), Reason.REVOKED)
            raise MoorageError(ErrorCode.UNAUTHORIZED, "the user name or the password is wrong")
        return account

    async def _unchanged(self, account: Account) -> Account | None:
        """Return an account as it is now, None if its password is another one."""
        present = await self._accounts.get(account.id)
        is_same = present is not None and (present.name, present.password_hash) == (account.name, account.password_hash)
        return present if is_same else None

    async def _by_bearer(  # what they are, and where they came with
        self, authorization: bytes, credentials: Bearer, tokens: Tokens, now: float, address: str, *, lenient: bool
    ) -> Caller:
        if is_secret(credentials.token):
            return await self._by_secret(authorization, None, credentials.token, now, address)
        try:
            claims = tokens.read(credentials.token, now)
        except TokenError as error:
            raise self._refused(Who(), Reason.UNKNOWN, str(error)) from None
        if len(authorization) <= LONGEST_REMEMBERED:
            _remember(self._seen, authorization, claims)
        return await self._by_claims(claims, now, lenient=lenient)

    async def _by_claims(self, claims: Claims, now: float, *, lenient: bool) -> Caller:
        if now >= claims.scope.expires_at + (LENIENT_SECONDS if lenient else 0):
            raise await self._expired(claims)
        if claims.user_id is None:
            return Caller(None, claims.name, scope=claims.scope, given=claims.given)
        if claims.access_token is not None:
            return await self._by_access_token(claims.access_token, Who(claims.name), now, claims.scope)
        return self._caller(await self._accounts.get(claims.user_id), claims.name, claims.scope)

    async def _expired(self, claims: Claims) -> MoorageError:
        """Return the refusal of a bearer token whose time is over; one of nobody in particular is no row."""
        if not claims.name:
            return MoorageError(ErrorCode.UNAUTHORIZED, HAS_EXPIRED)
        who = await self._who(claims.name, claims.name)
        token = None if claims.access_token is None else await self._access_tokens.get(claims.access_token)
        return self._refused(who if token is None else who._replace(token=token.name), Reason.EXPIRED, HAS_EXPIRED)

    async def _by_secret(
        self, authorization: bytes | None, name: str | None, secret: str, now: float, address: str
    ) -> Caller:
        """Return the caller of an access token, and remember the header it came in; with a name, it must be theirs.

        Nobody is told to wait: there are too many secrets for guessing.
        """
        token = await self._access_tokens.find(hash_of(secret))
        if token is None:
            raise self._refused(await self._who(name or ""), Reason.UNKNOWN, NOT_KNOWN)
        account = await self._accounts.get(token.user_id)
        who = Who(account.name, token.name, account.registry) if account else Who(token=token.name)
        if name is not None and name != who.name:
            raise self._refused(who, Reason.ANOTHERS, "this access token belongs to another account")
        caller = await self._by_access_token(token.id, who, now)
        self._tally.signed_in(who)
        if authorization is not None:
            presented = _Presented(token.id, who, now + SIGN_IN_SECONDS, address)
            _remember(self._presented, self._mark(authorization), presented)
            self._know(authorization)
        return caller

    async def _by_access_token(self, token_id: int, who: Who, now: float, scope: Scope | None = None) -> Caller:
        """Return the caller of an access token as it is now, which must be the same one's as it was."""
        token = await self._access_tokens.get(token_id)
        if token is None:
            raise self._refused(who if who.token else await self._who(who.name, who.name), Reason.REVOKED, NOT_KNOWN)
        if token.expires_at is not None and token.expires_at <= now:
            if not who.token:
                who = (await self._who(who.name, who.name))._replace(token=token.name)
            raise self._refused(who, Reason.EXPIRED, f"the access token {token.name} has expired; make a new one")
        caller = self._caller(await self._accounts.get(token.user_id), who.name, scope, limits_of(token))
        self._note_use(token_id, now)
        return caller

    def _caller(
        self, account: Account | None, name: str, scope: Scope | None = None, limits: Limits | None = None
    ) -> Caller:
        if account is None or account.is_disabled or account.name != name:
            who = Who(name, limits.token if limits else "", account.registry if account else None)
            raise self._refused(who, Reason.CLOSED, "this account is closed")
        return Caller(account.id, account.name, account.is_admin, scope, limits=limits)

    async def _who(self, name: str, otherwise: str = "") -> Who:
        """Return who has a name, which may be anything somebody typed: what is no account's is not kept."""
        account = await self._accounts.find(name) if is_name(name) else None
        return Who(account.name, "", account.registry) if account else Who(otherwise)

    def _refused(self, who: Who, reason: Reason, message: str) -> MoorageError:
        self._tally.sign_in_refused(who, reason)
        return MoorageError(ErrorCode.UNAUTHORIZED, message)

    def _know(self, authorization: bytes) -> None:
        if not self.knows(authorization):
            _remember(self._known, hash(authorization), None)

    def _mark(self, content: bytes) -> bytes:
        """Return a mark that nobody else can make: a dump of the memory holds no secrets."""
        return hashlib.blake2b(content, key=self._key, digest_size=32).digest()


def _remember(known: dict[K, V], key: K, value: V) -> None:
    if len(known) >= ROOM:
        del known[next(iter(known))]
    known[key] = value


def limits_of(token: AccessToken) -> Limits:
    """Return what an access token narrows its account to."""
    return Limits(token.id, token.name, token.actions, token.patterns, token.expires_at)
