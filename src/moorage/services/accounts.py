"""People: their accounts, their passwords, and the sessions of their browsers."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from moorage.domain.access import Action, Caller, is_own
from moorage.domain.activity import Change, Kind, Reason, Who
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.access import Access
from moorage.services.attempts import Attempts
from moorage.services.names import LONGEST_NAME, check_name, is_name
from moorage.services.ports import Accounts, Check
from moorage.services.recording import recorded
from moorage.services.records import Account, AccountKind, Session
from moorage.services.tally import Tally
from moorage.services.token_secrets import is_secret

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1024
SESSION_SECONDS = 14 * 24 * 3600
DIRECTORY_SESSION_SECONDS = 12 * 3600
"""Whoever leaves a directory is out within a day's work: it tells nobody, it can only be asked again."""
GIVEN_DAYS = 7
"""How long a password is good that was made up for somebody, unless they change it."""
LONGEST_GIVEN_SECONDS = 366 * 24 * 3600

# Nothing that is mistaken for something else when it is copied from a screen.
ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
GENERATED = 20

REFUSED: Mapping[ErrorCode, Reason] = {
    ErrorCode.TOO_MANY: Reason.TOO_MANY,
    ErrorCode.DENIED: Reason.NAME_TAKEN,
    ErrorCode.UNAUTHORIZED: Reason.EXPIRED,
}
"""Errors that are refusals of a sign-in, and why it was refused."""

SERVER = Caller(name="moorage")
"""Who does what nobody asked for, as making the first account."""


class Passwords(Protocol):
    """Hashes and verifies passwords, waiting for nothing but its own threads."""

    async def hash(self, password: str) -> str:
        """Return the hash to keep, with its salt and costs."""

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Tell whether the hash is of this password; without a hash, take just as long to say no."""


class _Checked(NamedTuple):
    """Whose password it was, why that could not be told everywhere, and whether it is one that is kept here."""

    account: Account | None = None
    failure: MoorageError | None = None
    is_own: bool = False


class Elsewhere(Protocol):
    """Verifies passwords that others keep; see `DirectoryService`."""

    async def verify(self, name: str, password: str, local: Account | None) -> Account | None:
        """Return whose account it is, None when nobody's; raise UNAVAILABLE where that can't be told now."""


class AccountService:
    """The use cases of accounts and sessions."""

    def __init__(  # the parts
        self,
        accounts: Accounts,
        passwords: Passwords,
        access: Access,
        elsewhere: Elsewhere | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._tally = tally or Tally()
        self._accounts = accounts
        self._passwords = passwords
        self._access = access
        self._elsewhere = elsewhere
        self._attempts = Attempts()
        self._line = asyncio.Lock()
        self._checks: dict[tuple[str, str, bool], asyncio.Task[_Checked]] = {}

    async def ensure_admin(self, password: str | None) -> str | None:
        """Make the account `admin` if there is no account yet; return its password if none was given."""
        if await self._accounts.page("", 1):
            return None
        generated = None if password else generate_password()
        password_hash = await self._passwords.hash(password or generated or "")
        try:
            with recorded(SERVER, Change(Kind.ADD_USER, "admin", None, {"is_admin": True})):
                await self._accounts.create("admin", password_hash, is_admin=True)
        except MoorageError as error:
            # Another server on the database, started at the same time, has just made it.
            if error.error is ErrorCode.CONFLICT:
                return None
            raise
        return generated

    async def verify(self, name: str, password: str, now: float, *, address: str = "") -> Account | None:
        """Return the account of a name and password, as `_match` does, and count it as a sign-in."""
        account = (await self._known(name, password, now, address)).account
        if account is not None:
            self._tally.signed_in(Who(account.name))
        return account

    async def _known(
        self, name: str, password: str, now: float, address: str, *, is_own_only: bool = False
    ) -> _Checked:
        """Return what `_match` does, and count its refusals; passwords are looked at one by one.

        Of many that come at once each waits for its turn of the event loop, and between two turns pulls have theirs.
        """
        async with self._line:
            await asyncio.sleep(0)
        try:
            found = await self._match(name, password, now, address=address, is_own_only=is_own_only)
        except MoorageError as error:
            if error.error in REFUSED:
                await self._count_refusal(name, REFUSED[error.error])
            raise
        if found.account is None:
            await self._count_refusal(name, Reason.WRONG)
        return found

    async def _count_refusal(self, name: str, reason: Reason) -> None:
        tried = await self._accounts.find(name) if is_name(name) else None
        if tried is not None and tried.is_disabled:
            reason = Reason.CLOSED
        self._tally.sign_in_refused(Who(tried.name, "", tried.registry) if tried else Who(), reason)

    async def _match(self, name: str, password: str, now: float, *, address: str, is_own_only: bool) -> _Checked:
        """Return the account of a name and password unless it is disabled; raise TOO_MANY to whoever guesses.

        `now` is Unix seconds, `address` the client's; with `is_own_only` no directory is asked. The same question asked
        many times at once is answered once, so that clients which start many connections together neither wait for each
        other nor look like guessing. Raise what `Elsewhere` does, too.
        """
        question = name, password, is_own_only
        check = self._checks.get(question)
        is_first = check is None
        if check is None:
            self._attempts.begin(name, address, now)
            check = asyncio.create_task(self._check(name, password, now, is_own_only=is_own_only))
            self._checks[question] = check
            check.add_done_callback(lambda _: self._checks.pop(question))
        try:
            found = await asyncio.shield(check)
        except Exception:
            if is_first:
                self._attempts.take_back(name, address)
            raise
        if found.account is None and not is_first:
            self._attempts.begin(name, address, now)
        elif found.account is not None and is_first:
            self._attempts.succeed(name, address)
        if found.failure is not None:
            raise found.failure
        return found

    async def authenticate(self, name: str, password: str, *, address: str = "") -> Caller | None:
        """Return who a name and a password that is kept here belong to; raise TOO_MANY to whoever guesses."""
        return _caller((await self._known(name, password, time.time(), address, is_own_only=True)).account)

    async def sign_in(self, name: str, password: str, *, address: str = "") -> tuple[str, Session] | None:
        """Open a session; return the value of its cookie and what is kept of it; raise TOO_MANY to whoever guesses."""
        now = time.time()
        found = await self._known(name, password, now, address)
        return None if found.account is None else await self.open(found.account, now, is_own=found.is_own)

    async def open(self, account: Account, now: float, *, is_own: bool = False) -> tuple[str, Session]:
        """Open a session for somebody who has proved who they are; see `sign_in`.

        `is_own` tells that they did so with a password that is kept here: no directory can end that.
        Raise UNAUTHORIZED when their password has changed meanwhile: that ended all sessions, and this is one of them.
        """
        cookie = secrets.token_urlsafe(32)
        seconds = SESSION_SECONDS if is_own else DIRECTORY_SESSION_SECONDS
        end = until(account, now, seconds)
        session = Session(_mark(cookie), account.id, secrets.token_urlsafe(32), now, end)
        with recorded(Caller(account.id, account.name), Change(Kind.SIGN_IN, account.name)):
            is_open = await self._accounts.open_session(session, account.password_hash)
        if not is_open:
            self._tally.sign_in_refused(Who(account.name), Reason.REVOKED)
            raise MoorageError(ErrorCode.UNAUTHORIZED, "this account has just changed; sign in again")
        return cookie, session

    async def session(self, cookie: str) -> tuple[Caller, Session] | None:
        """Return whom a cookie belongs to, and the session."""
        session = await self._accounts.session(_mark(cookie))
        account = await self._accounts.get(session.user_id) if session else None
        caller = _caller(account)
        return (caller, session) if caller and session else None

    async def sign_out(self, cookie: str) -> None:
        """End a session."""
        found = await self.session(cookie)
        if found is None:
            return
        with recorded(found[0], Change(Kind.SIGN_OUT, found[0].name)):
            await self._accounts.close_session(_mark(cookie))

    async def add(
        self,
        caller: Caller,
        name: str,
        password: str,
        *,
        is_admin: bool = False,
        password_expires_at: float | None = None,
    ) -> Account:
        """Make an account; raise NAME_INVALID, VALUE_INVALID for the password, CONFLICT, DENIED.

        A password that somebody else gives to its owner is best one that expires, at Unix seconds, if it isn't changed.
        """
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        check_name(name, "user name")
        check_password(password)
        _check_end(password_expires_at)
        password_hash = await self._passwords.hash(password)
        with recorded(caller, Change(Kind.ADD_USER, name, None, {"is_admin": is_admin})):
            return await self._accounts.create(
                name, password_hash, is_admin=is_admin, password_expires_at=password_expires_at
            )

    async def get(self, caller: Caller, name: str) -> Account:
        """Return a person's account, or raise NOT_FOUND."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        return await self._person(name)

    async def list(self, caller: Caller, after: str, limit: int) -> tuple[Account, ...]:
        """List people's accounts by name, past `after`."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        return await self._accounts.page(after, limit)

    async def set_password(
        self, caller: Caller, name: str, password: str, *, password_expires_at: float | None = None
    ) -> None:
        """Change one's own password, or as an administrator anybody's; see `change`."""
        await self.change(caller, name, password=password, password_expires_at=password_expires_at)

    async def disable(self, caller: Caller, name: str, *, disabled: bool) -> None:
        """Keep an account out, or let it in again; see `change`."""
        await self.change(caller, name, is_disabled=disabled)

    async def change(
        self,
        caller: Caller,
        name: str,
        *,
        password: str | None = None,
        password_expires_at: float | None = None,
        is_disabled: bool | None = None,
        is_admin: bool | None = None,
        check: Check[Account] | None = None,
    ) -> None:
        """Change all that is given, or nothing, as where `check` raises; every session of the account ends.

        A new password expires at Unix seconds, None for never. With an access token nobody changes a password as its
        owner: that would make it wider.

        Raise VALUE_INVALID for the password, IN_USE where no administrator would be left, NOT_FOUND, DENIED.
        """
        is_own_password = is_disabled is None and is_admin is None and caller.limits is None and is_own(caller, name)
        if not is_own_password:
            self._access.check_server(caller, Action.ADMINISTER_SERVER)
        password_hash = None
        if password is not None:
            check_password(password)
            await self._check_has_password(caller, name)
            _check_end(password_expires_at)
            password_hash = await self._passwords.hash(password)
        account = await self._person(name)
        with recorded(caller, *_changes(account, password_hash, is_disabled=is_disabled, is_admin=is_admin)):
            is_changed = await self._accounts.change(
                name,
                password_hash=password_hash,
                password_expires_at=password_expires_at,
                is_disabled=is_disabled,
                is_admin=is_admin,
                check=check,
            )
        if not is_changed:
            raise _nobody(name)

    async def delete(self, caller: Caller, name: str, *, check: Check[Account] | None = None) -> None:
        """Delete a person's account, with its sessions, access tokens, roles and links to directories, at once.

        What they pushed stays, and so does what activity tells of them. Raise NOT_FOUND, DENIED, IN_USE for the last
        administrator, or what `check` does.
        """
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        account = await self._person(name)
        with recorded(caller, Change(Kind.DELETE_USER, name, {"is_admin": account.is_admin}, None)):
            is_gone = await self._accounts.delete(name, check)
        if not is_gone:
            raise _nobody(name)

    async def _check(self, name: str, password: str, now: float, *, is_own_only: bool) -> _Checked:
        account = await self._accounts.find(name) if is_name(name) else None
        is_right = await self._passwords.verify(account.password_hash if account else None, password)
        if account is not None and is_right:
            _check_not_expired(account, now)
        # An access token typed where a password belongs is none of a directory's business.
        if is_right or is_own_only or is_secret(password) or self._elsewhere is None:
            return _Checked(account if is_right and _caller(account) else None, is_own=is_right)
        try:
            return _Checked(await self._elsewhere.verify(name, password, account))
        except MoorageError as error:
            if account is None or not account.password_hash:
                raise
            # It was a guess at the account's own password all the same, and counts.
            return _Checked(failure=error)

    async def _check_has_password(self, caller: Caller, name: str) -> None:
        """Let nobody who comes from a directory outlast it with a password of their own making."""
        account = await self._accounts.find(name) if is_name(name) else None
        if account is not None and not account.password_hash and not caller.is_admin:
            message = "your password is kept by a directory: change it there, or ask an administrator for one here"
            raise MoorageError(ErrorCode.DENIED, message)

    async def _person(self, name: str) -> Account:
        account = await self._accounts.find(name) if is_name(name) else None
        if account is None or account.kind is not AccountKind.PERSON:
            raise _nobody(name)
        return account


def _nobody(name: str) -> MoorageError:
    return MoorageError(ErrorCode.NOT_FOUND, f"no person is called {name[:LONGEST_NAME]}")


def _changes(
    account: Account, password_hash: str | None, *, is_disabled: bool | None, is_admin: bool | None
) -> Iterator[Change]:
    if password_hash is not None:
        yield Change(Kind.SET_PASSWORD, account.name)
    before = {"is_disabled": account.is_disabled, "is_admin": account.is_admin}
    given = {"is_disabled": is_disabled, "is_admin": is_admin}
    after = {name: value for name, value in given.items() if value is not None}
    if after:
        yield Change(Kind.CHANGE_USER, account.name, {name: before[name] for name in after}, after)


def check_password(password: str) -> None:
    """Raise VALUE_INVALID when a password is too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        message = f"a password has {SHORTEST_PASSWORD} characters or more (and {LONGEST_PASSWORD} at most)"
        raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "password"})


def generate_password() -> str:
    """Return a password nobody has chosen."""
    return "".join(secrets.choice(ALPHABET) for _ in range(GENERATED))


def until(account: Account, now: float, seconds: float) -> float:
    """Return when what an account has just signed in for ends: in so many seconds, or with its password if sooner.

    Whose password has expired already came by another way.
    """
    end = account.password_expires_at
    return now + seconds if end is None or end <= now else min(now + seconds, end)


def _check_not_expired(account: Account, now: float) -> None:
    """Raise UNAUTHORIZED when an account's password has expired; only who knows the password may be told."""
    if account.password_expires_at is not None and account.password_expires_at <= now:
        message = (
            "this password was given for a time that is over; ask an administrator for a new one "
            f"(moorage user password {account.name} --generate) and then choose your own"
        )
        raise MoorageError(ErrorCode.UNAUTHORIZED, message)


def _check_end(expires_at: float | None) -> None:
    if expires_at is not None and not 0 < expires_at - time.time() <= LONGEST_GIVEN_SECONDS:
        message = "a password that expires does so within a year, and not before now"
        raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "password_expires_at"})


def _caller(account: Account | None) -> Caller | None:
    if account is None or account.is_disabled:
        return None
    return Caller(account.id, account.name, account.is_admin)


def _mark(cookie: str) -> str:
    """Return what is kept of a cookie: whoever reads the database can't sign in with it."""
    return hashlib.sha256(cookie.encode("utf-8", "replace")).hexdigest()
