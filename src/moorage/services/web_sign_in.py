"""Signing in with a browser at a directory elsewhere, and what one's own account is linked to."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from moorage.domain.access import Caller
from moorage.domain.activity import Reason, Who
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.identity import Identity
from moorage.services.accounts import REFUSED, AccountService
from moorage.services.attempts import Attempts
from moorage.services.directories import DirectoryService
from moorage.services.ports import Accounts, Identities
from moorage.services.records import Account, LinkedIdentity, Session
from moorage.services.tally import Tally


@dataclass(frozen=True, slots=True)
class Offer:
    """A directory to sign in at: its name in directories.toml, and what people call it."""

    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Link:
    """A directory that knows somebody by this account, and whether there are other ways in without it."""

    name: str
    title: str
    subjects: tuple[str, ...]
    may_unlink: bool


@dataclass(frozen=True, slots=True)
class SignIns:
    """How somebody signs in, and what they can link: directories to visit, and to ask with a name and password.

    `password_expires_at` is in Unix seconds, None for never.
    """

    has_password: bool
    password_expires_at: float | None
    links: tuple[Link, ...]
    to_visit: tuple[Offer, ...]
    to_ask: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Departure:
    """Where to send a browser, and what it must bring back."""

    url: str
    kept: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who came back; `user_id` is the account that began this to link them, None where somebody signs in."""

    identity: Identity
    target: str
    user_id: int | None


class Doors(Protocol):
    """Directories that people sign in at with their browser; `back` is the address they come back to."""

    @property
    def offers(self) -> tuple[Offer, ...]:
        """What to offer."""

    async def depart(self, name: str, back: str, target: str, user_id: int | None, now: float) -> Departure:
        """Return where to send a browser; raise NOT_FOUND, UNAVAILABLE."""

    async def arrive(self, name: str, back: str, kept: str, answer: Mapping[str, str], now: float) -> Arrival:
        """Return who came back; raise NOT_FOUND, DENIED, UNAUTHORIZED, UNAVAILABLE."""


class WebSignInService:
    """The use cases of signing in elsewhere."""

    def __init__(
        self,
        doors: Doors,
        directories: DirectoryService,
        accounts: AccountService,
        people: Accounts,
        identities: Identities,
        tally: Tally | None = None,
    ) -> None:
        self._tally = tally or Tally()
        self._doors = doors
        self._directories = directories
        self._accounts = accounts
        self._people = people
        self._identities = identities
        self._attempts = Attempts()

    @property
    def offers(self) -> tuple[Offer, ...]:
        """What the sign-in page offers."""
        return self._doors.offers

    async def sign_ins(self, caller: Caller) -> SignIns:
        """Return how the caller signs in, and what they can link; raise UNAUTHORIZED without an account."""
        account = await self._own(caller)
        linked = await self._identities.linked(account.id)
        names = {identity.directory for identity in linked}
        return SignIns(
            has_password=bool(account.password_hash),
            password_expires_at=account.password_expires_at,
            links=tuple(self._link(name, account, linked) for name in sorted(names)),
            to_visit=tuple(offer for offer in self._doors.offers if offer.name not in names),
            to_ask=tuple(name for name in self._directories.asked if name not in names),
        )

    async def link(self, caller: Caller, directory: str, name: str, password: str, address: str) -> bool:
        """Link the caller's account to who has a name and password in a directory; False when nobody has.

        Raise NOT_FOUND without such a directory, TOO_MANY to whoever guesses, CONFLICT, UNAVAILABLE.
        """
        account = await self._own(caller)
        if directory not in self._directories.asked:
            raise MoorageError(ErrorCode.NOT_FOUND)
        key = f"{directory}\\{name}"
        self._attempts.begin(key, address, time.time())
        try:
            identity = await self._directories.prove(directory, name, password)
        except MoorageError:
            self._attempts.take_back(key, address)
            raise
        if identity is None:
            self._tally.sign_in_refused(Who(account.name), Reason.WRONG, {"directory": directory})
            return False
        self._attempts.succeed(key, address)
        await self._directories.link(account, identity)
        return True

    async def unlink(self, caller: Caller, directory: str) -> tuple[str, Session]:
        """Part the caller's account from a directory; all its sessions end, and this one begins.

        Raise IN_USE when that is the only way in, NOT_FOUND.
        """
        account = await self._own(caller)
        await self._directories.unlink_own(account, directory)
        return await self._accounts.open(account, time.time())

    async def _own(self, caller: Caller) -> Account:
        account = None if caller.user_id is None else await self._people.get(caller.user_id)
        if account is None:
            raise MoorageError(ErrorCode.UNAUTHORIZED)
        return account

    def _link(self, name: str, account: Account, linked: tuple[LinkedIdentity, ...]) -> Link:
        titles = {offer.name: offer.title for offer in self._doors.offers}
        left = [identity for identity in linked if identity.directory != name]
        subjects = tuple(identity.subject for identity in linked if identity.directory == name)
        return Link(name, titles.get(name, name), subjects, self._directories.has_way_in(account, left, time.time()))

    def title(self, name: str) -> str:
        """Return what people call a directory, or raise NOT_FOUND."""
        for offer in self._doors.offers:
            if offer.name == name:
                return offer.title
        raise MoorageError(ErrorCode.NOT_FOUND)

    async def depart(self, name: str, back: str, target: str, caller: Caller | None = None) -> Departure:
        """Begin: with a caller to link somebody to their account, without one to sign in."""
        return await self._doors.depart(name, back, target, caller.user_id if caller else None, time.time())

    async def arrive(
        self, name: str, back: str, kept: str, answer: Mapping[str, str], caller: Caller
    ) -> tuple[str, tuple[str, Session] | None]:
        """Return where to go on to, and a new session, unless somebody was linked to the caller's account.

        Raise NOT_FOUND, DENIED, UNAUTHORIZED, UNAVAILABLE, and CONFLICT when they have another account already.
        """
        now = time.time()
        try:
            arrival = await self._doors.arrive(name, back, kept, answer, now)
        except MoorageError as error:
            if error.error in REFUSED:
                self._tally.sign_in_refused(Who(), Reason.WRONG, {"directory": name})
            raise
        if arrival.user_id is None:
            account = await self._accept(arrival.identity)
            return arrival.target, await self._accounts.open(account, now)
        own = await self._people.get(arrival.user_id) if caller.user_id == arrival.user_id else None
        if own is None:
            raise MoorageError(ErrorCode.DENIED, "you are signed in as somebody else now; nothing was linked")
        await self._directories.link(own, arrival.identity)
        return arrival.target, None

    async def _accept(self, identity: Identity) -> Account:
        try:
            return await self._directories.accept(identity)
        except MoorageError as error:
            if error.error in REFUSED:
                account = await self._identities.account(identity.directory, identity.subject)
                who, reason = (Who(account.name), Reason.CLOSED) if account else (Who(), Reason.NAME_TAKEN)
                facts = {"directory": identity.directory, "subject": identity.subject}
                self._tally.sign_in_refused(who, reason, facts)
            raise
