"""Directories: people who are known elsewhere, and the accounts they have here.

    password ─▶ directories (asking.py) ─▶ identity ┐
    web sign-in ────────────────────────▶ identity ─┴▶ accept ─▶ account

An identity gets an account of its own, or the one it was linked to. It is never linked because of an equal name:
whoever may choose names in a directory could take over any account here.
"""

import shlex
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Change, Kind
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.identity import Identity, account_name
from moorage.services.access import Access
from moorage.services.asking import Asking, PasswordDirectory, all_of
from moorage.services.ports import Accounts, Check, Identities
from moorage.services.recording import recorded, recorded_as
from moorage.services.records import Account, AccountKind, LinkedIdentity, Moves, Parting

LONGEST_SUBJECT = 255


class GroupMirror(Protocol):
    """What keeps the groups of people as their directories have them."""

    async def mirror(self, directory: str, user_id: int, externals: Sequence[str]) -> Moves:
        """Put an account into exactly those groups that stand for these of the directory, and no others of it."""


class DirectoryService:
    """The use cases of directories; `names` are those of all there are, `asked` verify passwords, in this order."""

    def __init__(
        self,
        accounts: Accounts,
        identities: Identities,
        groups: GroupMirror,
        access: Access,
        names: Collection[str] = (),
        asked: Sequence[PasswordDirectory] = (),
    ) -> None:
        self._accounts = accounts
        self._identities = identities
        self._groups = groups
        self._access = access
        self._names = names
        self._asking = Asking(asked)

    async def accept(self, identity: Identity) -> Account:
        """Return the account of somebody whom a directory vouches for, and put it into their groups.

        Raise DENIED with the way to link them when another account has their name, UNAUTHORIZED for a disabled account.
        """
        account = await self._identities.account(identity.directory, identity.subject)
        if account is None:
            account = await self._admit(identity)
        if account.is_disabled:
            raise MoorageError(ErrorCode.UNAUTHORIZED, "this account is closed")
        await self._mirror(Caller(account.id, account.name), account, identity.directory, identity.groups)
        return account

    async def verify(self, name: str, password: str, local: Account | None) -> Account | None:
        r"""Return the account of whoever a directory knows by this name and password; None when none does.

        `local` is the account of that name, whose own password this is not. `CORP\name` and `name@CORP` ask the one
        directory named so. Raise UNAVAILABLE when a directory that might know them does not answer, and see `accept`.
        """
        told = await self._asking.ask(name, password)
        if told.identity is not None:
            return await self.accept(told.identity)
        failures = {name: error for name, error in told.failures.items() if await self._may_know(local, name)}
        if failures:
            raise all_of(failures)
        return None

    async def link(self, account: Account, identity: Identity) -> None:
        """Let somebody who proved to be both have one account; raise CONFLICT when they have another one."""
        after = {"directory": identity.directory, "subject": identity.subject}
        with recorded(Caller(account.id, account.name), Change(Kind.LINK_USER, account.name, None, after)):
            await self._identities.link(account.id, identity.directory, identity.subject)

    async def link_named(self, caller: Caller, name: str, directory: str, subject: str) -> None:
        """Let somebody a directory knows have an account; raise NOT_FOUND, VALUE_INVALID, CONFLICT, DENIED."""
        account = await self._named(caller, name)
        if directory not in self._names:
            there_are = f"there are: {', '.join(sorted(self._names))}" if self._names else "there are none yet"
            message = f"no directory is called {directory[:LONGEST_SUBJECT]}; {there_are} (directories.toml)"
            raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "directory"})
        if not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
            message = f"a subject has 1 to {LONGEST_SUBJECT} characters that can be printed"
            raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "subject"})
        after = {"directory": directory, "subject": subject}
        with recorded(caller, Change(Kind.LINK_USER, account.name, None, after)):
            await self._identities.link(account.id, directory, subject)

    async def unlink(
        self, caller: Caller, name: str, directory: str, check: Check[tuple[LinkedIdentity, ...]] | None = None
    ) -> None:
        """Part an account from a directory, which may be gone by now, unless `check` raises; its sessions end.

        Raise NOT_FOUND, DENIED.
        """
        account = await self._named(caller, name)
        await self._part(caller, account, directory, lambda parting: check(parting.gone) if check else None)

    async def unlink_own(self, account: Account, directory: str) -> None:
        """Part somebody's own account from a directory; raise IN_USE when they had no other way in, NOT_FOUND."""

        def check(parting: Parting) -> None:
            if not self.has_way_in(parting.account, parting.left, time.time()):
                message = f"{directory} is the only way in to this account, so it stays linked"
                raise MoorageError(ErrorCode.IN_USE, message, {"directory": directory})

        await self._part(Caller(account.id, account.name), account, directory, check)

    async def _part(self, caller: Caller, account: Account, directory: str, check: Check[Parting]) -> None:
        with recorded(caller, Change(Kind.UNLINK_USER, account.name, {"directory": directory})):
            is_gone = await self._identities.unlink(account.id, directory, check)
        if not is_gone:
            raise MoorageError(ErrorCode.NOT_FOUND, f"{account.name} is not linked to {directory[:LONGEST_SUBJECT]}")
        await self._mirror(caller, account, directory, ())

    def has_way_in(self, account: Account, linked: Sequence[LinkedIdentity], now: float) -> bool:
        """Tell whether somebody can sign in: a password that has not expired, or linked to a directory there is."""
        end = account.password_expires_at
        has_password = bool(account.password_hash) and (end is None or end > now)
        return has_password or any(identity.directory in self._names for identity in linked)

    @property
    def asked(self) -> tuple[str, ...]:
        """The names of the directories that verify passwords."""
        return self._asking.names

    async def prove(self, directory: str, name: str, password: str) -> Identity | None:
        """Return who has a name and password in one directory; raise UNAVAILABLE, saying why it can't tell."""
        told = await self._asking.ask(f"{directory}\\{name}", password)
        if told.failures:
            raise all_of(told.failures)
        return told.identity

    async def linked(self, caller: Caller, name: str) -> tuple[LinkedIdentity, ...]:
        """List whom directories know by an account; raise NOT_FOUND, DENIED."""
        return await self._identities.linked((await self._named(caller, name)).id)

    async def _may_know(self, local: Account | None, directory: str) -> bool:
        """Tell whether a silent directory leaves it open who this is: an account of its own needs no directory."""
        if local is None or not local.password_hash:
            return True
        return directory in {identity.directory for identity in await self._identities.linked(local.id)}

    async def _admit(self, identity: Identity) -> Account:
        name = account_name(identity)
        try:
            after = {"directory": identity.directory, "subject": identity.subject}
            with recorded(Caller(name=name), Change(Kind.ADD_USER, name, None, after)):
                return await self._identities.admit(identity.directory, identity.subject, name)
        except MoorageError as error:
            if error.error is ErrorCode.CONFLICT:
                raise _taken(identity, name) from None
            raise

    async def _mirror(self, caller: Caller, account: Account, directory: str, externals: Sequence[str]) -> None:
        """Let somebody's groups be what a directory says; what that changes is the caller's doing."""
        with recorded_as(caller, lambda moves: _moved(account.name, directory, moves)):
            await self._groups.mirror(directory, account.id, externals)

    async def _named(self, caller: Caller, name: str) -> Account:
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        account = await self._accounts.find(name) if name.isascii() else None
        if account is None or account.kind is not AccountKind.PERSON:
            raise MoorageError(ErrorCode.NOT_FOUND, f"no person is called {name[:LONGEST_SUBJECT]}")
        return account


def _moved(user: str, directory: str, moves: Moves) -> Iterator[Change]:
    facts = {"user": user, "directory": directory}
    for name in moves.joined:
        yield Change(Kind.JOIN_GROUP, name, None, facts)
    for name in moves.left:
        yield Change(Kind.LEAVE_GROUP, name, facts)


def _taken(identity: Identity, name: str) -> MoorageError:
    command = shlex.join(["moorage", "user", "link", name, identity.directory, identity.subject])
    message = (
        f"an account {name} exists already, and an equal name proves nothing: "
        f"if it is yours, ask an administrator to run `{command}`"
    )
    return MoorageError(ErrorCode.DENIED, message, {"name": name, "directory": identity.directory})
